"""How a seat stands towards a motion, and whether its member can sign: pure rules.

Source: the conventions of the House on Early Day Motions, see `docs/guide/parliament.md`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from models import MotionSignatory, OfficeKind

SPONSORS = 6
ABSTENTIONIST_PARTIES = frozenset({"Sinn Féin"})


class Standing(StrEnum):
    """Of a seat towards a motion."""

    SIGNED = "signed"
    WITHDRAWN = "withdrawn"
    NOT_SIGNED = "not_signed"


class Role(StrEnum):
    """Of a signatory: order 1, orders 2 to 6, and all others."""

    PRIMARY = "primary"
    SPONSOR = "sponsor"
    SUPPORTER = "supporter"


class Eligibility(StrEnum):
    """Of a seat's member: `convention` is a minister, whip, PPS, Speaker or Deputy Speaker."""

    CAN_SIGN = "can_sign"
    CONVENTION = "convention"
    CANNOT = "cannot"
    REFUSES = "refuses"
    VACANT = "vacant"


class StatedIntent(StrEnum):
    """What a member has told of their intent; it changes neither standing nor eligibility."""

    WILL_SIGN = "will_sign"
    WILL_NOT = "will_not"


@dataclass(frozen=True, slots=True)
class Position:
    """A standing with its details: `role` and `signed_on` only where the name still stands,
    `withdrawn_on` only where it was taken off."""

    standing: Standing
    role: Role | None = None
    signed_on: date | None = None
    withdrawn_on: date | None = None


def position_of(rows: Iterable[MotionSignatory]) -> Position:
    """From one member's rows under one motion; Parliament sometimes repeats a member."""
    rows = list(rows)
    live = [row for row in rows if not row.is_withdrawn]
    if not live:
        days = [row.withdrawn_on for row in rows if row.withdrawn_on]
        ended = Position(Standing.WITHDRAWN, withdrawn_on=max(days, default=None))
        return ended if rows else Position(Standing.NOT_SIGNED)
    best = min(live, key=lambda row: (row.sponsoring_order or SPONSORS + 1, row.id))
    first_day = min(row.signed_on for row in live)
    return Position(Standing.SIGNED, _role(best.sponsoring_order), first_day)


def _role(order: int | None) -> Role:
    if order == 1:
        return Role.PRIMARY
    return Role.SPONSOR if order is not None and order <= SPONSORS else Role.SUPPORTER


def eligibility_of(
    *,
    party: str | None,
    offices: Collection[OfficeKind],
    refuses: bool,
    standing: Standing,
) -> Eligibility:
    """`party` None means that the seat is vacant. A real signature overrides the convention."""
    if party is None:
        return Eligibility.VACANT
    if standing is Standing.SIGNED:
        return Eligibility.CAN_SIGN
    if party in ABSTENTIONIST_PARTIES:
        return Eligibility.CANNOT
    if refuses:
        return Eligibility.REFUSES
    return Eligibility.CONVENTION if offices else Eligibility.CAN_SIGN
