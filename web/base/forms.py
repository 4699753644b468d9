"""What somebody typed into a form, and what is wrong with it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from models import Organiser
from services.common import texts
from services.errors import FieldError, Invalid, LobbyError, ProofRequired
from services.organisations import organisations


class Form:
    """Values as typed, for showing again, and problems to show beside them.

    `check` collects problems, `finish` raises them together, `note` puts an error on the page.
    `proof` is the challenge, as JSON, where a proof of work is asked for.
    """

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values = dict(values or {})
        self._found: list[Invalid] = []
        self.problems: tuple[FieldError, ...] = ()
        self.proof = ""

    def value(self, name: str) -> str:
        """What was typed; empty where nothing was."""
        return str(self._values.get(name) or "")

    def has(self, name: str, choice: str) -> bool:
        """Whether one of several boxes of a name is ticked."""
        return choice in self._values.get(name, ())

    def put(self, **values: str) -> None:
        """Replace what is shown in fields."""
        self._values.update(values)

    def check(self, name: str, rule: Callable[[str], str], *, missing: str) -> str:
        """A value as a rule of the services leaves it; `missing` is said where it is empty."""
        typed = self.value(name)
        try:
            return rule(typed)
        except Invalid as error:
            message = error.message if typed.strip() else missing
            self._found.append(Invalid.field(name, error.code, message))
            return ""

    def check_password(self, organiser: Organiser) -> None:
        """The password of who is signed in, typed again."""

        def own(typed: str) -> str:
            organisations.require_password(organiser, typed)
            return typed

        self.check("password", own, missing="Type your password again.")

    def finish(self) -> None:
        """Invalid, with every problem found, if there was one."""
        if self._found:
            raise texts.combined(self._found)

    def note(self, error: LobbyError, *, within: str = "") -> None:
        """Show an error: beside its fields, or else above the form alone.

        `within` begins the names of fields that a form has without it, such as `address.`.
        """
        fields = tuple(
            replace(item, field=item.field.removeprefix(within))
            for item in (error.fields if isinstance(error, Invalid) else ())
        )
        if isinstance(error, ProofRequired):
            self.proof = json.dumps(error.challenge)
        self.problems = fields or (FieldError("", error.code, error.message),)

    def error(self, name: str) -> str | None:
        """Everything that is wrong with a field."""
        return " ".join(item.message for item in self.problems if item.field == name) or None
