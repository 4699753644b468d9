"""Reading the Maildir of reports: claim, read, apply, delete.

A file is claimed by renaming it, so that of two workers one reads it, and deleted after the
transaction: a kill in between has it read twice, which changes nothing, and never loses one.
"""

import contextlib
import mailbox
import re
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from services.assembly import Lobby
from services.delivery import bounces
from services.delivery.bounces import ReportHandling
from services.mail import delivery_reports, mail_builder

# Of a claim whose worker died. Reading and applying one takes far less.
LEASE = timedelta(minutes=10)
UNKNOWN = "Unknown"
_CLAIMED = re.compile(r"lobby-claimed-(?P<at>[0-9]{1,12})-(?P<name>.+)")
log = structlog.get_logger()


def read_bounces(lobby: Lobby, stop: threading.Event) -> int:
    """Read what came back, if there is a folder for it; how many files were dealt with."""
    folder = lobby.settings.bounce_folder
    done = 0
    for file in _waiting(folder, lobby.clock()) if folder else ():
        if stop.is_set():
            break
        claimed = _claim(file, lobby.clock())
        if claimed is None:
            continue
        try:
            _deal_with(lobby, claimed)
            done += 1
        except Exception:  # the next worker to find the claim stale tries again
            log.exception("bounce_failed")
    return done


def _waiting(folder: Path, now: datetime) -> Iterator[Path]:
    """What nobody has claimed, and what a worker claimed that died; the oldest first.

    Nothing where there is no Maildir yet, of which `lobby check` tells.
    """
    for part in ("cur", "new"):
        for file in sorted((folder / part).glob("*")):
            claim = _CLAIMED.fullmatch(file.name)
            if file.name.startswith("."):
                continue  # not a mail, by the rules of a Maildir
            if claim is None or int(claim["at"]) < (now - LEASE).timestamp():
                yield file


def _claim(file: Path, now: datetime) -> Path | None:
    """The file under its new name; None where another worker was faster."""
    target = file.parent.parent / "cur" / f"lobby-claimed-{now.timestamp():.0f}-{_name(file)}"
    try:
        return file.rename(target)
    except FileNotFoundError:
        return None


def _deal_with(lobby: Lobby, claimed: Path) -> None:
    with claimed.open("rb") as stream:
        content = stream.read(delivery_reports.MOST_BYTES)
    domain = mail_builder.domain_of(lobby.settings.mail_from)
    report = delivery_reports.read(content, bounces=lobby.bounces, domain=domain)
    with lobby.database.write() as session:
        applied = bounces.apply(session, report, keyring=lobby.keyring, now=lobby.clock())
    log.info("bounce", verdict=report.verdict, status=report.status, applied=applied)
    if applied is ReportHandling.DONE:
        claimed.unlink(missing_ok=True)
    else:
        _put(claimed, applied)


def _put(claimed: Path, applied: ReportHandling) -> None:
    """Back, to be read again later, or where an operator looks."""
    folder = claimed.parent.parent
    if applied is ReportHandling.UNKNOWN:
        folder = _folder_of_unknown(folder)
    with contextlib.suppress(FileNotFoundError):  # another worker took it for stale
        claimed.rename(folder / "new" / _name(claimed))


def _folder_of_unknown(folder: Path) -> Path:
    """Made where it is missing, in the form that mail programs show as a folder."""
    mailbox.Maildir(folder, create=False).add_folder(UNKNOWN)
    return folder / f".{UNKNOWN}"


def _name(file: Path) -> str:
    """Without what a claim or a mail program has added."""
    claim = _CLAIMED.fullmatch(file.name)
    return (claim["name"] if claim else file.name).partition(":")[0]
