"""Tests of the public page of one MP, and of that of a seat."""

import re
from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from models import (
    CampaignStatus,
    Member,
    MemberNote,
    Membership,
    MotionSignatory,
    MotionStatus,
    OverrideKind,
    Private,
    QuickAnswer,
    QuickAnswerKind,
    Supporter,
)
from services.assembly import Lobby
from services.campaigns import campaigns
from tests.support.common import CAMPAIGN, CAN_SIGN, MINISTER, SIGNED
from tests.support.desk import DeskClient
from tests.support.pages import CAMPAIGN_PATH, MPS, TALLY, close_campaign, visible
from tests.web.members.recorded import MORAG, SOURCE, say

SEATS = f"{CAMPAIGN_PATH}/constituencies"
EDINBURGH, NORWICH = "S14000078", "E14001409"
OF_MORAG = f"{MPS}/{MORAG}"


def mp_of(client: TestClient, postcode: str) -> str:
    """Returns the address of the page of a postcode's MP."""
    seat = client.post(MPS, data={"postcode": postcode}).headers["Location"]
    return str(client.get(seat).headers["Location"])


# ---- what it says


def test_the_page_answers_the_question_in_its_heading(client: TestClient) -> None:
    page = client.get(OF_MORAG)
    assert "<h1>Has Morag Ferncastle signed?</h1>" in page.text
    assert "Morag Ferncastle hasn’t signed the motion yet." in visible(page)
    assert "Edinburgh East and Musselburgh" in visible(page)
    assert "4 of 14 MPs have signed." in visible(page)
    assert "Checked with Parliament at 1.00pm today." in visible(page)
    signed = visible(client.get(mp_of(client, SIGNED)))
    assert "Adaeze Hartwhistle has signed the motion." in signed
    assert "Signed on 18 May 2026 as the primary sponsor." in signed
    assert "don’t sign motions" in visible(client.get(mp_of(client, MINISTER)))


