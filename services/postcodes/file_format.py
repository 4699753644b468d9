"""The file format of the postcode directory: writing it, and mapping it into memory.

::

    header   magic, version, postcodes, length of the index, size of the file, CRC-32 of all else
    index    text: the constituency codes, a newline, the sectors ('EC1A 1'), separated by commas
    cells    400 per sector, one for each pair of letters that can end a postcode, 16 bits each

A cell is 0 if there is no such postcode. Otherwise it is twice the number of the constituency
(`NO_CONSTITUENCY`, or from `FIRST_CONSTITUENCY` on in the order of the index), plus `TERMINATED` if
the postcode has ended. Why it is a grid: docs/decisions/0001-postcode-directory.md.

Numbers have the byte order of the machine that built the file. A machine with the other byte order
refuses the file as damaged.
"""

import mmap
import os
import secrets
import struct
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import BinaryIO

from core import private_files
from services.errors import Unavailable

# No postcode ends with C, I, K, M, O or V: they are too easily misread (BS 7666).
UNIT_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
UNITS = {"".join(pair): number for number, pair in enumerate(product(UNIT_LETTERS, repeat=2))}
CELLS_PER_SECTOR = len(UNITS)

NO_CONSTITUENCY = 1
FIRST_CONSTITUENCY = 2
TERMINATED = 1
MOST_CONSTITUENCIES = 2**15 - FIRST_CONSTITUENCY

_MAGIC = b"LOBBYPC\n"
_VERSION = 1
_FIELDS = struct.Struct("=8sIIIQ")
_CHECKSUM = struct.Struct("=I")
_HEADER_SIZE = _FIELDS.size + _CHECKSUM.size


@dataclass(frozen=True, slots=True)
class MappedFile:
    """A file that is mapped into memory. `sectors` has the index of each sector's first cell."""

    codes: tuple[str, ...]
    sectors: dict[str, int]
    cells: memoryview
    postcodes: int


def read(path: Path) -> MappedFile:
    """Maps a file and checks all of it, which takes 20 ms for the whole country.

    :raises Unavailable: the file is missing, unreadable, damaged, or no postcode directory
    """
    try:
        with path.open("rb") as file:
            return _parse(path, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except FileNotFoundError as error:
        raise Unavailable("postcodes_missing", f"There is no postcode directory {path}.") from error
    except OSError as error:
        message = f"The postcode directory {path} cannot be read: {error.strerror}."
        raise Unavailable("postcodes_unreadable", message) from error
    except ValueError as error:  # raised by mmap for an empty file
        raise _damaged(path, "it is empty") from error


def _parse(path: Path, data: mmap.mmap) -> MappedFile:
    if len(data) < _HEADER_SIZE or data[: len(_MAGIC)] != _MAGIC:
        raise _damaged(path, "it is no postcode directory")
    _, version, postcodes, index_length, size = _FIELDS.unpack_from(data)
    if version != _VERSION:
        raise _damaged(path, f"it is of version {version}, and this program reads {_VERSION}")
    if size != len(data):
        raise _damaged(path, f"it has {len(data)} bytes and should have {size}")
    if _CHECKSUM.unpack_from(data, _FIELDS.size)[0] != _checksum(data):
        raise _damaged(path, "its checksum does not match")
    cells_at = _HEADER_SIZE + index_length
    codes, sectors = data[_HEADER_SIZE:cells_at].decode("ascii").rstrip(" ").split("\n")
    return MappedFile(
        codes=tuple(codes.split(",")) if codes else (),
        sectors={name: n * CELLS_PER_SECTOR for n, name in enumerate(sectors.split(","))},
        cells=memoryview(data)[cells_at:].cast("H"),
        postcodes=postcodes,
    )


def _checksum(data: mmap.mmap) -> int:
    # The cells are checked too, which takes 5 ms: after a flipped bit, a letter would go to the
    # wrong member.
    with memoryview(data) as view:
        return zlib.crc32(view[_HEADER_SIZE:], zlib.crc32(view[: _FIELDS.size]))


def _damaged(path: Path, reason: str) -> Unavailable:
    message = f"The postcode directory {path} cannot be used: {reason}. Import the postcodes again."
    return Unavailable("postcodes_damaged", message)


def write(target: Path, codes: Sequence[str], sectors: Mapping[str, "array[int]"]) -> int:
    """Replaces the directory at `target` atomically, and returns the size in bytes.

    Processes that have the old file mapped can go on reading it. On failure the old file stays.

    :raises Unavailable: the folder is not writable, or the disk is full
    """
    names = sorted(sectors)
    index = f"{','.join(codes)}\n{','.join(names)}".encode("ascii")
    index += b" " * (len(index) % 2)  # the cells must begin at an even address
    cells = b"".join(sectors[name].tobytes() for name in names)
    postcodes = sum(CELLS_PER_SECTOR - sectors[name].count(0) for name in names)
    size = _HEADER_SIZE + len(index) + len(cells)
    fields = _FIELDS.pack(_MAGIC, _VERSION, postcodes, len(index), size)
    checksum = _CHECKSUM.pack(zlib.crc32(cells, zlib.crc32(index, zlib.crc32(fields))))
    with _replacing(target) as file:
        file.writelines((fields, checksum, index, cells))
    return size


@contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    try:
        private_files.make_folder(target.parent)
        # In the same folder, because a rename is atomic only within a file system.
        new = target.with_name(f".{target.name}.{secrets.token_hex(6)}.new")
        try:
            private = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, private_files.PRIVATE_FILE)
            with os.fdopen(private, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            new.replace(target)
        finally:
            new.unlink(missing_ok=True)
        _sync_folder(target.parent)
    except OSError as error:
        message = f"The postcode directory {target} cannot be written: {error.strerror or error}."
        raise Unavailable("postcodes_unwritable", message) from error


def _sync_folder(folder: Path) -> None:
    # Without this, a power cut may undo the rename.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
