"""A campaign's letter queue for its organisers: its state, its pace, and letters to settle."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Form, Query, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug, TheLobby, WriteSession
from api.http.late_routes import Router
from api.http.paging import Page
from models import Campaign
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common import texts
from services.errors import Invalid
from services.letters import answers, campaign_changes, letter_queue, queue_overview
from services.letters.letter_queue import QueuedLetter
from services.letters.queue_overview import LetterGroup
from services.mail import dead_addresses
from web.base import forms, page_numbers
from web.base.desk import Desk, EditorDesk, OwnerDesk
from web.base.page_numbers import PageOnly
from web.base.rendering import see_other

QUEUE = "/organiser/campaigns/{slug}/letters"
LETTERS_PER_PAGE = 25
MPS_PER_PAGE = 50
# The highest value of each field.
HIGHEST_VALUES = {
    "letters_per_hour": 1_000_000,
    "letters_per_member_day": 1_000_000,
    "likeness_limit": 100,
}
LABELS = {
    "letters_per_hour": "Letters an hour",
    "letters_per_member_day": "Letters a day to one MP",
    "likeness_limit": "How similar to earlier letters, in percent",
}
NOTICES = {
    "saved": "Saved. Waiting letters follow this.",
    "again": "The letter is waiting to be sent again.",
    "sent": "We’ve counted the letter as sent.",
}
# Shown with a zero too.
ALWAYS_SHOWN = (
    LetterGroup.WAITING,
    LetterGroup.PUT_OFF,
    LetterGroup.SENT,
    LetterGroup.REFUSED,
    LetterGroup.BOUNCED,
    LetterGroup.UNCERTAIN,
)
router = Router()


class SettingFields(BaseModel):
    """The fields as sent: an empty number means no limit, and unticked boxes are left out."""

    letters_per_hour: str = ""
    letters_per_member_day: str = ""
    likeness_limit: str = ""
    likeness_is_required: str = ""
    own_words_are_required: str = ""


class RetryFields(BaseModel):
    """The group that the list showed, to show it again."""

    show: LetterGroup | None = None


class OutcomeFields(BaseModel):
    """What an organiser found out about an uncertain letter."""

    outcome: Literal["sent", "not_sent"]


@dataclass(frozen=True, slots=True)
class LetterRow:
    """A letter in the list. `reason` is the mail server's text or, if held, a code."""

    queued: QueuedLetter
    group: LetterGroup
    reason: str | None
    message_id: str | None
    goes_at: datetime | None

    @property
    def can_retry(self) -> bool:
        """Returns whether a button can send it again: it was refused, or waits for a retry."""
        return self.group in (LetterGroup.REFUSED, LetterGroup.PUT_OFF)


