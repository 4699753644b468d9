"""The application with rate limits, which other tests turn off."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from fastapi.testclient import TestClient

from main import create_app
from services.assembly import Lobby, utc_now


class MovingClock:
    """The machine's time, and some seconds more."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self._ahead

    def move(self, seconds: int) -> None:
        self._ahead += timedelta(seconds=seconds)


@contextmanager
def client_with_limits(
    lobby: Lobby, *, address: int = 0, key: int = 0, reads: int = 0
) -> Iterator[TestClient]:
    """Yields a client with limits in requests a minute; 0 is none."""
    limits = {"posts_per_address": address, "posts_per_key": key, "gets_per_address": reads}
    app = create_app(lobby.settings.model_copy(update=limits), lobby=lobby)
    with TestClient(app, client=("192.0.2.1", 50000), follow_redirects=False) as client:
        yield client
