"""Helpers of all commands: messages, a progress bar, and opening the service."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from core.settings import Settings
from services.assembly import Lobby, open_lobby
from services.common.times import LONDON
from services.database import secret_keys
from services.errors import Invalid

# Resolved, so that messages name the whole path.
File = Annotated[Path, typer.Argument(help="The file to read.", resolve_path=True)]
_console = Console(stderr=True)


def tell(text: str, style: str = "") -> None:
    """Prints a line on standard error. Brackets in it are not read as markup."""
    _console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def opened() -> Iterator[Lobby]:
    """Opens the service for one command, and creates the schema in an empty database.

    :raises Unavailable: the schema has another version, or the secret key is the wrong one
    """
    lobby = open_lobby(Settings())
    try:
        secret_keys.prepare(lobby.database, lobby.keyring, now=lobby.clock())
        yield lobby
    finally:
        lobby.close()


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Shows a progress bar on standard error. Call the function it yields with done and total."""
    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_console, transient=True) as bars:
        task = bars.add_task(title, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def moment(text: str, field: str) -> datetime:
    """Parses a time in ISO 8601 and returns it in UTC. Without a zone, it is London's.

    :raises Invalid: for `field`
    """
    try:
        parsed = datetime.fromisoformat(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=LONDON)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        message = f"'{text}' is no time: write it as 2026-07-01T09:00 or 2026-07-01T08:00Z."
        raise Invalid.field(field, "time_malformed", message) from error
