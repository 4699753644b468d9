"""The overview of a campaign: its figures, days, parties, whom to ask next, what changed last."""

from datetime import datetime
from typing import Annotated

from fastapi import Form, Query, Request, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.http.csv_answers import cacheable_csv
from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from models import Campaign, CampaignStatus
from services.building import readiness
from services.campaigns import campaigns
from services.errors import Invalid
from services.tallies import history_exports, seat_table
from services.views import campaign_maps
from services.views.desk import by_party, overview
from web.base import forms
from web.base.charts import hex_map
from web.base.desk import Desk, EditorDesk, ViewerDesk
from web.base.rendering import see_other
from web.organisers.builder import frame
from web.organisers.campaign import overview_charts, own
from web.organisers.campaign.overview_charts import SPANS

PATH = "/organiser/campaigns/{slug}"
MOST_MEMBERS = 650
NOTICES = {"goal": "The goal is saved.", "no-goal": "The goal is removed."}
Days = Annotated[str, Query(max_length=20)]
Done = Annotated[str, Query(max_length=20)]
router = Router()


class GoalFields(BaseModel):
    """The goal as sent: a number of MPs, or nothing for no goal."""

    member_goal: str = ""


@router.get(PATH)
def show_overview(
    slug: Slug, desk: ViewerDesk, session: ReadSession, now: Now, days: Days = "", done: Done = ""
) -> Response:
    """Shows where the campaign is; a draft shows what will be here."""
    campaign = own.of_page(desk, session, slug)
    form = forms.Form({"member_goal": campaign.member_goal})
    return _page(desk, session, campaign, form, now, days=days, notice=NOTICES.get(done))


@router.post(f"{PATH}/goal")
def set_goal(
    slug: Slug,
    fields: Annotated[GoalFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Sets how many MPs the campaign wants on its motion, or removes the goal."""
    form = forms.Form(fields.model_dump())
    try:
        goal = _goal(form)
    except Invalid as error:
        form.note(error)
        return _page(desk, session, own.of_page(desk, session, slug), form, now, status=422)
    with lobby.database.write() as writing:
        campaign = campaigns.own_locked(writing, slug, organisation_id=desk.organisation_id)
        campaigns.update(writing, campaign, values={"member_goal": goal}, now=now)
    return see_other(f"/organiser/campaigns/{slug}?done={'goal' if goal else 'no-goal'}#goal")


@router.get(f"{PATH}/history.csv")
def history_file(
    slug: Slug,
    request: Request,
    desk: ViewerDesk,
    session: ReadSession,
    now: Now,
    days: Days = "",
) -> Response:
    """Answers with the numbers of each day that the charts show."""
    campaign = own.of_page(desk, session, slug)
    history = overview.days_of(session, campaign, days=SPANS.get(days), now=now)
    text = history_exports.days_file(history)
    return cacheable_csv(request, text, name=f"{slug}-history.csv", is_public=False)


@router.get(f"{PATH}/parties.csv")
def parties_file(
    slug: Slug, request: Request, desk: ViewerDesk, session: ReadSession, now: Now
) -> Response:
    """Answers with what the MPs of each party have done."""
    campaign = own.of_page(desk, session, slug)
    tally = seat_table.of_campaign(session, campaign, now=now)
    text = overview_charts.party_table(by_party.of_rows(tally.rows)).csv
    return cacheable_csv(request, text, name=f"{slug}-parties.csv", is_public=False)


def _goal(form: forms.Form) -> int | None:
    """Returns the goal that was typed, or None where nothing was."""
    typed = form.value("member_goal").strip().replace(",", "")
    if not typed:
        return None
    if typed.isascii() and typed.isdigit() and 1 <= int(typed) <= MOST_MEMBERS:
        return int(typed)
    message = f"Enter a number from 1 to {MOST_MEMBERS}, or leave it empty"
    raise Invalid.field("member_goal", "goal_malformed", message)


def _page(
    desk: Desk,
    session: Session,
    campaign: Campaign,
    form: forms.Form,
    now: datetime,
    *,
    days: str = "",
    notice: str | None = None,
    status: int = 200,
) -> Response:
    if campaign.status is CampaignStatus.DRAFT:
        return _draft(desk, session, campaign, now)
    span = days if days in SPANS else ""
    shown = overview.of_campaign(
        session, campaign, days=SPANS.get(span), may_edit=desk.may_edit, now=now
    )
    return desk.page(
        "organisers/campaign/overview.html",
        status=status,
        campaign=campaign,
        shown=shown,
        charts=overview_charts.of_history(shown),
        parties=overview_charts.of_parties(shown.parties),
        seat_map=hex_map.drawn(campaign_maps.of_tally(shown.tally)),
        form=form,
        days=span,
        ignored=f"days={days}" if days not in ("", *SPANS) else "",
        notice=notice,
        now=now,
    )


def _draft(desk: Desk, session: Session, campaign: Campaign, now: datetime) -> Response:
    found = readiness.of_campaign(session, campaign, now=now)
    return desk.page(
        "organisers/campaign/overview_draft.html",
        campaign=campaign,
        builder=frame.Builder(campaign, frame.Step.OPEN, found, campaign.updated_at, now),
    )
