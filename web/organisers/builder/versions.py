"""Forms that two people may edit at once: each holds a version of the values that it shows.

A form that was shown before a colleague saved something else is not saved at once. It is shown
again with everything that was typed, and with the colleague's values beside the fields that differ.
Its version is then the new one, so that pressing Save again keeps what was typed.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from services.errors import Conflict, FieldError, Invalid
from web.base import words
from web.base.forms import Form

FIELD = "version"
_DIGITS = 8
SAVED = (
    "A colleague saved changes while you were writing. Your text is still here. Compare it with "
    "theirs, then press Save again to keep yours."
)

Values = Mapping[str, str | Sequence[str]]


class ChangedByColleague(Conflict):
    """The values are not those that the form has shown.

    `theirs` are the values of now, `names` the fields that a colleague changed.
    """

    def __init__(self, theirs: Values, names: Sequence[str]) -> None:
        super().__init__("changed_by_colleague", SAVED)
        self.theirs = theirs
        self.names = names


def of(values: Values) -> str:
    """Returns the version of values as a form shows them: 8 hex digits for each field."""
    return "".join(_mark(name, value) for name, value in sorted(values.items()))


def require(given: str, current: Values, typed: Mapping[str, Any]) -> None:
    """Raises ChangedByColleague if saving would undo what a colleague has saved meanwhile.

    Call it within the writing transaction, with the row locked. `current` are the row's values as
    the form would show them, `typed` those that were sent.
    """
    known = {given[start : start + _DIGITS] for start in range(0, len(given), _DIGITS)}
    names = [
        name
        for name, value in current.items()
        if _mark(name, value) not in known and _differs(value, typed.get(name))
    ]
    if names:
        raise ChangedByColleague(current, names)


def note(form: Form, error: ChangedByColleague, typed: Mapping[str, Any]) -> None:
    """Puts the colleague's values beside the fields that differ, and the new version into the form.

    Show the form with status 409.
    """
    names = [name for name in error.names if _differs(error.theirs[name], typed.get(name))]
    form.put(**{FIELD: of(error.theirs)})
    form.theirs = {name: _words(error.theirs[name]) for name in names}
    problems = [FieldError("", error.code, error.message)]
    for name in names:
        message = f"{words.field_name(name)}: a colleague changed this."
        problems.append(FieldError(name, error.code, message))
    form.note(Invalid(error.code, error.message, tuple(problems)))


def _mark(name: str, value: str | Sequence[str]) -> str:
    text = json.dumps([name, _plain(value)])
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _differs(value: str | Sequence[str], typed: Any) -> bool:
    return _plain(value) != _plain(typed or ("" if isinstance(value, str) else ()))


def _plain(value: str | Sequence[str]) -> str | list[str]:
    """Returns a value without what a browser changes in it, such as line breaks."""
    if isinstance(value, str):
        return value.replace("\r\n", "\n").strip()
    return sorted(value)


def _words(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)
