"""The tally of a campaign: JSON and CSV."""

import csv
import io
from datetime import date, datetime

from lobby.api.schemas.fields import Answer
from lobby.api.schemas.postcode import (
    ConstituencyAnswer,
    MemberAnswer,
    constituency_answer,
    member_answer,
)
from lobby.models import MotionStatus, ReplyKind
from lobby.services.standing import Eligibility, Role, Said, Standing
from lobby.services.tallies import Tally, TallyRow

CSV_COLUMNS = (
    "constituency_code",
    "constituency",
    "nation",
    "region",
    "member_id",
    "member",
    "party",
    "standing",
    "role",
    "signed_on",
    "eligibility",
    "signatures",
    "letters_sent",
    "letters_opened",
    "signed_earlier",
)


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
    """One seat."""

    constituency: ConstituencyAnswer | None
    member: MemberAnswer | None
    party: str | None
    standing: Standing
    role: Role | None
    signed_on: date | None
    eligibility: Eligibility
    signatures: int
    letters_sent: int
    letters_opened: int
    signed_earlier: bool
    said: Said | None
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
        motion=_motion(tally),
        members=TallyMembers.model_validate(tally),
        signatures=TallySignatures.model_validate(tally),
        letters=TallyLetters(sent=tally.letters_sent, opened=tally.letters_opened),
        rows=[_row(row) for row in rows],
    )


def tally_csv(rows: tuple[TallyRow, ...]) -> str:
    """The rows as CSV with CRLF (RFC 4180)."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(CSV_COLUMNS)
    for row in rows:
        seat, member = row.constituency, row.member
        cells = (
            seat.code,
            seat.name,
            seat.nation,
            seat.region,
            member.id if member else "",
            member.name if member else "",
            row.party or "",
            row.standing,
            row.role or "",
            row.signed_on or "",
            row.eligibility,
            row.signatures,
            row.letters_sent,
            row.letters_opened,
            "yes" if row.signed_earlier else "no",
        )
        writer.writerow([_harmless(cell) for cell in cells])
    return stream.getvalue()


def _harmless(cell: object) -> object:
    """A spreadsheet must not take a text from elsewhere for a formula."""
    is_formula = isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{cell}" if is_formula else cell


def _motion(tally: Tally) -> TallyMotion | None:
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
        signatures=row.signatures,
        letters_sent=row.letters_sent,
        letters_opened=row.letters_opened,
        signed_earlier=row.signed_earlier,
        said=row.said,
        reply=TallyReply.model_validate(row.reply) if row.reply else None,
    )
