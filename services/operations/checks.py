"""What `lobby check` looks at: the promises that a running system can break."""

import os
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta

from dns.resolver import Resolver
from sqlmodel import Session

from services.assembly import Lobby
from services.common import times
from services.database.engine import check_schema
from services.errors import LobbyError
from services.mail import dead_addresses, mail_builder, relays
from services.operations import mail_domain, recounts
from services.operations.findings import Finding
from services.parliament import constituencies
from services.parliament_sync import freshness
from services.webhooks import deliveries, sender, stops

# Before it, two connections that reset the WAL at once could corrupt it.
SAFE_SQLITE = (3, 51, 3)
MAILDIR = ("new", "cur")
NOTICE = timedelta(days=30)


def run(
    lobby: Lobby,
    *,
    resolver: Resolver | None = None,
    recounting: Callable[[str], None] | None = None,
) -> list[Finding]:
    """Everything that was found. `resolver` asks DNS of the domain that mail comes from.

    Tallies are looked at by what they sum up to; with `recounting`, which hears how far it is,
    every row is counted.
    """
    findings = [*_schema(lobby), *_postcodes(lobby), *_sqlite(lobby), *_domain(lobby, resolver)]
    with lobby.database.read() as session:
        findings += recounts.at_a_glance(session)
        if recounting is not None:
            findings += recounts.recount(session, tell=recounting)
        findings += _directory_against_seats(lobby, session)
        findings += _parliament(session, lobby.clock())
        findings += _post(session, lobby)
        findings += _webhooks(session)
    return findings + _returned_mail(lobby) + _contact(lobby)


def _schema(lobby: Lobby) -> list[Finding]:
    try:
        check_schema(lobby.database)
    except LobbyError as error:
        return [Finding(error.message)]
    return []


def _postcodes(lobby: Lobby) -> list[Finding]:
    if lobby.postcodes.available:
        return []
    problem = lobby.postcodes.problem or "There is no postcode directory."
    return [Finding(f"{problem} Run `lobby import postcodes`.")]


def _sqlite(lobby: Lobby) -> list[Finding]:
    if not lobby.database.is_sqlite or sqlite3.sqlite_version_info >= SAFE_SQLITE:
        return []
    text = (
        f"SQLite {sqlite3.sqlite_version} can corrupt a WAL that two connections reset at once; "
        "this program never lets readers do it, 3.51.3 or newer cannot."
    )
    return [Finding(text, is_trouble=False)]


def _contact(lobby: Lobby) -> list[Finding]:
    """Where holes are to be told, and until when that is good."""
    expires = lobby.settings.security_expires
    if expires is None or expires > (lobby.clock() + NOTICE).date():
        return []
    text = (
        f"/.well-known/security.txt is good until {times.day(expires)}: look at "
        "LOBBY_SECURITY_CONTACT, and set LOBBY_SECURITY_EXPIRES anew."
    )
    return [Finding(text, is_trouble=False)]


def _domain(lobby: Lobby, resolver: Resolver | None) -> list[Finding]:
    settings = lobby.settings
    return mail_domain.look(
        mail_builder.domain_of(settings.mail_from),
        smtp_url=settings.smtp_url,
        signer=lobby.signer,
        resolver=resolver,
    )


def _directory_against_seats(lobby: Lobby, session: Session) -> list[Finding]:
    """A directory on other boundaries than our seats would send people to nobody."""
    unknown = set(lobby.postcodes.constituency_codes) - constituencies.by_code(session).keys()
    if not unknown:
        return []
    some = ", ".join(sorted(unknown)[:5])
    return [Finding(f"The postcode directory names {len(unknown)} unknown seats: {some} ...")]


def _parliament(session: Session, now: datetime) -> list[Finding]:
    """What we know of Parliament grows old: nothing here is broken, but its figures mislead."""
    found = [
        Finding(
            f"Motion {motion.id}: {_last_good(motion.synced_at)}. "
            f"{motion.sync_error or 'Is a worker running?'}",
            is_trouble=False,
        )
        for motion in freshness.old_motions(session, now=now)
    ]
    members = freshness.members_if_old(session, now=now)
    if members is not None:
        text = f"Members: {_last_good(members.answered_at)}. {members.error or ''}"
        found.append(Finding(text.rstrip(), is_trouble=False))
    return found


def _post(session: Session, lobby: Lobby) -> list[Finding]:
    """Nothing here is broken, but mail waits, or does not go."""
    found = [
        f"The mail server {relay.name} gives trouble and is left alone until "
        f"{relay.resting_until:%H:%M:%S} UTC: {relay.error or 'no reason was given'}"
        for relay in relays.resting(session, now=lobby.clock())
    ]
    found += [
        f"Mail to {dead.member.name} comes back since {dead.since:%Y-%m-%d}: {dead.detail}"
        for dead in dead_addresses.of_members(session, keyring=lobby.keyring)
    ]
    return [Finding(text, is_trouble=False) for text in found]


def _webhooks(session: Session) -> list[Finding]:
    """What waits to be told, and who is told nothing any more."""
    waiting = deliveries.count_unfinished(session)
    found = [
        f"{count} deliveries of webhooks are {state}." for state, count in waiting.items() if count
    ]
    found += [
        f"Webhook {endpoint.id} to {sender.host_of(endpoint.url.text)} is disabled since "
        f"{endpoint.disabled_at:%Y-%m-%d}: {endpoint.disabled_reason}."
        for endpoint in stops.disabled_automatically(session)
    ]
    return [Finding(text, is_trouble=False) for text in found]


def _returned_mail(lobby: Lobby) -> list[Finding]:
    """The folder that reports are read from, and those that nobody understood."""
    folder = lobby.settings.bounce_folder
    if folder is None:
        return []
    if not all(os.access(folder / part, os.R_OK | os.W_OK | os.X_OK) for part in MAILDIR):
        return [Finding(f"LOBBY_BOUNCE_FOLDER: {folder} is no Maildir that we may change.")]
    unknown = folder / ".Unknown"
    count = sum(1 for part in ("new", "cur") for _ in (unknown / part).glob("*"))
    if not count:
        return []
    text = f"{count} mails came back that nobody understood: look at them in {unknown}."
    return [Finding(text, is_trouble=False)]


def _last_good(moment: datetime | None) -> str:
    return f"the last good answer came on {moment:%Y-%m-%d at %H:%M} UTC" if moment else "no answer"
