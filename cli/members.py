"""`lobby member`: what an organisation keeps about an MP."""

from typing import Annotated

import typer

from cli.examples import examples
from cli.output import opened
from services.campaigns import member_records
from services.organisations import organisations

app = typer.Typer(
    no_args_is_help=True,
    help="Members of Parliament.",
    epilog=examples("lobby member kept 4514 --organisation our-union"),
)


@app.callback()
def _members() -> None: ...


@app.command("kept", epilog=examples("lobby member kept 4514 --organisation our-union > file.txt"))
def show_kept(
    member_id: Annotated[int, typer.Argument(help="Parliament's id of the member.")],
    organisation: Annotated[str, typer.Option(help="The organisation's slug.")],
) -> None:
    """Print everything that an organisation keeps about a member, private notes too.

    For a member who asks for it. Only the operator of the service can run this.
    """
    with opened() as lobby, lobby.database.read() as session:
        owner = organisations.by_slug(session, organisation)
        text = member_records.text_about(session, owner, member_id, now=lobby.clock())
    typer.echo(text, nl=False)
