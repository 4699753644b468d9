"""A campaign's post, for its organisers: whether it flows, its pace, and what needs a hand."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Query, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug, TheLobby, WriteSession
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
from web.base import forms
from web.base.dependencies import AtDesk
from web.base.rendering import page, see_other

LETTERS = 25
# What may be typed into each, at most.
NUMBERS = {
    "letters_per_hour": 1_000_000,
    "letters_per_member_day": 1_000_000,
    "likeness_limit": 100,
}
LABELS = {
    "letters_per_hour": "Letters an hour",
    "letters_per_member_day": "Letters a day to one MP",
    "likeness_limit": "How like earlier letters one may be, in percent",
}
DONE = {
    "saved": "Saved. Letters that wait keep to it.",
    "again": "The letter waits to be sent again.",
    "sent": "The letter is counted as sent.",
}
# Piles that say something while they are empty too.
ALWAYS_SHOWN = (
    LetterGroup.WAITING,
    LetterGroup.PUT_OFF,
    LetterGroup.SENT,
    LetterGroup.REFUSED,
    LetterGroup.BOUNCED,
    LetterGroup.UNCERTAIN,
)
router = APIRouter()


class SettingFields(BaseModel):
    """The form as it comes: an empty number is no limit, and a box without a tick is not sent."""

    letters_per_hour: str = ""
    letters_per_member_day: str = ""
    likeness_limit: str = ""
    likeness_is_required: str = ""
    own_words_are_required: str = ""


class RetryFields(BaseModel):
    """Which letters were shown, to come back to."""

    show: LetterGroup | None = None


class OutcomeFields(BaseModel):
    """What became of an uncertain letter."""

    outcome: Literal["sent", "not_sent"]


@dataclass(frozen=True, slots=True)
class LetterRow:
    """A letter as the list shows it; `reason` is in the mail server's words or, held, in ours."""

    posted: QueuedLetter
    pile: LetterGroup
    reason: str | None
    message_id: str | None
    goes_at: datetime | None

    @property
    def can_retry(self) -> bool:
        """Whether it can be sent again by a button: a refused one, or right now one put off."""
        return self.pile in (LetterGroup.REFUSED, LetterGroup.PUT_OFF)


