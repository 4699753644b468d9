"""The post of a campaign."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from lobby.api.schemas.fields import Answer, Request
from lobby.models import LetterState
from lobby.services.messages import Post
from lobby.services.post_room import PostedLetter, PostView


class PostAnswer(Answer):
    """Letters by state. `next_at` and `last_at`: when those that wait are to go; null where none
    waits or the post is paused. `deferred` are those of the queued ones that were put off."""

    is_paused: bool
    paused_at: datetime | None
    pending: int
    queued: int
    deferred: int
    sent: int
    held: int
    cancelled: int
    rejected: int
    uncertain: int
    next_at: datetime | None
    last_at: datetime | None
    waiting_since: datetime | None


class PostMember(Answer):
    """Whom a letter is to."""

    id: int
    name: str
    party: str


class PostedLetterAnswer(Answer):
    """A letter without its words. `reason` is why it is held or was refused, in the relay's words;
    `message_id` finds it in the relay's log."""

    id: UUID
    member: PostMember
    state: LetterState
    variant: str
    reason: str | None
    attempts: int
    created_at: datetime
    goes_at: datetime | None
    sent_at: datetime | None
    message_id: str | None


class Settlement(Request):
    """What became of an uncertain letter, by the relay's log or the office's word."""

    outcome: Literal["sent", "not_sent"]


class SettledAnswer(Answer):
    """The letter's state now."""

    id: UUID
    status: LetterState


def post_answer(view: PostView) -> PostAnswer:
    """From the view of a campaign's post."""
    counts = {state.value: count for state, count in view.counts.items()}
    return PostAnswer(
        is_paused=view.paused_at is not None,
        paused_at=view.paused_at,
        pending=counts["pending"],
        queued=counts["queued"],
        deferred=view.deferred,
        sent=counts["sent"],
        held=counts["held"],
        cancelled=counts["cancelled"],
        rejected=counts["rejected"],
        uncertain=counts["uncertain"],
        next_at=view.next_at,
        last_at=view.last_at,
        waiting_since=view.waiting_since,
    )


def posted_answer(posted: PostedLetter, post: Post) -> PostedLetterAnswer:
    """From a letter with its message, where it has one."""
    letter, message = posted.letter, posted.message
    waits = message is not None and letter.state is LetterState.QUEUED
    return PostedLetterAnswer(
        id=letter.id,
        member=PostMember.model_validate(posted.member),
        state=letter.state,
        variant=letter.variant,
        reason=letter.reason,
        attempts=message.attempt if message else 0,
        created_at=letter.created_at,
        goes_at=message.due_at if message and waits and message.due_at.year < 9999 else None,
        sent_at=letter.sent_at,
        message_id=post.message_id(message.id) if message else None,
    )
