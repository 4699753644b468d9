"""Tests rules about accounts: passwords, devices in words, and what is kept how long."""

import threading
from datetime import timedelta

import pytest
from sqlmodel import SQLModel, select

import worker
from models import (
    AccountEvent,
    AccountEventKind,
    Invitation,
    KnownDevice,
    Organisation,
    OrganiserSession,
    Private,
    Role,
)
from services.accounts import devices, known_devices, record, sessions
from services.assembly import Lobby
from services.demonstration import invented_campaign
from services.errors import Invalid
from services.organisations import organisers, password_rules
from tests.support.common import START, Clock

ANNA = invented_campaign.ORGANISER
OURS = Organisation(name="Open Doors Alliance", slug="open-doors", created_at=START)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "too_short"),
        ("123456789", "too_short"),
        ("1234567890", "too_common"),
        ("password123", "too_common"),
        ("Password1234", "too_common"),
        ("qwertyuiop", "too_common"),
        ("aaaaaaaaaaaa", "too_common"),
        ("demonstration", "too_common"),
        ("Anna@Example.org", "about_you"),
        ("open  doors ALLIANCE", "about_you"),
        ("open-doors", "about_you"),
    ],
)
def test_a_password_that_a_stranger_would_try_is_refused(password: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        password_rules.check(password, email="anna@example.org", organisation=OURS)
    assert [(each.field, each.code) for each in caught.value.fields] == [("password", code)]


@pytest.mark.parametrize(
    "password",
    ["correct horse battery", "three unrelated words", "fX7!kq2#Lm", "x" * 3 + "q7" * 80],
)
def test_a_good_password_of_any_length_is_taken(password: str) -> None:
    password_rules.check(password, email="anna@example.org", organisation=OURS)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox on Windows",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/18.0 Safari/605.1.15",
            "Safari on Mac",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64)", "A browser on Linux"),
        ("curl/8.9", "A browser we don’t know"),
        ("", "A browser we don’t know"),
        ("Firefox/" * 1000, "Firefox"),
    ],
)
def test_a_browser_is_described_in_few_words(agent: str, words: str) -> None:
    assert devices.in_words(agent) == words


def count(lobby: Lobby, table: type[SQLModel]) -> int:
    with lobby.database.read() as session:
        return len(session.exec(select(table)).all())


def test_what_has_ended_and_what_is_a_year_old_is_deleted(lobby: Lobby, clock: Clock) -> None:
    with lobby.database.write() as session:
        anna = organisers.by_email(session, ANNA)
        sessions.begin(session, anna, device="Firefox", now=clock())
        known_devices.remember(session, anna.id, None, now=clock())
        record.note(
            session,
            AccountEventKind.SIGNED_IN,
            organisation_id=anna.organisation_id,
            now=clock(),
            organiser=anna,
        )
        invitation = Invitation(
            organisation_id=anna.organisation_id,
            email=Private(anna.organisation_id, "ben@example.org"),
            email_index=b"ben",
            role=Role.EDITOR,
            invited_by=anna.id,
            created_at=clock(),
            expires_at=clock() + timedelta(days=7),
        )
        session.add(invitation)
    tables = (OrganiserSession, Invitation, KnownDevice, AccountEvent)
    left = []
    for days in (0.4, 0.6, 36.5, 327, 1):
        clock.advance(days=days)
        worker.forget_old_accounts(lobby, threading.Event())
        left.append([count(lobby, table) for table in tables])
    assert left == [[1, 1, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]]


def test_the_record_outlives_an_account(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        anna = organisers.by_email(session, ANNA)
        organisation_id, organiser_id = anna.organisation_id, anna.id
        kind = AccountEventKind.SIGNED_IN
        record.note(
            session,
            kind,
            organisation_id=organisation_id,
            now=START,
            organiser=anna,
            device="x" * 99,
        )
        organisers.delete(session, anna)
    with lobby.database.read() as session:
        (line,) = record.of_organisation(session, organisation_id, limit=10)
        assert (line.actor.text, line.kind, line.device) == (ANNA, kind, "x" * 60)
        assert len(record.of_organiser(session, organiser_id, limit=10)) == 1
