"""`lobby organisation`, and `lobby organiser create`."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from cli import files
from cli.examples import examples
from cli.output import File, opened, tell
from models import Role
from services.errors import Invalid
from services.organisations import identity, notices, organisations
from services.pictures import cutting, pictures

organisation = typer.Typer(
    no_args_is_help=True,
    help="Organisations.",
    epilog=examples(
        'lobby organisation create "Our Union" --slug our-union',
        "lobby organisation notice our-union privacy.txt",
    ),
)
organiser = typer.Typer(
    no_args_is_help=True,
    help="People who run campaigns.",
    epilog=examples("lobby organiser list --organisation our-union"),
)

Slug = Annotated[str, typer.Argument(metavar="SLUG", help="Its name in URLs.")]
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


@organisation.command(
    "change",
    epilog=examples(
        "lobby organisation change our-union --website https://union.example.org \\",
        "    --contact-email campaigns@union.example.org --brand-colour '#005eb8'",
        "lobby organisation change our-union --logo logo.png",
        "lobby organisation change our-union --company-number ''",
    ),
)
def change_organisation(
    slug: Slug,
    website: Annotated[str | None, typer.Option(help="The address of its website.")] = None,
    charity_number: Annotated[
        str | None, typer.Option(help="Its number, if it is a charity.")
    ] = None,
    company_number: Annotated[
        str | None, typer.Option(help="Its number, if it is a company.")
    ] = None,
    postal_address: Annotated[str | None, typer.Option(help="Where to write to it.")] = None,
    contact_email: Annotated[
        str | None, typer.Option(help="Its public email address. Replies to emails go there.")
    ] = None,
    brand_colour: Annotated[
        str | None, typer.Option(help="The colour of its pages, such as '#005eb8'.")
    ] = None,
    logo: Annotated[
        Path | None,
        typer.Option(resolve_path=True, help="Its logo: a PNG, JPEG or WebP file."),
    ] = None,
    no_logo: Annotated[bool, typer.Option("--no-logo", help="Remove its logo.")] = False,
) -> None:
    """Change what the pages of an organisation say of it. An empty text removes a field."""
    given = {
        "website": website,
        "charity_number": charity_number,
        "company_number": company_number,
        "postal_address": postal_address,
        "contact_email": contact_email,
        "brand_colour": brand_colour,
    }
    values = {name: text for name, text in given.items() if text is not None}
    if logo is not None and no_logo:
        raise Invalid("logo_unclear", "Give either --logo or --no-logo.")
    if not values and logo is None and not no_logo:
        raise Invalid("nothing_to_change", "Say what to change: --help lists the options.")
    files_of_logo = cutting.logo(files.picture(logo)) if logo is not None else None
    with opened() as lobby, lobby.database.write() as session:
        owner = organisations.by_slug(session, slug)
        identity.change(session, owner, values)
        if files_of_logo is not None:
            pictures.keep_logo(session, owner, files_of_logo, now=lobby.clock())
        if no_logo:
            pictures.remove_logo(session, owner)
    tell(f"Changed: {slug}.")


@organisation.command("notice", epilog=examples("lobby organisation notice our-union privacy.txt"))
def publish_notice(slug: Slug, file: File) -> None:
    """Publish a privacy notice, and print its address.

    The file is plain text in UTF-8, with empty lines between paragraphs. Earlier versions stay
    readable. The text of the current version changes nothing.
    """
    text = files.text(file)
    with opened() as lobby:
        with lobby.database.write() as session:
            owner = organisations.by_slug(session, slug)
            notice = notices.publish(session, owner, text, now=lobby.clock())
        typer.echo(f"{lobby.settings.base_url}/privacy/{slug}?version={notice.version}")


@organiser.command(
    "create",
    epilog=examples(
        "lobby organiser create anna@example.org --organisation our-union",
        "lobby organiser create ben@example.org --organisation our-union \\",
        "    --role viewer",
    ),
)
def create_organiser(
    email: Annotated[str, typer.Argument(help="Their email address.")],
    organisation: OrganisationSlug,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.OWNER,
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
            role=role,
            now=lobby.clock(),
        )
    typer.echo(password)