def test_a_withdrawal_has_its_day(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        statement = select(MotionSignatory).where(col(MotionSignatory.is_withdrawn))
        row = session.exec(statement).one()
        row.withdrawn_on, member_id = date(2026, 6, 9), row.member_id
    page = visible(client.get(f"{MPS}/{member_id}"))
    assert "removed their name" in page
    assert "Withdrew on 9 June 2026." in page
    assert "Start my letter" not in page


def test_what_an_mp_said_in_public_has_its_day_and_its_source(
    client: TestClient, lobby: Lobby
) -> None:
    say(lobby, "Morag Ferncastle", OverrideKind.SAYS_WILL_SIGN)
    page = client.get(OF_MORAG)
    assert f'<a href="{SOURCE}" rel="nofollow">Said they will sign</a>, 1 July 2026' in page.text
    assert "A talk in private" not in page.text, "the reason is for organisers"


def test_what_offices_told_the_team_is_on_no_public_page(client: TestClient, lobby: Lobby) -> None:
    paths = (OF_MORAG, MPS, f"{MPS}.csv", f"{SEATS}/{NORWICH}", f"/my-mp/{EDINBURGH}", "/")
    before = [client.get(path).text for path in paths]
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        of: dict[str, Any] = {
            "organisation_id": campaign.organisation_id,
            "campaign_id": campaign.id,
            "member_id": MORAG,
            "author": Private(campaign.organisation_id, "olu@example.org"),
        }
        for kind in QuickAnswerKind:
            session.add(QuickAnswer(kind=kind, recorded_at=lobby.clock(), **of))
        text = Private(campaign.organisation_id, "Ring on Monday.")
        session.add(MemberNote(text=text, created_at=lobby.clock(), **of))
    assert [client.get(path).text for path in paths] == before


def test_no_name_or_address_of_a_supporter_is_on_the_pages(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.read() as session:
        mps = " ".join(session.exec(select(Member.name)).all())
        people = {
            sealed.text
            for supporter in session.exec(select(Supporter))
            for sealed in (supporter.name, supporter.email, supporter.postcode)
            if sealed is not None
        }
    pages = [OF_MORAG, mp_of(client, SIGNED), f"{SEATS}/{NORWICH}", MPS, f"{MPS}.csv"]
    text = " ".join(client.get(path).text for path in pages)
    assert len(people) > 100
    assert [detail for detail in people if detail in text and detail not in mps] == []


# ---- writing and sharing


def test_constituents_start_a_letter_from_the_page_with_their_postcode(client: TestClient) -> None:
    page = client.get(OF_MORAG)
    assert "Do you live in Edinburgh East and Musselburgh?" in visible(page)
    assert f'<form method="post" action="{CAMPAIGN_PATH}/letter"' in page.text
    letter = client.post(f"{CAMPAIGN_PATH}/letter", data={"postcode": CAN_SIGN})
    assert letter.status_code == 200
    assert "Write to Morag Ferncastle" in letter.text.partition("</title>")[0]


@pytest.mark.parametrize("status", [CampaignStatus.WON, CampaignStatus.CLOSED])
def test_nobody_is_asked_to_write_where_letters_are_closed(
    client: TestClient, lobby: Lobby, status: CampaignStatus
) -> None:
    assert "Write to Morag Ferncastle" in visible(client.get(OF_MORAG))
    close_campaign(lobby, status)
    assert "Write to" not in visible(client.get(OF_MORAG))


def test_nobody_is_asked_to_write_about_a_motion_that_has_lapsed(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        motion = campaigns.motion_of(session, campaigns.by_slug(session, CAMPAIGN).id)
        assert motion
        motion.status = MotionStatus.LAPSED
    page = visible(client.get(OF_MORAG))
    assert "MPs can’t sign it any more." in page
    assert "Write to" not in page


def test_the_page_is_made_for_sharing_and_for_search_engines(client: TestClient) -> None:
    page = client.get(f"{OF_MORAG}?source=whatsapp")
    address = f"http://testserver{OF_MORAG}"
    assert '<meta property="og:title" content="Has Morag Ferncastle signed?">' in page.text
    assert f'<link rel="canonical" href="{address}">' in page.text
    assert "noindex" not in page.text
    assert "https://wa.me/?text=Has+Morag+Ferncastle+signed" in page.text
    assert f'href="{CAMPAIGN_PATH}?source=whatsapp"' in page.text, "the source is kept"


# ---- which pages there are


def test_a_seat_leads_to_its_mp_and_keeps_the_source(client: TestClient) -> None:
    answer = client.get(f"{SEATS}/{EDINBURGH}?source=x")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{OF_MORAG}?source=x")


def test_a_vacant_seat_says_so_and_how_to_hear_of_a_new_mp(client: TestClient) -> None:
    answer = client.post(MPS, data={"postcode": "NR2 1TF"})
    assert answer.headers["Location"] == f"{SEATS}/{NORWICH}"
    page = client.get(answer.headers["Location"])
    assert "<h1>Norwich South has no MP at the moment</h1>" in page.text
    assert "There will be a by-election." in visible(page)
    assert "ask us to email you when there’s a new MP" in visible(page)
    assert "Start my letter" not in visible(page)


def test_a_former_mp_leads_to_who_holds_the_seat_now(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        statement = select(Membership).where(Membership.member_id == MORAG)
        session.exec(statement).one().ends_on = lobby.clock().date()
    page = client.get(OF_MORAG)
    assert page.status_code == 200
    assert "Morag Ferncastle is no longer an MP and didn’t sign." in visible(page)
    assert f'href="{SEATS}/{EDINBURGH}"' in page.text
    assert "Start my letter" not in visible(page)
    assert client.get(f"{SEATS}/{EDINBURGH}").status_code == 200, "the seat is vacant"


@pytest.mark.parametrize(
    "path",
    [
        f"{MPS}/0",
        f"{MPS}/-1",
        f"{MPS}/nobody",
        f"{MPS}/٣",
        f"{MPS}/900999",
        f"{MPS}/99999999999999999999",
        f"{MPS}/2147483648",
        f"{SEATS}/E99999999",
        f"{SEATS}/unknown",
        f"{SEATS}/overseas",
        "/campaigns/nothing/mps/900001",
        "/campaigns/nothing/constituencies/S14000078",
        "/my-mp/E99999999",
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(client: TestClient, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 404
    assert "Page not found" in visible(page) or "no such" in visible(page)


@pytest.mark.parametrize("path", [OF_MORAG, f"{SEATS}/{NORWICH}", MPS, f"{MPS}.csv"])
def test_the_pages_of_a_draft_are_for_its_organisers_alone(
    client: DeskClient, signed_in: DeskClient, lobby: Lobby, path: str
) -> None:
    with lobby.database.write() as session:
        campaigns.by_slug(session, CAMPAIGN).status = CampaignStatus.DRAFT
    own = signed_in.get(path)
    assert (own.status_code, own.headers["Cache-Control"]) == (200, "no-store")
    signed_in.cookies.clear()
    assert client.get(path).status_code == 404


# ---- caching


@pytest.mark.parametrize("path", [OF_MORAG, MPS, f"{MPS}?standing=signed"])
def test_pages_are_kept_until_something_changes(
    client: TestClient, lobby: Lobby, path: str
) -> None:
    page = client.get(path)
    assert page.headers["Cache-Control"].startswith("public, max-age=0")
    tag = {"If-None-Match": page.headers["ETag"]}
    assert client.get(path, headers=tag).status_code == 304
    close_campaign(lobby, CampaignStatus.WON)
    say(lobby, "Adaeze Hartwhistle", OverrideKind.SAYS_WILL_SIGN)
    say(lobby, "Morag Ferncastle", OverrideKind.SAYS_WILL_SIGN)
    assert client.get(path, headers=tag).status_code == 200


def test_the_feed_and_the_campaign_lead_to_the_pages(client: TestClient) -> None:
    assert re.search(rf'href="{MPS}/\d+"', client.get(CAMPAIGN_PATH).text)
    assert f'href="{OF_MORAG}"' in client.get(MPS).text
    assert f'href="{SEATS}/{NORWICH}"' in client.get(MPS).text
    assert client.get(TALLY).status_code == 200
