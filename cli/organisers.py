"""`lobby organiser`: the people who run campaigns, besides `create`."""

import sys
from typing import Annotated

import typer
from sqlmodel import Session

from cli import organisations as organisation_commands
from cli.examples import examples
from cli.organisations import OrganisationSlug
from cli.output import opened, tell
from cli.tables import show
from models import Organiser, Role, WebhookEndpoint
from services.accounts import changes, people
from services.assembly import Lobby
from services.errors import Conflict, Invalid
from services.organisations import organisations, organisers
from services.webhooks import leaving, responsible, sender

app = organisation_commands.organiser
COLUMNS = ("email", "since", "webhooks", "role")

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The email address they sign in with.")]


@app.command("list", epilog=examples("lobby organiser list --organisation our-union"))
def list_organisers(organisation: OrganisationSlug) -> None:
    """List the organisers of an organisation, the longest-serving first.

    A line has the email address, the day since when, the number of webhooks that they are
    responsible for, and the role.
    """
    with opened() as lobby, lobby.database.read() as session:
        owner = organisations.by_slug(session, organisation)
        rows = [
            (
                row.email.text,
                f"{row.created_at:%Y-%m-%d}",
                str(len(responsible.of_organiser(session, row))),
                row.role,
            )
            for row in organisers.of_organisation(session, owner.id)
        ]
    show(COLUMNS, rows)
    tell(f"Organisers: {len(rows)}.")


@app.command(
    "remove",
    epilog=examples(
        "lobby organiser remove anna@example.org",
        "lobby organiser remove anna@example.org --webhooks-to ben@example.org --yes",
    ),
)
def remove(
    email: Email,
    webhooks_to: Annotated[
        str | None,
        typer.Option(
            metavar="EMAIL", help="The organiser who becomes responsible for their webhooks."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove an organiser, who is signed out everywhere.

    API keys belong to the organisation and stay: revoke those that the person knows. The last owner
    of an organisation cannot be removed.
    """
    with opened() as lobby:
        with lobby.database.read() as session:
            consequences = _check_removal(session, email, webhooks_to)
        for line in consequences:
            tell(line)
        if not yes:
            _ask(f"Remove {email}?")
        with lobby.database.write() as session:
            slug = _remove(session, lobby, email, webhooks_to)
    tell(f"Removed: {email}. Their API keys stay: see `lobby key list --organisation {slug}`.")


@app.command(
    "password",
    epilog=examples(
        "lobby organiser password anna@example.org",
        "lobby organiser password anna@example.org --stdin < new-password",
    ),
)
def set_password(
    email: Email,
    from_stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the first line of standard input as the password.")
    ] = False,
) -> None:
    """Set a new password, which you type twice and nobody sees. It ends all their sessions.

    They get an email about it. The password needs at least 10 characters, and may not be easy to
    guess.
    """
    with opened() as lobby:
        with lobby.database.read() as session:
            organisers.by_email(session, email)  # before anybody types a password in vain
        password = _password(from_stdin=from_stdin)
        with lobby.database.write() as session:
            organiser = organisers.by_email(session, email)
            changes.set_password_for(session, organiser, password, lobby.clock())
    tell(f"Changed: the password of {email}. All their sessions have ended.")


@app.command(
    "role",
    epilog=examples(
        "lobby organiser role anna@example.org editor", "lobby organiser role ben@example.org owner"
    ),
)
def set_role(
    email: Email, role: Annotated[Role, typer.Argument(help="What they may do from now on.")]
) -> None:
    """Give an organiser another role. The last owner of an organisation keeps theirs."""
    with opened() as lobby, lobby.database.write() as session:
        organiser = organisers.by_email(session, email)
        is_changed = people.change_role(session, organiser, role, by=None, now=lobby.clock())
    tell(f"{'Changed' if is_changed else 'Unchanged'}: {email} is {role}.")


@app.command("reset-two-step", epilog=examples("lobby organiser reset-two-step anna@example.org"))
def reset_two_step(email: Email) -> None:
    """Remove the two-step sign-in of somebody who lost their phone and their recovery codes.

    It ends all their sessions, and they get an email. Owners and editors set it up again when they
    next sign in. Make sure first that the person is who they say: call them on a number that you
    know.
    """
    with opened() as lobby, lobby.database.write() as session:
        organiser = organisers.by_email(session, email)
        changes.reset_second_step(session, organiser, now=lobby.clock())
    tell(f"Removed: the two-step sign-in of {email}. All their sessions have ended.")


def _check_removal(session: Session, email: str, webhooks_to: str | None) -> list[str]:
    """Returns what an operator should know before the question; raises what removing raises."""
    organiser = organisers.by_email(session, email)
    organisers.require_another_owner(session, organiser)
    endpoints = responsible.of_organiser(session, organiser)
    if not endpoints:
        return []
    successor = _successor(session, organiser, endpoints, webhooks_to)
    return [f"{successor.email.text} becomes responsible for {_named(endpoints)}."]


def _remove(session: Session, lobby: Lobby, email: str, webhooks_to: str | None) -> str:
    """Removes an organiser; returns the slug of their organisation."""
    organiser = organisers.by_email(session, email)
    endpoints = responsible.of_organiser(session, organiser)
    successor = _successor(session, organiser, endpoints, webhooks_to) if endpoints else None
    leaving.remove(session, organiser, by=None, webhooks_to=successor, now=lobby.clock())
    return organisations.get(session, organiser.organisation_id).slug


def _successor(
    session: Session,
    organiser: Organiser,
    endpoints: list[WebhookEndpoint],
    webhooks_to: str | None,
) -> Organiser:
    if webhooks_to is None:
        raise Conflict(
            "organiser_responsible",
            f"{organiser.email.text} is responsible for {_named(endpoints)}. Say who takes over "
            "with --webhooks-to EMAIL, or delete them at /organiser/webhooks first.",
        )
    successor = organisers.by_email(session, webhooks_to)
    responsible.require_successor(organiser, successor)
    return successor


def _named(endpoints: list[WebhookEndpoint]) -> str:
    hosts = ", ".join(sorted({sender.host_of(endpoint.url.text) for endpoint in endpoints}))
    noun = "webhook" if len(endpoints) == 1 else "webhooks"
    return f"{len(endpoints)} {noun} to {hosts}"


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        message = f"{question} There is no terminal to ask on: add --yes."
        raise Invalid.field("yes", "not_confirmed", message)
    if not typer.confirm(question, err=True):
        tell("Nothing was changed.")
        raise typer.Exit(1)


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        message = "There is no terminal to type a password on: pipe it in with --stdin."
        raise Invalid.field("stdin", "no_terminal", message)
    typed: str = typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    return typed
