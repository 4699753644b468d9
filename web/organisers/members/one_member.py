"""One MP, or a constituency without one: figures, what is known, and what the team recorded."""

from datetime import date, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlmodel import Session

from api.http.csv_answers import cacheable_csv
from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from models import Campaign
from services.assembly import Lobby
from services.campaigns import member_notes
from services.common import times
from services.errors import NotFound
from services.views.desk.members import one_member
from services.views.desk.members.member_letters import SentLetters
from services.views.desk.members.one_member import FormerPage, OnePage, Reader
from web.base import forms
from web.base.charts import bars
from web.base.charts.drawing import Chart
from web.base.charts.tables import Table
from web.base.desk import Desk, ViewerDesk
from web.base.rendering import see_other
from web.organisers.campaign import own
from web.organisers.members import ask_query, asking, mps_query, stance_words
from web.organisers.members.mps_query import PAGE_PATH, MpsQuery

CAMPAIGN_PATH = "/organiser/campaigns/{slug}"
MEMBER_PATH = f"{PAGE_PATH}/{{member_id}}"
SEAT_PATH = f"{CAMPAIGN_PATH}/seats/{{gss}}"
NOTICES = {"stated": "Saved. The public page shows it.", "ended": "Removed."}
router = APIRouter()


@router.get(f"{MEMBER_PATH}/letters.csv")
def letters_file(
    slug: Slug,
    member_id: str,
    request: Request,
    desk: ViewerDesk,
    session: ReadSession,
    now: Now,
) -> Response:
    """Answers with the letters of each week, as the chart shows them."""
    campaign = own.of_page(desk, session, slug)
    letters = one_member.letters_of(session, campaign, _number(member_id), now=now)
    return _file(request, campaign, letters, now, f"{slug}-letters-{member_id}.csv")


@router.get(MEMBER_PATH)
def show_member(
    slug: Slug,
    member_id: str,
    request: Request,
    desk: ViewerDesk,
    session: ReadSession,
    lobby: TheLobby,
    now: Now,
) -> Response:
    """Shows an MP, or a former one. The address has the list from which the reader came."""
    campaign = own.of_page(desk, session, slug)
    return page(request, desk, session, lobby, campaign, _number(member_id), now=now)


@router.get(f"{SEAT_PATH}/letters.csv")
def seat_letters_file(
    slug: Slug,
    gss: str,
    request: Request,
    desk: ViewerDesk,
    session: ReadSession,
    lobby: TheLobby,
    now: Now,
) -> Response:
    """Answers with the letters of each week to a seat without an MP; another leads to its MP's."""
    campaign = own.of_page(desk, session, slug)
    found = one_member.of_seat(session, campaign, gss, _reader(desk, lobby, MpsQuery(), now))
    if isinstance(found, int):
        return see_other(f"{MEMBER_PATH.format(slug=slug, member_id=found)}/letters.csv")
    return _file(request, campaign, found.letters, now, f"{slug}-letters-{gss}.csv")


@router.get(SEAT_PATH)
def show_seat(
    slug: Slug,
    gss: str,
    request: Request,
    desk: ViewerDesk,
    session: ReadSession,
    lobby: TheLobby,
    now: Now,
) -> Response:
    """Shows a constituency without an MP. Any other leads to the page of its MP."""
    campaign = own.of_page(desk, session, slug)
    query = mps_query.read(request.query_params.multi_items())
    found = one_member.of_seat(session, campaign, gss, _reader(desk, lobby, query, now))
    if isinstance(found, int):
        return see_other(MEMBER_PATH.format(slug=slug, member_id=found) + query.address())
    values = _values(campaign, found, query, now)
    return desk.page("organisers/members/mp.html", campaign=campaign, **values)


def page(
    request: Request,
    desk: Desk,
    session: Session,
    lobby: Lobby,
    campaign: Campaign,
    member_id: int,
    *,
    now: datetime,
    form: forms.Form | None = None,
) -> Response:
    """Renders the page of a member, with a statement that was not saved if there is one."""
    pairs = request.query_params.multi_items()
    query = mps_query.read(pairs, besides=(*ask_query.DONE, "done"))
    reader = _reader(desk, lobby, query, now)
    found = one_member.of_member(session, campaign, member_id, reader)
    is_former = isinstance(found, FormerPage)
    done = asking.done_to(member_id, found.team.entries, ask_query.read(pairs))
    return desk.page(
        "organisers/members/former_mp.html" if is_former else "organisers/members/mp.html",
        status=422 if form else 200,
        campaign=campaign,
        **_values(campaign, found, query, now, form=form, done=done)
        | {
            "notice": NOTICES.get(request.query_params.get("done", ""), ""),
            "site": lobby.settings.base_url,
        },
    )


def _reader(desk: Desk, lobby: Lobby, query: MpsQuery, now: datetime) -> Reader:
    return Reader(desk.may_edit, now, query.only, lobby.postcodes.lookup)


def _number(text: str) -> int:
    """Raises NotFound for what is no number of a member."""
    if not (text.isascii() and text.isdecimal() and len(text) < 11):
        raise NotFound("member_unknown", "There is no such MP.")
    return int(text)


def _values(
    campaign: Campaign,
    found: OnePage | FormerPage,
    query: MpsQuery,
    now: datetime,
    *,
    form: forms.Form | None = None,
    done: Any = None,
) -> dict[str, Any]:
    today = times.today(now)
    return {
        "found": found,
        "query": query,
        "chart": _chart(campaign, found.letters, now),
        "weeks": _table(campaign, found.letters, now),
        "tag": stance_words.tag,
        "words": stance_words,
        "form": form or forms.Form(),
        "no_form": forms.Form(),
        "done": done,
        "notice": "",
        "site": "",
        "longest": member_notes.LONGEST,
        "today": today,
        "furthest": today + member_notes.FURTHEST,
        "now": now,
    }


def _last_day(campaign: Campaign, now: datetime) -> date:
    return times.today(campaign.ended_at or now)


def _chart(campaign: Campaign, letters: SentLetters, now: datetime) -> Chart:
    return bars.week_bars(
        letters.by_week(_last_day(campaign, now)),
        title="Letters sent",
        css_class="letters",
        is_last_over=campaign.ended_at is not None,
    )


def _table(campaign: Campaign, letters: SentLetters, now: datetime) -> Table:
    return Table(("Week from", "Letters sent"), tuple(letters.by_week(_last_day(campaign, now))))


def _file(
    request: Request, campaign: Campaign, letters: SentLetters, now: datetime, name: str
) -> Response:
    return cacheable_csv(request, _table(campaign, letters, now).csv, name=name, is_public=False)
