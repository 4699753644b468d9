"""Updates motions and the names on them from answers of Parliament's Motions API.

A bad answer changes no names. Source of the rules: `docs/guide/parliament.md`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from models import Member, Motion, MotionEventKind, MotionSignatory, MotionStatus
from services.errors import Conflict, LobbyError
from services.parliament import members, motion_history, motions
from services.parliament.motion_history import Change
from services.parliament.official.motions_api import (
    NO_VALIDATORS,
    PublishedMotion,
    SponsorAnswer,
    Validators,
)
from services.parliament.standing import Position, Standing
from services.parliament_sync import sessions
from services.webhooks import motion_events

MISSING_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MotionSync:
    """What a successful answer changed: how many members signed, withdrew and signed again.

    `live` counts the members whose names are on the motion now. `missing` counts the rows that the
    answer leaves out although they were not withdrawn.
    """

    motion_id: int
    signed: int
    withdrawn: int
    restored: int
    live: int
    missing: int = 0


def apply_answer(
    session: Session,
    answer: PublishedMotion,
    *,
    validators: Validators = NO_VALIDATORS,
    now: datetime,
) -> MotionSync:
    """Updates one motion from a successful answer; the same answer again records no changes.

    `validators` came with the answer and replace the stored ones. Each difference becomes a
    `motion_event`, and a webhook event where an endpoint wants it. Raises Conflict where the answer
    has no names although we know some (Parliament does not delete names, so the answer is wrong),
    or has names of another motion.
    """
    motion = session.get(Motion, answer.id)
    stored = {row.id: row for row in motions.signatories(session, answer.id)}
    if stored and not answer.sponsors:
        raise Conflict("motion_lost_all_names", f"The answer for motion {answer.id} has no names.")
    _refuse_foreign_names(session, answer)
    before = motions.by_member(stored.values())
    motion_changes = _save_motion(session, motion, answer, validators, now)
    _add_unknown_members(session, answer.sponsors)
    for sponsor in {sponsor.id: sponsor for sponsor in answer.sponsors}.values():
        _save_signatory(session, stored.get(sponsor.id), sponsor, answer.id, now)
    missing = _note_missing(stored, {sponsor.id for sponsor in answer.sponsors}, now)
    session.flush()
    rows = motions.signatories(session, answer.id)
    motion_history.fill_in_moments(session, answer.id, rows)
    after = motions.by_member(rows)
    name_changes = motion_history.changes_of_names(before, after, today=now.date())
    changes = [*motion_changes, *name_changes]
    motion_history.add(session, answer.id, changes, now=now)
    motion_events.changed(session, session.get_one(Motion, answer.id), changes, now=now)
    kinds = [change.kind for change in name_changes]
    return MotionSync(
        motion_id=answer.id,
        signed=kinds.count(MotionEventKind.SIGNED),
        withdrawn=sum(_has_withdrawn(old, after[member_id]) for member_id, old in before.items()),
        restored=kinds.count(MotionEventKind.RESTORED),
        live=sum(position.standing is Standing.SIGNED for position in after.values()),
        missing=missing,
    )


def note_unchanged(session: Session, motion_id: int, *, now: datetime) -> MotionSync:
    """Records an answer that the motion has not changed, which is a successful answer too."""
    _note_success(session.get_one(Motion, motion_id), now)
    rows = motions.signatories(session, motion_id)
    return MotionSync(motion_id, signed=0, withdrawn=0, restored=0, live=motions.live_count(rows))


def validators_of(session: Session, motion_id: int) -> Validators:
    """Returns the validators of the last successful answer, for a conditional request.

    Returns none while a row has been missing for less than a day: the motion must be read then, to
    see whether the row is still missing.
    """
    motion = session.get(Motion, motion_id)
    if motion is None or any(
        _is_recently_missing(row) for row in motions.signatories(session, motion_id)
    ):
        return NO_VALIDATORS
    return Validators(motion.etag, motion.last_modified)


def note_failure(session: Session, motion_id: int, error: LobbyError, *, now: datetime) -> None:
    """Records that a sync failed; the names and the time of the last successful sync stay."""
    motion = session.get(Motion, motion_id)
    if motion:
        motion.sync_failed_at, motion.sync_error = now, error.message


def _save_motion(
    session: Session,
    motion: Motion | None,
    answer: PublishedMotion,
    validators: Validators,
    now: datetime,
) -> list[Change]:
    """Stores the motion itself and returns what has changed about it."""
    if answer.text is None:  # the names are good all the same, and a text that we have stays
        answer = answer.model_copy(update={"text": motion.text if motion else ""})
    parliament_session = sessions.session_on(session, answer.tabled_on)
    values = answer.model_dump(include={"number", "title", "text", "tabled_on", "amends_id"})
    changes = motion_history.changes_of_motion(motion, answer, today=now.date())
    motion = motion or Motion.model_validate({"id": answer.id, **values})
    motion.sqlmodel_update(values)
    motion.parliament_session_id = parliament_session.id if parliament_session else None
    motion.etag, motion.last_modified = validators.etag, validators.last_modified
    _note_success(motion, now)
    if motion.status is not MotionStatus.LAPSED:
        motion.status = MotionStatus.WITHDRAWN if answer.is_withdrawn else MotionStatus.PUBLISHED
    session.add(motion)
    session.flush()
    return changes


def _note_success(motion: Motion, now: datetime) -> None:
    motion.synced_at, motion.sync_failed_at, motion.sync_error = now, None, None


def _is_recently_missing(row: MotionSignatory) -> bool:
    """Returns whether answers leave the row out, but not for long enough to count as withdrawn."""
    return row.missing_since is not None and not row.is_withdrawn


def _refuse_foreign_names(session: Session, answer: PublishedMotion) -> None:
    """A row's id belongs to one motion for good; an answer that says otherwise is wrong."""
    statement = select(MotionSignatory.id).where(
        col(MotionSignatory.id).in_([sponsor.id for sponsor in answer.sponsors]),
        MotionSignatory.motion_id != answer.id,
    )
    if session.exec(statement).first() is not None:
        message = f"The answer for motion {answer.id} has names of another motion."
        raise Conflict("motion_names_foreign", message)