@router.get(QUEUE)
def show_queue(
    slug: Slug,
    desk: EditorDesk,
    lobby: TheLobby,
    session: ReadSession,
    show: LetterGroup | None = None,
    cursor: Annotated[str | None, Query(max_length=40)] = None,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Shows the state of the queue, its letters, and the settings."""
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    form = forms.Form(campaign.model_dump(include=set(SettingFields.model_fields)))
    return _page(session, desk, lobby, campaign, form, show=show, cursor=cursor, done=done)


@router.post(QUEUE)
def save(
    slug: Slug,
    fields: Annotated[SettingFields, Form()],
    desk: OwnerDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Saves pace and rules. Waiting letters get new times where the pace changes."""
    form, organisation_id = forms.Form(fields.model_dump()), desk.organisation_id
    try:
        values = _checked_settings(form)
    except Invalid as error:
        form.note(error)
        campaign = campaigns.own(session, slug, organisation_id=organisation_id)
        return _page(session, desk, lobby, campaign, form, status=422)
    # One connection at a time: `session` takes its own only after an error.
    with lobby.database.write() as writing:
        campaign = campaigns.own(writing, slug, organisation_id=organisation_id)
        campaign_changes.change(writing, campaign, values=values, pace=lobby.pace, now=now)
    return _redirect_back(slug, "saved")


@router.post(f"{QUEUE}/pause")
def pause(slug: Slug, desk: EditorDesk, session: WriteSession, now: Now) -> Response:
    """Pauses the sending of letters. Repeating it changes nothing."""
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    letter_queue.pause(session, campaign, now=now)
    return _redirect_back(slug)


@router.post(f"{QUEUE}/resume")
def resume(
    slug: Slug, desk: OwnerDesk, session: WriteSession, lobby: TheLobby, now: Now
) -> Response:
    """Resumes sending at the campaign's pace. Repeating it changes nothing."""
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    letter_queue.resume(session, campaign, pace=lobby.pace, now=now)
    return _redirect_back(slug)


@router.post("/organiser/letters/{letter_id}/retry")
def retry(
    letter_id: UUID,
    fields: Annotated[RetryFields, Form()],
    desk: EditorDesk,
    session: WriteSession,
    lobby: TheLobby,
    now: Now,
) -> Response:
    """Sends a refused letter again, or retries a deferred one now."""
    letter = letter_queue.retry(
        session,
        letter_id,
        organisation_id=desk.organisation_id,
        keyring=lobby.keyring,
        now=now,
    )
    campaign = campaigns.get(session, letter.campaign_id)
    return _redirect_back(campaign.slug, "again", fields.show)


@router.get("/organiser/letters/{letter_id}/settle")
def ask_outcome(
    letter_id: UUID, desk: EditorDesk, session: ReadSession, lobby: TheLobby
) -> Response:
    """Asks whether an uncertain letter was sent, and says what each answer does."""
    campaign, queued = queue_overview.campaign_and_letter(
        session, letter_id, organisation_id=desk.organisation_id
    )
    return desk.page(
        "organisers/settle_letter.html",
        campaign=campaign,
        row=_row(queued, lobby),
    )


@router.post("/organiser/letters/{letter_id}/settle")
def settle(
    letter_id: UUID,
    fields: Annotated[OutcomeFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
    session: WriteSession,
    now: Now,
) -> Response:
    """Counts an uncertain letter as sent, or sends it again."""
    was_sent = fields.outcome == "sent"
    letter = letter_queue.settle(
        session,
        letter_id,
        organisation_id=desk.organisation_id,
        was_sent=was_sent,
        keyring=lobby.keyring,
        now=now,
    )
    campaign = campaigns.get(session, letter.campaign_id)
    return _redirect_back(campaign.slug, "sent" if was_sent else "again", LetterGroup.UNCERTAIN)


@router.get(f"{QUEUE}/answers")
def show_answers(
    slug: Slug, desk: EditorDesk, lobby: TheLobby, session: ReadSession, page: str = ""
) -> Response:
    """Shows how many letters each MP replied to, as the writers reported; never who wrote."""
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    counted = answers.recent(session, campaign, counts=lobby.minute_counts)
    rows = counted.value
    pages = max(1, -(-len(rows) // MPS_PER_PAGE))
    query = PageOnly.read(page)
    number = min(query.page, pages)
    first = (number - 1) * MPS_PER_PAGE
    return desk.page(
        "organisers/answers.html",
        campaign=campaign,
        rows=rows[first : first + MPS_PER_PAGE],
        total=answers.total(rows),
        mps=len(rows),
        first=first + 1,
        query=query,
        page_number=number,
        pages=page_numbers.pages_near(number, pages),
        counted_at=counted.at,
    )


def _checked_settings(form: forms.Form) -> dict[str, Any]:
    """Returns the values to save, or raises Invalid with all problems."""
    values: dict[str, Any] = {
        name: _number(form, name, highest) for name, highest in HIGHEST_VALUES.items()
    }
    form.finish()
    for name in ("likeness_is_required", "own_words_are_required"):
        values[name] = bool(form.value(name))
    return values


def _number(form: forms.Form, name: str, highest: int) -> int | None:
    def rule(text: str) -> str:
        try:
            return texts.number(text, name, least=1, most=highest)
        except Invalid as error:
            raise Invalid.field(name, error.code, f"{LABELS[name]}: {error.message}") from error

    if not form.value(name).strip():
        return None
    number = form.check(name, rule, missing="")
    return int(number) if number else None


def _page(
    session: Session,
    desk: Desk,
    lobby: Lobby,
    campaign: Campaign,
    form: forms.Form,
    *,
    show: LetterGroup | None = None,
    cursor: str | None = None,
    done: str = "",
    status: int = 200,
) -> Response:
    now, paging = lobby.clock(), Page(cursor, LETTERS_PER_PAGE)
    overview = queue_overview.overview(
        session, campaign, relay=lobby.courier.relay, pace=lobby.pace, now=now
    )
    # One more than is shown tells whether there is a next page.
    letters = queue_overview.page(
        session, campaign, group=show, after=paging.after, limit=paging.limit + 1
    )
    return desk.page(
        "organisers/letter_queue.html",
        status=status,
        campaign=campaign,
        form=form,
        labels=LABELS,
        LetterGroup=LetterGroup,
        overview=overview,
        dead_addresses=dead_addresses.of_campaign(session, campaign, keyring=lobby.keyring),
        groups=[
            group for group in LetterGroup if overview.group_counts[group] or group in ALWAYS_SHOWN
        ],
        show=show,
        rows=[_row(queued, lobby) for queued in letters[: paging.limit]],
        next_cursor=paging.next_cursor([queued.letter.id for queued in letters]),
        is_first_page=cursor is None,
        notice=NOTICES.get(done),
        now=now,
    )


def _row(queued: QueuedLetter, lobby: Lobby) -> LetterRow:
    message, group = queued.message, queue_overview.group_of(queued)
    return LetterRow(
        queued=queued,
        group=group,
        reason=queue_overview.reason_of(queued),
        message_id=lobby.mail_context.message_id(message.id) if message else None,
        goes_at=queue_overview.goes_at(queued),
    )


def _redirect_back(slug: str, done: str = "", show: LetterGroup | None = None) -> Response:
    query = urlencode({"show": show, "done": done} if show else {"done": done})
    return see_other(QUEUE.format(slug=slug) + (f"?{query}" if done else ""))
