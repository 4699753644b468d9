"""The petitions of a campaign: what waits, how they grow, and where signatures come from."""

from typing import Annotated

from fastapi import Query, Request, Response

from api.http.csv_answers import cacheable_csv
from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from services.campaigns import goals
from services.signatures import pending_views
from services.tallies.histories import DailyHistory
from services.views.desk import overview, petition_room
from services.views.desk.petition_room import Groups, Sources
from services.views.desk.small_groups import FEWEST
from web.base.charts import axes, bars
from web.base.charts.tables import Table
from web.base.desk import ViewerDesk
from web.base.sharing import MEDIA
from web.organisers.campaign import own
from web.organisers.campaign.overview_charts import SPANS

PATH = "/organiser/campaigns/{slug}/petition"
OTHERS = "Others"
Days = Annotated[str, Query(max_length=20)]
router = Router()


@router.get(PATH)
def show_petition(
    slug: Slug, desk: ViewerDesk, lobby: TheLobby, session: ReadSession, now: Now, days: Days = ""
) -> Response:
    """Shows the petitions of a campaign with their growth and sources."""
    campaign = own.of_page(desk, session, slug)
    span = days if days in SPANS else ""
    room = petition_room.of_campaign(
        session, campaign, days=SPANS.get(span), media=MEDIA, counts=lobby.minute_counts, now=now
    )
    history = room.history
    has_ended = campaign.ended_at is not None
    return desk.page(
        "organisers/campaign/petition_room.html",
        campaign=campaign,
        room=room,
        goals={
            each.petition.slug: goals.shown(each.petition.goal, count=each.signatures)
            for each in room.petitions
        },
        most_counted=pending_views.MOST_COUNTED,
        growth=bars.day_bars(
            list(zip(history.days, history.signatures_a_day, strict=True)),
            title="Signatures",
            css_class="signatures",
            is_last_over=has_ended,
        ),
        axis=axes.time_axis(history.days),
        growth_table=growth_table(history),
        days=span,
        ignored=f"days={days}" if days not in ("", *SPANS) else "",
        fewest=FEWEST,
        has_ended=has_ended,
        now=now,
    )


@router.get(f"{PATH}.csv")
def growth_file(
    slug: Slug, request: Request, desk: ViewerDesk, session: ReadSession, now: Now, days: Days = ""
) -> Response:
    """Answers with the signatures of each day that the chart shows."""
    campaign = own.of_page(desk, session, slug)
    history = overview.days_of(session, campaign, days=SPANS.get(days), now=now)
    text = growth_table(history).csv
    return cacheable_csv(request, text, name=f"{slug}-signatures-by-day.csv", is_public=False)


@router.get(f"{PATH}/sources.csv")
def sources_file(
    slug: Slug, request: Request, desk: ViewerDesk, lobby: TheLobby, session: ReadSession
) -> Response:
    """Answers with the sources and partners that the page shows."""
    campaign = own.of_page(desk, session, slug)
    counted = petition_room.sources_of(
        session, campaign.id, media=MEDIA, counts=lobby.minute_counts
    )
    text = sources_table(counted.value).csv
    return cacheable_csv(request, text, name=f"{slug}-sources.csv", is_public=False)


def growth_table(history: DailyHistory) -> Table:
    """Returns the days with their signatures."""
    rows = zip(history.days, history.signatures_a_day, strict=True)
    return Table(("Day", "Signatures"), tuple(rows))


def sources_table(sources: Sources) -> Table:
    """Returns the sources and partners. The groups of each kind add up to all signatures once."""
    kinds = (
        ("share link", sources.media, ""),
        ("code", sources.codes, "no code"),
        ("partner", sources.partners, "no partner"),
    )
    rows = [
        (kind, name, count)
        for kind, groups, nothing in kinds
        for name, count in _named(groups, nothing)
    ]
    return Table(("Kind", "Name", "Signatures"), tuple(rows))


def _named(groups: Groups, nothing: str) -> list[tuple[str, int]]:
    named = [(group.name or nothing, group.signatures) for group in groups.shown]
    return [*named, *([(OTHERS, groups.others)] if groups.others else [])]
