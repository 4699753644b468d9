"""Motions brought in line with Parliament, and never emptied by a bad answer."""

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
    """What a good answer changed: members who signed, withdrew and came back, and all who stand.

    `missing` are rows that this answer leaves out although nothing was withdrawn.
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
    """Bring one motion in line with a good answer; the same answer again writes nothing new.

    `validators` came with it, and are kept in the place of those of the answer before. Every
    difference becomes a `motion_event`. An answer without a single name where we know some
    is refused (Conflict): Parliament does not delete names, so it can only be a fault.
    """
    motion = session.get(Motion, answer.id)
    held = {row.id: row for row in motions.signatories(session, answer.id)}
    if held and not answer.sponsors:
        raise Conflict("motion_lost_all_names", f"The answer for motion {answer.id} has no names.")
    _refuse_foreign_names(session, answer)
    before = motions.by_member(held.values())
    told = _save_motion(session, motion, answer, validators, now)
    _add_unknown_members(session, answer.sponsors)
    for sponsor in {sponsor.id: sponsor for sponsor in answer.sponsors}.values():
        _save_signatory(session, held.get(sponsor.id), sponsor, answer.id, now)
    missing = _note_missing(held, {sponsor.id for sponsor in answer.sponsors}, now)
    session.flush()
    after = motions.by_member(motions.signatories(session, answer.id))
    changes = motion_history.changes_of_names(before, after, today=now.date())
    motion_history.add(session, answer.id, [*told, *changes], now=now)
    saved = session.get_one(Motion, answer.id)
    motion_events.changed(session, saved, [*told, *changes], now=now)
    kinds = [change.kind for change in changes]
    return MotionSync(
        motion_id=answer.id,
        signed=kinds.count(MotionEventKind.SIGNED),
        withdrawn=sum(_has_withdrawn(found, after[member]) for member, found in before.items()),
        restored=kinds.count(MotionEventKind.RESTORED),
        live=sum(found.standing is Standing.SIGNED for found in after.values()),
        missing=missing,
    )


def note_unchanged(session: Session, motion_id: int, *, now: datetime) -> MotionSync:
    """Parliament says that nothing has changed since the last good answer: as good as another."""
    _note_success(session.get_one(Motion, motion_id), now)
    rows = motions.signatories(session, motion_id)
    return MotionSync(motion_id, signed=0, withdrawn=0, restored=0, live=motions.live_count(rows))


def validators_of(session: Session, motion_id: int) -> Validators:
    """What to ask with whether a motion has changed since its last good answer.

    None while a row of names is missing for less than a day: whether it still is has to be read.
    """
    motion = session.get(Motion, motion_id)
    if motion is None or any(
        _is_recently_missing(row) for row in motions.signatories(session, motion_id)
    ):
        return NO_VALIDATORS
    return Validators(motion.etag, motion.last_modified)


def note_failure(session: Session, motion_id: int, error: LobbyError, *, now: datetime) -> None:
    """Remember that the last sync failed; names and the time of the last good sync stay."""
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
    """Write the motion itself; what happened to it."""
    lived_in = sessions.session_on(session, answer.tabled_on)
    told = answer.model_dump(include={"number", "title", "text", "tabled_on", "amends_id"})
    changes = motion_history.changes_of_motion(motion, answer, today=now.date())
    motion = motion or Motion.model_validate({"id": answer.id, **told})
    motion.sqlmodel_update(told)
    motion.parliament_session_id = lived_in.id if lived_in else None
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
    """Left out by good answers, and not for long enough to count as withdrawn."""
    return row.missing_since is not None and not row.is_withdrawn


def _refuse_foreign_names(session: Session, answer: PublishedMotion) -> None:
    """A row of names belongs to one motion for good; anything else is a fault of the answer."""
    statement = select(MotionSignatory.id).where(
        col(MotionSignatory.id).in_([sponsor.id for sponsor in answer.sponsors]),
        MotionSignatory.motion_id != answer.id,
    )
    if session.exec(statement).first() is not None:
        message = f"The answer for motion {answer.id} has names of another motion."
        raise Conflict("motion_names_foreign", message)


def _add_unknown_members(session: Session, sponsors: list[SponsorAnswer]) -> None:
    """A name can be that of somebody whom no import has brought yet."""
    found = {sponsor.member_id: sponsor.member for sponsor in sponsors}
    members.ensure(
        session,
        [
            Member(id=member_id, name=member.name, party=member.party or "Unknown")
            for member_id, member in found.items()
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
    row.missing_since = None
    row.sponsoring_order = sponsor.sponsoring_order
    row.is_withdrawn = sponsor.is_withdrawn
    row.withdrawn_on = sponsor.withdrawn_on if sponsor.is_withdrawn else None


def _has_withdrawn(then: Position, now: Position) -> bool:
    return (then.standing, now.standing) == (Standing.SIGNED, Standing.WITHDRAWN)


def _note_missing(held: dict[int, MotionSignatory], given: set[int], now: datetime) -> int:
    """A row that good answers leave out for a whole day counts as withdrawn; it is kept.

    Not sooner: an answer from an old cache must not make names come and go.
    """
    missing = [row for row in held.values() if row.id not in given and not row.is_withdrawn]
    for row in missing:
        row.missing_since = row.missing_since or now
        if now - row.missing_since >= MISSING_FOR:
            row.is_withdrawn, row.withdrawn_on = True, now.date()
    return len(missing)
