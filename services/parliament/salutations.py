"""How a letter addresses a member: 'Ms Ferncastle', 'Dr Ní Ardgail', 'Sir Desmond'.

Parliament's data has full titles such as 'The Rt Hon Sir Desmond Oakenthorpe MP'. Letters leave out
'The Rt Hon', as Parliament's own advice on addressing members does.
"""

from services.common import texts
from services.errors import Invalid

_LEFT_OUT = frozenset({"the", "rt", "right", "hon", "honourable"})
_WITH_FAMILY_NAME = frozenset(
    {"Mr", "Mrs", "Ms", "Miss", "Mx", "Dr", "Prof", "Professor", "Rev", "Revd", "Reverend"}
)
_WITH_GIVEN_NAME = frozenset({"Sir", "Dame"})
LONGEST = 100


def of_member(full_title: str, family_name: str) -> str:
    """Returns the salutation, or an empty text where the title does not tell it."""
    words = [word for word in full_title.split() if word.strip(".").casefold() not in _LEFT_OUT]
    title = words[0].strip(".") if words else ""
    if title in _WITH_FAMILY_NAME:
        name = " ".join(family_name.split())
    else:
        name = words[1] if title in _WITH_GIVEN_NAME and len(words) > 1 else ""
    return _fit(f"{title} {name}") if name else ""


def _fit(salutation: str) -> str:
    try:
        return texts.line(salutation, "salutation", longest=LONGEST)
    except Invalid:
        return ""
