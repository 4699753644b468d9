"""Which letter a member gets: pure rules.

An act brings its own conditions (`holds`), so that no variant can ask somebody for what does not
hold for them; what an organiser adds can only narrow it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from models import LetterAct
from services.letters.kinds.variant_texts import Texts
from services.parliament.standing import Eligibility, Role, Standing


@dataclass(frozen=True, slots=True)
class Reader:
    """A member, as far as letters tell them apart. `letters` were sent to them about the motion.

    `party` is None where the seat is vacant.
    """

    standing: Standing
    eligibility: Eligibility
    role: Role | None = None
    party: str | None = None
    nation: str | None = None
    signed_earlier: bool = False
    letters: int = 0


@dataclass(frozen=True, slots=True)
class Conditions:
    """All must hold; None, or an empty list, is no condition. Both bounds are inclusive."""

    standing: tuple[Standing, ...] = ()
    role: tuple[Role, ...] = ()
    eligibility: tuple[Eligibility, ...] = ()
    party: tuple[str, ...] = ()
    nation: tuple[str, ...] = ()
    signed_earlier: bool | None = None
    letters_at_least: int | None = None
    letters_at_most: int | None = None

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Conditions":
        """As `as_json` wrote them."""
        kinds: dict[str, Any] = {"standing": Standing, "role": Role, "eligibility": Eligibility}
        given: dict[str, Any] = {
            name: tuple(kinds.get(name, str)(each) for each in value)
            if isinstance(value, list)
            else value
            for name, value in kept.items()
        }
        return cls(**given)

    def as_json(self) -> dict[str, Any]:
        """Only what is a condition."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in given.items()
            if value not in ((), None)
        }

    @property
    def is_empty(self) -> bool:
        """True where everybody fits."""
        return self == Conditions()

    def fit(self, reader: Reader) -> bool:
        """True where all hold. Who took their name off fits only where that is named."""
        least, most = self.letters_at_least, self.letters_at_most
        is_named = reader.standing in self.standing
        return (
            (is_named or (not self.standing and reader.standing is not Standing.WITHDRAWN))
            and _among(self.role, reader.role)
            and _among(self.eligibility, reader.eligibility)
            and _among_folded(self.party, reader.party)
            and _among(self.nation, reader.nation)
            and self.signed_earlier in (None, reader.signed_earlier)
            and (least is None or reader.letters >= least)
            and (most is None or reader.letters <= most)
        )


@dataclass(frozen=True, slots=True)
class Variant:
    """One kind of letter: for whom, what it asks, and its words by locale ('en' is there)."""

    name: str
    act: LetterAct
    conditions: Conditions = Conditions()
    texts: dict[str, Texts] = field(default_factory=dict)

    def fits(self, reader: Reader) -> bool:
        """True where the act holds for the member and the organiser's conditions do."""
        return holds(self.act, reader.standing, reader.eligibility) and self.conditions.fit(reader)

    def suits_some(self) -> bool:
        """False where no member can ever get it."""
        return any(self.fits(self._sample(kind)) for kind in every_kind())

    def sample(self) -> Reader | None:
        """A member whom it fits."""
        found = (self._sample(kind) for kind in every_kind())
        return next((reader for reader in found if self.fits(reader)), None)

    def _sample(self, kind: Reader) -> Reader:
        told = self.conditions
        return Reader(
            kind.standing,
            kind.eligibility,
            kind.role,
            party=next(iter(told.party), "Labour"),
            nation=next(iter(told.nation), "England"),
            signed_earlier=bool(told.signed_earlier),
            letters=told.letters_at_least or 0,
        )


def choose(variants: Iterable[Variant], reader: Reader) -> Variant | None:
    """The first that fits; None where no letter is to be written."""
    return next((variant for variant in variants if variant.fits(reader)), None)


def holds(act: LetterAct, standing: Standing, eligibility: Eligibility) -> bool:
    """Whether a member can be told this at all. Nobody writes to a vacant seat."""
    if eligibility is Eligibility.VACANT:
        return False
    has_signed = standing is Standing.SIGNED
    return {
        LetterAct.ASK: not has_signed and eligibility is Eligibility.CAN_SIGN,
        LetterAct.THANK: has_signed,
        LetterAct.MINISTER: not has_signed and eligibility is Eligibility.CONVENTION,
        LetterAct.ANOTHER_WAY: not has_signed,
    }[act]


def every_kind() -> list[Reader]:
    """Every standing with every eligibility, and every role where the name stands."""
    roles: dict[Standing, Iterable[Role | None]] = {Standing.SIGNED: Role}
    return [
        Reader(standing, eligibility, role, party="Labour", nation="England")
        for standing in Standing
        for eligibility in Eligibility
        for role in roles.get(standing, (None,))
    ]


def _among(wanted: Collection[str], value: str | None) -> bool:
    return not wanted or value in wanted


def _among_folded(wanted: Iterable[str], value: str | None) -> bool:
    names = {each.casefold() for each in wanted}
    return not names or (value is not None and value.casefold() in names)
