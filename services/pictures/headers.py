"""Reads the kind and the size of a picture from its first bytes, before anything decodes it.

A few bytes can claim a picture of gigabytes, so nothing may be decoded, or memory taken for it,
before its size is known.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of files that are taken, by their content and not by their names."""

    PNG = "PNG"
    JPEG = "JPEG"
    WEBP = "WebP"


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself. `width` and `height` are in pixels."""

    kind: Kind
    width: int
    height: int
    is_animated: bool = False


_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
# Frames of a JPEG (ITU T.81, table B.1). C4, C8 and CC between them are no frames.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))
_END, _SCAN = 0xD9, 0xDA


def kind_of(content: bytes) -> Kind | None:
    """Returns the kind of a file; None if it is not taken."""
    if content.startswith(_PNG):
        return Kind.PNG
    if content.startswith(_JPEG):
        return Kind.JPEG
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return Kind.WEBP
    return None


def read(content: bytes) -> Header | None:
    """Returns what a file says of itself; None if it is no PNG, JPEG or WebP file, or damaged."""
    kind = kind_of(content)
    if kind is None:
        return None
    try:
        return {Kind.PNG: _png, Kind.JPEG: _jpeg, Kind.WEBP: _webp}[kind](content)
    except (struct.error, IndexError):
        return None


def _png(content: bytes) -> Header | None:
    """Reads the first chunk of a PNG, and looks for the one of an animation before the picture."""
    if content[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", content, 16)
    is_animated = False
    for name in _png_chunks(content):
        if name == b"IDAT":
            break
        is_animated = is_animated or name == b"acTL"
    return Header(Kind.PNG, width, height, is_animated)


def _png_chunks(content: bytes) -> Iterator[bytes]:
    place = len(_PNG)
    while place + 8 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        yield content[place + 4 : place + 8]
        place += 12 + length


def _jpeg(content: bytes) -> Header | None:
    """Reads the segments of a JPEG up to its frame."""
    place = 2
    while content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:  # bytes that fill up
            place += 1
        elif marker in _WITHOUT_LENGTH:
            place += 2
        elif marker in (_END, _SCAN):
            return None
        elif marker in _FRAMES:
            height, width = struct.unpack_from(">HH", content, place + 5)
            return Header(Kind.JPEG, width, height)
        else:
            place += 2 + int(struct.unpack_from(">H", content, place + 2)[0])
    return None


def _webp(content: bytes) -> Header | None:
    """Reads the first chunk of a WebP file (RFC 9649): extended, lossless or lossy."""
    name = content[12:16]
    if name == b"VP8X":
        width, height = (
            1 + int.from_bytes(content[start : start + 3], "little") for start in (24, 27)
        )
        return Header(Kind.WEBP, width, height, is_animated=bool(content[20] & 0b10))
    if name == b"VP8L":
        (bits,) = struct.unpack_from("<I", content, 21)
        return Header(Kind.WEBP, 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if name == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, 26)
        return Header(Kind.WEBP, width & 0x3FFF, height & 0x3FFF)
    return None
