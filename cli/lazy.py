"""Subcommands whose modules are imported when they are called.

The services take a second or more to import. `lobby --help`, `lobby --version` and the completion
of a shell need only the names and first lines of the commands, so they do not wait for that.
"""

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, ClassVar, NamedTuple

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

# Within a paragraph. Typer would keep it, and a docstring is wider than a terminal.
_LINE_END = re.compile(r"(?<!\n)\n(?!\n)")
INTERRUPTED = 130  # exit status: 128 and the number of SIGINT


class ExplainedInterrupt(KeyboardInterrupt):
    """The operator has interrupted a command, which has said what that means."""


class Entry(NamedTuple):
    """The place of a command: a Typer in a module, and the command's line in `lobby --help`.

    With `is_group`, the Typer itself is the command; otherwise its command of the same name is.
    """

    module: str
    attribute: str
    help: str
    is_group: bool = True


class LazyCommand(TyperCommand):
    """Stands for a command in lists. The command itself is imported when it is called."""

    def __init__(self, name: str, entry: Entry) -> None:
        super().__init__(name, help=entry.help)
        self._entry = entry

    def load(self) -> Any:
        """Imports the command."""
        module = import_module(self._entry.module)
        group = typer.main.get_group(getattr(module, self._entry.attribute))
        for _, command in commands(group):
            command.help = _LINE_END.sub(" ", command.help or "")
        if not self._entry.is_group:
            return group.commands[self.name or ""]
        group.name = self.name
        return group

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> Any:
        """Returns a context of the real command, which is then invoked in place of this one."""
        return self.load().make_context(info_name, args, *rest, **extra)


class LazyGroup(TyperGroup):
    """The `lobby` command. A subclass sets `entries`, in the order of `lobby --help`."""

    entries: ClassVar[dict[str, Entry]]

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in self.entries.items():
            self.add_command(LazyCommand(name, entry))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Shows the help, with status 0, where nothing is asked for."""
        is_empty = not args and not ctx.resilient_parsing
        return super().parse_args(ctx, ["--help"] if is_empty else args)

    def invoke(self, ctx: Any) -> Any:
        """Says that a command was interrupted, as nothing else does, and ends with status 130.

        The server says for itself that it stops.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            is_explained = isinstance(error, ExplainedInterrupt)
            if not is_explained and ctx.invoked_subcommand != "serve":
                typer.echo("Interrupted.", err=True)
            raise typer.Exit(INTERRUPTED) from error


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yields every command below this one, itself first, with its path; imports all of them."""
    loaded = command.load() if isinstance(command, LazyCommand) else command
    yield path, loaded
    for name, part in getattr(loaded, "commands", {}).items():
        yield from commands(part, (*path, name))
