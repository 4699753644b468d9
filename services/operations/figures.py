"""The figures for Prometheus: counts and ages from the database, and counters of this process.

They are for the operator alone (`is_allowed`): counts of emails or submissions could tell a
stranger whether an address has signed.
"""

import hmac
from datetime import datetime, timedelta

from prometheus_client import Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST as MEDIA_TYPE
from sqlmodel import Session

from core.settings import Settings
from services.assembly import Lobby
from services.letters import queue_overview
from services.mail import outbox, relays
from services.parliament_sync import freshness
from services.submissions import backlog
from services.webhooks import claims, deliveries

__all__ = ["MEDIA_TYPE", "Figures", "is_allowed"]
MESSAGES = Gauge("lobby_outbox_messages", "Messages in the outbox by state", ["state"])
OLDEST = Gauge("lobby_outbox_oldest_due_seconds", "Age of the message that has been due longest")
OLDEST_NEW = Gauge(
    "lobby_submissions_oldest_new_seconds", "Age of the oldest submission that is not sorted"
)
RESTING = Gauge("lobby_relays_resting", "Mail servers that are left alone after trouble")
DELIVERIES = Gauge("lobby_webhook_deliveries", "Deliveries that have not ended by state", ["state"])
OLDEST_DELIVERY = Gauge(
    "lobby_webhook_oldest_due_seconds", "Age of the webhook delivery that has been due longest"
)
LETTERS = Gauge("lobby_letters", "Letters to MPs by state, counted every minute", ["state"])
LAST_SYNC = Gauge(
    "lobby_parliament_last_sync_timestamp_seconds",
    "Time of the last good answer about motions, and of the last whole sync of members; 0: never",
    ["api"],
)
IN_USE = Gauge("lobby_database_connections_in_use", "Connections in use", ["pool"])
MOST = Gauge("lobby_database_connections_limit", "The most connections of a pool", ["pool"])
WAITING = Gauge("lobby_database_writers_waiting", "Threads that wait to write to SQLite")
# Counting letters reads all of them. Prometheus asks several times a minute.
LETTERS_EVERY = timedelta(minutes=1)


def is_allowed(settings: Settings, authorization: bytes) -> bool:
    """Returns whether a header `Authorization` has the token; False if none is set."""
    token = settings.metrics_token
    if token is None:
        return False
    scheme, _, given = authorization.partition(b" ")
    is_equal = hmac.compare_digest(given.strip(), token.get_secret_value().encode())
    return is_equal and scheme.lower() == b"bearer"


class Figures:
    """The figures of one process."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._letters_at: datetime | None = None

    def text(self) -> bytes:
        """Returns the figures of now, as Prometheus reads them."""
        with self._lobby.database.read() as session:
            self._read_queues(session, self._lobby.clock())
            self._read_parliament(session, self._lobby.clock())
            self._count_letters(session, self._lobby.clock())
            self._read_pools()
        return generate_latest()

    def _read_queues(self, session: Session, now: datetime) -> None:
        for state, total in outbox.counts(session).items():
            MESSAGES.labels(state=state).set(total)
        for state, total in deliveries.count_unfinished(session).items():
            DELIVERIES.labels(state=state).set(total)
        RESTING.set(len(relays.resting(session, now=now)))
        OLDEST.set(outbox.oldest_due(session, now=now).total_seconds())
        OLDEST_NEW.set(backlog.oldest_new(session, now=now).total_seconds())
        OLDEST_DELIVERY.set(claims.oldest_due(session, now=now).total_seconds())

    def _read_parliament(self, session: Session, now: datetime) -> None:
        motions, members = freshness.of_parliament(session, now=now)
        for name, api in (("motions", motions), ("members", members)):
            moment = api.answered_at.timestamp() if api.answered_at else 0
            LAST_SYNC.labels(api=name).set(moment)

    def _count_letters(self, session: Session, now: datetime) -> None:
        if self._letters_at is not None and now < self._letters_at + LETTERS_EVERY:
            return
        for state, total in queue_overview.count_by_state(session).items():
            LETTERS.labels(state=state).set(total)
        self._letters_at = now

    def _read_pools(self) -> None:
        for name, use in self._lobby.database.pools().items():
            IN_USE.labels(pool=name).set(use.in_use)
            MOST.labels(pool=name).set(use.limit)
        WAITING.set(self._lobby.database.writers_waiting())
