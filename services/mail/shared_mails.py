"""Emails that many people get, and that differ only in recipient, ids and links.

What they share is rendered, encoded and checked once, with invented personal parts. The places of
these in the bytes are kept, and each email gets its own parts there: a twentieth of the work.

Two links of the same shape differ only in ASCII letters, digits, hyphens and underscores. Neither
HTML nor quoted-printable nor a header treats any of these differently, so that the bytes around
them are the same.
"""

import re
import secrets
import string
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

from services.mail import mail_builder, mail_headers
from services.mail.mail_builder import Envelope, Mail

Shared = TypeVar("Shared", bound=Hashable)
_CHARACTERS = string.ascii_letters + string.digits + "-_"
_SHAPES = str.maketrans(dict.fromkeys(_CHARACTERS, "x"))
_SOFT_BREAK = b"=\r\n"  # quoted-printable's, anywhere in a long line (RFC 2045, 6.7)


class Personal(NamedTuple):
    """The parts of an email that are its recipient's alone. A link ends with a token."""

    recipient: str
    message_id: str
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SharedMail(Generic[Shared]):
    """An email before it is built. `make` writes it plainly, and depends on nothing else."""

    make: Callable[[Shared, Personal], Mail]
    shared: Shared
    personal: Personal


class _Shape(NamedTuple):
    """What links of one kind have in common: all before the token, and the token's shape."""

    start: str
    token: str


class _Hole(NamedTuple):
    """The place of a personal part, or of a slice of it, among the pieces of an email."""

    piece: int
    part: int
    slice: slice


@dataclass(frozen=True, slots=True)
class _Pattern:
    """An email in pieces; those at the holes are personal. `parts` are in the order of `_parts`."""

    sender: str
    pieces: tuple[bytes, ...]
    holes: tuple[_Hole, ...]

    def filled(self, parts: Sequence[bytes]) -> bytes:
        """Returns the email with these personal parts."""
        pieces = list(self.pieces)
        for hole in self.holes:
            pieces[hole.piece] = parts[hole.part][hole.slice]
        return b"".join(pieces)


def build(mail: SharedMail[Shared], *, mail_from: str, now: datetime) -> Envelope:
    """Returns what `mail_builder.build` makes of the plain email; Invalid in the same cases."""
    recipient, message_id, links = mail.personal
    shapes = tuple([_shape(link) for link in links])
    pattern = _pattern(mail.make, mail.shared, shapes, mail_from)
    if pattern is None:
        plain = mail.make(mail.shared, mail.personal)
        return mail_builder.build(plain, mail_from=mail_from, now=now)
    to = mail_headers.bare_address(recipient)
    personal = Personal(to, mail_headers.message_id(message_id), links)
    content = pattern.filled(_parts(personal, shapes, now))
    return Envelope(pattern.sender, to, message_id, content)


def _shape(link: str) -> _Shape:
    start, _, token = link.rpartition("/")
    return _Shape(start, token.translate(_SHAPES))


# Of the organisations' texts alone, which many emails share.
@lru_cache(maxsize=100)
def _pattern(
    make: Callable[[Shared, Personal], Mail],
    shared: Shared,
    shapes: tuple[_Shape, ...],
    mail_from: str,
) -> _Pattern | None:
    """Returns the pattern of such emails; None if filling it in would make another email."""
    learnt, parts = _invented(make, shared, shapes, mail_from)
    wanted, other_parts = _invented(make, shared, shapes, mail_from)
    pattern = _learnt(learnt, parts)
    return pattern if pattern.filled(other_parts) == wanted.content else None


def _invented(
    make: Callable[[Shared, Personal], Mail],
    shared: Shared,
    shapes: Sequence[_Shape],
    mail_from: str,
) -> tuple[Envelope, list[bytes]]:
    """Returns a plain email with personal parts at random, which occur nowhere else in it."""
    name = secrets.token_hex(16)
    links = tuple(f"{shape.start}/{_random_token(shape.token)}" for shape in shapes)
    message_id = f"<{name}@{mail_builder.domain_of(mail_from)}>"
    personal = Personal(f"{name}@example.org", message_id, links)
    now = datetime.fromtimestamp(secrets.randbelow(1 << 31), UTC)
    envelope = mail_builder.build(make(shared, personal), mail_from=mail_from, now=now)
    return envelope, _parts(personal, shapes, now)


def _random_token(shape: str) -> str:
    return "".join(secrets.choice(_CHARACTERS) if each == "x" else each for each in shape)


def _parts(personal: Personal, shapes: Sequence[_Shape], now: datetime) -> list[bytes]:
    """Returns three headers, and the token of each link, as bytes."""
    recipient, message_id, links = personal
    return [
        f"\r\nTo: {recipient}".encode("ascii"),
        f"\r\nDate: {format_datetime(now)}".encode("ascii"),
        f"\r\nMessage-ID: {message_id}".encode("ascii"),
        *[
            link[len(shape.start) + 1 :].encode("ascii")
            for link, shape in zip(links, shapes, strict=True)
        ],
    ]


def _learnt(envelope: Envelope, parts: Sequence[bytes]) -> _Pattern:
    """Finds the parts of an email in it."""
    content = envelope.content
    places = sorted(
        (begins, ends, part, within)
        for part, text in enumerate(parts)
        for begins, ends, within in _places(content, text)
    )
    pieces: list[bytes] = []
    holes: list[_Hole] = []
    end = 0
    for begins, ends, part, within in places:
        pieces += [content[end:begins], b""]
        holes.append(_Hole(len(pieces) - 1, part, within))
        end = ends
    return _Pattern(envelope.sender, (*pieces, content[end:]), tuple(holes))


def _places(content: bytes, part: bytes) -> Iterator[tuple[int, int, slice]]:
    """Yields where a part of an email, or a slice of it, begins and ends. Soft breaks divide it."""
    letters = [re.escape(part[index : index + 1]) for index in range(len(part))]
    for match in re.finditer(b"(?:=\r\n)?".join(letters), content):
        begins, within = match.start(), 0
        *slices, last = match.group().split(_SOFT_BREAK)
        for piece in slices:
            yield begins, begins + len(piece), slice(within, within + len(piece))
            begins += len(piece) + len(_SOFT_BREAK)
            within += len(piece)
        yield begins, begins + len(last), slice(within, None)
