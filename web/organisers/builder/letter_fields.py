"""The fields of one letter, and the letter that they make."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel

from models import LetterAct
from services.common import texts
from services.errors import FieldError, Invalid
from services.letters.kinds.conditions import Conditions, Variant
from services.letters.kinds.coverage import SittingMember
from services.letters.kinds.variant_texts import VariantTexts
from services.letters.kinds.variants import LONGEST_NAME, RESERVED_NAMES
from services.parliament.standing import Eligibility
from web.organisers.builder import letter_words
from web.organisers.builder.letter_words import TICKS

PARTS = ("subject", "introduction", "opening", "closing", "points")
ENGLAND = "England"
NATIONS = (ENGLAND, "Scotland", "Wales", "Northern Ireland")
LABOUR = ("Labour", "Labour (Co-op)")
WELSH = "_cy"
_ELIGIBILITY = {
    "can-sign": (Eligibility.CAN_SIGN,),
    "never-sign": (Eligibility.CONVENTION, Eligibility.CANNOT, Eligibility.REFUSES),
}
_SUITS = {
    LetterAct.ASK: "A letter that asks them to sign goes to MPs who can sign and haven’t.",
    LetterAct.THANK: "A letter of thanks goes to MPs who have signed.",
    LetterAct.MINISTER: "Only MPs who don’t normally sign can raise it in government.",
    LetterAct.ANOTHER_WAY: "This letter goes to MPs who haven’t signed.",
    LetterAct.RAISE_IN_GOVERNMENT: "Only MPs who hold an office can raise it in government.",
}
_MESSAGES = {
    "asks_to_sign": "Only a letter with “Ask them to sign the motion” may ask for a signature.",
    "name_of_another_act": "Another kind of letter has this name. Choose a different one.",
    "conditions_never_hold": "No MP can ever get this letter. Choose other MPs.",
}
_NOTHING_TO_SIGN = "This campaign has no motion that MPs could sign."


class LetterFields(BaseModel):
    """The fields as sent. `do` is the button. `preview`, `mp` and `lang` are what it shows."""

    do: str = ""
    version: str = ""
    name: str = ""
    act: str = ""
    kinds: list[str] = []
    parties: list[str] = []
    nations: list[str] = []
    regions: list[str] = []
    subject: str = ""
    introduction: str = ""
    opening: str = ""
    closing: str = ""
    points: str = ""
    subject_cy: str = ""
    introduction_cy: str = ""
    opening_cy: str = ""
    closing_cy: str = ""
    points_cy: str = ""
    preview: str = ""
    mp: str = ""
    lang: str = ""

    def values(self) -> dict[str, str | list[str]]:
        """Returns what was typed and ticked, without the buttons."""
        return self.model_dump(exclude={"do", "version", "preview", "mp", "lang"})


@dataclass(frozen=True, slots=True)
class PartyChoice:
    """A party to tick: all names that it covers."""

    value: str
    label: str
    names: tuple[str, ...]


def party_choices(
    members: Sequence[SittingMember], stored: Sequence[str] = ()
) -> list[PartyChoice]:
    """Returns today's parties, the largest first, and those that a letter names besides."""
    counts = Counter(member.profile.party for member in members if member.profile.party)
    names = [name for name, _ in counts.most_common() if name not in LABOUR]
    known = {name.casefold() for name in (*names, *LABOUR)}
    names += [name for name in stored if name.casefold() not in known]
    labour = PartyChoice(LABOUR[0], "Labour, with Labour (Co-op)", LABOUR)
    return [labour, *(PartyChoice(name, name, (name,)) for name in names)]


def region_choices(members: Sequence[SittingMember], stored: Sequence[str] = ()) -> list[str]:
    """Returns the regions of England by name, and those that a letter names besides."""
    seats = [found.seat.constituency for found in members]
    names = sorted({seat.region for seat in seats if seat.nation == ENGLAND})
    return [*names, *(name for name in stored if name not in names)]


def values_of(variant: Variant) -> dict[str, str | list[str]]:
    """Returns a letter as the fields show it."""
    values: dict[str, str | list[str]] = {
        "name": letter_words.title(variant.name),
        "act": variant.act.value,
        "kinds": letter_words.ticks_of(variant),
        "parties": _parties_ticked(variant.conditions.party),
        "nations": list(variant.conditions.nation),
        "regions": list(variant.conditions.region),
    }
    for locale, ending in (("en", ""), ("cy", WELSH)):
        part = variant.texts.get(locale, VariantTexts("", "", ""))
        for name in PARTS:
            text = "\n".join(part.points) if name == "points" else getattr(part, name)
            values[name + ending] = text
    return values


def variant_of(
    fields: LetterFields, stored: Variant | None, others: Sequence[str], *, has_motion: bool
) -> Variant:
    """Returns the letter that the fields make. `others` are the names of all other letters.

    What the form has no field for stays as in `stored`. Raises Invalid with all problems of the
    name and of the choices; the texts are checked with the whole list.
    """
    problems: list[Invalid] = []
    name, act, ticked = stored.name if stored else "", LetterAct.ASK, Conditions()
    try:
        name = _name(fields.name, stored, others)
    except Invalid as error:
        problems.append(error)
    try:
        act = _act(fields.act, has_motion)
        ticked = _conditions(fields, act, stored)
    except Invalid as error:
        problems.append(error)
    if problems:
        raise texts.combined(problems)
    return Variant(name, act, ticked, _texts(fields))


