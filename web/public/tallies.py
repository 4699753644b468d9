"""The page with all MPs: who has signed the motion of a campaign, filtered by links and a form.

All 650 rows are 120 kB, so a page has fifty unless `show=all`.
"""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from models import Campaign, CampaignStatus, MotionStatus
from models.postcode import PostcodeResult, PostcodeStatus
from services.campaigns import campaigns
from services.errors import Invalid
from services.organisations import faces, organisations
from services.postcodes import directory
from services.tallies import seat_table, tally_summaries
from services.tallies.seat_table import Tally, TallyRow
from web.base import forms, stands, words
from web.base.dependencies import Viewer
from web.base.rendering import page, see_other
from web.public.mp_filters import MpQuery

Options = list[tuple[str, str]]
PAGE_SIZE = 50
_NO_SEAT = "We couldn’t find a constituency for that postcode. Check it and try again."
_UNKNOWN = "We can’t find that postcode. Check it and try again."
_ELSEWHERE = "Jersey, Guernsey and the Isle of Man have no MPs in the UK Parliament."
router = APIRouter()


@dataclass(frozen=True, slots=True)
class MpPage:
    """The rows `first` to `last`, counted from 1, of the `total` rows that match the filter."""

    rows: tuple[TallyRow, ...]
    total: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class MemberStatement:
    """What a member said about the motion, on which day, and a link to the source."""

    text: str
    day: date
    link: str | None


def statements_of(row: TallyRow) -> list[MemberStatement]:
    """Returns the last verified reply and the organisers' last note, newest first.

    Where both say the same, only the newer one is returned.
    """
    statements = []
    if note := row.note:
        text = words.ORGANISER_NOTES[note.kind]
        statements.append(MemberStatement(text, note.starts_on, note.link))
    if reply := row.reply:
        text = words.REPLIES[reply.kind]
        statements.append(MemberStatement(text, reply.said_on, reply.link))
    statements.sort(key=lambda statement: statement.day, reverse=True)
    has_one_text = len({statement.text for statement in statements}) == 1
    return statements[:1] if has_one_text else statements


@router.get("/campaigns/{slug}/tally")
def earlier_address(slug: Slug, request: Request) -> Response:
    """Redirects links made before the page was called `mps`, with their filters."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/campaigns/{slug}/mps{query}", 302)


@router.get("/campaigns/{slug}/mps")
def show_mps(
    slug: Slug,
    query: Annotated[MpQuery, Query()],
    session: ReadSession,
    now: Now,
    viewer: Viewer,
) -> Response:
    """Shows how many MPs have signed, the sums, and a row for each constituency."""
    campaign = campaigns.public(session, slug, viewer=viewer)
    tally = seat_table.of_campaign(session, campaign, now=now)
    is_private = viewer is not None  # it may be a draft
    return _page(session, campaign, tally, query, forms.Form(), is_private=is_private)


@router.post("/campaigns/{slug}/mps")
def find_mp(
    slug: Slug,
    session: ReadSession,
    lobby: TheLobby,
    now: Now,
    viewer: Viewer,
    postcode: Annotated[str, Form()] = "",
) -> Response:
    """Redirects to the MP of a postcode. The address names the constituency alone: a postcode is
    personal data, and addresses are kept in histories and logs."""
    campaign = campaigns.public(session, slug, viewer=viewer)
    form = forms.Form({"postcode": postcode})
    try:
        normal = form.check("postcode", directory.normalise, missing="Enter your postcode.")
        form.finish()
        code = _constituency_code(lobby.postcodes.lookup(normal))
    except Invalid as error:
        form.note(error)
        tally = seat_table.of_campaign(session, campaign, now=now)
        return _page(session, campaign, tally, MpQuery(), form, status=422, is_private=True)
    return see_other(f"/campaigns/{slug}/mps?constituency={code}#your-mp")


def _constituency_code(answer: PostcodeResult) -> str:
    """Raises Invalid, for people, where the postcode has no constituency."""
    if answer.status is PostcodeStatus.NOT_IN_UK_PARLIAMENT:
        raise Invalid.field("postcode", "postcode_not_in_uk_parliament", _ELSEWHERE)
    if answer.constituency_code is None:
        is_known = answer.status is not PostcodeStatus.UNKNOWN
        raise Invalid.field("postcode", "postcode_unknown", _NO_SEAT if is_known else _UNKNOWN)
    return answer.constituency_code


def _page(
    session: Session,
    campaign: Campaign,
    tally: Tally,
    query: MpQuery,
    form: forms.Form,
    *,
    status: int = 200,
    is_private: bool,
) -> Response:
    row_filter = query.tally_filter()
    own_row = _own_row(tally, query.constituency)
    motion = tally.motion
    return page(
        "public/mps.html",
        session,
        status=status,
        is_private=is_private,
        face=faces.of_organisation(session, organisations.get(session, campaign.organisation_id)),
        campaign=campaign,
        tally=tally,
        mp_page=_mp_page(row_filter.apply(tally.rows), query),
        query=query,
        form=form,
        tabs=query.tabs(tally.rows),
        own_row=own_row,
        own_stand=_stand(own_row, has_motion=motion is not None),
        can_write=(
            campaign.status is CampaignStatus.OPEN
            and (motion is None or motion.status is MotionStatus.PUBLISHED)
        ),
        options=_options(tally, has_motion=motion is not None),
        summary=tally_summaries.of_tally(tally),
        statements_of=statements_of,
        standing_of=words.standing_of,
    )


def _own_row(tally: Tally, code: str) -> TallyRow | None:
    """Raises Invalid for a code of no constituency here."""
    if not code:
        return None
    for row in tally.rows:
        if row.constituency.code == code:
            return row
    message = "We don’t know this constituency. Enter your postcode to find it."
    raise Invalid.field("constituency", "constituency_unknown", message)


def _stand(row: TallyRow | None, *, has_motion: bool) -> stands.Stand | None:
    if row is None or row.member is None:
        return None
    if not has_motion:
        return stands.without_motion(row.member.name, row.eligibility)
    return stands.of_member(row.member.name, row.standing, row.eligibility)


def _mp_page(rows: tuple[TallyRow, ...], query: MpQuery) -> MpPage:
    if query.show == "all":
        return MpPage(rows, len(rows), 1, len(rows))
    start = (query.page - 1) * PAGE_SIZE
    shown = rows[start : start + PAGE_SIZE]
    return MpPage(shown, len(rows), start + 1, start + len(shown))


def _options(tally: Tally, *, has_motion: bool) -> dict[str, Options]:
    """Lists the choices of the form, with the parties, nations and regions in the table."""
    parties = {row.party for row in tally.rows if row.party}
    nations = {row.constituency.nation for row in tally.rows}
    regions = {row.constituency.region for row in tally.rows}
    return {
        "party": [(name, name) for name in sorted(parties)],
        "nation": [(name, name) for name in sorted(nations)],
        "region": [(name, name) for name in sorted(regions)],
        "said": [(value, text) for value, text in words.STATED_INTENTS.items()],
        "sort": [each for each in words.SORTS.items() if has_motion or each[0] != "signed_on"],
    }
