"""Who to ask next: the lists of MPs for a campaign's editors and owners."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from fastapi import Request, Response
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug
from api.http.late_routes import Router
from models import Campaign, Member, QuickAnswerKind
from services.campaigns import member_notes
from services.campaigns.team_records import TeamEntry
from services.common import times
from services.errors import Conflict
from services.targets.ask_lists import AskList
from services.targets.desk_reasons import DeskReason
from services.views.desk.members import asking
from services.views.desk.members.asking import Asking, AskRow, LettersSoFar
from services.views.desk.members.member_details import MemberDetails, Office
from web.base import forms, page_numbers
from web.base.desk import Desk, EditorDesk
from web.organisers.campaign import own
from web.organisers.members import ask_query
from web.organisers.members.ask_query import AskQuery

ROWS_PER_PAGE = 12
TABS = {
    AskList.TO_ASK: "To ask",
    AskList.RING_BACK: "Ring back today",
    AskList.SAID_YES: "Said yes",
    AskList.SAID_NO: "Said no",
    AskList.NO_ANSWER: "No answer",
}
EMPTY = {
    AskList.TO_ASK: "There’s nobody to ask at the moment.",
    AskList.RING_BACK: "There’s nobody to ring back today. Choose a day beside a note, and the MP "
    "comes onto this list on that day.",
    AskList.SAID_YES: "Nobody has said yes yet. MPs who promise to sign stay on this list until "
    "their name is on the motion.",
    AskList.SAID_NO: "Nobody has said no.",
    AskList.NO_ANSWER: "Every office that you rang answered.",
}
LETTERS = {
    LettersSoFar.NONE: "None yet",
    LettersSoFar.FEW: "1 to 5",
    LettersSoFar.MANY: "6 or more",
}
DONE = {
    "answered": "Recorded.",
    "noted": "Note saved.",
    "rung": "Rung back.",
    "undone": "Removed.",
}
NOTHING_TO_ASK = {
    "campaign_without_motion": (
        "This campaign has no motion yet, so there’s nothing to ask MPs to sign.",
        "Choose a motion",
    ),
    "motion_ended": (
        "This motion is no longer before Parliament, so MPs can’t sign it any more. What you "
        "recorded about MPs stays.",
        "Link the new motion",
    ),
}
router = Router()


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row of the page, with all that it shows.

    `rank` is None for an MP who is not to be asked now. `done` is what was just done to it, if
    anything: the key of `DONE`, and the entry if there is one that can be undone.
    """

    row: AskRow
    rank: int | None
    reasons: tuple[DeskReason, ...]
    contacts: Sequence[Office]
    entries: Sequence[TeamEntry]
    done: tuple[str, TeamEntry | None] | None

    @property
    def answer(self) -> QuickAnswerKind | None:
        """Returns the team's newest answer, whose button is pressed."""
        return next((entry.kind for entry in self.entries if entry.kind), None)


@dataclass(frozen=True, slots=True)
class FailedNote:
    """A note that was not saved, with the form as typed."""

    member: Member
    form: forms.Form


@router.get(ask_query.PAGE_PATH)
def show_list(
    slug: Slug, request: Request, desk: EditorDesk, session: ReadSession, now: Now
) -> Response:
    """Shows one of the lists. What the address has and the page does not know is ignored."""
    campaign = own.of_page(desk, session, slug)
    query = ask_query.read(request.query_params.multi_items())
    return page(desk, session, campaign, query, now=now)


def page(
    desk: Desk,
    session: Session,
    campaign: Campaign,
    query: AskQuery,
    *,
    now: datetime,
    failed: FailedNote | None = None,
) -> Response:
    """Renders the list, with a note that was not saved above it if there is one."""
    try:
        found = asking.of_campaign(
            session,
            campaign,
            now=now,
            placed_without=query.answered,
            rung_back=query.rung_back,
        )
    except Conflict as error:
        return nothing_to_ask(desk, campaign, error, failed=failed)
    return desk.page(
        "organisers/members/ask.html",
        status=422 if failed else 200,
        campaign=campaign,
        failed=failed,
        form=failed.form if failed else forms.Form(),
        no_form=forms.Form(),
        now=now,
        **_list_values(session, campaign, found, query.checked(found), times.today(now)),
    )


def nothing_to_ask(
    desk: Desk,
    campaign: Campaign,
    error: Conflict,
    *,
    failed: FailedNote | None = None,
) -> Response:
    """Says why no MP can sign anything, and what to do. A note that was not saved is shown."""
    text, label = NOTHING_TO_ASK[error.code]
    return desk.page(
        "organisers/members/ask_nothing.html",
        status=422 if failed else 200,
        campaign=campaign,
        failed=failed,
        form=failed.form if failed else forms.Form(),
        text=text,
        label=label,
    )


def _list_values(
    session: Session, campaign: Campaign, found: Asking, query: AskQuery, today: date
) -> dict[str, Any]:
    rows = found.shown(query.show, query.only)
    pages = max(1, -(-len(rows) // ROWS_PER_PAGE))
    number = min(query.page, pages)
    first = (number - 1) * ROWS_PER_PAGE
    shown = _shown_rows(session, campaign, found, rows[first : first + ROWS_PER_PAGE], query)
    notices = [text for name, text in DONE.items() if name in query.done]
    return {
        "query": query,
        "tally": found.tally,
        "tabs": [(each, label, found.count(each, query.only)) for each, label in TABS.items()],
        "empty": EMPTY[query.show],
        "rows": shown,
        "notice": notices[0] if notices and not any(row.done for row in shown) else "",
        "first": first + 1,
        "total": len(rows),
        "page_number": number,
        "pages": page_numbers.pages_near(number, pages),
        "options": {
            "party": [(name, name) for name in found.parties()],
            "region": [(name, name) for name in found.regions()],
            "letters": list(LETTERS.items()),
        },
        "longest": member_notes.LONGEST,
        "today": today,
        "furthest": today + member_notes.FURTHEST,
    }


def _shown_rows(
    session: Session,
    campaign: Campaign,
    found: Asking,
    rows: Sequence[AskRow],
    query: AskQuery,
) -> list[ShownRow]:
    details = asking.details_of(session, campaign, rows)
    return [_shown_row(row, details[row.member.id], found, query) for row in rows]


def _shown_row(row: AskRow, details: MemberDetails, found: Asking, query: AskQuery) -> ShownRow:
    return ShownRow(
        row,
        found.ranks.get(row.member.id),
        found.reasons(row),
        details.contacts,
        details.entries,
        done_to(row.member.id, details.entries, query),
    )


def done_to(
    member_id: int, entries: Sequence[TeamEntry], query: AskQuery
) -> tuple[str, TeamEntry | None] | None:
    for name in ("rung", "undone"):
        if query.done.get(name) == str(member_id):
            return name, None
    for name in ("answered", "noted"):
        for entry in entries:
            if query.done.get(name) == str(entry.id):
                return name, entry
    return None
