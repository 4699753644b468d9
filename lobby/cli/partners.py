"""Partners of an organisation."""

from typing import Annotated

import typer

from lobby.cli.organisations import OrganisationSlug
from lobby.cli.output import opened, tell
from lobby.services import organisations, partners

app = typer.Typer(no_args_is_help=True, help="Partners, whose sites post signatures.")

Website = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Its site, such as https://example.org.")
]
Origins = Annotated[
    list[str] | None,
    typer.Option(
        "--origin",
        metavar="ORIGIN",
        help="A site that may show our form, such as https://example.org; repeat for more.",
    ),
]
PartnerSlug = Annotated[str, typer.Argument(metavar="SLUG", help="Its name in addresses.")]


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Its name, as supporters see it.")],
    organisation: OrganisationSlug,
    slug: Annotated[str, typer.Option(help="Its name in addresses. It never changes.")],
    website: Website = None,
    origin: Origins = None,
) -> None:
    """Add a partner of an organisation."""
    with opened() as lobby, lobby.database.write() as session:
        partners.create(
            session,
            organisation=organisations.by_slug(session, organisation),
            name=name,
            slug=slug,
            website=website,
            allowed_origins=origin or (),
            now=lobby.clock(),
        )
    typer.echo(slug)


@app.command("change")
def change(
    slug: PartnerSlug,
    organisation: OrganisationSlug,
    name: Annotated[str | None, typer.Option(help="Its name, as supporters see it.")] = None,
    website: Website = None,
    origin: Origins = None,
    no_origins: Annotated[
        bool, typer.Option("--no-origins", help="No site may show our form any more.")
    ] = False,
) -> None:
    """Change what is given. Origins take the place of all that there were; '' takes the website
    away."""
    with opened() as lobby, lobby.database.write() as session:
        owner = organisations.by_slug(session, organisation)
        partners.change(
            session,
            partners.own(session, slug, organisation_id=owner.id),
            name=name,
            website=website,
            allowed_origins=[] if no_origins else origin or None,
        )
    tell(f"Changed: {slug}.")


@app.command("list")
def list_all(organisation: OrganisationSlug) -> None:
    """List the partners of an organisation: slug, name, website and origins, a line each."""
    with opened() as lobby, lobby.database.read() as session:
        owner = organisations.by_slug(session, organisation)
        found = partners.of_organisation(session, owner.id)
    for each in found:
        origins = " ".join(each.allowed_origins)
        typer.echo("\t".join((each.slug, each.name, each.website or "", origins)))
    tell(f"Partners: {len(found)}.")
