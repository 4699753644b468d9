"""Tests that a stranger who posts somebody's address changes and undoes nothing of theirs."""

from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlmodel import Session, select

import worker
from models import Consent, Signature, Submission, Supporter
from models.base import table_of
from services.assembly import Lobby
from services.campaigns import petitions
from services.common.tokens import Purpose
from services.organisations import organisations, partners
from services.signatures import signature_states
from services.signatures.recording import SignatureRequest
from tests.support import signatures
from tests.support.common import PETITION, token_in

OWNER = SignatureRequest(
    PETITION,
    "Anna Example",
    "anna@example.org",
    "EH1 1YZ",
    comment="My mother was a nurse.",
    source="leaflet",
    updates=False,
    partner="first",
    partner_contact=False,
    sender_index=b"o" * 16,
)
FORGED: dict[str, dict[str, Any]] = {
    "name": {"name": "Forged Name"},
    "spelling": {"email": "anna@EXAMPLE.org"},
    "postcode": {"postcode": "M1 1AE"},
    "country": {"country": "FR", "postcode": "75001"},
    "comment": {"comment": "Words that she never wrote."},
    "no comment": {"comment": None},
    "locale": {"locale": "cy"},
    "source": {"source": "elsewhere"},
    "updates": {"updates": True},
    "updates not asked": {"updates": None},
    "partner": {"partner": "second"},
    "no partner": {"partner": None, "partner_contact": None},
    "partner contact": {"partner_contact": True},
    "everything": {
        "name": "Forged Name",
        "postcode": "M1 1AE",
        "comment": "Words that she never wrote.",
        "locale": "cy",
        "source": "elsewhere",
        "updates": True,
        "partner": "second",
        "partner_contact": True,
    },
}
FIELDS = (
    "constituency_code", "country", "locale", "source", "partner_id", "signed_at", "provenance",
)  # fmt: skip
_submission = table_of(Submission)


