"""`lobby organisation`, and `lobby organiser create`."""

import secrets
from typing import Annotated

import typer

from cli.examples import examples
from cli.output import opened
from services.organisations import organisations

organisation = typer.Typer(
    no_args_is_help=True,
    help="Organisations.",
    epilog=examples('lobby organisation create "Our Union" --slug our-union'),
)
organiser = typer.Typer(
    no_args_is_help=True,
    help="People who run campaigns.",
    epilog=examples("lobby organiser list --organisation our-union"),
)

OrganisationSlug = Annotated[str, typer.Option("--organisation", help="The organisation's slug.")]


@organisation.command(
    "create", epilog=examples('lobby organisation create "Our Union" --slug our-union')
)
def create_organisation(
    name: Annotated[str, typer.Argument(help="Its name, as supporters see it.")],
    slug: Annotated[str, typer.Option(help="Its name in URLs.")],
) -> None:
    """Add an organisation."""
    with opened() as lobby, lobby.database.write() as session:
        organisations.create(session, name=name, slug=slug, now=lobby.clock())
    typer.echo(slug)


@organiser.command(
    "create",
    epilog=examples("lobby organiser create anna@example.org --organisation our-union"),
)
def create_organiser(
    email: Annotated[str, typer.Argument(help="Their email address.")],
    organisation: OrganisationSlug,
) -> None:
    """Add an organiser, and print the password to sign in with."""
    password = secrets.token_urlsafe(12)
    with opened() as lobby, lobby.database.write() as session:
        organisations.create_organiser(
            session,
            lobby.keyring,
            organisation=organisations.by_slug(session, organisation),
            email=email,
            password=password,
            now=lobby.clock(),
        )
    typer.echo(password)
