"""Tests the page with everything that changed in a campaign, and the figures of open pages."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from models import (
    CampaignUpdate,
    Letter,
    LetterState,
    Member,
    MemberOverride,
    MemberReply,
    MotionEventKind,
    OverrideKind,
    Private,
    QuickAnswer,
    QuickAnswerKind,
    ReplyKind,
    Role,
)
from services.assembly import Lobby
from services.common import times
from tests.support.campaigns import add_campaign
from tests.support.common import CAMPAIGN, Clock
from tests.support.desk import DeskClient, as_role
from tests.support.home import (
    MORAG,
    TOMASZ,
    add_organisation,
    come_back,
    name_on_motion,
    of_demonstration,
)
from tests.support.pages import visible
from tests.support.signatures import sign_and_confirm
from tests.support.webhooks import ANNA
from tools.statements import sent_by
from web.base import words

OVERVIEW = f"/organiser/campaigns/{CAMPAIGN}"
SCRIPT = re.compile(r'<script type="module" src="/static/[^"]*desk\.[^"]*"')
PAGE, PULSE = f"{OVERVIEW}/changes", f"{OVERVIEW}/pulse"


def said_on(page: Any) -> list[str]:
    """Returns what is said of each change, without markup."""
    lines = re.findall(r"</time><p>(.*?)</p>", page.text, re.DOTALL)
    return [" ".join(unescape(re.sub(r"<[^>]+>", "", line)).split()) for line in lines]


def member_named(session: Any, name: str) -> Member:
    member: Member = session.exec(select(Member).where(Member.name == name)).one()
    return member


def answer_of(lobby: Lobby, kind: QuickAnswerKind = QuickAnswerKind.WILL_SIGN) -> None:
    """Records what an MP's office told the team."""
    with lobby.database.write() as session:
        campaign = of_demonstration(session)
        session.add(
            QuickAnswer(
                organisation_id=campaign.organisation_id,
                campaign_id=campaign.id,
                member_id=member_named(session, MORAG).id,
                author=Private(campaign.organisation_id, "editor@example.org"),
                kind=kind,
                recorded_at=lobby.clock(),
            )
        )


def publish(lobby: Lobby, count: int, *, at: datetime) -> None:
    """Publishes news, one a minute."""
    with lobby.database.write() as session:
        campaign_id = of_demonstration(session).id
        for number in range(count):
            moment = at + timedelta(minutes=number)
            session.add(
                CampaignUpdate(
                    campaign_id=campaign_id,
                    slug=f"news-{number}",
                    title=f"News {number}.",
                    body="News.",
                    published_at=moment,
                    updated_at=moment,
                )
            )


def reply_and_override(lobby: Lobby, organisation_id: UUID | None = None) -> None:
    """Records a reply to the campaign, and that an MP signs no motions."""
    now = lobby.clock()
    with lobby.database.write() as session:
        campaign = of_demonstration(session)
        member_id = member_named(session, TOMASZ).id
        session.add(
            MemberReply(
                campaign_id=campaign.id,
                member_id=member_id,
                kind=ReplyKind.MEETING,
                said_on=now.date(),
                recorded_at=now,
                updated_at=now,
            )
        )
        session.add(
            MemberOverride(
                organisation_id=organisation_id or campaign.organisation_id,
                member_id=member_id,
                kind=OverrideKind.REFUSES,
                reason="They say so.",
                link="https://example.org/said",
                starts_on=now.date(),
                recorded_at=now,
            )
        )


# ---- the page


