"""The words of the step 'Letters': what a letter asks, for whom it is, and what is filled in."""

from collections.abc import Iterable

from models import LetterAct
from services.letters.kinds.conditions import Conditions, Variant
from services.letters.kinds.coverage import MemberKind, kind_of
from services.letters.kinds.template_language import OF_MOTION
from services.parliament.standing import Role

BUILT_IN_TITLES = {
    "thank": "Thank",
    "ask": "Ask to sign",
    "minister": "Ask to raise it",
    "another_way": "Another way",
    "write_to_minister": "Ask to write to the minister",
    "raise_in_government": "Ask to raise it in government",
}
ACTS = {
    LetterAct.ASK.value: "Ask them to sign the motion",
    LetterAct.THANK.value: "Thank them, and ask for a next step",
    LetterAct.MINISTER.value: "Ask them to raise it in government",
    LetterAct.ANOTHER_WAY.value: "Ask for help in another way",
}
ACTS_WITHOUT_MOTION = {
    LetterAct.WRITE_TO_MINISTER.value: "Ask them to write to the minister",
    LetterAct.RAISE_IN_GOVERNMENT.value: "Ask them to raise it in government",
}
# The kinds of MP that can be ticked, and those that each covers.
TICKS = {
    "can-sign": "Can sign and haven’t",
    "has-signed": "Have signed",
    "never-sign": "Don’t normally sign: ministers, whips, Speakers, and MPs who sign no motions",
}
TICKS_WITHOUT_MOTION = {
    "can-sign": "Hold no office",
    "never-sign": "All others: ministers, whips, Speakers, and MPs who don’t take their seats",
}
KINDS_OF_TICKS = {
    "can-sign": (MemberKind.CAN_SIGN,),
    "has-signed": (MemberKind.SIGNED,),
    "never-sign": (MemberKind.IN_OFFICE, MemberKind.NEVER_SIGNS),
}
KINDS = {
    MemberKind.CAN_SIGN: "Can sign",
    MemberKind.SIGNED: "Has signed",
    MemberKind.IN_OFFICE: "In office",
    MemberKind.NEVER_SIGNS: "Never signs",
    MemberKind.TOOK_NAME_OFF: "Removed name",
}
KINDS_WITHOUT_MOTION = {
    MemberKind.CAN_SIGN: "No office",
    MemberKind.IN_OFFICE: "In office",
    MemberKind.NEVER_SIGNS: "Others",
}
_WHO = {
    MemberKind.CAN_SIGN: "can sign and haven’t",
    MemberKind.SIGNED: "have signed",
    MemberKind.IN_OFFICE: "hold an office, such as ministers and whips",
    MemberKind.NEVER_SIGNS: "don’t take their seats or sign no motions",
    MemberKind.TOOK_NAME_OFF: "removed their names",
}
_WHO_WITHOUT_MOTION = {
    MemberKind.CAN_SIGN: "hold no office",
    MemberKind.IN_OFFICE: "hold an office, such as ministers and whips",
    MemberKind.NEVER_SIGNS: "don’t take their seats",
}
_NOT_SIGNED = {MemberKind.CAN_SIGN, MemberKind.IN_OFFICE, MemberKind.NEVER_SIGNS}
_ROLES = {
    Role.PRIMARY: "tabled it",
    Role.SPONSOR: "sponsor it",
    Role.SUPPORTER: "support it",
}
# In the order in which an organiser needs them.
BLANKS = (
    ("{{ member }}", "the MP’s name"),
    ("{{ constituency }}", "their constituency"),
    ("{{ motion_number }}", "the number of the motion"),
    ("{{ motion_title }}", "its title"),
    ("{{ purpose }}", "what the motion asks the government to do"),
    ("{{ petition }}", "what your petition asks for"),
    ("{{ addressed_to }}", "whom your petition asks"),
    ("{{ campaign }}", "the title of your campaign"),
    ("{{ organisation }}", "the name of your organisation"),
    ("{{ party }}", "the MP’s party"),
    ("{{ signatures }}", "how many of their constituents have signed your petition"),
    ("{{ letters }}", "how many letters they have had about the motion"),
    ("{{ earlier_motion_number }}", "an earlier motion that they signed, if they did"),
    ("{{ name }}", "the writer’s name"),
)
_BLANKS_WITHOUT_MOTION = {
    "{{ purpose }}": "what you ask the government to do, if you wrote it",
    "{{ letters }}": "how many letters they have had from this campaign",
}
EXAMPLE = (
    "{% if signatures > 99 %}{{ signatures }} of your constituents have signed.{% else %}"
    "Many people have signed.{% endif %}"
)