@pytest.fixture
def two_partners(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        owner = organisations.get(session, petitions.public(session, PETITION).organisation_id)
        for slug in ("first", "second"):
            partners.create(
                session, organisation=owner, name=slug.title(), slug=slug, now=lobby.clock()
            )


def stranger(field: str) -> SignatureRequest:
    return replace(OWNER, sender_index=b"s" * 16, **FORGED[field])


def post(lobby: Lobby, request: SignatureRequest) -> UUID:
    row_id = signatures.record(lobby, [request])[0].signature_id
    assert row_id is not None
    worker.sort_submissions(lobby)
    return row_id


def known(lobby: Lobby, signature_id: UUID) -> dict[str, Any]:
    """Returns everything that is known of a signature, its supporter and their consents."""
    with lobby.database.read() as session:
        signature = session.get_one(Signature, signature_id)
        supporter = session.get_one(Supporter, signature.supporter_id)
        facts = {name: getattr(signature, name) for name in FIELDS}
        texts = {name: getattr(signature, name) for name in ("name", "postcode", "comment")}
        return {
            **facts,
            **{name: value and value.text for name, value in texts.items()},
            "state": signature.state,
            "supporter": (supporter.name.text, supporter.postcode.text, supporter.email.text),
            "place": (supporter.constituency_code, supporter.locale),
            "consents": consents(session, supporter.id),
        }


def consents(session: Session, supporter_id: UUID) -> list[tuple[str, bool, bool]]:
    rows = session.exec(select(Consent).where(Consent.supporter_id == supporter_id))
    return sorted((row.kind, row.granted, row.effective_at is not None) for row in rows)


@pytest.fixture
def as_meant(lobby: Lobby, two_partners: None) -> Callable[[UUID], dict[str, Any]]:
    """Returns a function that compares a signature with what its owner sent."""

    def expected(signature_id: UUID) -> dict[str, Any]:
        facts = known(lobby, signature_id)
        with lobby.database.read() as session:
            petition = petitions.public(session, PETITION)
            first = partners.own(session, "first", organisation_id=petition.organisation_id).id
        return facts | {
            "name": OWNER.name,
            "postcode": OWNER.postcode,
            "comment": OWNER.comment,
            "constituency_code": "S14000078",
            "country": "GB",
            "locale": "en",
            "source": "leaflet",
            "partner_id": first,
            "supporter": (OWNER.name, OWNER.postcode, OWNER.email),
            "place": ("S14000078", "en"),
            "consents": [("partner:first", False, True), ("updates", False, True)],
        }

    return expected


@pytest.mark.parametrize("field", FORGED)
def test_a_strangers_later_post_changes_nothing_of_what_the_first_link_confirms(
    lobby: Lobby, as_meant: Callable[[UUID], dict[str, Any]], field: str
) -> None:
    owners = post(lobby, OWNER)
    strangers = post(lobby, stranger(field))
    signature = signatures.confirm(lobby, owners)
    assert signature.id == owners
    facts = known(lobby, owners)
    assert facts == as_meant(owners)
    assert signatures.confirm(lobby, strangers).id == owners, "the second link confirms nothing"
    assert known(lobby, owners) == facts


@pytest.mark.parametrize("field", FORGED)
def test_a_strangers_post_that_came_first_takes_nothing_from_the_owner(
    lobby: Lobby, as_meant: Callable[[UUID], dict[str, Any]], field: str
) -> None:
    strangers = post(lobby, stranger(field))
    owners = post(lobby, OWNER)
    assert signatures.confirm(lobby, owners).id == owners
    facts = known(lobby, owners)
    assert facts == as_meant(owners)
    assert signatures.confirm(lobby, strangers).id == owners
    assert known(lobby, owners) == facts


@pytest.mark.parametrize("field", FORGED)
def test_a_strangers_post_after_the_confirmation_changes_nothing(
    lobby: Lobby, as_meant: Callable[[UUID], dict[str, Any]], field: str
) -> None:
    owners = post(lobby, OWNER)
    signatures.confirm(lobby, owners)
    facts = known(lobby, owners)
    assert facts == as_meant(owners)
    strangers = post(lobby, stranger(field))
    assert signatures.confirm(lobby, owners).id == owners
    assert known(lobby, owners) == facts
    with lobby.database.read() as session:
        assert session.get(Submission, strangers) is None


def test_a_withdrawn_signature_stays_withdrawn_whatever_a_stranger_posts(
    lobby: Lobby, two_partners: None
) -> None:
    owners = post(lobby, OWNER)
    signatures.confirm(lobby, owners)
    with lobby.database.write() as session:
        signature_states.withdraw(session, owners, now=lobby.clock())
    facts = known(lobby, owners)
    post(lobby, stranger("everything"))
    assert known(lobby, owners) == facts


def test_the_page_shows_what_its_own_mail_was_about(
    lobby: Lobby,
    client: TestClient,
    two_partners: None,
    deliver: Callable[[], list[EmailMessage]],
) -> None:
    post(lobby, OWNER)
    (own_mail,) = deliver()
    post(lobby, stranger("everything"))
    (other_mail,) = deliver()
    own = client.get(f"/confirm/{token_in(own_mail, 'confirm')}").text
    for shown in (OWNER.name, OWNER.postcode, "My mother was a nurse.", "First"):
        assert shown in own
    for hidden in ("Forged", "M1 1AE", "never wrote", "Second"):
        assert hidden not in own
    assert "You said no to" in own
    other = client.get(f"/confirm/{token_in(other_mail, 'confirm')}").text
    for shown in ("Forged Name", "M1 1AE", "Words that she never wrote.", "Second"):
        assert shown in other
    assert "You said yes to</dt>" in other


def test_after_the_confirmation_the_other_links_page_says_what_stands_and_has_no_button(
    lobby: Lobby,
    client: TestClient,
    two_partners: None,
    deliver: Callable[[], list[EmailMessage]],
) -> None:
    post(lobby, OWNER)
    (own_mail,) = deliver()
    post(lobby, stranger("everything"))
    (other_mail,) = deliver()
    thanks = client.post(f"/confirm/{token_in(own_mail, 'confirm')}")
    assert thanks.headers["Location"].startswith("/thanks/")
    client.cookies.clear()
    link = f"/confirm/{token_in(other_mail, 'confirm')}"
    pressed = client.post(link)
    assert (pressed.status_code, pressed.headers["Location"]) == (303, link)
    assert "set-cookie" not in pressed.headers
    page = client.get(link).text
    assert "You’ve already signed" in page
    assert OWNER.name in page
    assert "Forged" not in page
    assert '<form method="post">' not in page


def test_five_posts_of_a_stranger_mute_nobody(
    lobby: Lobby, two_partners: None, deliver: Callable[[], list[EmailMessage]]
) -> None:
    for _ in range(5):
        post(lobby, stranger("name"))
    assert len(deliver()) == 2
    owners = post(lobby, OWNER)
    (mail,) = deliver()
    assert lobby.tokens.read(Purpose.CONFIRM, token_in(mail, "confirm")) == owners


def test_not_me_in_a_strangers_mail_leaves_the_owners_signature(
    lobby: Lobby, two_partners: None
) -> None:
    strangers = post(lobby, stranger("everything"))
    owners = post(lobby, OWNER)
    signatures.confirm(lobby, owners)
    facts = known(lobby, owners)
    with lobby.database.write() as session:
        signature_states.disown(session, strangers, now=lobby.clock())
        left = sa.select(sa.func.count()).select_from(_submission)
        assert session.connection().execute(left).scalar_one() == 0
    assert known(lobby, owners) == facts
