"""Reads the Maildir of bounces: claims, reads, applies and deletes each file.

A worker claims a file by renaming it, so that only one of two workers reads it, and deletes it
after the transaction. If it is killed in between, the file is read twice, which changes nothing; no
file is lost.
"""

import contextlib
import mailbox
import re
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from core import counters
from services.assembly import Lobby
from services.delivery import bounces
from services.delivery.bounces import ReportHandling
from services.mail import delivery_reports, mail_builder

# After this time the worker of a claim is taken for dead: reading and applying takes far less.
LEASE = timedelta(minutes=10)
UNKNOWN = "Unknown"
_CLAIMED = re.compile(r"lobby-claimed-(?P<at>[0-9]{1,12})-(?P<name>.+)")
log = structlog.get_logger()


def read_bounces(lobby: Lobby, stop: threading.Event) -> int:
    """Reads all bounces, if a folder is configured; returns how many files were handled."""
    folder = lobby.settings.bounce_folder
    done = 0
    for file in _waiting(folder, lobby.clock()) if folder else ():
        if stop.is_set():
            break
        claimed = _claim(file, lobby.clock())
        if claimed is None:
            continue
        try:
            _handle(lobby, claimed)
            done += 1
        except Exception:  # another worker tries again when the claim is stale
            log.exception("bounce_failed")
    return done


def _waiting(folder: Path, now: datetime) -> Iterator[Path]:
    """Yields unclaimed files and files with a stale claim, the oldest first.

    It yields nothing if there is no Maildir yet, which `lobby check` reports.
    """
    for part in ("cur", "new"):
        for file in sorted((folder / part).glob("*")):
            claim = _CLAIMED.fullmatch(file.name)
            if file.name.startswith("."):
                continue  # not an email, by the rules of a Maildir
            if claim is None or int(claim["at"]) < (now - LEASE).timestamp():
                yield file


def _claim(file: Path, now: datetime) -> Path | None:
    """Returns the renamed file; None if another worker claimed it first."""
    target = file.parent.parent / "cur" / f"lobby-claimed-{now.timestamp():.0f}-{_name(file)}"
    try:
        return file.rename(target)
    except FileNotFoundError:
        return None


def _handle(lobby: Lobby, claimed: Path) -> None:
    with claimed.open("rb") as stream:
        content = stream.read(delivery_reports.MOST_BYTES)
    domain = mail_builder.domain_of(lobby.settings.mail_from)
    report = delivery_reports.read(content, bounces=lobby.bounces, domain=domain)
    with lobby.database.write() as session:
        handling = bounces.apply(session, report, keyring=lobby.keyring, now=lobby.clock())
    counters.BOUNCES.labels(handling=handling.value).inc()
    log.info("bounce", verdict=report.verdict, status=report.status, applied=handling)
    if handling is ReportHandling.DONE:
        claimed.unlink(missing_ok=True)
    else:
        _move(claimed, handling)


def _move(claimed: Path, handling: ReportHandling) -> None:
    """Moves a file back to be read later, or to the folder for the operator."""
    folder = claimed.parent.parent
    if handling is ReportHandling.UNKNOWN:
        folder = _folder_of_unknown(folder)
    with contextlib.suppress(FileNotFoundError):  # another worker found the claim stale
        claimed.rename(folder / "new" / _name(claimed))


def _folder_of_unknown(folder: Path) -> Path:
    """Creates the folder if it is missing, in the form that mail programs show as a folder."""
    mailbox.Maildir(folder, create=False).add_folder(UNKNOWN)
    return folder / f".{UNKNOWN}"


def _name(file: Path) -> str:
    """Returns a file's name without what a claim or a mail program has added."""
    claim = _CLAIMED.fullmatch(file.name)
    return (claim["name"] if claim else file.name).partition(":")[0]
