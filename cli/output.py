"""What commands share: a line, a bar, and the opened service."""

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
from services.database import engine as databases
from services.errors import Invalid

File = Annotated[Path, typer.Argument(help="The file to read.")]
told = Console(stderr=True)


def tell(text: str, style: str = "") -> None:
    """A line on standard error; what a file or a failure is called is not taken for markup."""
    told.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def opened() -> Iterator[Lobby]:
    """The service for one command; an empty database gets its schema first."""
    lobby = open_lobby(Settings())
    try:
        databases.prepare(lobby.database)
        yield lobby
    finally:
        lobby.close()


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error."""
    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=told, transient=True) as bars:
        task = bars.add_task(title, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def moment(text: str, field: str) -> datetime:
    """A time as somebody types it: by the clock in London, where it names no zone."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=LONDON)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        message = f"'{text}' is no time: write it as 2026-07-01T09:00 or 2026-07-01T08:00Z."
        raise Invalid.field(field, "time_malformed", message) from error
