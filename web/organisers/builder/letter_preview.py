"""The preview beside a letter: what an MP of each kind gets from the whole list."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from models import Campaign, Organisation
from services.letters.drafting import composing, facts, previews
from services.letters.drafting.previews import Preview
from services.letters.kinds.conditions import MemberProfile, Variant, choose, every_kind
from services.letters.kinds.coverage import MemberKind, SittingMember, kind_of
from web.organisers.builder import letter_words
from web.organisers.builder.letter_list import LetterList

MOST_PLACES = 6  # digits of a number in a form


@dataclass(frozen=True, slots=True)
class Mark:
    """A text of a letter that comes from its writer. `is_ours`: words of ours, in English."""

    text: str
    is_ours: bool = False


_OF_WRITERS = (
    Mark(previews.OWN_WORDS, is_ours=True),
    Mark(previews.CHOSEN_POINTS, is_ours=True),
    *(Mark(name) for name in composing.NO_NAME.values()),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What to preview: the kind of MP, which one of them (from 0), and the language."""

    kind: MemberKind | None = None
    place: int = 0
    locale: str = "en"

    @classmethod
    def read(cls, kind: str, place: str, locale: str) -> "Choice":
        """Reads what a form or an address says; anything else counts as not said."""
        is_number = place.isascii() and place.isdecimal() and len(place) <= MOST_PLACES
        return cls(
            MemberKind(kind) if kind in set(MemberKind) else None,
            int(place) if is_number else 0,
            "cy" if locale == "cy" else "en",
        )

    def after(self, button: str) -> "Choice":
        """Returns the choice after a button was pressed."""
        what, _, value = button.partition(":")
        if what == "another":
            return Choice(self.kind, self.place + 1, self.locale)
        if what == "kind":
            return Choice.read(value, "0", self.locale)
        return Choice(self.kind, self.place, value) if what == "lang" else self


@dataclass(frozen=True, slots=True)
class KindButton:
    """A button of the kinds: its words, and how many MPs are of this kind today."""

    kind: MemberKind
    words: str
    count: int


@dataclass(frozen=True, slots=True)
class LetterPreview:
    """A preview, and the buttons beside it.

    `member` is None for an invented MP: today no real one is of this kind. `is_this` tells whether
    they get the letter that is being written.
    """

    choice: Choice
    kinds: list[KindButton]
    member: SittingMember | None
    of_kind: int
    preview: Preview
    is_this: bool
    has_welsh: bool

    @property
    def title(self) -> str | None:
        """The name of the letter that they get; None if they get none."""
        return letter_words.title(self.preview.variant) if self.preview.variant else None

    @property
    def to(self) -> str:
        """The name of the MP."""
        found = self.member and self.member.seat.member
        return found.name if found else "Alex Example (invented)"

    @property
    def paragraphs(self) -> list[list[tuple[str, Mark | None]]]:
        """The letter in paragraphs of pieces, those with a mark come from its writer."""
        marks = [*_OF_WRITERS, *(Mark(seat) for seat in self._seats)]
        return [_pieces(part, marks) for part in self.preview.text.body.split("\n\n")]

    @property
    def _seats(self) -> list[str]:
        """The names of the seat: the letter has it because its writer lives there."""
        if self.member is None:
            return [previews.INVENTED_SEAT]
        constituency = self.member.seat.constituency
        return [name for name in (constituency.name, constituency.name_welsh) if name]


def of_letter(
    session: Session,
    organisation: Organisation,
    campaign: Campaign,
    listed: LetterList,
    variants: Sequence[Variant],
    name: str,
    choice: Choice,
) -> LetterPreview:
    """Previews the letter `name` of `variants`, by default to an MP who gets it.

    `listed` are the letters as they are stored, and `variants` those as they are written now.
    """
    letter = next(variant for variant in variants if variant.name == name)
    getters: list[SittingMember] = []
    others: list[SittingMember] = []
    for found in listed.members:
        is_getter = choose(variants, found.profile) is letter
        (getters if is_getter else others).append(found)
    names = letter_words.kinds(has_motion=letter.act.is_about_motion)
    kind = choice.kind if choice.kind in names else _first_kind(letter, getters)
    of_kind = [found for found in (*getters, *others) if found.kind is kind]
    place = choice.place % len(of_kind) if of_kind else 0
    member = of_kind[place] if of_kind else None
    if member is not None:
        background = facts.background_of(session, organisation, campaign, member)
        preview = previews.of_sitting_member(
            background, campaign, listed.motion, variants, member, locale=choice.locale
        )
    else:
        preview = previews.of_invented_member(
            campaign,
            listed.motion,
            facts.petition_of(session, campaign),
            variants,
            _sample(letter, kind),
            locale=choice.locale,
        )
    return LetterPreview(
        choice=Choice(kind, place, choice.locale),
        kinds=_buttons(listed.members, names, kind),
        member=member,
        of_kind=len(of_kind),
        preview=preview,
        is_this=preview.variant == name,
        has_welsh="cy" in letter.texts,
    )


def _first_kind(letter: Variant, getters: Sequence[SittingMember]) -> MemberKind:
    if getters:
        return getters[0].kind
    return next((kind_of(profile) for profile in letter.samples()), MemberKind.CAN_SIGN)


def _sample(letter: Variant, kind: MemberKind) -> MemberProfile:
    fitting = [profile for profile in letter.samples() if kind_of(profile) is kind]
    return next(profile for profile in [*fitting, *every_kind()] if kind_of(profile) is kind)


def _buttons(
    members: Sequence[SittingMember], names: Mapping[MemberKind, str], chosen: MemberKind
) -> list[KindButton]:
    counts = Counter(member.kind for member in members)
    rare = MemberKind.TOOK_NAME_OFF
    return [
        KindButton(kind, words, counts[kind])
        for kind, words in names.items()
        if kind is not rare or counts[kind] or chosen is kind
    ]


def _pieces(paragraph: str, marks: Sequence[Mark]) -> list[tuple[str, Mark | None]]:
    by_text = {mark.text: mark for mark in marks}
    either = "|".join(re.escape(text) for text in by_text)
    parts = re.split(rf"(?<!\w)({either})(?!\w)", paragraph)
    return [(part, by_text.get(part)) for part in parts if part]
