"""Tests versions of privacy notices, and the notice that the service writes."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import Session

from models import Organisation, Scope
from services.assembly import Lobby
from services.demonstration import invented_campaign
from services.errors import Invalid, NotFound
from services.organisations import faces, identity, notices, organisations
from tests.support.keys import OTHERS, others_key

FIRST = "We use your name and email address for this campaign, and for nothing else."
SECOND = FIRST + "\n\nWe keep them for two years."


def demonstration(session: Session) -> Organisation:
    return organisations.by_slug(session, invented_campaign.about().organisation)


def test_each_publication_is_a_version_and_earlier_ones_stay(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        owner = demonstration(session)
        assert notices.current(session, owner.id) is None
        assert notices.publish(session, owner, FIRST, now=lobby.clock()).version == 1
        assert notices.publish(session, owner, SECOND, now=lobby.clock()).version == 2
        assert notices.publish(session, owner, FIRST, now=lobby.clock()).version == 3
    with lobby.database.read() as session:
        owner = demonstration(session)
        latest = notices.current(session, owner.id)
        assert latest is not None
        assert (latest.version, latest.text) == (3, FIRST)
        assert notices.version(session, owner.id, 2).text == SECOND
        assert [each.version for each in notices.every_version(session, owner.id)] == [3, 2, 1]
        for missing in (0, 4):
            with pytest.raises(NotFound):
                notices.version(session, owner.id, missing)


def test_the_same_text_again_is_no_new_version(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        owner = demonstration(session)
        first = notices.publish(session, owner, FIRST, now=lobby.clock())
        again = notices.publish(session, owner, f"\r\n{FIRST}\r\n", now=lobby.clock())
        assert again == first


def test_versions_belong_to_their_own_organisation(lobby: Lobby) -> None:
    others_key(lobby, Scope.TALLIES_READ)
    with lobby.database.write() as session:
        others = organisations.by_slug(session, OTHERS)
        notices.publish(session, others, FIRST, now=lobby.clock())
        owner = demonstration(session)
        assert notices.current(session, owner.id) is None
        assert notices.publishers(session, [owner.id, others.id]) == {others.id}
        with pytest.raises(NotFound):
            notices.version(session, owner.id, 1)


def test_publications_at_the_same_time_get_numbers_of_their_own(lobby: Lobby) -> None:
    def publish(number: int) -> int:
        with lobby.database.write() as session:
            text = f"{FIRST} Draft {number}."
            return notices.publish(session, demonstration(session), text, now=lobby.clock()).version

    with ThreadPoolExecutor(6) as threads:
        assert sorted(threads.map(publish, range(12))) == list(range(1, 13))


@pytest.mark.parametrize("text", ["", " \n ", "Too short.", "x" * 30_001, FIRST + "\x00"])
def test_a_text_that_is_no_notice_is_refused(lobby: Lobby, text: str) -> None:
    with lobby.database.write() as session:
        owner = demonstration(session)
        with pytest.raises(Invalid) as refused:
            notices.publish(session, owner, text, now=lobby.clock())
        assert refused.value.fields[0].field == "text"
        assert notices.current(session, owner.id) is None


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_general_notice_says_what_is_known_and_does_not_claim_the_rest(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        face = faces.of_organisation(session, demonstration(session))
    text = text_of(face)
    for known in (
        face.name,
        "registered charity 0000000 (invented)",
        "hello@example.org",
        "1 Example Street, Anytown, ZZ1 1ZZ",
        "special category data",
        "Article 9(2)(a)",
        "after 14 days",
        "Information Commissioner",
        "https://ico.org.uk/",
    ):
        assert known in text
    assert f"{face.name} hasn’t said in which country the data is stored" in text
    assert f"{face.name} hasn’t said how long it keeps" in text
    assert f"{face.name} has to check whether that’s right" in text
    assert not re.search(r"None|\{|\}|  ", text)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_general_notice_of_an_organisation_of_which_nothing_is_known(lobby: Lobby) -> None:
    others_key(lobby, Scope.TALLIES_READ)
    with lobby.database.read() as session:
        face = faces.of_organisation(session, organisations.by_slug(session, OTHERS))
    text = text_of(face)
    assert "Others hasn’t given a contact address here." in text
    assert "Ask Others." in text
    assert not re.search(r"None|Its website|registered", text)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("given", "way"),
    [
        ({"postal_address": "1 High Street,\nLeeds"}, "You can write to 1 High Street, Leeds."),
        ({"contact_email": "us@example.org"}, "You can email us@example.org."),
    ],
)
def test_one_way_to_write_is_enough(lobby: Lobby, given: dict[str, str], way: str) -> None:
    others_key(lobby, Scope.TALLIES_READ)
    with lobby.database.write() as session:
        others = identity.change(session, organisations.by_slug(session, OTHERS), given)
        text = text_of(faces.of_organisation(session, others))
    assert way in text


def text_of(face: faces.Face) -> str:
    return "\n".join(
        "\n".join((section.heading, *section.paragraphs, *section.points))
        for section in notices.generated(face)
    )
