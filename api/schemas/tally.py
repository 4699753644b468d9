"""The tally of a campaign: JSON. As a file: `services.tallies.tally_exports`."""

from datetime import date, datetime

from api.schemas.fields import Answer
from api.schemas.postcode import (
    ConstituencyAnswer,
    MemberAnswer,
    constituency_answer,
    member_answer,
)
from models import MotionStatus, ReplyKind
from services.parliament.standing import Eligibility, Role, Standing, StatedIntent
from services.tallies.seat_table import Tally, TallyRow


class TallyMotion(Answer):
    """The motion, and how fresh our knowledge of it is. A lapsed one has its last figures."""

    id: int
    number: str
    title: str
    status: MotionStatus
    parliament_session: str | None
    synced_at: datetime | None
    sync_failed: bool


class TallyMembers(Answer):
    """Counts of members. `signed` are distinct live signatories."""

    total: int
    seats_filled: int
    can_sign: int
    signed: int
    withdrawn: int


class TallySignatures(Answer):
    """Confirmed signatures in all; of them without a known seat, and from overseas."""

    confirmed: int
    unknown: int
    overseas: int


class TallyLetters(Answer):
    """Letters that were handed over, and letters opened in the writers' own mail programs."""

    sent: int
    opened: int


class TallyReply(Answer):
    """A member's last verified reply; its text is for the campaign's own organisation."""

    kind: ReplyKind
    said_on: date
    link: str | None


class TallyRowAnswer(Answer):
    """One seat. `electorate` is null where it is not known, and so is `signatures_per_1000`, the
    signatures for every 1,000 electors."""

    constituency: ConstituencyAnswer | None
    member: MemberAnswer | None
    party: str | None
    standing: Standing
    role: Role | None
    signed_on: date | None
    eligibility: Eligibility
    electorate: int | None
    signatures: int
    signatures_per_1000: float | None
    letters_sent: int
    letters_opened: int
    signed_earlier: bool
    said: StatedIntent | None
    reply: TallyReply | None


class TallyAnswer(Answer):
    """All seats and their sums; filters choose rows and leave the sums alone."""

    as_of: datetime
    motion: TallyMotion | None
    members: TallyMembers
    signatures: TallySignatures
    letters: TallyLetters
    rows: list[TallyRowAnswer]


def tally_answer(tally: Tally, rows: tuple[TallyRow, ...]) -> TallyAnswer:
    """The sums of the whole tally, and the given rows."""
    return TallyAnswer(
        as_of=tally.as_of,
        motion=motion_answer(tally),
        members=TallyMembers.model_validate(tally),
        signatures=TallySignatures.model_validate(tally),
        letters=TallyLetters(sent=tally.letters_sent, opened=tally.letters_opened),
        rows=[_row(row) for row in rows],
    )


def motion_answer(tally: Tally) -> TallyMotion | None:
    """None where the campaign has no motion yet."""
    motion = tally.motion
    if motion is None:
        return None
    return TallyMotion(
        id=motion.id,
        number=motion.number,
        title=motion.title,
        status=motion.status,
        parliament_session=tally.parliament_session,
        synced_at=motion.synced_at,
        sync_failed=motion.sync_failed_at is not None,
    )


def _row(row: TallyRow) -> TallyRowAnswer:
    return TallyRowAnswer(
        constituency=constituency_answer(row.constituency),
        member=member_answer(row.member, row.constituency),
        party=row.party,
        standing=row.standing,
        role=row.role,
        signed_on=row.signed_on,
        eligibility=row.eligibility,
        electorate=row.electorate,
        signatures=row.signatures,
        signatures_per_1000=row.signatures_per_1000,
        letters_sent=row.letters_sent,
        letters_opened=row.letters_opened,
        signed_earlier=row.signed_earlier,
        said=row.said,
        reply=TallyReply.model_validate(row.reply) if row.reply else None,
    )
