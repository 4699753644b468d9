"""`lobby key`: API keys."""

from datetime import datetime
from typing import Annotated

import typer

from cli.examples import examples
from cli.organisations import OrganisationSlug
from cli.output import opened, tell
from cli.tables import show
from models import Scope
from services.keys import api_keys, key_views
from services.keys.key_views import KeyState, KeyView
from services.organisations import organisations

app = typer.Typer(
    no_args_is_help=True,
    help="Keys for the API.",
    epilog=examples("lobby key list --organisation our-union"),
)
COLUMNS = (
    "prefix",
    "state",
    "name",
    "partner",
    "scopes",
    "petitions",
    "created",
    "ends",
    "last used",
)


@app.command(
    "create",
    epilog=examples(
        "lobby key create --organisation our-union --scope campaigns:write",
        "lobby key create --organisation our-union --partner a-paper \\",
        "    --scope signatures:write --name 'their form' --expires 2027-12-31",
    ),
)
def create(
    organisation: OrganisationSlug,
    scope: Annotated[list[str], typer.Option(help=f"One of {', '.join(Scope)}; repeat for more.")],
    partner: Annotated[str | None, typer.Option(help="The slug of the partner it is for.")] = None,
    name: Annotated[
        str, typer.Option(help="Where it is used. Two keys of the same name can be live at a time.")
    ] = "",
    expires: Annotated[
        str | None, typer.Option(metavar="DAY", help="Its last day, such as 2026-12-31.")
    ] = None,
    petition: Annotated[
        list[str] | None,
        typer.Option(metavar="SLUG", help="Only for this petition; repeat for more."),
    ] = None,
) -> None:
    """Add a key, and print only the key on standard output. It cannot be shown again."""
    with opened() as lobby, lobby.database.write() as session:
        key = api_keys.create(
            session,
            organisation=organisations.by_slug(session, organisation),
            scopes=scope,
            partner_slug=partner,
            name=name,
            expires_at=api_keys.end_of_day(expires) if expires is not None else None,
            petition_slugs=petition or (),
            now=lobby.clock(),
        )
    typer.echo(key)


@app.command("list", epilog=examples("lobby key list --organisation our-union"))
def list_all(organisation: OrganisationSlug) -> None:
    """List the keys of an organisation, one per line, the oldest first: prefix, state, name,
    partner, scopes, petitions, creation, end, and last use (in minutes, UTC)."""
    with opened() as lobby, lobby.database.read() as session:
        owner = organisations.by_slug(session, organisation)
        views = key_views.of_organisation(session, owner.id)
        now = lobby.clock()
    show(COLUMNS, [_cells(view, now) for view in views])
    live = sum(view.state(now) is KeyState.LIVE for view in views)
    tell(f"Keys: {len(views)}, of which {live} live.")


@app.command("revoke", epilog=examples("lobby key revoke 0f3a9c1d2b4e"))
def revoke(
    prefix: Annotated[
        str, typer.Argument(help="Its first characters, as `lobby key list` shows them.")
    ],
) -> None:
    """Revoke a key. All processes refuse it from the next request on."""
    with opened() as lobby, lobby.database.write() as session:
        key = api_keys.revoke(session, prefix, now=lobby.clock())
    tell(f"Revoked: {key.prefix}.")


def _cells(view: KeyView, now: datetime) -> tuple[str, ...]:
    key = view.key
    return (
        key.prefix,
        view.state(now),
        key.name,
        view.partner or "",
        " ".join(key.scopes),
        " ".join(view.petitions),
        _minute(key.created_at),
        _minute(key.revoked_at or key.expires_at),
        _minute(key.last_used_at),
    )


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%dT%H:%MZ}" if moment else ""
