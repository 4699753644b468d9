"""Organisations, their organisers, partners and keys."""

import secrets
from typing import Annotated

import typer

from lobby.cli.output import opened
from lobby.models import Scope
from lobby.services import organisations

organisation = typer.Typer(no_args_is_help=True, help="Organisations.")
organiser = typer.Typer(no_args_is_help=True, help="People who run campaigns.")
partner = typer.Typer(no_args_is_help=True, help="Partners, whose sites post signatures.")
key = typer.Typer(no_args_is_help=True, help="Keys for the API.")

OrganisationSlug = Annotated[str, typer.Option("--organisation", help="The organisation's slug.")]


@organisation.command("create")
def create_organisation(
    name: Annotated[str, typer.Argument(help="Its name, as supporters see it.")],
    slug: Annotated[str, typer.Option(help="Its name in addresses.")],
) -> None:
    """Add an organisation."""
    with opened() as lobby, lobby.database.write() as session:
        organisations.create(session, name=name, slug=slug, now=lobby.clock())
    typer.echo(slug)


@organiser.command("create")
def create_organiser(
    email: Annotated[str, typer.Argument(help="Their e-mail address.")],
    organisation: OrganisationSlug,
) -> None:
    """Add an organiser, and print the password that they sign in with."""
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


@partner.command("create")
def create_partner(
    name: Annotated[str, typer.Argument(help="Its name.")],
    organisation: OrganisationSlug,
    slug: Annotated[str, typer.Option(help="Its name in addresses.")],
) -> None:
    """Add a partner of an organisation."""
    with opened() as lobby, lobby.database.write() as session:
        owner = organisations.by_slug(session, organisation)
        organisations.create_partner(
            session, organisation=owner, name=name, slug=slug, now=lobby.clock()
        )
    typer.echo(slug)


@key.command("create")
def create_key(
    organisation: OrganisationSlug,
    scope: Annotated[list[str], typer.Option(help=f"One of {', '.join(Scope)}; repeat for more.")],
    partner: Annotated[str | None, typer.Option(help="The slug of the partner it is for.")] = None,
) -> None:
    """Add a key and print it, alone, on standard output. It cannot be shown again."""
    with opened() as lobby, lobby.database.write() as session:
        owner = organisations.by_slug(session, organisation)
        key = organisations.create_key(
            session, organisation=owner, scopes=scope, partner_slug=partner, now=lobby.clock()
        )
    typer.echo(key)
