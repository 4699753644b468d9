"""Tests that frequent queries of the Action Network API use an index."""

import pytest
from sqlmodel import Session

from models import Signature, Supporter
from services.assembly import Lobby
from services.campaigns import petitions
from services.database.time_windows import PageRange
from services.signatures import signature_pages
from services.signatures.signature_pages import SignatureFilter
from services.supporters import introductions, supporter_pages, tags
from services.supporters.introductions import PersonDetails
from services.supporters.supporters import EmailAddress
from tests.support.common import PETITION
from tests.support.query_plans import (
    Act,
    add_second_petition_with_rows,
    full_scans,
    pretend_to_be_large,
    record,
    sent_statements,
)

PAGE = PageRange(25, 26)


@pytest.fixture
def second_petition(lobby: Lobby) -> None:
    add_second_petition_with_rows(lobby)


def some_supporter(session: Session, lobby: Lobby) -> Supporter:
    signature = session.get_one(Signature, record(session, lobby)[0])
    return session.get_one(Supporter, signature.supporter_id)


def read_signatures(session: Session, lobby: Lobby) -> None:
    """Reads the signatures of a petition and of a person."""
    petition = petitions.public(session, PETITION)
    signature_pages.page(session, SignatureFilter(petition_id=petition.id), PAGE)
    supporter = some_supporter(session, lobby)
    (signature,) = signature_pages.page(
        session, SignatureFilter(supporter_id=supporter.id), PageRange(0, 26)
    )
    signature_pages.get(session, signature.id, SignatureFilter(petition_id=petition.id))


def read_person(session: Session, lobby: Lobby) -> None:
    """Reads a person by id and by email address."""
    supporter = some_supporter(session, lobby)
    owner = supporter.organisation_id
    supporter_pages.get(session, supporter.id, organisation_id=owner)
    index = EmailAddress.of(owner, "anna@example.org", lobby.keyring).index
    assert supporter_pages.page(session, owner, PAGE, email_index=index) == []
    assert len(supporter_pages.page(session, owner, PageRange(0, 26), email_index=index)) == 1


def introduce(session: Session, lobby: Lobby) -> None:
    """Adds a person who is already a supporter; adds, reads and removes a tag."""
    owner = some_supporter(session, lobby).organisation_id
    facts = PersonDetails("Anna", "EH1 1YZ", "unknown", "en", wants_no_updates=True)
    person_id = introductions.introduce(
        session,
        organisation_id=owner,
        email="anna@example.org",
        details=facts,
        keyring=lobby.keyring,
        now=lobby.clock(),
    )
    tag = tags.create(session, organisation_id=owner, name="volunteer", now=lobby.clock())
    tags.add_taggings(session, [tag.id], person_id, now=lobby.clock())
    (tagging,) = tags.taggings_page(session, PageRange(0, 26), supporter_id=person_id)
    tags.remove_tagging(session, tagging, now=lobby.clock())


@pytest.mark.usefixtures("second_petition")
@pytest.mark.parametrize("act", [read_signatures, read_person, introduce])
def test_nothing_large_is_read_from_end_to_end(lobby: Lobby, act: Act) -> None:
    with lobby.database.write() as session, sent_statements() as sent:
        act(session, lobby)
    assert len(sent) >= 20
    pretend_to_be_large(lobby)
    with lobby.database.write() as session:
        scans = {text: full_scans(session.connection(), (text, values)) for text, values in sent}
    assert {text: read for text, read in scans.items() if read} == {}