@router.get("/organiser/campaigns/{slug}/post")
def show(
    slug: Slug,
    organiser: AtDesk,
    lobby: TheLobby,
    session: ReadSession,
    show: LetterGroup | None = None,
    cursor: Annotated[str | None, Query(max_length=40)] = None,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """At a glance, letter by letter, and what can be set."""
    campaign = campaigns.own(session, slug, organisation_id=organiser.organisation_id)
    form = forms.Form(campaign.model_dump(include=set(SettingFields.model_fields)))
    return _page(session, lobby, campaign, form, show=show, cursor=cursor, done=done)


@router.post("/organiser/campaigns/{slug}/post")
def save(
    slug: Slug,
    fields: Annotated[SettingFields, Form()],
    organiser: AtDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Save pace and rules; letters that wait are planned anew."""
    form, owner = forms.Form(fields.model_dump()), organiser.organisation_id
    try:
        values = _checked(form)
    except Invalid as error:
        form.note(error)
        campaign = campaigns.own(session, slug, organisation_id=owner)
        return _page(session, lobby, campaign, form, status=422)
    # One connection at a time: `session` takes its own only where this fails.
    with lobby.database.write() as writing:
        campaign = campaigns.own(writing, slug, organisation_id=owner)
        campaign_changes.change(writing, campaign, values=values, pace=lobby.pace, now=now)
    return _back(slug, "saved")


@router.post("/organiser/campaigns/{slug}/post/pause")
def pause(slug: Slug, organiser: AtDesk, session: WriteSession, now: Now) -> Response:
    """Let no letter go until the post is resumed. Again: the same."""
    campaign = campaigns.own(session, slug, organisation_id=organiser.organisation_id)
    letter_queue.pause(session, campaign, now=now)
    return _back(slug)


@router.post("/organiser/campaigns/{slug}/post/resume")
def resume(
    slug: Slug, organiser: AtDesk, session: WriteSession, lobby: TheLobby, now: Now
) -> Response:
    """Let the post go on, spread as the campaign says. Again: the same."""
    campaign = campaigns.own(session, slug, organisation_id=organiser.organisation_id)
    letter_queue.resume(session, campaign, pace=lobby.pace, now=now)
    return _back(slug)


@router.post("/organiser/letters/{letter_id}/retry")
def retry(
    letter_id: UUID,
    fields: Annotated[RetryFields, Form()],
    organiser: AtDesk,
    session: WriteSession,
    lobby: TheLobby,
    now: Now,
) -> Response:
    """Send a letter again that was refused, or one right now that was put off."""
    letter = letter_queue.retry(
        session,
        letter_id,
        organisation_id=organiser.organisation_id,
        keyring=lobby.keyring,
        now=now,
    )
    campaign = session.get_one(Campaign, letter.campaign_id)
    return _back(campaign.slug, "again", fields.show)


@router.get("/organiser/letters/{letter_id}/settle")
def ask_what_became(
    letter_id: UUID, organiser: AtDesk, session: ReadSession, lobby: TheLobby
) -> Response:
    """What each of the two answers does, before one is given."""
    campaign, posted = queue_overview.campaign_and_letter(
        session, letter_id, organisation_id=organiser.organisation_id
    )
    return page(
        "organisers/settle_letter.html",
        session,
        is_private=True,
        campaign=campaign,
        row=_row(posted, lobby),
        piles_of=LetterGroup,
    )


@router.post("/organiser/letters/{letter_id}/settle")
def settle(
    letter_id: UUID,
    fields: Annotated[OutcomeFields, Form()],
    organiser: AtDesk,
    lobby: TheLobby,
    session: WriteSession,
    now: Now,
) -> Response:
    """An uncertain letter went, and is counted; or it did not, and goes again."""
    was_sent = fields.outcome == "sent"
    letter = letter_queue.settle(
        session,
        letter_id,
        organisation_id=organiser.organisation_id,
        was_sent=was_sent,
        keyring=lobby.keyring,
        now=now,
    )
    campaign = session.get_one(Campaign, letter.campaign_id)
    return _back(campaign.slug, "sent" if was_sent else "again", LetterGroup.UNCERTAIN)


@router.get("/organiser/campaigns/{slug}/answers")
def show_answers(slug: Slug, organiser: AtDesk, session: ReadSession) -> Response:
    """What came back of the letters to each MP, as their writers say. Never who wrote."""
    campaign = campaigns.own(session, slug, organisation_id=organiser.organisation_id)
    rows = answers.of_campaign(session, campaign)
    total = answers.total(rows)
    return page(
        "organisers/answers.html",
        session,
        is_private=True,
        campaign=campaign,
        rows=rows,
        total=total,
    )


def _checked(form: forms.Form) -> dict[str, Any]:
    """What is to be saved, or Invalid with all that is wrong."""
    values: dict[str, Any] = {name: _number(form, name, most) for name, most in NUMBERS.items()}
    form.finish()
    for name in ("likeness_is_required", "own_words_are_required"):
        values[name] = bool(form.value(name))
    return values


def _number(form: forms.Form, name: str, most: int) -> int | None:
    def rule(text: str) -> str:
        try:
            return texts.number(text, name, least=1, most=most)
        except Invalid as error:
            raise Invalid.field(name, error.code, f"{LABELS[name]}: {error.message}") from error

    if not form.value(name).strip():
        return None
    found = form.check(name, rule, missing="")
    return int(found) if found else None


def _page(
    session: Session,
    lobby: Lobby,
    campaign: Campaign,
    form: forms.Form,
    *,
    show: LetterGroup | None = None,
    cursor: str | None = None,
    done: str = "",
    status: int = 200,
) -> Response:
    now, wanted = lobby.clock(), Page(cursor, LETTERS)
    glance = queue_overview.overview(
        session, campaign, relay=lobby.courier.relay, pace=lobby.pace, now=now
    )
    found = queue_overview.page(
        session, campaign, group=show, after=wanted.after, limit=wanted.limit + 1
    )
    return page(
        "organisers/letter_queue.html",
        session,
        status=status,
        is_private=True,
        campaign=campaign,
        form=form,
        labels=LABELS,
        piles_of=LetterGroup,
        glance=glance,
        dead=dead_addresses.of_campaign(session, campaign, keyring=lobby.keyring),
        piles=[pile for pile in LetterGroup if glance.group_counts[pile] or pile in ALWAYS_SHOWN],
        show=show,
        rows=[_row(posted, lobby) for posted in found[: wanted.limit]],
        following=wanted.cursor_behind([posted.letter.id for posted in found]),
        is_first=cursor is None,
        done=DONE.get(done),
        now=now,
    )


def _row(posted: QueuedLetter, lobby: Lobby) -> LetterRow:
    message, pile = posted.message, queue_overview.group_of(posted)
    return LetterRow(
        posted=posted,
        pile=pile,
        reason=queue_overview.reason_of(posted),
        message_id=lobby.mail_context.message_id(message.id) if message else None,
        goes_at=queue_overview.goes_at(posted),
    )


def _back(slug: str, done: str = "", show: LetterGroup | None = None) -> Response:
    query = urlencode({"show": show, "done": done} if show else {"done": done})
    return see_other(f"/organiser/campaigns/{slug}/post{f'?{query}' if done else ''}")
