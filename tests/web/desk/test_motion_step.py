"""Tests the builder's step 'Motion': finding, choosing and taking off a motion, its purpose."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from sqlmodel import col, select

from models import Campaign, CampaignMotion, CampaignStatus, Motion, MotionSignatory, Role, Scope
from services.assembly import Lobby
from services.campaigns import campaigns
from services.parliament.official import http
from tests.support.common import CAMPAIGN, Clock
from tests.support.desk import DeskClient, as_role
from tests.support.keys import OTHERS, add_campaign, others_key
from tests.support.lobbies import MakeLobby
from tests.support.outside import motions_api
from tests.support.outside.motions_api import KNOWN, Parliament, Reply
from tests.support.pages import hidden, value_of, visible

DRAFT = "fair-fares"
NEW = 66112
LISTED: dict[str, Any] = {
    "Id": NEW,
    "UINWithAmendmentSuffix": "311",
    "Title": "Free bus travel for unpaid carers",
    "DateTabled": "2026-06-09T00:00:00",
    "SponsorsCount": 23,
    "PrimarySponsor": {"Name": "Morag Ferncastle", "Party": "Labour"},
}
PURPOSE = "give every unpaid carer a free bus pass"


@pytest.fixture
def parliament() -> Iterator[Parliament]:
    with motions_api.serving() as server:
        yield server


@pytest.fixture
def lobby(make_lobby: MakeLobby, parliament: Parliament) -> Lobby:
    lobby = make_lobby(motions_api=http.make_client(parliament.url))
    add_campaign(lobby, DRAFT, status=CampaignStatus.DRAFT)
    return lobby


def path(slug: str = DRAFT) -> str:
    return f"/organiser/campaigns/{slug}/edit/motion"


def listing(*changes: dict[str, Any]) -> bytes:
    return motions_api.envelope([motions_api.motion(**{**LISTED, **each}) for each in changes])


def one_motion(**changes: Any) -> bytes:
    names = (motions_api.sponsor(900001, 1), motions_api.sponsor(900002))
    return motions_api.answer(*names, **{**LISTED, **changes})


def campaign_of(lobby: Lobby, slug: str = DRAFT) -> Campaign:
    with lobby.database.read() as session:
        return campaigns.by_slug(session, slug)


def motions_of(lobby: Lobby, slug: str = DRAFT) -> dict[int, bool]:
    """Returns the motions of a campaign, and whether each is the current one."""
    statement = select(CampaignMotion).where(
        CampaignMotion.campaign_id == campaign_of(lobby, slug).id
    )
    with lobby.database.read() as session:
        return {link.motion_id: link.is_current for link in session.exec(statement)}


def choose(client: DeskClient, motion_id: object, slug: str = DRAFT, **fields: str) -> Any:
    data = {"do": "choose", "motion_id": str(motion_id), **fields}
    return client.post(path(slug), data=data)


# ---- finding


def test_a_search_shows_what_an_organiser_needs_to_choose(
    signed_in: DeskClient, parliament: Parliament
) -> None:
    parliament.answers(
        listing({}, {"Id": 2, "Title": "Gone", "Status": 1, "StatusDate": "2026-06-20T00:00:00"})
    )
    page = signed_in.get(path(), params={"q": "carers bus"})
    text = visible(page)
    assert page.status_code == 200
    assert "2 motions found" in text
    assert "EDM 311 · tabled by Morag Ferncastle · 9 June 2026" in text
    assert "23 MPs have signed · open for names" in text
    assert "withdrawn on 20 June 2026, so it takes no names" in text
    assert "Asked Parliament at 1pm today." in text
    assert "This session of Parliament only." in text
    assert re.findall(r'name="motion_id" value="(\d+)"', page.text) == ["66112", "2"]
    assert text.count("Choose this motion") == 1, "a withdrawn motion cannot be chosen"


@pytest.mark.parametrize(
    "typed", ["EDM 311", "311", "https://edm.parliament.uk/early-day-motion/66112/free"]
)
def test_a_number_or_an_address_finds_its_motion(
    signed_in: DeskClient, parliament: Parliament, typed: str
) -> None:
    parliament.answers(one_motion() if "://" in typed else listing({}))
    page = signed_in.get(path(), params={"q": typed})
    assert "1 motion found" in visible(page)
    assert LISTED["Title"] in visible(page)


def test_a_page_never_names_more_than_eight_mps(
    signed_in: DeskClient, parliament: Parliament
) -> None:
    many = [
        {"Id": number, "PrimarySponsor": {"Name": f"Member {number}", "Party": "Labour"}}
        for number in range(1, 21)
    ]
    parliament.answers(listing(*many))
    seen: set[str] = set()
    for number in range(1, 5):
        page = signed_in.get(path(CAMPAIGN), params={"q": "carers", "page": str(number)})
        named = set(re.findall(r"tabled by ([\w ]+) ·", page.text))
        assert len(named) <= 8
        seen |= named
    assert len(seen) == 21, "every motion is on one of the pages, beside the campaign's own"


@pytest.mark.parametrize("number", ["0", "-1", "x", "9999999", "٣", "1.5"])
def test_a_page_that_does_not_exist_is_the_first_or_the_last(
    signed_in: DeskClient, parliament: Parliament, number: str
) -> None:
    parliament.answers(listing({}))
    page = signed_in.get(path(), params={"q": "carers", "page": number})
    assert LISTED["Title"] in visible(page)


@pytest.mark.parametrize("reply", [Reply(status=500), Reply(breaks=True), Reply(b"<html>")])
def test_without_parliament_a_note_says_so_and_nothing_is_lost(
    signed_in: DeskClient, parliament: Parliament, reply: Reply
) -> None:
    parliament.answers(reply)
    page = signed_in.get(path(), params={"q": "nhs professionals"})
    assert page.status_code == 200
    assert "We couldn’t reach Parliament’s list." in visible(page)
    assert "Sale of NHS Professionals" in visible(page), "a motion that we have"
    assert 'value="nhs professionals"' in page.text


def test_when_parliament_asks_us_to_wait_the_page_says_how_long(
    signed_in: DeskClient, parliament: Parliament
) -> None:
    parliament.answers(Reply(status=429, headers={"Retry-After": "3000"}))
    page = signed_in.get(path(), params={"q": "carers"})
    assert "Parliament has asked us to wait. Search again in 50 minutes." in visible(page)


@pytest.mark.parametrize(
    "typed", ["x" * 400, "a\x00b", "https://example.org/x", "<script>alert(1)</script>://"]
)
def test_a_hostile_search_asks_nobody_and_names_its_field(
    signed_in: DeskClient, parliament: Parliament, typed: str
) -> None:
    page = signed_in.get(path(), params={"q": typed})
    assert page.status_code == 422
    assert 'id="q-error"' in page.text
    assert "<script>alert" not in page.text
    assert parliament.asked == []


# ---- choosing


def test_choosing_stores_the_motion_with_its_names_and_links_it(
    signed_in: DeskClient, lobby: Lobby, parliament: Parliament
) -> None:
    parliament.answers(one_motion())
    answer = choose(signed_in, NEW)
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        f"{path()}?done=motion-chosen",
    )
    assert motions_of(lobby) == {NEW: True}
    with lobby.database.read() as session:
        assert session.get_one(Motion, NEW).title == LISTED["Title"]
        names = select(MotionSignatory).where(MotionSignatory.motion_id == NEW)
        assert len(session.exec(names).all()) == 2
    page = visible(signed_in.get(path()))
    assert "Your motion Free bus travel for unpaid carers EDM 311" in page
    assert "2 MPs have signed · open for names" in page


def test_a_motion_that_we_have_needs_no_request(
    signed_in: DeskClient, lobby: Lobby, parliament: Parliament
) -> None:
    assert choose(signed_in, KNOWN).status_code == 303
    assert motions_of(lobby) == {KNOWN: True}
    assert parliament.asked == []


def test_another_choice_in_a_draft_leaves_no_earlier_motion(
    signed_in: DeskClient, lobby: Lobby, parliament: Parliament
) -> None:
    choose(signed_in, KNOWN)
    parliament.answers(one_motion())
    assert choose(signed_in, NEW, current=str(KNOWN)).status_code == 303
    assert motions_of(lobby) == {NEW: True}


def test_an_open_campaign_keeps_its_former_motion_as_an_earlier_one(
    signed_in: DeskClient, lobby: Lobby, parliament: Parliament
) -> None:
    parliament.answers(one_motion())
    assert choose(signed_in, NEW, CAMPAIGN, current=str(KNOWN)).status_code == 303
    assert motions_of(lobby, CAMPAIGN) == {KNOWN: False, NEW: True}
    page = visible(signed_in.get(path(CAMPAIGN)))
    assert "EDM 152 · an earlier motion · 4 MPs have signed" in page
    fields = {"do": "unlink", "motion_id": str(KNOWN)}
    for _ in range(2):
        assert signed_in.post(path(CAMPAIGN), data=fields).status_code == 303
    assert motions_of(lobby, CAMPAIGN) == {NEW: True}


def test_a_motion_that_takes_no_names_is_refused_by_the_route_too(
    signed_in: DeskClient, lobby: Lobby, parliament: Parliament
) -> None:
    parliament.answers(one_motion(Status=1))
    answer = choose(signed_in, NEW)
    assert answer.status_code == 422
    assert "EDM 311 was withdrawn, so MPs can’t sign it." in visible(answer)
    assert motions_of(lobby) == {}


@pytest.mark.parametrize("motion_id", ["", "0", "-1", "x", "9" * 12, "4294967296", "١"])
def test_what_is_no_motion_is_refused(
    signed_in: DeskClient, lobby: Lobby, parliament: Parliament, motion_id: str
) -> None:
    assert choose(signed_in, motion_id).status_code == 422
    assert (motions_of(lobby), parliament.asked) == ({}, [])


def test_a_choice_that_parliament_cannot_confirm_changes_nothing(
    signed_in: DeskClient, lobby: Lobby, parliament: Parliament
) -> None:
    parliament.answers(Reply(status=404))
    unknown = choose(signed_in, NEW)
    assert unknown.status_code == 422
    assert "Parliament doesn’t know this motion." in visible(unknown)
    parliament.answers(Reply(b"<html>"))
    down = choose(signed_in, NEW, q="carers")
    assert down.status_code == 503
    assert "Nothing has changed. Try again later." in visible(down)
    assert 'value="carers"' in down.text
    assert motions_of(lobby) == {}


def test_two_people_who_choose_at_once_are_told(
    signed_in: DeskClient, lobby: Lobby, parliament: Parliament
) -> None:
    choose(signed_in, KNOWN)
    parliament.answers(one_motion())
    second = choose(signed_in, NEW, current="")
    assert second.status_code == 409
    assert "A colleague chose EDM 152 while you were looking." in visible(second)
    assert motions_of(lobby) == {KNOWN: True}


def test_a_draft_can_take_its_motion_off_and_say_that_there_is_none(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    choose(signed_in, KNOWN)
    assert signed_in.post(path(), data={"do": "take_off"}).status_code == 303
    assert motions_of(lobby) == {}
    assert not campaign_of(lobby).runs_without_motion
    assert signed_in.post(path(), data={"do": "none"}).status_code == 303
    assert campaign_of(lobby).runs_without_motion
    assert "You’ve said that there is no motion." in visible(signed_in.get(path()))
    choose(signed_in, KNOWN)
    assert not campaign_of(lobby).runs_without_motion, "a motion ends that"


def test_an_open_campaign_that_never_had_a_motion_can_say_that_there_is_none(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        campaigns.by_slug(session, DRAFT).status = CampaignStatus.OPEN
    assert "Continue without a motion" in visible(signed_in.get(path()))
    assert signed_in.post(path(), data={"do": "none"}).status_code == 303
    assert campaign_of(lobby).runs_without_motion
    assert "letters ask their MPs to write to the minister" in visible(signed_in.get(path()))


@pytest.mark.parametrize("do", ["take_off", "none"])
def test_the_letters_of_an_open_campaign_keep_their_motion(
    signed_in: DeskClient, lobby: Lobby, do: str
) -> None:
    answer = signed_in.post(path(CAMPAIGN), data={"do": do})
    assert answer.status_code == 409
    assert "choose another motion instead" in visible(answer)
    assert motions_of(lobby, CAMPAIGN) == {KNOWN: True}
    assert "Remove it" not in visible(signed_in.get(path(CAMPAIGN)))


def test_a_draft_with_letters_keeps_its_motion_too(signed_in: DeskClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        campaigns.by_slug(session, CAMPAIGN).status = CampaignStatus.DRAFT
    assert signed_in.post(path(CAMPAIGN), data={"do": "take_off"}).status_code == 409
    assert motions_of(lobby, CAMPAIGN) == {KNOWN: True}


def test_a_motion_that_has_ended_is_said_on_the_page(signed_in: DeskClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        session.get_one(Motion, KNOWN).amends_id = 1
    assert "EDM 152 is an amendment" in visible(signed_in.get(path(CAMPAIGN)))


# ---- what it asks for


def version_on(page: Any) -> str:
    match = re.search(r'name="version" value="([0-9a-f]+)"', page.text)
    assert match
    return match.group(1)


def test_the_purpose_is_saved_in_both_languages(signed_in: DeskClient, lobby: Lobby) -> None:
    choose(signed_in, KNOWN)
    version = version_on(signed_in.get(path()))
    data = {"purpose": f" {PURPOSE}. ", "purpose_welsh": "rhoi tocyn", "version": version}
    answer = signed_in.post(path(), data=data)
    assert answer.headers["Location"] == f"/organiser/campaigns/{DRAFT}/edit/letters?done=saved"
    campaign = campaign_of(lobby)
    assert (campaign.purpose, campaign.purpose_welsh) == (PURPOSE, "rhoi tocyn")


@pytest.mark.parametrize("purpose", ["", " . ", "a\nb", "x" * 300])
def test_a_motion_needs_its_purpose_and_nothing_typed_is_lost(
    signed_in: DeskClient, lobby: Lobby, purpose: str
) -> None:
    choose(signed_in, KNOWN)
    version = version_on(signed_in.get(path()))
    data = {"purpose": purpose, "purpose_welsh": "rhoi tocyn", "version": version}
    answer = signed_in.post(path(), data=data)
    assert answer.status_code == 422
    assert 'id="purpose-error"' in answer.text
    assert 'value="rhoi tocyn"' in answer.text
    assert campaign_of(lobby).purpose_welsh == ""


@pytest.mark.parametrize("do", ["search", "enter"])
def test_a_search_keeps_a_purpose_that_is_not_saved_yet(
    signed_in: DeskClient, lobby: Lobby, parliament: Parliament, do: str
) -> None:
    parliament.answers(one_motion())
    choose(signed_in, NEW)
    parliament.answers(listing(*({"Id": NEW + number} for number in range(10))))
    shown = signed_in.get(path())
    typed = {"purpose": PURPOSE, "purpose_welsh": "rhoi tocyn", "version": version_on(shown)}
    answer = signed_in.post(path(), data={**typed, "do": do, "q": "carers", "asked": ""})
    assert answer.status_code == 303
    assert "token" not in answer.headers["Location"]
    found = signed_in.get(answer.headers["Location"])
    older = re.search(r'href="([^"]+)">Older motions', found.text)
    assert older
    for page in (found, signed_in.get(unescape(older[1]))):
        assert "10 motions found" in visible(page)
        assert "Not saved yet." in visible(page)
        assert (value_of(page, "purpose"), version_on(page)) == (PURPOSE, typed["version"])
    assert campaign_of(lobby).purpose == ""
    kept = typed | {"q": value_of(found, "q"), "asked": hidden(found, "asked")}
    parliament.answers(motions_api.answer(**LISTED | {"Id": NEW + 1, "SponsorsCount": 0}))
    other = choose(signed_in, NEW + 1, current=str(NEW), **kept)
    assert value_of(signed_in.get(other.headers["Location"]), "purpose_welsh") == "rhoi tocyn"
    assert signed_in.post(path(), data=kept | {"do": "enter"}).status_code == 303, "Enter saves"
    assert campaign_of(lobby).purpose == PURPOSE


def test_a_search_without_other_words_has_a_short_address(
    signed_in: DeskClient, parliament: Parliament
) -> None:
    parliament.answers(one_motion())
    choose(signed_in, NEW)
    data = {"do": "search", "q": "carers", "version": version_on(signed_in.get(path()))}
    assert signed_in.post(path(), data=data).headers["Location"] == f"{path()}?q=carers#found"
    long = signed_in.post(path(), data=data | {"purpose": "x" * 300})
    assert (long.status_code, value_of(long, "purpose")) == (422, "x" * 300)


def test_a_colleagues_purpose_is_not_overwritten_unseen(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    choose(signed_in, KNOWN)
    version = version_on(signed_in.get(path()))
    signed_in.post(path(), data={"purpose": "theirs", "version": version})
    second = signed_in.post(path(), data={"purpose": "mine", "version": version})
    assert second.status_code == 409
    assert 'value="mine"' in second.text
    assert "theirs" in visible(second)
    assert campaign_of(lobby).purpose == "theirs"
    again = {"purpose": "mine", "version": version_on(second)}
    assert signed_in.post(path(), data=again).status_code == 303
    assert campaign_of(lobby).purpose == "mine"


# ---- who may


def test_viewers_and_strangers_change_nothing(
    client: DeskClient, lobby: Lobby, parliament: Parliament
) -> None:
    assert client.get(path()).status_code == 303
    as_role(lobby, client, Role.VIEWER)
    assert client.get(path()).status_code == 403
    assert choose(client, KNOWN).status_code == 403
    as_role(lobby, client, Role.EDITOR)
    assert choose(client, KNOWN).status_code == 303
    assert parliament.asked == []


def test_another_organisations_campaign_is_a_404_and_asks_nobody(
    signed_in: DeskClient, lobby: Lobby, parliament: Parliament
) -> None:
    others_key(lobby, Scope.LETTERS_READ)
    add_campaign(lobby, "theirs", organisation=OTHERS)
    assert signed_in.get(path("theirs"), params={"q": "carers"}).status_code == 404
    for data in ({"do": "none"}, {"do": "choose", "motion_id": "5"}, {"purpose": "x"}):
        assert signed_in.post(path("theirs"), data=data).status_code == 404
    assert (motions_of(lobby, "theirs"), parliament.asked) == ({}, [])


def test_looking_changes_nothing(
    signed_in: DeskClient, lobby: Lobby, parliament: Parliament, clock: Clock
) -> None:
    parliament.answers(listing({}))
    before = campaign_of(lobby).updated_at
    clock.advance(seconds=5)
    signed_in.get(path(), params={"q": "carers"})
    assert campaign_of(lobby).updated_at == before
    with lobby.database.read() as session:
        assert session.exec(select(Motion.id).where(col(Motion.id) == NEW)).first() is None