def _add_unknown_members(session: Session, sponsors: list[SponsorAnswer]) -> None:
    published = {sponsor.member_id: sponsor.member for sponsor in sponsors}
    members.ensure(
        session,
        [
            Member(id=member_id, name=member.name, party=member.party or "Unknown")
            for member_id, member in published.items()
        ],
    )


def _save_signatory(
    session: Session,
    row: MotionSignatory | None,
    sponsor: SponsorAnswer,
    motion_id: int,
    now: datetime,
) -> None:
    if row is None:
        row = MotionSignatory(
            id=sponsor.id,
            motion_id=motion_id,
            member_id=sponsor.member_id,
            signed_on=sponsor.signed_on,
            first_seen_at=now,
        )
        session.add(row)
    if row.signed_at is None and row.signed_on == sponsor.signed_on:  # also of an earlier version
        row.signed_at = sponsor.signed_at
    row.missing_since = None
    row.sponsoring_order = sponsor.sponsoring_order
    row.is_withdrawn = sponsor.is_withdrawn
    row.withdrawn_on = sponsor.withdrawn_on if sponsor.is_withdrawn else None
    row.withdrawn_at = sponsor.withdrawn_at if sponsor.is_withdrawn else None


def _has_withdrawn(old: Position, new: Position) -> bool:
    return (old.standing, new.standing) == (Standing.SIGNED, Standing.WITHDRAWN)


def _note_missing(stored: dict[int, MotionSignatory], answered_ids: set[int], now: datetime) -> int:
    """Marks a row as withdrawn after a day of successful answers without it; returns the number
    of missing rows.

    An answer from an old cache can leave out a new row, so one such answer is not enough.
    """
    missing = [
        row for row in stored.values() if row.id not in answered_ids and not row.is_withdrawn
    ]
    for row in missing:
        row.missing_since = row.missing_since or now
        if now - row.missing_since >= MISSING_FOR:
            row.is_withdrawn, row.withdrawn_on = True, now.date()
    return len(missing)
