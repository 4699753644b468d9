"""Checks of what the service stands on: the disk, Redis, a running worker, whose data is there."""

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from sqlmodel import Session

from core.settings import Settings
from services.mail import outbox
from services.operations.findings import Finding
from services.organisations import organisations
from services.traffic import rate_limits

FULL, NEARLY_FULL = 500_000_000, 2_000_000_000  # bytes that are free
LATE_MAIL = timedelta(minutes=30)
FreeBytes = Callable[[Path], int]


def free_bytes(folder: Path) -> int:
    """Returns how many bytes the disk of a folder has left for us."""
    return shutil.disk_usage(folder).free


def disk(settings: Settings, free: FreeBytes = free_bytes) -> list[Finding]:
    """Finds a disk that is full or will soon be. Nothing can be signed on a full one."""
    folder = settings.data_dir
    left = free(folder) if folder.is_dir() else NEARLY_FULL
    if left >= NEARLY_FULL:
        return []
    text = (
        f"The disk of {folder} has {left // 1_000_000:,} MB left. On a full disk nobody can sign."
    )
    return [Finding(text, is_trouble=left < FULL, code="disk_full")]


def redis(settings: Settings) -> list[Finding]:
    """Finds a Redis that does not answer. Each process then counts requests separately."""
    url = settings.rate_limit_url
    reason = rate_limits.reason_away(url)
    if reason is None:
        return []
    parts = urlsplit(url)
    text = f"Redis at {parts.hostname}:{parts.port or 6379} does not answer ({reason})"
    text += ": each process counts requests for itself. See LOBBY_RATE_LIMIT_URL."
    return [Finding(text, code="redis_down")]


def late_mail(session: Session, *, now: datetime) -> list[Finding]:
    """Finds emails to supporters that nothing delivers. Letters to MPs have hours of their own."""
    late = outbox.oldest_due(session, now=now, with_letters=False)
    if late <= LATE_MAIL:
        return []
    minutes = int(late.total_seconds() // 60)
    text = f"The oldest email has been due for {minutes:,} minutes: is a worker running?"
    return [Finding(text, code="mail_late")]


def demonstration(session: Session, settings: Settings) -> list[Finding]:
    """Finds the demonstration, whose organiser's password is public, in a public service."""
    if settings.is_on_loopback or not organisations.has_demonstration(session):
        return []
    text = f"The demonstration is in the database of {settings.base_url}: its people are invented."
    return [Finding(text, is_trouble=False, code="demonstration_in_public")]
