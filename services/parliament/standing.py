"""Rules on a seat's standing towards a motion, and on whether its member can sign. No queries.

Source: the conventions of the House of Commons on Early Day Motions, see
`docs/guide/parliament.md`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from models import OfficeKind

SPONSORS = 6
ABSTENTIONIST_PARTIES = frozenset({"Sinn Féin"})


class Standing(StrEnum):
    """Whether a seat's member has signed a motion, or signed it and then withdrew."""

    SIGNED = "signed"
    WITHDRAWN = "withdrawn"
    NOT_SIGNED = "not_signed"


class Role(StrEnum):
    """A signatory's role: primary sponsor (order 1), sponsor (orders 2 to 6) or supporter."""

    PRIMARY = "primary"
    SPONSOR = "sponsor"
    SUPPORTER = "supporter"


class Eligibility(StrEnum):
    """Whether a seat's member can sign motions, and if not, why.

    `convention`: a minister, whip, PPS, Speaker or Deputy Speaker, who by convention do not sign.
    `cannot`: their party does not take its seats. `refuses`: an organiser recorded that they sign
    no motions at all.
    """

    CAN_SIGN = "can_sign"
    CONVENTION = "convention"
    CANNOT = "cannot"
    REFUSES = "refuses"
    VACANT = "vacant"


class StatedIntent(StrEnum):
    """What a member said about signing; it changes neither standing nor eligibility."""

    WILL_SIGN = "will_sign"
    WILL_NOT = "will_not"


@dataclass(frozen=True, slots=True)
class Position:
    """One member's standing towards one motion, with its details.

    `role` and `signed_on` are set only where the name is on the motion now, and `withdrawn_on`
    only where it was withdrawn and Parliament gave a day. `signed_at` and `withdrawn_at` are the
    moments on those days, where Parliament gave them.
    """

    standing: Standing
    role: Role | None = None
    signed_on: date | None = None
    withdrawn_on: date | None = None
    signed_at: datetime | None = None
    withdrawn_at: datetime | None = None


NOT_SIGNED = Position(Standing.NOT_SIGNED)


class NameRow(Protocol):
    """A row of `motion_signatory`, as a model or as its columns."""

    @property
    def id(self) -> int: ...
    @property
    def sponsoring_order(self) -> int | None: ...
    @property
    def signed_on(self) -> date: ...
    @property
    def signed_at(self) -> datetime | None: ...
    @property
    def is_withdrawn(self) -> bool: ...
    @property
    def withdrawn_on(self) -> date | None: ...
    @property
    def withdrawn_at(self) -> datetime | None: ...


def position_of(rows: Iterable[NameRow]) -> Position:
    """Returns the position that one member's rows on one motion amount to.

    Parliament sometimes repeats a member: the highest role, the first day and its first moment
    count, and of withdrawals the last.
    """
    rows = list(rows)
    live = [row for row in rows if not row.is_withdrawn]
    if not live:
        return _withdrawn(rows) if rows else NOT_SIGNED
    if len(live) == 1:  # nearly always, and much faster
        (row,) = live
        role = _role(row.sponsoring_order)
        return Position(Standing.SIGNED, role, row.signed_on, signed_at=row.signed_at)
    best = min(live, key=lambda row: (row.sponsoring_order or SPONSORS + 1, row.id))
    first_day = min(row.signed_on for row in live)
    moments = [row.signed_at for row in live if row.signed_on == first_day and row.signed_at]
    return Position(
        Standing.SIGNED,
        _role(best.sponsoring_order),
        first_day,
        signed_at=min(moments, default=None),
    )


def _withdrawn(rows: list[NameRow]) -> Position:
    last_day = max((row.withdrawn_on for row in rows if row.withdrawn_on), default=None)
    moments = [row.withdrawn_at for row in rows if row.withdrawn_on == last_day]
    return Position(
        Standing.WITHDRAWN,
        withdrawn_on=last_day,
        withdrawn_at=max((moment for moment in moments if moment), default=None),
    )


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
    """Returns the eligibility of a seat's member; `party` is None where the seat is vacant.

    Somebody who has signed can sign: a signature overrides convention, party and refusal.
    """
    if party is None:
        return Eligibility.VACANT
    if standing is Standing.SIGNED:
        return Eligibility.CAN_SIGN
    if party in ABSTENTIONIST_PARTIES:
        return Eligibility.CANNOT
    if refuses:
        return Eligibility.REFUSES
    return Eligibility.CONVENTION if offices else Eligibility.CAN_SIGN