def acts(*, has_motion: bool) -> dict[str, str]:
    """Returns what a letter can ask."""
    return ACTS if has_motion else ACTS_WITHOUT_MOTION


def ticks(*, has_motion: bool) -> dict[str, str]:
    """Returns the kinds of MP that can be ticked."""
    return TICKS if has_motion else TICKS_WITHOUT_MOTION


def kinds(*, has_motion: bool) -> dict[MemberKind, str]:
    """Returns the names of the kinds of MP."""
    return KINDS if has_motion else KINDS_WITHOUT_MOTION


def blanks(*, has_motion: bool) -> list[tuple[str, str]]:
    """Returns what is filled in, with its meaning."""
    if has_motion:
        return list(BLANKS)
    return [
        (code, _BLANKS_WITHOUT_MOTION.get(code, meaning))
        for code, meaning in BLANKS
        if not any(name in code for name in OF_MOTION)
    ]


def title(name: str) -> str:
    """Returns the name of a letter for people: 'ask-to-sign-labour' is 'Ask to sign labour'."""
    plain = name.replace("-", " ").replace("_", " ")
    return BUILT_IN_TITLES.get(name) or plain[:1].upper() + plain[1:]


def kinds_of(variant: Variant) -> set[MemberKind]:
    """Returns the kinds of MP that a letter can go to."""
    return {kind_of(profile) for profile in variant.samples()}


def ticks_of(variant: Variant) -> list[str]:
    """Returns what is ticked for a letter."""
    kinds = kinds_of(variant)
    return [tick for tick, covered in KINDS_OF_TICKS.items() if kinds.intersection(covered)]


def whom(variant: Variant) -> str:
    """Says for which MPs a letter is: 'Green Party MPs in Wales who can sign and haven’t'."""
    conditions = variant.conditions
    parties = f"{_joined(conditions.party)} " if conditions.party else ""
    places = ", ".join(_joined(each) for each in (conditions.region, conditions.nation) if each)
    where = f" in {places}" if places else ""
    who = (
        _who(kinds_of(variant))
        if variant.act.is_about_motion
        else _who_without_motion(kinds_of(variant))
    )
    everybody = "" if who or parties or places else "All "
    return f"{everybody}{parties}MPs{where}{f' who {who}' if who else ''}{_further(conditions)}"


def further(conditions: Conditions) -> str:
    """Says which conditions the form has no field for; empty if there are none."""
    return _further(conditions).removeprefix(", ")


def _who(kinds: set[MemberKind]) -> str:
    if kinds >= _NOT_SIGNED:
        rest = [_WHO[kind] for kind in MemberKind if kind in kinds - _NOT_SIGNED]
        return _joined(["haven’t signed", *rest], word="or")
    never = {MemberKind.IN_OFFICE, MemberKind.NEVER_SIGNS}
    if kinds >= never:
        rest = [_WHO[kind] for kind in MemberKind if kind in kinds - never]
        return _joined([*rest, "don’t normally sign"], word="or")
    return _joined([_WHO[kind] for kind in MemberKind if kind in kinds], word="or")


def _who_without_motion(kinds: set[MemberKind]) -> str:
    """Returns nothing for letters that suit every kind of MP."""
    if kinds >= _WHO_WITHOUT_MOTION.keys():
        return ""
    return _joined([who for kind, who in _WHO_WITHOUT_MOTION.items() if kind in kinds], word="or")


def _further(conditions: Conditions) -> str:
    parts = []
    if conditions.role:
        roles = [_ROLES[role] for role in conditions.role]
        parts.append(f"who {_joined(roles, word='or')}")
    if conditions.signed_earlier is not None:
        did = "signed" if conditions.signed_earlier else "didn’t sign"
        parts.append(f"who {did} an earlier motion")
    if conditions.letters_at_least is not None:
        parts.append(f"with {conditions.letters_at_least:,} letters or more")
    if conditions.letters_at_most is not None:
        parts.append(f"with {conditions.letters_at_most:,} letters at most")
    return "".join(f", {part}" for part in parts)


def _joined(words: Iterable[str], *, word: str = "and") -> str:
    *first, last = list(words) or [""]
    return f"{', '.join(first)} {word} {last}" if first else last
