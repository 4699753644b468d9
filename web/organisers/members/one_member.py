"""One MP, or a constituency without one: figures, what is known, and what the team recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from sqlmodel import Session

from api.http.csv_answers import cacheable_csv
from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
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
router = Router()


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page of one MP or constituency begins with: its campaign, and who reads it when.

    `pairs` is the query string. It has the list from which the reader came, and what was done.
    """

    desk: Desk
    session: Session
    lobby: Lobby
    campaign: Campaign
    pairs: Sequence[tuple[str, str]]
    now: datetime

    @property
    def query(self) -> MpsQuery:
        """Returns the list from which the reader came."""
        return mps_query.read(self.pairs, besides=(*ask_query.DONE, "done"))

    @property
    def notice(self) -> str:
        """Returns what to say about a statement that was saved or ended."""
        return NOTICES.get(dict(self.pairs).get("done", ""), "")

    def reader(self, query: MpsQuery) -> Reader:
        """Returns who reads, for the services."""
        return Reader(self.desk.may_edit, self.now, query.only, self.lobby.postcodes.lookup)


def visit_of(
    slug: Slug,
    request: Request,
    desk: ViewerDesk,
    session: ReadSession,
    lobby: TheLobby,
    now: Now,
) -> Visit:
    """Returns the visit of a request. Raises NotFound for another organisation's campaign."""
    campaign = own.of_page(desk, session, slug)
    return Visit(desk, session, lobby, campaign, request.query_params.multi_items(), now)


TheVisit = Annotated[Visit, Depends(visit_of)]


@router.get(f"{MEMBER_PATH}/letters.csv")
def letters_file(member_id: str, request: Request, visit: TheVisit) -> Response:
    """Answers with the letters of each week, as the chart shows them."""
    number = _number(member_id)
    letters = one_member.letters_of(visit.session, visit.campaign, number, now=visit.now)
    return _file(request, visit, letters, member_id)


@router.get(MEMBER_PATH)
def show_member(member_id: str, visit: TheVisit) -> Response:
    """Shows an MP, or a former one. The address has the list from which the reader came."""
    return page(visit, _number(member_id))


@router.get(f"{SEAT_PATH}/letters.csv")
def seat_letters_file(slug: Slug, gss: str, request: Request, visit: TheVisit) -> Response:
    """Answers with the letters of each week to a seat without an MP; another leads to its MP's."""
    found = one_member.of_seat(visit.session, visit.campaign, gss, visit.reader(MpsQuery()))
    if isinstance(found, int):
        return see_other(f"{MEMBER_PATH.format(slug=slug, member_id=found)}/letters.csv")
    return _file(request, visit, found.letters, gss)


@router.get(SEAT_PATH)
def show_seat(slug: Slug, gss: str, visit: TheVisit) -> Response:
    """Shows a constituency without an MP. Any other leads to the page of its MP."""
    query = visit.query
    found = one_member.of_seat(visit.session, visit.campaign, gss, visit.reader(query))
    if isinstance(found, int):
        return see_other(MEMBER_PATH.format(slug=slug, member_id=found) + query.address())
    return _page(visit, query, found)


def page(visit: Visit, member_id: int, *, form: forms.Form | None = None) -> Response:
    """Renders the page of a member, with a statement that was not saved if there is one."""
    query = visit.query
    found = one_member.of_member(visit.session, visit.campaign, member_id, visit.reader(query))
    done = asking.done_to(member_id, found.team.entries, ask_query.read(visit.pairs))
    return _page(visit, query, found, form=form, done=done)


def _number(text: str) -> int:
    """Raises NotFound for what is no number of a member."""
    if not (text.isascii() and text.isdecimal() and len(text) < 11):
        raise NotFound("member_unknown", "There is no such MP.")
    return int(text)


def _page(
    visit: Visit,
    query: MpsQuery,
    found: OnePage | FormerPage,
    *,
    form: forms.Form | None = None,
    done: Any = None,
) -> Response:
    is_former, today = isinstance(found, FormerPage), times.today(visit.now)
    return visit.desk.page(
        "organisers/members/former_mp.html" if is_former else "organisers/members/mp.html",
        status=422 if form else 200,
        campaign=visit.campaign,
        found=found,
        query=query,
        chart=_chart(visit.campaign, found.letters, visit.now),
        weeks=_table(visit.campaign, found.letters, visit.now),
        tag=stance_words.tag,
        words=stance_words,
        form=form or forms.Form(),
        no_form=forms.Form(),
        done=done,
        notice=visit.notice,
        site=visit.lobby.settings.base_url,
        longest=member_notes.LONGEST,
        today=today,
        furthest=today + member_notes.FURTHEST,
        now=visit.now,
    )


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


def _file(request: Request, visit: Visit, letters: SentLetters, of: str) -> Response:
    text = _table(visit.campaign, letters, visit.now).csv
    name = f"{visit.campaign.slug}-letters-{of}.csv"
    return cacheable_csv(request, text, name=name, is_public=False)
