"""Did the letters matter? MPs who got letters, and who of them signed."""

from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Annotated

from fastapi import Query, Request, Response
from sqlmodel import Session

from api.http.csv_answers import cacheable_csv
from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from models import Campaign
from services.assembly import Lobby
from services.common import times
from services.errors import Invalid
from services.traffic.minute_cache import Counted
from services.views.desk import letters_effect_rows
from services.views.desk.letters_effect import FEWEST, Group, Mp, Share
from services.views.desk.letters_effect_rows import Effect
from web.base.charts import ranges
from web.base.charts.tables import Table
from web.base.desk import ViewerDesk
from web.base.forms import Form
from web.organisers.campaign import own

PATH = "/organiser/campaigns/{slug}/letters/effect"
GROUPS = {
    Group.MANY: "5 letters or more",
    Group.SOME: "1 to 4 letters",
    Group.FEW: "0 to 4 letters",
    Group.ANY: "1 letter or more",
    Group.NONE: "No letters",
}
SHARE_COLUMNS = ("Letters", "Day", "Party", "MPs", "Signed", "Per cent", "From", "To")
MP_COLUMNS = (
    "MP",
    "Constituency",
    "Party",
    "Signed on",
    "Letters before",
    "First letter on",
    "Days from first letter",
)
Typed = Annotated[str, Query(max_length=100)]
router = Router()


@router.get(PATH)
def show_effect(
    slug: Slug,
    desk: ViewerDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
    day: Typed = "",
    party: Typed = "",
) -> Response:
    """Shows the comparison from a day and within a party, and each MP who signed."""
    campaign = own.of_page(desk, session, slug)
    letters = letters_effect_rows.letters_of(session, campaign)
    form, chosen = Form({"day": day}), None
    try:
        chosen = letters_effect_rows.day_of(day, letters, now=now)
    except Invalid as error:
        form.note(error)
    counted = letters_effect_rows.recent(
        session,
        campaign,
        letters,
        day=chosen,
        party=party,
        counts=lobby.minute_counts,
        now=now,
    )
    effect = counted.value
    if effect.day and not form.problems:
        form.put(day=effect.day.isoformat())
    query = _query(effect, chosen, party)
    return desk.page(
        "organisers/campaign/letters_effect.html",
        status=422 if form.problems else 200,
        campaign=campaign,
        effect=effect,
        counted_at=counted.at,
        form=form,
        rows=[(each, GROUPS[each.group], _bar(each)) for each in effect.shares],
        is_apart=_are_apart(effect.shares),
        party_choices=[(each, each) for each in effect.parties],
        fewest=FEWEST,
        query=query,
        ignored=_ignored({"day": day, "party": party}, query, form),
        yesterday=times.today(now) - timedelta(days=1),
        now=now,
    )


@router.get(f"{PATH}.csv")
def effect_file(
    slug: Slug,
    request: Request,
    desk: ViewerDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
    day: Typed = "",
    party: Typed = "",
) -> Response:
    """Answers with the groups that the page shows."""
    campaign = own.of_page(desk, session, slug)
    effect = _effect(session, lobby, campaign, day, party, now).value
    return cacheable_csv(
        request, share_table(effect).csv, name=f"{slug}-letters-effect.csv", is_public=False
    )


@router.get(f"{PATH}/mps.csv")
def mps_file(
    slug: Slug,
    request: Request,
    desk: ViewerDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Answers with each MP who signed since letters began."""
    campaign = own.of_page(desk, session, slug)
    effect = _effect(session, lobby, campaign, "", "", now).value
    return cacheable_csv(
        request,
        mp_table(effect.signed).csv,
        name=f"{slug}-letters-and-names.csv",
        is_public=False,
    )


def share_table(effect: Effect) -> Table:
    """Returns the groups with shares in per cent, to one decimal."""
    return Table(
        SHARE_COLUMNS,
        tuple(
            (
                GROUPS[each.group],
                effect.day,
                effect.party,
                each.members,
                each.signed,
                *(f"{100 * part:.1f}" for part in (each.share, each.low, each.high)),
            )
            for each in effect.shares
        ),
    )


def mp_table(signed: tuple[Mp, ...]) -> Table:
    """Returns each MP with the letters before their name."""
    return Table(
        MP_COLUMNS,
        tuple(
            (
                mp.name,
                mp.seat,
                mp.party,
                mp.first_name_on,
                mp.letters_before,
                mp.first_letter_on if mp.letters_before else None,
                mp.days_from_first,
            )
            for mp in signed
        ),
    )


def _effect(
    session: Session, lobby: Lobby, campaign: Campaign, day: str, party: str, now: datetime
) -> Counted[Effect]:
    """Returns what a file shows. Raises Invalid for a day that cannot be compared from."""
    letters = letters_effect_rows.letters_of(session, campaign)
    return letters_effect_rows.recent(
        session,
        campaign,
        letters,
        day=letters_effect_rows.day_of(day, letters, now=now),
        party=party,
        counts=lobby.minute_counts,
        now=now,
    )


def _bar(share: Share) -> str:
    return ranges.share_bar(share.share, share.low, share.high)


def _are_apart(shares: tuple[Share, ...]) -> bool:
    """Returns whether the range of each group with more letters lies above that of the next."""
    return all(more.low > fewer.high for more, fewer in pairwise(shares))


def _query(effect: Effect, day: date | None, party: str) -> dict[str, str]:
    """Returns what of the address the page has followed."""
    kept = {
        "day": day.isoformat() if day else "",
        "party": party if party == effect.party else "",
    }
    return {name: value for name, value in kept.items() if value}


def _ignored(typed: dict[str, str], query: dict[str, str], form: Form) -> list[str]:
    return [
        f"{name}={value}"
        for name, value in typed.items()
        if value and name not in query and not form.error(name)
    ]
