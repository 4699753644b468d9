"""Tests that frequent queries of the Action Network API use an index."""

import pytest
from sqlmodel import Session, select

import worker
from models import Organisation, SignatureState
from models.base import new_id
from services.assembly import Lobby
from services.campaigns import petitions
from services.consents import introductions
from services.consents.introductions import PersonDetails
from services.database.time_windows import PageRange, TimeBound, TimeField
from services.organisations import organisations
from services.signatures import signature_pages
from services.signatures.recording import SignatureRequest
from services.signatures.signature_pages import SignatureFilter
from services.supporters import supporter_pages, tags
from services.supporters.supporters import EmailAddress
from tests.support.common import CAN_SIGN, PETITION
from tests.support.database.query_plans import (
    Act,
    add_second_petition_with_rows,
    full_scans,
    pretend_to_be_large,
    sent_statements,
)
from tests.support.signatures import record, sign_and_confirm

# Removed rows of other tests would make tables look larger to the planner.
pytestmark = pytest.mark.own_database

PAGE, ALL = PageRange(25, 26), PageRange(0, 26)
EMAIL = "anna@example.org"


@pytest.fixture
def filled(lobby: Lobby) -> None:
    """Adds a petition with many submissions, and to the first one a person who has signed it and
    has submitted again."""
    add_second_petition_with_rows(lobby)
    request = SignatureRequest(PETITION, "Anna", EMAIL, CAN_SIGN)
    record(lobby, [request])
    sign_and_confirm(lobby, request)
    record(lobby, [SignatureRequest("second", "Anna", EMAIL, CAN_SIGN)])
    worker.sort_submissions(lobby)


def owner(session: Session) -> Organisation:
    return organisations.by_slug(session, session.exec(select(Organisation.slug)).one())


def read_signatures(session: Session, lobby: Lobby) -> None:
    """Reads the signatures of a petition and of a person, by filter, and one of each kind by id."""
    keyring, petition = lobby.keyring, petitions.public(session, PETITION)
    of_petition = SignatureFilter(petition_id=petition.id)
    assert signature_pages.total(session, of_petition)
    assert signature_pages.page(session, of_petition, PAGE, keyring=keyring)
    now = lobby.clock()
    changed = (TimeBound(TimeField.MODIFIED, is_after=True, is_inclusive=True, moment=now),)
    assert signature_pages.page(session, of_petition, ALL, keyring=keyring, bounds=changed)
    organisation_id = owner(session).id
    index = EmailAddress.of(organisation_id, EMAIL, keyring).index
    known_as = supporter_pages.address_id(index)
    anna = supporter_pages.find(session, known_as, organisation_id=organisation_id).supporter
    of_anna = SignatureFilter(supporter=anna)
    found = signature_pages.page(session, of_anna, PageRange(0, 26), keyring=keyring)
    assert {view.state for view in found} == {SignatureState.PENDING, SignatureState.CONFIRMED}
    assert signature_pages.total(session, of_anna) == len(found)
    for view in found:
        assert signature_pages.get(session, view.id, of_anna, keyring=keyring) == view
    posted = signature_pages.posted(
        session, new_id(), petition_id=petition.id, supporter_id=anna.id, keyring=keyring
    )
    assert posted in found


def read_person(session: Session, lobby: Lobby) -> None:
    """Reads a person by both ids and by email address."""
    organisation_id = owner(session).id
    index = EmailAddress.of(organisation_id, EMAIL, lobby.keyring).index
    known_as = supporter_pages.address_id(index)
    anna = supporter_pages.find(session, known_as, organisation_id=organisation_id).supporter
    assert supporter_pages.find(session, anna.id, organisation_id=organisation_id)
    assert supporter_pages.address_ids(session, [anna.id]) == {anna.id: known_as}
    assert supporter_pages.page(session, organisation_id, PAGE, email_index=index) == []
    assert supporter_pages.total(session, organisation_id)
    first = supporter_pages.page(session, organisation_id, PageRange(0, 26), email_index=index)
    assert [view.supporter for view in first] == [anna]


def introduce(session: Session, lobby: Lobby) -> None:
    """Adds a person who is already a supporter; adds, reads and removes a tag."""
    organisation_id = owner(session).id
    person_id = introductions.introduce(
        session,
        organisation_id=organisation_id,
        email=EMAIL,
        details=PersonDetails("Anna", "EH1 1YZ", "unknown", "en", wants_no_updates=True),
        keyring=lobby.keyring,
        now=lobby.clock(),
    )
    tag = tags.create(session, organisation_id=organisation_id, name="volunteer", now=lobby.clock())
    tags.add_taggings(session, [tag.id], person_id, now=lobby.clock())
    (tagging,) = tags.taggings_page(session, PageRange(0, 26), supporter_id=person_id)
    assert tags.taggings_total(session, tag_id=tag.id) == 1
    assert tags.taggings_total(session, supporter_id=person_id) == 1
    tags.remove_tagging(session, tagging, now=lobby.clock())


@pytest.mark.slow
@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("act", "fewest"), [(read_signatures, 10), (read_person, 10), (introduce, 10)]
)
def test_nothing_large_is_read_from_end_to_end(lobby: Lobby, act: Act, fewest: int) -> None:
    with lobby.database.write() as session, sent_statements() as sent:
        act(session, lobby)
    assert len(sent) >= fewest
    pretend_to_be_large(lobby)
    with lobby.database.write() as session:
        scans = {text: full_scans(session.connection(), (text, values)) for text, values in sent}
    assert {text: read for text, read in scans.items() if read} == {}
