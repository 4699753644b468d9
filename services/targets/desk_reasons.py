"""Puts into words, for the desk, why to ring a member: a few words to catch the eye, and the rest.

No queries. The figures are those of `reasons`, which the API gives.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from models import QuickAnswerKind
from services.common import times
from services.parliament.standing import Standing
from services.tallies.seat_table import TallyRow
from services.targets.ask_lists import Said
from services.targets.reasons import FEW_LETTERS
from services.targets.scores import Target

FEWEST_NEIGHBOURS = 3
MORE_THAN_MOST = 50
"""From what percentage of the seats a number of signatures is compared with them."""


@dataclass(frozen=True, slots=True)
class DeskReason:
    """A reason in two parts. A private one tells what the team alone knows.

    With `is_count`, the head says enough where there is little space.
    """

    head: str
    rest: str
    is_private: bool = False
    is_count: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a member's own figures are compared with.

    `signatures` are those of all seats, the fewest first. `recent_letters` are those of the last
    seven days by member; None where nobody counted them. `neighbours` has the seats next to a seat
    on the map, by GSS code, and `signed` the seats whose members have signed.
    """

    signatures: Sequence[int]
    recent_letters: Mapping[int, int] | None
    neighbours: Mapping[str, frozenset[str]]
    signed: frozenset[str]
    today: date


def surroundings(
    rows: Sequence[TallyRow],
    *,
    recent_letters: Mapping[int, int] | None,
    neighbours: Mapping[str, frozenset[str]],
    today: date,
) -> Surroundings:
    """Returns what the figures of each of these seats, which are all, are compared with."""
    return Surroundings(
        signatures=sorted(row.signatures for row in rows),
        recent_letters=recent_letters,
        neighbours=neighbours,
        signed=frozenset(row.constituency.code for row in rows if row.standing is Standing.SIGNED),
        today=today,
    )


def reasons_of(
    row: TallyRow, target: Target | None, said: Said | None, around: Surroundings
) -> tuple[DeskReason, ...]:
    """Returns what to know before ringing, always in the same order.

    `target` is None for a member who can't be asked, such as one who has signed since.
    """
    found = [_standing(row), _said(said, around.today), _signatures(row, around)]
    if target is not None:
        found += [
            _letters(row, around),
            _colleagues(target),
            _other_motions(target),
            _earlier_motion(target),
            _neighbours(row, around),
        ]
    return tuple(reason for reason in found if reason)


def days_ago(day: date, today: date) -> str:
    """Says how long ago a day is: `today`, `yesterday`, `8 days ago`."""
    days = (today - day).days
    return {0: "today", 1: "yesterday"}.get(days) or f"{days} days ago"


def _standing(row: TallyRow) -> DeskReason | None:
    if row.standing is Standing.SIGNED and row.signed_on:
        return DeskReason("Has signed", f"on {times.short_day(row.signed_on)}")
    return DeskReason("Removed their name", "") if row.standing is Standing.WITHDRAWN else None


def _said(said: Said | None, today: date) -> DeskReason | None:
    if said is None:
        return None
    when = days_ago(said.day, today)
    if said.kind is QuickAnswerKind.NO_ANSWER:
        return DeskReason("No answer", when, said.is_private)
    how = when if said.is_private else f"in public, {when}"
    if said.kind is QuickAnswerKind.WILL_NOT:
        return DeskReason("Said no", how, said.is_private)
    return DeskReason("Said they’ll sign", f"{how}, and not on the list yet", said.is_private)


def _signatures(row: TallyRow, around: Surroundings) -> DeskReason | None:
    count = row.signatures
    if not count:
        return None
    head = f"{count:,} {'signature' if count == 1 else 'signatures'}"
    share = 100 * bisect_left(around.signatures, count) // len(around.signatures)
    if share < MORE_THAN_MOST:
        return DeskReason(head, "from this constituency", is_count=True)
    return DeskReason(head, f"more than in {share}% of seats", is_count=True)


def _letters(row: TallyRow, around: Surroundings) -> DeskReason:
    count = row.letters_sent
    if count == 0:
        return DeskReason("No letters yet", "ask supporters here to write", is_count=True)
    if count <= FEW_LETTERS:
        rest = f"only {count}: ask supporters here to write"
        return DeskReason("Almost no letters", rest, is_count=True)
    if around.recent_letters is None:
        return DeskReason(f"{count:,} letters", "sent so far", is_count=True)
    member_id = row.member.id if row.member else 0
    # The tally counts the letters about this motion; those of the week can be about the last one.
    recent = min(count, around.recent_letters.get(member_id, 0))
    rest = f"{recent or 'none'} in the last 7 days"
    return DeskReason(f"{count:,} letters", rest, is_count=True)


def _colleagues(target: Target) -> DeskReason | None:
    signed, of = target.colleagues_signed, target.colleagues
    if not signed:
        return None
    colleagues = "colleague" if of == 1 else "colleagues"
    has = "has" if signed == 1 else "have"
    rest = f"{target.facts.party} {colleagues} who can sign {has} signed"
    return DeskReason(f"{signed:,} of {of:,}", rest)


def _other_motions(target: Target) -> DeskReason | None:
    if target.likeness <= 1:  # members who signed the same motions have not signed this one
        return None
    if target.others == 1:
        return DeskReason("Signs motions", "the one other motion that we know of")
    rest = f"{target.others_signed} of the {target.others} others that we know of"
    return DeskReason("Signs motions", rest)


def _earlier_motion(target: Target) -> DeskReason | None:
    if not target.earlier:
        return None
    numbers = " and ".join(f"EDM {number}" for number in target.earlier)
    return DeskReason("Signed before", f"{numbers}, this campaign’s last motion")


def _neighbours(row: TallyRow, around: Surroundings) -> DeskReason | None:
    near = around.neighbours.get(row.constituency.code, frozenset())
    signed = len(near & around.signed)
    if signed < FEWEST_NEIGHBOURS:
        return None
    return DeskReason(f"{signed} of {len(near)} neighbours", "MPs next door have signed")
