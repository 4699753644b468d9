"""All errors that services raise, in one tree.

LobbyError
├── NotFound             The object does not exist, or it belongs to another organisation.
├── Conflict             The object exists, but its state does not allow the action.
│   ├── Gone             A link or an unconfirmed signature has expired.
│   └── KeyInUse         Another request with the same idempotency key is still running.
├── Forbidden            The caller is known, but not allowed to do this.
│   └── Unauthenticated  The caller is not known: credentials are missing or wrong.
├── Invalid              The input is wrong. `fields` lists the places.
├── Limited              A rate limit is exceeded.
│   └── ProofRequired    The request needs a proof of work. `challenge` describes it.
└── Unavailable          Something that the service depends on does not work.

`KeyInUse`, `Limited` and `Unavailable` say in `retry_after` how many seconds to wait.

Programs compare `code`, which never changes; people read `message`. Services do not know HTTP:
`api` and `web` map the classes to status codes.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldError:
    """One problem of the input. `field` is a dotted path such as `address.postcode`."""

    field: str
    code: str
    message: str


class LobbyError(Exception):
    """The base class of all errors that services raise."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class NotFound(LobbyError):
    """The object does not exist, or it belongs to another organisation."""


class Conflict(LobbyError):
    """The object exists, but its state does not allow the action."""


class Gone(Conflict):
    """A link or an unconfirmed signature has expired."""


class KeyInUse(Conflict):
    """Another request with the same idempotency key is still running."""

    def __init__(self, code: str, message: str, retry_after: int = 1) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


class Forbidden(LobbyError):
    """The caller is known, but not allowed to do this."""


class Unauthenticated(Forbidden):
    """The caller is not known: credentials are missing or wrong."""


class Invalid(LobbyError):
    """The input is wrong.

    `fields` names each wrong field. For a file, `message` names the line instead.
    """

    def __init__(self, code: str, message: str, fields: tuple[FieldError, ...] = ()) -> None:
        super().__init__(code, message)
        self.fields = fields

    @classmethod
    def field(cls, field: str, code: str, message: str) -> "Invalid":
        """Returns the error for one wrong field."""
        return cls(code, message, (FieldError(field, code, message),))


class Limited(LobbyError):
    """A rate limit is exceeded. `retry_after` is in seconds."""

    def __init__(self, code: str, message: str, retry_after: int) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


class ProofRequired(Limited):
    """The request needs a proof of work, or has to wait for `retry_after` seconds.

    `challenge` describes the work: see `services.traffic.proof_of_work`.
    """

    def __init__(
        self, code: str, message: str, retry_after: int, challenge: dict[str, Any]
    ) -> None:
        super().__init__(code, message, retry_after)
        self.challenge = challenge


class Unavailable(LobbyError):
    """Something that the service depends on does not work. `retry_after` is in seconds."""

    def __init__(self, code: str, message: str, retry_after: int = 60) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after