def at_its_fields(error: Invalid, place: int | None = None, *, has_motion: bool = True) -> Invalid:
    """Puts the problems of a whole list of letters at the fields of the letter at a place."""
    own = f"variants.{place}."
    fields = tuple(_at_its_field(item, own, has_motion) for item in error.fields)
    return Invalid(error.code, error.message, fields)


def _at_its_field(item: FieldError, own: str, has_motion: bool) -> FieldError:
    if item.field.startswith(own):
        return _at_field(item, item.field.removeprefix(own), has_motion)
    return _of_list(item, has_motion) if item.field.startswith("variants") else item


def _at_field(item: FieldError, field: str, has_motion: bool) -> FieldError:
    if field.startswith("texts."):
        _, locale, part, *_ = field.split(".")
        field = part + (WELSH if locale == "cy" else "")
    field = {"conditions": "kinds"}.get(field, field)
    message = _MESSAGES.get(item.code, item.message)
    if item.code == "asks_to_sign":
        message = message if has_motion else _NOTHING_TO_SIGN
        message = f"{item.message.partition(':')[0]}: {message}"
    return FieldError(field, item.code, message)


def _of_list(item: FieldError, has_motion: bool) -> FieldError:
    if item.code == "fallback_missing":
        last = LetterAct.ANOTHER_WAY if has_motion else LetterAct.WRITE_TO_MINISTER
        message = (
            "The last letter in the list must be for everybody else: "
            f"“{letter_words.acts(has_motion=has_motion)[last]}”, for all parties, nations and "
            "regions."
        )
        return FieldError("", item.code, message)
    return FieldError("", item.code, f"Another letter has a mistake. {item.message}")


def _name(typed: str, stored: Variant | None, others: Sequence[str]) -> str:
    if stored is not None and typed.strip() == letter_words.title(stored.name):
        return stored.name
    line = texts.line(typed, "name", longest=LONGEST_NAME, shortest=0)
    name = texts.as_slug(line, longest=LONGEST_NAME)
    if not name:
        raise Invalid.field("name", "too_short", "Give the letter a name.")
    if name in RESERVED_NAMES:
        raise Invalid.field(
            "name", "name_reserved", f"“{line}” is too general. Say for whom it is."
        )
    if letter_words.title(name) in {letter_words.title(other) for other in others}:
        raise Invalid.field("name", "name_taken", "Another letter has this name already.")
    return name


def _act(typed: str, has_motion: bool) -> LetterAct:
    """A colleague may have linked a motion since the form was shown."""
    if typed not in letter_words.acts(has_motion=has_motion):
        raise Invalid.field("act", "act_missing", "Choose what the letter asks.")
    return LetterAct(typed)


def _conditions(fields: LetterFields, act: LetterAct, stored: Variant | None) -> Conditions:
    before = stored.conditions if stored else Conditions()
    # A program may have set something finer than the form can say: it stays until it is changed.
    if (
        stored is None
        or act is not stored.act
        or set(fields.kinds) != set(letter_words.ticks_of(stored))
    ):
        before = replace(before, standing=(), eligibility=_eligibility(fields.kinds, act))
    if set(fields.parties) != set(_parties_ticked(before.party)):
        before = replace(before, party=_parties(fields.parties))
    if set(fields.nations) != set(before.nation):
        nations = tuple(nation for nation in NATIONS if nation in fields.nations)
        before = replace(before, nation=() if len(nations) == len(NATIONS) else nations)
    if set(fields.regions) != set(before.region):
        names = [texts.line(name, "regions", longest=100) for name in fields.regions]
        before = replace(before, region=tuple(names))
        if names and before.nation not in ((), (ENGLAND,)):
            message = "These regions are in England. Tick England alone, or no nation."
            raise Invalid.field("regions", "conditions_never_hold", message)
    return before


def _eligibility(ticked: Sequence[str], act: LetterAct) -> tuple[Eligibility, ...]:
    """Returns the condition for what is ticked; none if that is all whom the act suits."""
    suits = letter_words.ticks_of(Variant("", act))
    wanted = [tick for tick in TICKS if tick in ticked]
    if any(tick not in suits for tick in wanted):
        raise Invalid.field("kinds", "conditions_never_hold", _SUITS[act])
    if not wanted or wanted == suits:
        return ()
    return tuple(each for tick in wanted for each in _ELIGIBILITY[tick])


def _parties_ticked(stored: Sequence[str]) -> list[str]:
    is_labour = {name.casefold() for name in LABOUR}
    ticked = [LABOUR[0] if name.casefold() in is_labour else name for name in stored]
    return list(dict.fromkeys(ticked))


def _parties(ticked: Sequence[str]) -> tuple[str, ...]:
    names = [texts.line(name, "parties", longest=100) for name in ticked]
    expanded = (LABOUR if name == LABOUR[0] else (name,) for name in names)
    return tuple(each for group in expanded for each in group)


def _texts(fields: LetterFields) -> dict[str, VariantTexts]:
    by_locale = {"en": _in_language(fields, "")}
    if any(getattr(fields, part + WELSH).strip() for part in PARTS):
        by_locale["cy"] = _in_language(fields, WELSH)
    return by_locale


def _in_language(fields: LetterFields, ending: str) -> VariantTexts:
    subject, introduction, opening, closing, points = (
        getattr(fields, part + ending) for part in PARTS
    )
    lines = tuple(line.strip() for line in points.splitlines() if line.strip())
    return VariantTexts(subject.strip(), opening, closing, lines, introduction)
