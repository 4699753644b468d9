"""Tallies of any content, without a database."""

from datetime import date, datetime

from hypothesis import strategies as st

from models import Motion, MotionStatus
from services.parliament.seat_snapshots import SeatConstituency, SeatMember
from services.parliament.standing import Eligibility, Role, Standing, StatedIntent
from services.tallies.seat_table import Tally, TallyRow
from tests.support.common import START

MOST = 1_000_000


def row_of(
    number: int,
    *,
    standing: Standing = Standing.NOT_SIGNED,
    eligibility: Eligibility = Eligibility.CAN_SIGN,
    said: StatedIntent | None = None,
    signatures: int = 0,
    letters: int = 0,
    electorate: int | None = 70_000,
) -> TallyRow:
    """Returns the row of one seat; a vacant one has no member."""
    code, is_vacant = f"E14{number:06}", eligibility is Eligibility.VACANT
    has_signed = standing is Standing.SIGNED
    return TallyRow(
        constituency=SeatConstituency(
            code=code,
            name=f"Seat {number}",
            name_welsh=None,
            nation="England",
            region=f"Region {number % 3}",
            boundary_set="2024",
            electorate=electorate,
            latitude=None,
            longitude=None,
            easting=None,
            northing=None,
        ),
        member=None if is_vacant else SeatMember(number, f"MP {number}", "Labour", None, ""),
        standing=standing,
        role=Role.SUPPORTER if has_signed else None,
        signed_on=date(2026, 6, 1) if has_signed else None,
        eligibility=eligibility,
        signatures=signatures,
        letters_sent=letters,
        letters_opened=0,
        said=said,
    )


def tally_of(rows: list[TallyRow], *, has_motion: bool = True, now: datetime = START) -> Tally:
    """Returns the tally that has these rows, and nothing besides."""
    standings = [row.standing for row in rows]
    return Tally(
        as_of=now,
        motion=_motion(now) if has_motion else None,
        parliament_session="2024-26" if has_motion else None,
        total=len(rows),
        seats_filled=sum(row.member is not None for row in rows),
        can_sign=sum(row.eligibility is Eligibility.CAN_SIGN for row in rows),
        signed=standings.count(Standing.SIGNED),
        withdrawn=standings.count(Standing.WITHDRAWN),
        confirmed=sum(row.signatures for row in rows),
        unknown=0,
        overseas=0,
        letters_sent=sum(row.letters_sent for row in rows),
        letters_opened=0,
        rows=tuple(rows),
    )


def _motion(now: datetime) -> Motion:
    return Motion(
        id=1,
        number="1",
        title="A motion",
        text="",
        tabled_on=now.date(),
        status=MotionStatus.PUBLISHED,
    )


@st.composite
def tallies(draw: st.DrawFn, *, most_seats: int = 25) -> Tally:
    """Draws tallies with seats of every standing, and counts from 0 to a million."""
    counts = st.one_of(st.integers(0, 6), st.integers(0, MOST))
    count = draw(st.integers(1, most_seats))
    rows = []
    for number in range(count):
        standing = draw(st.sampled_from(Standing))
        eligibility = draw(st.sampled_from(Eligibility))
        rows.append(
            row_of(
                number,
                standing=Standing.NOT_SIGNED if eligibility is Eligibility.VACANT else standing,
                eligibility=Eligibility.CAN_SIGN if standing is Standing.SIGNED else eligibility,
                said=draw(st.sampled_from([None, *StatedIntent])),
                signatures=draw(counts),
                letters=draw(counts),
                electorate=draw(st.one_of(st.none(), st.integers(1000, 120_000))),
            )
        )
    return tally_of(rows, has_motion=draw(st.booleans()))
