"""`lobby accessibility`: the accessibility statement of this installation."""

from pathlib import Path
from typing import Annotated

import typer

from cli import files
from cli.examples import examples
from cli.output import opened, tell
from models import InstallationTextName
from services.errors import Invalid
from services.organisations import installation_texts

app = typer.Typer()
STATEMENT = InstallationTextName.ACCESSIBILITY


@app.command(epilog=examples("lobby accessibility statement.txt", "lobby accessibility --remove"))
def accessibility(
    file: Annotated[
        Path | None, typer.Argument(help="The file to read.", resolve_path=True)
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Show the general statement again.")
    ] = False,
) -> None:
    """Publish an accessibility statement in place of the general one.

    The file is plain text in UTF-8, with empty lines between paragraphs. It replaces an earlier
    one at /accessibility.
    """
    if (file is None) is not remove:
        raise Invalid("file_unclear", "Give either a file or --remove.")
    text = files.text(file) if file is not None else ""
    with opened() as lobby:
        with lobby.database.write() as session:
            if file is None:
                installation_texts.remove(session, STATEMENT)
            else:
                installation_texts.write(session, STATEMENT, text, now=lobby.clock())
        tell(f"Changed: {lobby.settings.base_url}/accessibility")
