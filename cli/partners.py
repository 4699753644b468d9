"""`lobby partner`: the partners of an organisation."""

from typing import Annotated

import typer

from cli.examples import examples
from cli.organisations import OrganisationSlug
from cli.output import opened, tell
from cli.tables import show
from models import Partner
from services.organisations import organisations, partners

app = typer.Typer(
    no_args_is_help=True,
    help="Partners, whose sites post signatures.",
    epilog=examples("lobby partner list --organisation our-union"),
)
COLUMNS = ("slug", "name", "website", "origins", "public")

Website = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Its website, such as https://example.org.")
]
Origins = Annotated[
    list[str] | None,
    typer.Option(
        "--origin",
        metavar="ORIGIN",
        help="A site that may show our form, such as https://example.org; repeat for more.",
    ),
]
Public = Annotated[
    bool | None,
    typer.Option("--public/--not-public", help="Whether campaign pages name it."),
]
PartnerSlug = Annotated[str, typer.Argument(metavar="SLUG", help="Its name in URLs.")]


@app.command(
    "create",
    epilog=examples(
        "lobby partner create 'A Paper' --organisation our-union --slug a-paper \\",
        "    --website https://paper.example.org --origin https://paper.example.org",
    ),
)
def create(
    name: Annotated[str, typer.Argument(help="Its name, as supporters see it.")],
    organisation: OrganisationSlug,
    slug: Annotated[str, typer.Option(help="Its name in URLs. It cannot be changed.")],
    website: Website = None,
    origin: Origins = None,
    public: Public = None,
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
            is_public=bool(public),
            now=lobby.clock(),
        )
    typer.echo(slug)


@app.command(
    "change",
    epilog=examples(
        "lobby partner change a-paper --organisation our-union --public",
        "lobby partner change a-paper --organisation our-union --no-origins",
    ),
)
def change(
    slug: PartnerSlug,
    organisation: OrganisationSlug,
    name: Annotated[str | None, typer.Option(help="Its name, as supporters see it.")] = None,
    website: Website = None,
    origin: Origins = None,
    no_origins: Annotated[
        bool, typer.Option("--no-origins", help="Let no site show our form any more.")
    ] = False,
    public: Public = None,
) -> None:
    """Change a partner. New origins replace all old ones; an empty website removes it."""
    with opened() as lobby, lobby.database.write() as session:
        owner = organisations.by_slug(session, organisation)
        partners.change(
            session,
            partners.own(session, slug, organisation_id=owner.id),
            name=name,
            website=website,
            allowed_origins=[] if no_origins else origin or None,
            is_public=public,
        )
    tell(f"Changed: {slug}.")


@app.command("list", epilog=examples("lobby partner list --organisation our-union"))
def list_all(organisation: OrganisationSlug) -> None:
    """List the partners of an organisation, one per line: slug, name, website, origins, and
    'public' if campaign pages name it."""
    with opened() as lobby, lobby.database.read() as session:
        owner = organisations.by_slug(session, organisation)
        rows = partners.of_organisation(session, owner.id)
    show(COLUMNS, map(_cells, rows))
    tell(f"Partners: {len(rows)}.")


def _cells(partner: Partner) -> tuple[str, ...]:
    origins = " ".join(partner.allowed_origins)
    public = "public" if partner.is_public else ""
    return partner.slug, partner.name, partner.website or "", origins, public
