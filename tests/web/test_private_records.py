"""Tests that what a team keeps about MPs, and contacts, are shown to nobody but editors and owners.

Notes, answers, authors, days and contacts with texts of their own are planted, and every route that
the application has is read, before and after, as everybody who may not see them.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from main import create_app
from models import (
    ContactPlace,
    MemberContact,
    Organiser,
    OutboxMessage,
    QuickAnswerKind,
    Role,
    Scope,
    WebhookDelivery,
)
from services.assembly import Lobby
from services.campaigns import campaigns, member_notes, petitions, quick_answers
from services.files import exports
from services.files.export_lines import FileFormat
from services.letters import letter_exports
from services.organisations import organisers
from services.signatures import signature_exports
from services.tallies import seat_table, tally_exports
from services.targets.ask_lists import AskList
from tests.support.common import CAMPAIGN, PETITION, START
from tests.support.contract.every_route import every_route, path_to
from tests.support.desk import DeskClient, add_organiser, sign_in_as
from tests.support.keys import key_for
from tests.support.members.team import EMLYN, MORAG, Team
from tests.web.matrix import world
from tests.web.matrix.world import OTHERS, Values

NOTE, AUTHOR = "the quokka of the office", "wombat@team.example.org"
TELEPHONE, EMAIL = "020 7946 0777", "numbat@example.org"
RECORDS, CONTACTS = ("quokka", "wombat"), (TELEPHONE, "numbat")
SEAT = "S14000078"  # Morag's
ASK = f"/organiser/campaigns/{CAMPAIGN}/ask"
Read = Callable[[str], Any]
Answers = dict[str, tuple[int, str]]


@pytest.fixture
def limitless(lobby: Lobby) -> Lobby:
    without_limits = {"gets_per_address": 0, "posts_per_address": 0}
    return replace(lobby, settings=lobby.settings.model_copy(update=without_limits))


@pytest.fixture
def app(limitless: Lobby) -> FastAPI:
    return create_app(limitless.settings, lobby=limitless)


def plant(lobby: Lobby) -> None:
    """Records a note, a day, two answers and contacts, each with words of its own.

    Their author is gone then, so that no list of people shows the address.
    """
    wombat = add_organiser(lobby, Role.EDITOR, email=AUTHOR)
    of: dict[str, Any] = {"organiser": wombat, "now": lobby.clock()}
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        for member_id, kind in ((MORAG, "will_not"), (EMLYN, "will_sign")):
            answer = QuickAnswerKind(kind)
            quick_answers.record(session, campaign, member_id=member_id, kind=answer, **of)
        day = str(START.date())
        member_notes.add(session, campaign, member_id=MORAG, text=NOTE, ring_back_on=day, **of)
        session.merge(
            MemberContact(
                member_id=MORAG,
                place=ContactPlace.CONSTITUENCY,
                telephone=TELEPHONE,
                email=EMAIL,
                read_on=START.date(),
            )
        )
        session.flush()
        organisers.delete(session, session.get_one(Organiser, wombat.id))


def paths(app: FastAPI, values: Values) -> list[str]:
    """Returns an address of every page, file and call that is read."""
    found = []
    for method, template in every_route(app):
        if method == "GET":
            path = re.sub(r"\{(member_id|member)\}", str(MORAG), template)
            path = re.sub(r"\{(gss|constituency|code)\}", SEAT, path)
            for name in re.findall(r"\{(\w+)\}", path):
                if name in values or name == "slug":
                    path = path.replace(f"{{{name}}}", world.value_of(values, path, name))
            found.append(path_to(path))
    return [*found, *(f"{ASK}?show={each}" for each in AskList)]


def visitors(lobby: Lobby, app: FastAPI) -> Iterator[tuple[str, Read, str]]:
    """Yields everybody who may not see the records, a function that reads as them, and a text.

    The text is in the addresses that they read: a key opens calls alone.
    """
    of_viewer = add_organiser(lobby, Role.VIEWER)
    of_others = add_organiser(lobby, Role.OWNER, organisation=OTHERS)
    for name, organiser in (("viewer", of_viewer), ("another organisation", of_others)):
        browser = DeskClient(app, follow_redirects=False)
        sign_in_as(lobby, browser, organiser)
        yield name, browser.get, "/"
    anybody = TestClient(app, follow_redirects=False)
    yield "nobody", anybody.get, "/"
    headers = dict(key_for(lobby, *Scope))
    of_network = {"OSDI-API-Token": headers["Authorization"].removeprefix("Bearer ")}
    for version, media_type in (("/v1/", "application/json"), ("/v1/", "text/csv"), ("/v2", "*/*")):
        accepted = headers | of_network | {"Accept": media_type}
        yield f"a key for {media_type}", _reader(anybody, accepted), version


def _reader(client: TestClient, headers: dict[str, str]) -> Read:
    return lambda path: client.get(path, headers=headers)


def read_all(read: Read, every: list[str]) -> Answers:
    found = {}
    for path in every:
        answer = read(path)
        found[path] = (answer.status_code, answer.text)
    return found


@contextmanager
def started(app: FastAPI) -> Iterator[None]:
    with TestClient(app):
        yield


def leaks(answers: Answers, wanted: tuple[str, ...]) -> list[tuple[str, str]]:
    """Returns each address that shows one of the texts, with or without spaces."""
    return [
        (path, each)
        for path, (_, text) in answers.items()
        for each in wanted
        if each in text or each.replace(" ", "") in text.replace(" ", "")
    ]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_nobody_but_editors_and_owners_sees_notes_answers_and_contacts(
    limitless: Lobby, app: FastAPI
) -> None:
    Team(limitless)  # without the records of the demonstration
    ours = world.build(limitless).ours
    every = paths(app, ours)
    assert ASK in every
    assert f"/v1/members/{MORAG}" in every
    with started(app):
        who = list(visitors(limitless, app))
        for _, read, _ in who:
            read(ASK)  # so that the menu has the campaign already
        asked = {name: [path for path in every if part in path] for name, _, part in who}
        before = {name: read_all(read, asked[name]) for name, read, _ in who}
        plant(limitless)
        for name, read, _ in who:
            after = read_all(read, asked[name])
            assert leaks(after, RECORDS + CONTACTS) == [], name
            changed = [path for path in after if before[name][path] != after[path]]
            # A page with a random text, such as a new secret, differs each time.
            told = [path for path in changed if read_all(read, [path])[path] == after[path]]
            assert told == [], f"{name}: these tell by order or numbers what the team was told"
            assert len(changed) < 5, f"{name}: {changed}"
            reached = sum(status == 200 for status, _ in after.values())
            assert reached > 10, f"{name} reads hardly anything: {reached}"


@pytest.mark.slow
@pytest.mark.parametrize("role", [Role.EDITOR, Role.OWNER])
def test_editors_and_owners_see_them_on_the_page_alone(
    limitless: Lobby, app: FastAPI, role: Role
) -> None:
    ours = world.build(limitless).ours
    plant(limitless)
    with started(app):
        browser = DeskClient(app, follow_redirects=False)
        sign_in_as(limitless, browser, add_organiser(limitless, role))
        shown = read_all(browser.get, [f"{ASK}?show=said_no"])
        assert {each for _, each in leaks(shown, RECORDS + CONTACTS)} == {*RECORDS, *CONTACTS}
        answers = read_all(browser.get, paths(app, ours))
    of_mp = f"/organiser/campaigns/{CAMPAIGN}/mps/{MORAG}"
    pages = {path.partition("?")[0] for path, _ in leaks(answers, RECORDS)}
    assert pages <= {ASK, of_mp}


@pytest.mark.parametrize("path", [f"{ASK}/print", f"{ASK}.csv"])
def test_paper_and_files_have_contacts_and_nothing_that_the_team_recorded(
    limitless: Lobby, app: FastAPI, path: str
) -> None:
    team = Team(limitless)
    with started(app):
        browser = DeskClient(app, follow_redirects=False)
        sign_in_as(limitless, browser, add_organiser(limitless, Role.EDITOR))
        before = browser.get(path).text
        # It changes no order: the office is asked again the day after.
        team.answer(QuickAnswerKind.NO_ANSWER, days_ago=2)
        team.note(NOTE, str(START.date()))
        browser.get(ASK)
        after = browser.get(path).text
    assert "020 7946 0101" in after
    number = re.compile(r"Who to ask next(<b>.*?</b>)?")  # of the menu
    assert number.sub("", after) == number.sub("", before)


def test_records_cause_no_webhook_and_no_email(limitless: Lobby) -> None:
    def counted() -> list[int]:
        with limitless.database.read() as session:
            tables: tuple[Any, ...] = (WebhookDelivery, OutboxMessage)
            return [len(session.exec(select(table)).all()) for table in tables]

    world.build(limitless)
    before = counted()
    plant(limitless)
    assert counted() == before


def test_exports_have_none_of_it(limitless: Lobby) -> None:
    plant(limitless)
    with limitless.database.read() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        petition = petitions.by_slug(session, PETITION)
        rows = seat_table.of_campaign(session, campaign, now=limitless.clock()).rows
    for form in FileFormat:
        files = [tally_exports.tally_file(rows, form)]
        for export in (
            signature_exports.of_petition(petition),
            letter_exports.of_campaign(campaign, has_words=True),
        ):
            chunks = exports.chunks(limitless.database, export, form, keyring=limitless.keyring)
            files.append(b"".join(chunk.content for chunk in chunks).decode())
        assert (
            leaks({str(n): (200, text) for n, text in enumerate(files)}, RECORDS + CONTACTS) == []
        )
        assert all(len(text) > 100 for text in files)
