"""The checks of `lobby check`, which find problems of a running system."""

import os
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlmodel import Session

from services.assembly import Lobby
from services.common import times
from services.database import secret_keys
from services.database.engine import check_schema
from services.errors import LobbyError
from services.mail import dead_addresses, mail_builder, relays
from services.operations import (
    faces,
    file_modes,
    mail_server,
    recounts,
    secret_rotation,
    surroundings,
)
from services.operations.findings import Finding
from services.parliament import constituencies
from services.parliament_sync import freshness
from services.signatures import stored_countries
from services.submissions import backlog
from services.submissions.backlog import MOST_COUNTED
from services.webhooks import deliveries, sender, stops

if TYPE_CHECKING:
    from dns.resolver import Resolver

# In older versions, two connections that reset the WAL at the same time can corrupt it.
SAFE_SQLITE = (3, 51, 3)
MAILDIR = ("new", "cur")
LATE_SORTING = timedelta(minutes=5)
SECURITY_CONTACT_NOTICE = timedelta(days=30)


def run(
    lobby: Lobby,
    *,
    resolver: "Resolver | None" = None,
    recounting: Callable[[str], None] | None = None,
) -> list[Finding]:
    """Runs all checks and returns what they find.

    `resolver` looks up the records of the mail domain. By default tallies are checked by their
    sums. With `recounting` they are compared with all signatures and letters, and `recounting` is
    called with a line of text at each step.
    """
    findings = [
        *_schema(lobby),
        *_secrets(lobby),
        *_postcodes(lobby),
        *_sqlite(lobby),
        *_domain(lobby, resolver),
    ]
    findings += [*surroundings.disk(lobby.settings), *surroundings.redis(lobby.settings)]
    with lobby.database.read() as session:
        findings += recounts.compare_sums(session)
        if recounting is not None:
            findings += recounts.recount(session, report=recounting)
        findings += _unknown_seats(lobby, session)
        findings += _countries(session)
        findings += _parliament(session, lobby.clock())
        findings += _submissions(session, lobby.clock())
        findings += surroundings.late_mail(session, now=lobby.clock())
        findings += surroundings.demonstration(session, lobby.settings)
        findings += _mail(session, lobby)
        findings += _webhooks(session)
        findings += faces.check(session, now=lobby.clock())
    findings += mail_server.check(lobby.courier, smtp_url=lobby.settings.smtp_url)
    findings += file_modes.check(lobby.settings)
    return findings + _bounces(lobby) + _security_contact(lobby)


def _schema(lobby: Lobby) -> list[Finding]:
    try:
        check_schema(lobby.database)
    except LobbyError as error:
        return [Finding(error.message, code=error.code)]
    return []


def _secrets(lobby: Lobby) -> list[Finding]:
    """Compares the secret key with the database, and finds a rotation that is not finished."""
    try:
        secret_keys.check(lobby.database, lobby.keyring, now=lobby.clock())
    except LobbyError as error:
        return [Finding(error.message, code=error.code)]
    findings = []
    if text := secret_keys.hint_of_new(lobby.keyring):
        findings.append(Finding(text, is_trouble=False, code="secret_waits"))
    if secret_rotation.are_to_retire(lobby.database):
        text = "Data can still be sealed under an earlier secret: run `lobby secret rotate`."
        findings.append(Finding(text, is_trouble=False, code="secret_not_retired"))
    return findings


def _postcodes(lobby: Lobby) -> list[Finding]:
    if lobby.postcodes.available:
        return []
    problem = lobby.postcodes.problem or "There is no postcode directory."
    return [Finding(f"{problem} Run `lobby import postcodes`.", code="postcodes_missing")]


def _sqlite(lobby: Lobby) -> list[Finding]:
    if not lobby.database.is_sqlite or sqlite3.sqlite_version_info >= SAFE_SQLITE:
        return []
    text = (
        f"SQLite {sqlite3.sqlite_version} can corrupt a WAL that two connections reset at once; "
        "this program never lets readers do it, 3.51.3 or newer cannot."
    )
    return [Finding(text, is_trouble=False, code="sqlite_old")]


def _security_contact(lobby: Lobby) -> list[Finding]:
    expires = lobby.settings.security_expires
    if expires is None or expires > (lobby.clock() + SECURITY_CONTACT_NOTICE).date():
        return []
    text = (
        f"/.well-known/security.txt is good until {times.day(expires)}: look at "
        "LOBBY_SECURITY_CONTACT, and set LOBBY_SECURITY_EXPIRES anew."
    )
    return [Finding(text, is_trouble=False, code="security_contact_expires")]


def _domain(lobby: Lobby, resolver: "Resolver | None") -> list[Finding]:
    settings = lobby.settings
    # Imported here: it needs a DNS library, which few commands use.
    from services.operations import mail_domain  # noqa: PLC0415 - see above

    return mail_domain.check(
        mail_builder.domain_of(settings.mail_from),
        smtp_url=settings.smtp_url,
        signer=lobby.signer,
        resolver=resolver,
    )


