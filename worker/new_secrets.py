"""Learns a version of the secret key that another process has stored."""

import threading

import structlog

from services.assembly import Lobby
from services.database import secret_keys
from services.errors import Unavailable

log = structlog.get_logger()


def look_for_new_secret(lobby: Lobby, _stop: threading.Event) -> None:
    """Seals with the newest stored version from now on. Logs an error if its secret is missing."""
    before = lobby.keyring.newest
    try:
        secret_keys.check(lobby.database, lobby.keyring, now=lobby.clock())
    except Unavailable as error:
        log.error(error.code, reason=error.message)
        return
    if lobby.keyring.newest != before:
        log.info("secret_version_changed", version=lobby.keyring.newest)
