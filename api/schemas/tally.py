"""Bodies of the tally of a campaign. `services.tallies.tally_exports` writes its files."""

from datetime import date, datetime

from pydantic import Field

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
    """The motion, and when it was last checked. A lapsed motion keeps its last counts."""

    id: int
    number: str
    title: str
    status: MotionStatus
    parliament_session: str | None
    synced_at: datetime | None
    sync_failed: bool


class TallyMembers(Answer):
    """Counts of members. `signed` counts the distinct members who have signed and not withdrawn.

    `signed_in_seats` counts those of them who hold a seat today, of `total` seats.
    """

    total: int
    seats_filled: int
    can_sign: int
    signed: int
    signed_in_seats: int
    withdrawn: int


class TallySignatures(Answer):
    """All confirmed signatures, and those of them with an unknown constituency or from overseas."""

    confirmed: int
    unknown: int
    overseas: int


class TallyLetters(Answer):
    """Letters sent, and letters opened in the writers' own email programs."""

    sent: int
    opened: int


class TallyReply(Answer):
    """A member's last verified reply, without its text, which is not public."""

    kind: ReplyKind
    said_on: date
    link: str | None


def _is_none(value: str | None) -> bool:
    return value is None


class TallyRowAnswer(Answer):
    """A seat. `signatures_per_1000` is the signatures for every 1,000 electors.

    It is null where `electorate` is unknown. `party_name` is the name to show, and `party_group`
    the party with which the member's party sits.
    """

    constituency: ConstituencyAnswer | None
    member: MemberAnswer | None
    party: str | None
    party_name: str | None
    party_group: str | None
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
    member_email: str | None = Field(
        default=None,
        exclude_if=_is_none,
        description="The member's published address. Only keys with `tallies:read` get it; it is "
        "left out where none is known.",
    )


class TallyAnswer(Answer):
    """All seats and their totals. Filters select rows, and do not change the totals."""

    as_of: datetime
    motion: TallyMotion | None
    members: TallyMembers
    signatures: TallySignatures
    letters: TallyLetters
    rows: list[TallyRowAnswer]


def tally_answer(
    tally: Tally, rows: tuple[TallyRow, ...], *, has_emails: bool = False
) -> TallyAnswer:
    """Converts the totals of the tally, and the given rows, with MPs' addresses where told to."""
    return TallyAnswer(
        as_of=tally.as_of,
        motion=motion_answer(tally),
        members=TallyMembers.model_validate(tally),
        signatures=TallySignatures.model_validate(tally),
        letters=TallyLetters(sent=tally.letters_sent, opened=tally.letters_opened),
        rows=[_row(row, has_emails) for row in rows],
    )


def motion_answer(tally: Tally) -> TallyMotion | None:
    """Converts the motion. Returns None if the campaign has none yet."""
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


def _row(row: TallyRow, has_emails: bool) -> TallyRowAnswer:
    return TallyRowAnswer(
        constituency=constituency_answer(row.constituency),
        member=member_answer(row.member, row.constituency),
        party=row.party,
        party_name=row.party_name,
        party_group=row.party_group,
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
        member_email=row.member.email if has_emails and row.member else None,
    )
