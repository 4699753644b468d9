"""Reads files that commands are given: texts and pictures."""

from pathlib import Path

from services.errors import Invalid
from services.pictures.cutting import LARGEST_FILE


def text(file: Path) -> str:
    """Returns a text in UTF-8. Raises Invalid for any other file."""
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid("file_no_text", f"{file} is not a text in UTF-8.") from error


def picture(file: Path) -> bytes:
    """Returns a file, or as much of it as is needed to see that it is too large."""
    with file.open("rb") as stream:
        return stream.read(LARGEST_FILE + 1)
