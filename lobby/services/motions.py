"""Motions as we hold them: kept in line with Parliament, never emptied by a bad answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from lobby.models import Member, Motion, MotionSignatory, MotionStatus, ParliamentSession
from lobby.services import members, parliament_sessions
from lobby.services.errors import Conflict, LobbyError
from lobby.services.parliament import MotionAnswer, SponsorAnswer
from lobby.services.standing import Position, position_of


@dataclass(frozen=True, slots=True)
class MotionSync:
    """What a good answer changed: names new, withdrawn and restored, and all live names."""

    motion_id: int
    signed: int
    withdrawn: int
    restored: int
    live: int


def apply_answer(session: Session, answer: MotionAnswer, *, now: datetime) -> MotionSync:
    """Bring one motion in line with a good answer; the same answer again changes no names.

    An answer without a single name where we know some is refused (Conflict): Parliament does not
    delete names, so it can only be a fault.
    """
    motion = session.get(Motion, answer.id)
    held = {row.id: row for row in signatories(session, answer.id)}
    if held and not answer.sponsors:
        raise Conflict("motion_lost_all_names", f"The answer for motion {answer.id} has no names.")
    _refuse_foreign_names(session, answer)
    _save_motion(session, motion, answer, now)
    _meet_members(session, answer.sponsors)
    before = {row.id for row in held.values() if not row.is_withdrawn}
    for sponsor in {sponsor.id: sponsor for sponsor in answer.sponsors}.values():
        _save_name(session, held.get(sponsor.id), sponsor, answer.id, now)
    _withdraw_missing(held, {sponsor.id for sponsor in answer.sponsors}, now.date())
    session.flush()
    return _difference(answer.id, signatories(session, answer.id), before, set(held))


def note_failure(session: Session, motion_id: int, error: LobbyError, *, now: datetime) -> None:
    """Remember that the last sync failed; names and the time of the last good sync stay."""
    motion = session.get(Motion, motion_id)
    if motion:
        motion.sync_failed_at, motion.sync_error = now, error.message


def signatories(session: Session, motion_id: int) -> list[MotionSignatory]:
    """Every row of names, withdrawn ones too."""
    statement = select(MotionSignatory).where(MotionSignatory.motion_id == motion_id)
    return list(session.exec(statement))


def live_count(rows: Iterable[MotionSignatory]) -> int:
    """Distinct members whose name stands."""
    return len({row.member_id for row in rows if not row.is_withdrawn})


def positions(session: Session, motion_id: int) -> dict[int, Position]:
    """How each member that is or was under a motion stands towards it."""
    by_member: dict[int, list[MotionSignatory]] = {}
    for row in signatories(session, motion_id):
        by_member.setdefault(row.member_id, []).append(row)
    return {member_id: position_of(rows) for member_id, rows in by_member.items()}


def position_of_member(session: Session, motion_id: int, member_id: int) -> Position:
    """How one member stands towards a motion."""
    statement = select(MotionSignatory).where(
        MotionSignatory.motion_id == motion_id, MotionSignatory.member_id == member_id
    )
    return position_of(session.exec(statement))


def known_ids(session: Session) -> list[int]:
    """Every motion that we follow: published ones, in order."""
    statement = select(Motion.id).where(Motion.status == MotionStatus.PUBLISHED)
    return list(session.exec(statement.order_by(col(Motion.id))))


def session_name(session: Session, motion: Motion) -> str | None:
    """The name of the motion's session of Parliament, such as '2026-27'."""
    if motion.parliament_session_id is None:
        return None
    found = session.get(ParliamentSession, motion.parliament_session_id)
    return found.name if found else None


def _save_motion(
    session: Session, motion: Motion | None, answer: MotionAnswer, now: datetime
) -> None:
    lived_in = parliament_sessions.session_on(session, answer.tabled_on)
    told = answer.model_dump(include={"number", "title", "text", "tabled_on"})
    motion = motion or Motion.model_validate({"id": answer.id, **told})
    motion.sqlmodel_update(told)
    motion.parliament_session_id = lived_in.id if lived_in else None
    motion.synced_at, motion.sync_failed_at, motion.sync_error = now, None, None
    if motion.status is not MotionStatus.LAPSED:
        motion.status = MotionStatus.WITHDRAWN if answer.is_withdrawn else MotionStatus.PUBLISHED
    session.add(motion)
    session.flush()


def _refuse_foreign_names(session: Session, answer: MotionAnswer) -> None:
    """A row of names belongs to one motion for good; anything else is a fault of the answer."""
    statement = select(MotionSignatory.id).where(
        col(MotionSignatory.id).in_([sponsor.id for sponsor in answer.sponsors]),
        MotionSignatory.motion_id != answer.id,
    )
    if session.exec(statement).first() is not None:
        message = f"The answer for motion {answer.id} has names of another motion."
        raise Conflict("motion_names_foreign", message)


def _meet_members(session: Session, sponsors: list[SponsorAnswer]) -> None:
    """A name can be that of somebody whom no import has brought yet."""
    found = {sponsor.member_id: sponsor.member for sponsor in sponsors}
    members.ensure(
        session,
        [
            Member(id=member_id, name=member.name, party=member.party or "Unknown")
            for member_id, member in found.items()
        ],
    )


def _save_name(
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
    row.sponsoring_order = sponsor.sponsoring_order
    row.is_withdrawn = sponsor.is_withdrawn
    row.withdrawn_on = sponsor.withdrawn_on if sponsor.is_withdrawn else None


def _withdraw_missing(held: dict[int, MotionSignatory], given: set[int], today: date) -> None:
    """A row that a good answer no longer has does not count; it is kept as withdrawn."""
    for row in held.values():
        if row.id not in given and not row.is_withdrawn:
            row.is_withdrawn, row.withdrawn_on = True, today


def _difference(
    motion_id: int, rows: list[MotionSignatory], before: set[int], known: set[int]
) -> MotionSync:
    after = {row.id for row in rows if not row.is_withdrawn}
    return MotionSync(
        motion_id=motion_id,
        signed=len(after - known),
        withdrawn=len(before - after),
        restored=len((after - before) & known),
        live=live_count(rows),
    )


def is_known(session: Session, motion_id: int) -> bool:
    """True where we hold a motion."""
    return session.get(Motion, motion_id) is not None
