"""Addresses that mail does not reach."""

from typing import Annotated

import typer

from lobby.cli.output import opened, tell
from lobby.services import dead_addresses

app = typer.Typer(no_args_is_help=True, help="Addresses that mail does not reach.")


@app.command("dead")
def list_dead() -> None:
    """List members whose address is dead, and count supporters' addresses that are."""
    with opened() as lobby, lobby.database.read() as session:
        found = dead_addresses.of_members(session, keyring=lobby.keyring)
        of_others = dead_addresses.count_of_supporters(session)
    for dead in found:
        member = dead.member
        typer.echo(f"{member.id}\t{member.name}\t{dead.since:%Y-%m-%d}\t{dead.detail}")
    tell(f"Members: {len(found)}. Supporters: {of_others}.")


@app.command()
def revive(
    address: Annotated[str, typer.Argument(help="The address, a member's or a supporter's.")],
) -> None:
    """Send to an address again that was found dead."""
    with opened() as lobby, lobby.database.write() as session:
        dead_addresses.revive(session, address, keyring=lobby.keyring)
    tell("Mail goes there again.")
