"""The file `secret_key` in the data folder, for the embedded database without `LOBBY_SECRET_KEY`.

It holds one or more secrets, the newest first, separated by commas.
"""

import contextlib
import os
import secrets
from pathlib import Path


class SecretMissing(Exception):
    """A database exists, but not the file with its secret; or a secret in the file is empty."""


def generate() -> str:
    """Returns a new secret."""
    return secrets.token_urlsafe(32)


def read_or_generate(file: Path, database: Path) -> tuple[str, ...]:
    """Returns the secrets. The first one is generated together with a new database, never later.

    :raises SecretMissing: the database has content, and there is no file; or a secret is empty
    """
    # Looked at first: of two processes that begin at once, one may have made both by now.
    has_content = database.is_file() and database.stat().st_size > 0
    if not file.exists():
        if has_content:
            raise SecretMissing(
                f"The database {database} has no secret key: {file} is missing. Put back the file "
                "with the key that the database was made with, or set LOBBY_SECRET_KEY to the key."
            )
        # If two processes generate a secret at once, one `link` succeeds, and both read that file.
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = _write_draft(file, generate())
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        draft.unlink()
    return _read(file)


def put_in_front(file: Path, secret: str) -> None:
    """Puts a new secret in front of the others. The file is the old one or the new one."""
    _write_draft(file, ",".join((secret, *_read(file)))).replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def split(text: str) -> tuple[str, ...]:
    """Returns the secrets in a text, without the white space around them."""
    return tuple(part.strip() for part in text.split(","))


def _read(file: Path) -> tuple[str, ...]:
    secrets_there = split(file.read_text())
    if not all(secrets_there):
        raise SecretMissing(f"{file} is empty, or has a comma without a secret: put the key back.")
    return secrets_there


def _write_draft(file: Path, content: str) -> Path:
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(content + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    return draft
