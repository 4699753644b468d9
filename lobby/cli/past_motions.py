"""Loading past motions with their names, so that we learn who signs what."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from lobby import worker
from lobby.services.assembly import Lobby
from lobby.services.errors import LobbyError
from lobby.services.parliament.official import backoff, http, past_motions
from lobby.services.parliament.official.http import Sleep
from lobby.services.parliament_sync import sessions


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a run came to. `held` we had before, `left` the list has beyond; `is_limited` where
    Parliament asked us to wait."""

    loaded: int
    held: int
    failed: int
    left: int
    is_limited: bool = False


def load(
    lobby: Lobby,
    *,
    tabled_from: date,
    tabled_to: date | None,
    limit: int,
    complain: Callable[[str], None],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    sleep: Sleep = time.sleep,
) -> Loaded:
    """Ask for the motions of the official list that we lack, oldest first and at most `limit`.

    Each is taken in by itself, so that a run which ends early goes on where it stopped. `complain`
    is told of each that failed; a list that is bad is raised, with nothing loaded.
    """
    pause = http.pause_between(lobby.motions_api)
    with lobby.asking(backoff.MOTIONS):
        ids = past_motions.list_ids(
            lobby.motions_api,
            tabled_from=tabled_from,
            tabled_to=tabled_to,
            pause=lambda: sleep(pause),
            sleep=sleep,
        )
    with lobby.database.read() as session:
        lacking = past_motions.unheld(session, ids)
    loaded, failed, is_limited = 0, 0, False
    for motion_id in lacking[:limit]:
        sleep(pause)
        try:
            worker.sync_motion(lobby, motion_id, sleep=sleep)
            loaded += 1
        except LobbyError as error:
            complain(error.message)
            if is_limited := error.code.endswith("_limited"):
                break  # to go on asking would make it worse
            failed += 1
        progress(loaded + failed, min(limit, len(lacking)))
    with lobby.database.write() as session:
        sessions.lapse_motions(session, now=lobby.clock())
    left = len(lacking) - loaded - failed
    return Loaded(loaded, len(ids) - len(lacking), failed, left, is_limited)
