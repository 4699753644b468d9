"""Tells expected errors in a sentence, in place of a traceback."""

import os
import sqlite3
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import SettingsError

from cli.output import tell
from core.settings import ENV_FILE, sentences
from services.database.engine import DatabaseError
from services.errors import Invalid, LobbyError

_SENTENCES: dict[type[OSError], str] = {
    FileNotFoundError: "There is no {path}.",
    FileExistsError: "{path} exists already.",
    IsADirectoryError: "{path} is a folder, not a file.",
    PermissionError: "{path} cannot be used: permission denied.",
}


def tell_error(error: Exception) -> bool:
    """Prints the reason of an expected error; returns False for any other error."""
    lines = _lines(error)
    for line in lines:
        tell(line, "red")
    return bool(lines)


def _lines(error: Exception) -> list[str]:
    match error:
        case Invalid(code="invalid", fields=[_, *_]):  # it combines the errors of several fields
            return [f"{field.field}: {field.message}" for field in error.fields]
        case LobbyError():
            return [error.message]
        case ValidationError():
            return sentences(error)
        case SettingsError():  # it names a setting without its value
            return [f"{error}."]
        case UnicodeDecodeError():  # all other files that are no text have an error of their own
            return [f"{ENV_FILE.absolute()} is not a text in UTF-8."]
        case DatabaseError() | sqlite3.Error():
            return [f"The database refused: {str(error).splitlines()[0]}"]
        case OSError():
            return [of_file(error)]
    return []


def of_file(error: OSError) -> str:
    """Returns a sentence with the whole path, if the error is about a file."""
    if error.filename is None:
        return f"{error.strerror or error}."
    path = Path(os.fsdecode(error.filename)).absolute()
    sentence = _SENTENCES.get(type(error), f"{error.strerror}: {{path}}.")
    return sentence.replace("{path}", str(path))
