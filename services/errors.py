"""Everything that a service refuses, in one tree.

::

    LobbyError
    ├── NotFound        there is no such thing, or it is another organisation's
    ├── Conflict        it exists, but its state does not allow this
    │   ├── Gone        a link that was good once has expired
    │   └── KeyInUse    a request with the same key is being worked on; `retry_after` says when
    ├── Forbidden       known, but not allowed
    │   └── Unauthenticated   not known at all
    ├── Invalid         the input is wrong; `fields` says where
    ├── Limited         too much, too soon; `retry_after` says when
    │   └── ProofWanted   ... or work has to be proved; `challenge` says what
    └── Unavailable     something that we depend on does not answer

A `code` is stable and for programs; a message is for people. Services know no HTTP: `api` and
`web` map the classes to status codes.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with the input. `field` is a dotted path such as `address.postcode`."""

    field: str
    code: str
    message: str


class LobbyError(Exception):
    """The root: `code` for programs, `message` for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class NotFound(LobbyError):
    """There is no such thing, or it belongs to another organisation."""


class Conflict(LobbyError):
    """The thing exists, but its state does not allow this."""


class Gone(Conflict):
    """A link that was good once has expired."""


class KeyInUse(Conflict):
    """Another request with the same key is being worked on. `retry_after` is in seconds."""

    def __init__(self, code: str, message: str, retry_after: int = 1) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


class Forbidden(LobbyError):
    """The caller is known, but may not do this."""


class Unauthenticated(Forbidden):
    """The caller is not known."""


class Invalid(LobbyError):
    """The input is wrong. `fields` names each place; a file's line stands in the message."""

    def __init__(self, code: str, message: str, fields: tuple[FieldError, ...] = ()) -> None:
        super().__init__(code, message)
        self.fields = fields

    @classmethod
    def field(cls, field: str, code: str, message: str) -> "Invalid":
        """The common case: one field is wrong."""
        return cls(code, message, (FieldError(field, code, message),))


class Limited(LobbyError):
    """Too much, too soon. `retry_after` is in seconds."""

    def __init__(self, code: str, message: str, retry_after: int) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


class ProofRequired(Limited):
    """Without a proof of work, wait. `challenge` is what to prove
    (`services.traffic.proof_of_work`)."""

    def __init__(
        self, code: str, message: str, retry_after: int, challenge: dict[str, Any]
    ) -> None:
        super().__init__(code, message, retry_after)
        self.challenge = challenge


class Unavailable(LobbyError):
    """Something that we depend on does not answer. `retry_after` is in seconds."""

    def __init__(self, code: str, message: str, retry_after: int = 60) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after