def test_each_change_is_said_under_its_day_in_london(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    clock.now = datetime(2026, 7, 2, 23, 30, tzinfo=UTC)  # 3 July in London
    come_back(signed_in, lobby)
    name_on_motion(lobby, MotionEventKind.SIGNED)
    with lobby.database.read() as session:
        member_id = member_named(session, MORAG).id
        letters = [
            letter
            for letter in session.exec(select(Letter).where(Letter.member_id == member_id))
            if letter.state is LetterState.SENT and letter.sent_at and letter.sent_at <= clock.now
        ]
    answer_of(lobby)
    reply_and_override(lobby)
    clock.advance(minutes=1)
    page = signed_in.get(PAGE)
    first, *_ = re.findall(r"<h2 id=\"day-[\d-]+\">(.*?)</h2>", page.text)
    assert first == "3 July 2026"
    said = said_on(page)
    before = words.counted(len(letters), "letter")
    assert any(line.startswith(f"{MORAG} signed.") and f"{before} before." in line for line in said)
    told = f"{MORAG}: said they will sign, as the office told your team."
    assert any(line.startswith(told) for line in said)
    assert any(line.startswith(f"{TOMASZ}: agreed to meet.") for line in said)
    recorded = f"{TOMASZ}: your team recorded that they don’t sign motions."
    assert any(line.startswith(recorded) for line in said)
    assert "‘Keep NHS Professionals public’ opened." in said


def test_a_viewer_sees_no_answers_of_offices(
    client: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    as_role(lobby, client, Role.VIEWER)
    clock.advance(minutes=1)
    since = clock.now.isoformat()
    clock.advance(minutes=1)
    answer_of(lobby)
    clock.advance(minutes=1)
    for address in (PAGE, OVERVIEW):
        assert "as the office told your team" not in client.get(address).text
    assert client.get(PULSE, params={"since": since}).json()["changes"] == 0
    as_role(lobby, client, Role.EDITOR)
    for address in (PAGE, OVERVIEW):
        assert "as the office told your team" in client.get(address).text
    assert client.get(PULSE, params={"since": since}).json()["changes"] == 1


def test_changes_of_others_are_not_shown(signed_in: DeskClient, lobby: Lobby, clock: Clock) -> None:
    clock.advance(minutes=1)
    since = clock.now - timedelta(seconds=1)
    reply_and_override(lobby, add_organisation(lobby))
    add_campaign(lobby, "second", title="Second")
    page = signed_in.get(PAGE, params={"since": since.isoformat()})
    assert said_on(page) == [line for line in said_on(page) if "agreed to meet" in line]
    assert len(said_on(page)) == 1


def test_the_address_says_since_when(signed_in: DeskClient, lobby: Lobby, clock: Clock) -> None:
    clock.advance(days=1)
    come_back(signed_in, lobby)
    moment = clock.now
    clock.advance(minutes=1)
    name_on_motion(lobby, MotionEventKind.SIGNED)
    shown = {
        moment.isoformat(): 1,
        moment.isoformat().replace("+", " "): 1,  # as a '+' arrives that was not escaped
        times.today(moment).isoformat(): 1,
        clock.now.isoformat(): 0,
    }
    for since, count in shown.items():
        assert len(said_on(signed_in.get(PAGE, params={"since": since}))) == count, since
    assert "Nothing has changed since then." in visible(
        signed_in.get(PAGE, params={"since": clock.now.isoformat()})
    )


@pytest.mark.parametrize("wrong", ["yesterday", "2026-13-01", "0001-01-01", "9999-12-31T23:59:59"])
def test_an_unknown_moment_or_page_is_ignored_with_a_line(
    signed_in: DeskClient, wrong: str
) -> None:
    page = signed_in.get(PAGE, params={"since": wrong, "page": "-1"})
    assert page.status_code == 200
    assert "We ignored page=-1." in visible(page)
    is_moment = wrong.startswith(("0001", "9999"))
    assert (f"We ignored since={wrong}." in visible(page)) is not is_moment


def test_pages_follow_each_other_without_a_gap(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    begins = clock.now
    publish(lobby, 120, at=begins + timedelta(minutes=1))
    clock.advance(hours=3)
    seen: list[str] = []
    address = f"{PAGE}?since={begins.strftime('%Y-%m-%dT%H:%M:%SZ')}"
    while address:
        page = signed_in.get(address)
        seen += said_on(page)
        found = re.findall(r'href="([^"]+)" rel="next"', page.text)
        address = unescape(found[0]) if found else ""
    assert seen == [f"News published: News {number}." for number in reversed(range(120))]


# ---- /pulse


def test_a_pulse_has_the_figures_of_the_page_and_counts_changes(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    since = clock.now.isoformat()
    clock.advance(minutes=1)
    page = signed_in.get(OVERVIEW)
    on_page = dict(re.findall(r'data-live="(\w+)">([\d,]+)<', page.text))
    (address,) = re.findall(r'data-pulse="([^"]+)"', page.text)
    pulse = signed_in.get(unescape(address))
    assert pulse.json()["changes"] == 0
    assert {name: f"{number:,}" for name, number in pulse.json()["figures"].items()} == on_page
    clock.advance(minutes=1)
    name_on_motion(lobby, MotionEventKind.SIGNED)
    sign_and_confirm(lobby, ANNA)
    after = signed_in.get(unescape(address)).json()
    assert after["changes"] == 1
    before = pulse.json()["figures"]
    assert after["figures"] == before | {
        "signed": before["signed"] + 1,
        "left": before["left"] - 1,
        "signatures": before["signatures"] + 1,
    }
    assert signed_in.get(PULSE, params={"since": since}).json()["changes"] == 1


@pytest.mark.parametrize("page", ["", "/map?by=letters", "/ask", "/mps", "/changes"])
def test_a_page_of_lists_asks_how_many_changes_came_since_it_was_opened(
    signed_in: DeskClient, lobby: Lobby, clock: Clock, page: str
) -> None:
    opened = signed_in.get(f"{OVERVIEW}{page}")
    assert SCRIPT.search(opened.text)
    (address,) = re.findall(r'data-pulse="([^"]+)"', opened.text)
    clock.advance(minutes=1)
    name_on_motion(lobby, MotionEventKind.SIGNED)
    assert signed_in.get(unescape(address)).json()["changes"] == 1
    # The link loads what is shown again, with the same choice.
    (way,) = re.findall(r'class="[^"]*refresh" href="([^"]+)"', opened.text)
    assert unescape(way) == f"{OVERVIEW}{page}"


def test_the_petition_room_asks_for_its_figure_alone(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    opened = signed_in.get(f"{OVERVIEW}/petition")
    assert SCRIPT.search(opened.text)
    (address,) = re.findall(r'data-pulse="([^"]+)"', opened.text)
    on_page = dict(re.findall(r'data-live="(\w+)">([\d,]+)<', opened.text))
    before = signed_in.get(address).json()["figures"]
    assert on_page == {"signatures": f"{before['signatures']:,}"}
    clock.advance(minutes=1)
    name_on_motion(lobby, MotionEventKind.SIGNED)
    sign_and_confirm(lobby, ANNA)
    after = signed_in.get(address).json()
    assert after["figures"]["signatures"] == before["signatures"] + 1
    assert after["changes"] == 0, "the page shows no MP"


@pytest.mark.parametrize("page", ["/changes?page=2", "/letters/effect", "/mps/900001"])
def test_a_page_that_looks_back_asks_for_nothing(signed_in: DeskClient, page: str) -> None:
    opened = signed_in.get(f"{OVERVIEW}{page}")
    assert opened.status_code == 200
    assert "data-pulse" not in opened.text
    assert not SCRIPT.search(opened.text)


def test_a_pulse_without_news_is_a_304_of_three_statements(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    address = f"{PULSE}?since={clock.now.strftime('%Y-%m-%dT%H:%M:%SZ')}"
    first = signed_in.get(address)
    assert first.headers["Cache-Control"] == "no-store"
    known = {"If-None-Match": first.headers["ETag"]}
    with sent_by(lobby) as sent:
        again = signed_in.get(address, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert len(sent) == 3
    sign_and_confirm(lobby, ANNA)
    assert signed_in.get(address, headers=known).status_code == 200


def test_a_pulse_for_no_moment_is_refused(signed_in: DeskClient) -> None:
    assert signed_in.get(f"{PULSE}?since=yesterday").status_code == 422
    assert signed_in.get(PULSE).json()["changes"] == 0
    assert signed_in.get("/organiser/campaigns/nope/pulse").status_code == 404