def _unknown_seats(lobby: Lobby, session: Session) -> list[Finding]:
    # With a postcode directory of other boundaries, people would find no member.
    unknown = set(lobby.postcodes.constituency_codes) - constituencies.by_code(session).keys()
    if not unknown:
        return []
    some = ", ".join(sorted(unknown)[:5])
    text = f"The postcode directory names {len(unknown)} unknown seats: {some} ..."
    return [Finding(text, code="seats_unknown")]


def _countries(session: Session) -> list[Finding]:
    """Counts signatures with a code of no country. They count abroad."""
    found = stored_countries.unassigned(session)
    if not found:
        return []
    codes = ", ".join(f"{count:,} with {code}" for code, count in found.items())
    text = f"Signatures have codes of no country: {codes}."
    return [Finding(text, is_trouble=False, code="countries_unassigned")]


def _parliament(session: Session, now: datetime) -> list[Finding]:
    """Finds data of Parliament that is out of date. Nothing is broken, but pages may mislead."""
    findings = [
        Finding(
            f"Motion {motion.id}: {_last_good(motion.synced_at)}. "
            f"{motion.sync_error or 'Is a worker running?'}",
            is_trouble=False,
            code="motion_old",
        )
        for motion in freshness.old_motions(session, now=now)
    ]
    members = freshness.members_if_old(session, now=now)
    if members is not None:
        text = f"Members: {_last_good(members.answered_at)}. {members.error or ''}"
        findings.append(Finding(text.rstrip(), is_trouble=False, code="members_old"))
    return findings


def _submissions(session: Session, now: datetime) -> list[Finding]:
    """Finds submissions that are not sorted, so that nobody gets a link, or that do not open.

    The first is trouble. What does not open waits, and stops nothing else.
    """
    findings, age = [], backlog.oldest_new(session, now=now)
    if age > LATE_SORTING:
        minutes = int(age.total_seconds() // 60)
        text = f"The oldest new submission has waited for {minutes:,} minutes to be sorted"
        findings.append(Finding(f"{text}: is a worker running?", code="submissions_late"))
    if count := backlog.count_unreadable(session):
        number = f"{count:,}" if count <= MOST_COUNTED else f"More than {MOST_COUNTED:,}"
        noun = "submission does" if count == 1 else "submissions do"
        text = f"{number} {noun} not open: is an earlier secret key missing?"
        findings.append(Finding(text, is_trouble=False, code="submissions_unreadable"))
    return findings


def _mail(session: Session, lobby: Lobby) -> list[Finding]:
    """Finds mail servers that are in trouble, and members whose address does not work."""
    lines = [
        (
            "mail_server_down",
            f"The mail server {relay.name} gives trouble and is left alone until "
            f"{relay.resting_until:%H:%M:%S} UTC: {relay.error or 'no reason was given'}",
        )
        for relay in relays.resting(session, now=lobby.clock())
    ]
    lines += [
        (
            "member_address_dead",
            f"Mail to {dead.member.name} comes back since {dead.since:%Y-%m-%d}: {dead.detail}",
        )
        for dead in dead_addresses.of_members(session, keyring=lobby.keyring)
    ]
    return [Finding(text, is_trouble=False, code=code) for code, text in lines]


def _webhooks(session: Session) -> list[Finding]:
    """Counts unfinished deliveries, and finds endpoints that were disabled automatically."""
    waiting = deliveries.count_unfinished(session)
    lines = [
        ("webhooks_waiting", f"{count} deliveries of webhooks are {state}.")
        for state, count in waiting.items()
        if count
    ]
    lines += [
        (
            "webhook_disabled",
            f"Webhook {endpoint.id} to {sender.host_of(endpoint.url.text)} is disabled since "
            f"{endpoint.disabled_at:%Y-%m-%d}: {endpoint.disabled_reason}.",
        )
        for endpoint in stops.disabled_automatically(session)
    ]
    return [Finding(text, is_trouble=False, code=code) for code, text in lines]


def _bounces(lobby: Lobby) -> list[Finding]:
    """Checks the folder of bounces, and counts reports that could not be understood."""
    folder = lobby.settings.bounce_folder
    if folder is None:
        return []
    if not all(os.access(folder / part, os.R_OK | os.W_OK | os.X_OK) for part in MAILDIR):
        text = f"LOBBY_BOUNCE_FOLDER: {folder} is no Maildir that we may change."
        return [Finding(text, code="bounce_folder_unusable")]
    unknown = folder / ".Unknown"
    count = sum(1 for part in MAILDIR for _ in (unknown / part).glob("*"))
    if not count:
        return []
    text = f"{count} mails came back that nobody understood: look at them in {unknown}."
    return [Finding(text, is_trouble=False, code="bounces_unknown")]


def _last_good(moment: datetime | None) -> str:
    return f"the last good answer came on {moment:%Y-%m-%d at %H:%M} UTC" if moment else "no answer"
