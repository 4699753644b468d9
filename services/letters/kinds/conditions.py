"""Chooses which letter a member gets: pure rules, without a database.

Every act has conditions of its own (`holds`), so that no variant can, for example, thank a member
who has not signed. An organiser's conditions can only narrow them.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from models import LetterAct
from services.letters.kinds.variant_texts import VariantTexts
from services.parliament import parties
from services.parliament.standing import Eligibility, Role, Standing


@dataclass(frozen=True, slots=True)
class MemberProfile:
    """What the conditions of variants compare of a member.

    `letters` counts those that were sent to them about the motion. `party` is None if the seat is
    vacant. `region` is a region of England, or elsewhere the name of the nation. Without a motion,
    nobody has signed.
    """

    standing: Standing
    eligibility: Eligibility
    role: Role | None = None
    party: str | None = None
    nation: str | None = None
    region: str | None = None
    signed_earlier: bool = False
    letters: int = 0


@dataclass(frozen=True, slots=True)
class Conditions:
    """An organiser's conditions, all of which must hold.

    None or an empty tuple is no condition. Both bounds are inclusive.
    """

    standing: tuple[Standing, ...] = ()
    role: tuple[Role, ...] = ()
    eligibility: tuple[Eligibility, ...] = ()
    party: tuple[str, ...] = ()
    nation: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    signed_earlier: bool | None = None
    letters_at_least: int | None = None
    letters_at_most: int | None = None

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Conditions":
        """Reads what `as_json` wrote."""
        types: dict[str, Any] = {"standing": Standing, "role": Role, "eligibility": Eligibility}
        values: dict[str, Any] = {
            name: tuple(types.get(name, str)(item) for item in value)
            if isinstance(value, list)
            else value
            for name, value in stored.items()
        }
        return cls(**values)

    def as_json(self) -> dict[str, Any]:
        """Returns the conditions for a row, without those that are not set."""
        values = {condition.name: getattr(self, condition.name) for condition in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value not in ((), None)
        }

    @property
    def is_empty(self) -> bool:
        """True if there are no conditions."""
        return self == Conditions()

    def met_by(self, member: MemberProfile) -> bool:
        """True if all conditions hold.

        A member who withdrew their name meets them only if `standing` names that explicitly.
        """
        lower, upper = self.letters_at_least, self.letters_at_most
        is_named = member.standing in self.standing
        return (
            (is_named or (not self.standing and member.standing is not Standing.WITHDRAWN))
            and _allows(self.role, member.role)
            and _allows(self.eligibility, member.eligibility)
            and _allows_party(self.party, member.party)
            and _allows(self.nation, member.nation)
            and _allows_region(self.region, member.region)
            and self.signed_earlier in (None, member.signed_earlier)
            and (lower is None or member.letters >= lower)
            and (upper is None or member.letters <= upper)
        )


@dataclass(frozen=True, slots=True)
class Variant:
    """One kind of letter: its conditions, its act, and its texts by locale ('en' is required)."""

    name: str
    act: LetterAct
    conditions: Conditions = Conditions()
    texts: dict[str, VariantTexts] = field(default_factory=dict)

    def fits(self, member: MemberProfile) -> bool:
        """True if the act and the organiser's conditions hold for a member."""
        return holds(self.act, member.standing, member.eligibility) and self.conditions.met_by(
            member
        )

    def samples(self) -> list[MemberProfile]:
        """Returns invented members of every kind that this letter suits."""
        samples = (self._sample(kind) for kind in every_kind())
        return [member for member in samples if self.fits(member)]

    def suits_some(self) -> bool:
        """False if no member can ever get this letter."""
        return bool(self.samples())

    def sample(self) -> MemberProfile | None:
        """Returns an invented member who would get this letter; None if nobody can."""
        return next(iter(self.samples()), None)

    def _sample(self, kind: MemberProfile) -> MemberProfile:
        conditions = self.conditions
        return MemberProfile(
            kind.standing,
            kind.eligibility,
            kind.role,
            party=next(iter(conditions.party), "Labour"),
            nation=next(iter(conditions.nation), "England"),
            region=next(iter(conditions.region), None),
            signed_earlier=bool(conditions.signed_earlier),
            letters=conditions.letters_at_least or 0,
        )


def choose(variants: Iterable[Variant], member: MemberProfile) -> Variant | None:
    """Returns the first variant that fits; None if the member gets no letter.

    The variants are those for a motion, or those without one (`variants.of_campaign`).
    """
    return next((variant for variant in variants if variant.fits(member)), None)


@cache  # asked for each MP and letter of a page, with less than a hundred answers
def holds(act: LetterAct, standing: Standing, eligibility: Eligibility) -> bool:
    """True if an act makes sense for a member. Nobody writes to a vacant seat."""
    if eligibility is Eligibility.VACANT:
        return False
    has_signed = standing is Standing.SIGNED
    return {
        LetterAct.ASK: not has_signed and eligibility is Eligibility.CAN_SIGN,
        LetterAct.THANK: has_signed,
        LetterAct.MINISTER: not has_signed and eligibility is Eligibility.CONVENTION,
        LetterAct.ANOTHER_WAY: not has_signed,
        LetterAct.WRITE_TO_MINISTER: standing is Standing.NOT_SIGNED,
        LetterAct.RAISE_IN_GOVERNMENT: standing is Standing.NOT_SIGNED
        and eligibility is Eligibility.CONVENTION,
    }[act]


def _allows_region(wanted: Iterable[str], region: str | None) -> bool:
    return not wanted or _allows({name.casefold() for name in wanted}, region and region.casefold())


def every_kind() -> list[MemberProfile]:
    """Returns every standing with every eligibility, and with every role if they have signed."""
    roles: dict[Standing, Iterable[Role | None]] = {Standing.SIGNED: Role}
    return [
        MemberProfile(standing, eligibility, role, party="Labour", nation="England")
        for standing in Standing
        for eligibility in Eligibility
        for role in roles.get(standing, (None,))
    ]


def _allows(wanted: Collection[str], value: str | None) -> bool:
    return not wanted or value in wanted


def _allows_party(wanted: Iterable[str], party: str | None) -> bool:
    """Parties that sit together are one: see `parties`."""
    if not wanted:
        return True
    groups = {parties.group(name).casefold() for name in wanted}
    return party is not None and parties.group(party).casefold() in groups
