"""The values typed into a form, and their problems."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from services.common import texts
from services.errors import FieldError, Invalid, LobbyError, ProofRequired

Rule = Callable[[str], str]
"""Returns a typed value as it is kept, or raises Invalid."""


class Form:
    """Holds the values as typed, to show them again, with the problems to show beside them.

    `check` collects problems, `finish` raises them together, `note` puts an error on the page.
    `proof` is the challenge of a proof of work as JSON, or empty. `theirs` are values that a
    colleague has saved meanwhile, by field.
    """

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values = dict(values or {})
        self._collected: list[Invalid] = []
        self.problems: tuple[FieldError, ...] = ()
        self.proof = ""
        self.theirs: Mapping[str, str] = {}

    def value(self, name: str) -> str:
        """Returns the text of a field; empty where nothing was typed."""
        return str(self._values.get(name) or "")

    def values(self, name: str) -> list[str]:
        """Returns the texts of several checkboxes of one name."""
        return list(self._values.get(name) or ())

    def has(self, name: str, choice: str) -> bool:
        """Returns whether one of several checkboxes of this name is ticked."""
        return choice in self._values.get(name, ())

    def put(self, **values: str) -> None:
        """Replaces the values shown in fields."""
        self._values.update(values)

    def put_all(self, **values: list[str]) -> None:
        """Replaces the values of several fields of one name."""
        self._values.update(values)

    def check(self, name: str, rule: Rule, *, missing: str) -> str:
        """Returns a value as `rule` normalises it, or "" after collecting its problem.

        `missing` is the message where nothing was typed.
        """
        typed = self.value(name)
        try:
            return rule(typed)
        except Invalid as error:
            message = error.message if typed.strip() else missing
            self._collected.append(Invalid.field(name, error.code, message))
            return ""

    def collect(self, problem: Invalid) -> None:
        """Keeps a problem for `finish`."""
        self._collected.append(problem)

    def finish(self) -> None:
        """Raises Invalid with all collected problems, if there are any."""
        if self._collected:
            raise texts.combined(self._collected)

    def note(self, error: LobbyError, *, within: str = "") -> None:
        """Shows an error beside its fields, or above the form where it names none.

        `within` is a prefix of field names that the form leaves out, such as `address.`.
        """
        fields = tuple(
            replace(item, field=item.field.removeprefix(within))
            for item in (error.fields if isinstance(error, Invalid) else ())
        )
        if isinstance(error, ProofRequired):
            self.proof = json.dumps(error.challenge)
        self.problems = fields or (FieldError("", error.code, error.message),)

    def error(self, name: str) -> str | None:
        """Returns the messages of all problems of a field, or None."""
        return " ".join(item.message for item in self.problems if item.field == name) or None
