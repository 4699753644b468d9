"""Searches Parliament's list of motions for people: answers are kept, and requests take turns."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import httpx2

from services.database.engine import Database
from services.errors import NotFound, Unavailable
from services.parliament.official import backoff, http, motions_api
from services.parliament.official.http import Sleep
from services.parliament.official.motions_api import ListedMotion, PublishedMotion

KEPT_FOR = timedelta(minutes=10)
MOST_KEPT = 200
LONGEST_TURN = 10.0  # seconds; people wait in front of their screens


@dataclass(frozen=True, slots=True)
class ListSearch:
    """What to look for: words of the title, a number, or one motion by Parliament's id."""

    words: str = ""
    number: str = ""
    motion_id: int | None = None
    tabled_from: date | None = None
    limit: int = 25


@dataclass(frozen=True, slots=True)
class ListAnswer:
    """The motions that Parliament named, newest first, and when it was asked."""

    motions: tuple[ListedMotion, ...]
    asked_at: datetime


class MotionLists:
    """Asks Parliament at most once a second, and keeps each answer for ten minutes.

    Each process asks and keeps for itself. A wait that Parliament asked for binds all processes.
    """

    def __init__(
        self,
        client: httpx2.Client,
        database: Database,
        *,
        clock: Callable[[], datetime],
        sleep: Sleep = time.sleep,
    ) -> None:
        self._client, self._database = client, database
        self._clock, self._sleep = clock, sleep
        self._answers: OrderedDict[ListSearch, ListAnswer] = OrderedDict()
        self._turn = threading.Lock()
        self._asked = float("-inf")

    def find(self, search: ListSearch) -> ListAnswer:
        """Returns Parliament's answer, at most ten minutes old.

        Raises Unavailable where Parliament gives no good answer or has asked us to wait, or where
        too many people search at once. Open no transaction around it.
        """
        if kept := self._kept(search):
            return kept
        if not self._turn.acquire(timeout=LONGEST_TURN):
            message = "Many people are searching at the moment. Try again in a few seconds."
            raise Unavailable("motions_api_busy", message, 5)
        try:
            # Somebody may have asked the same meanwhile.
            return self._kept(search) or self._ask(search)
        finally:
            self._turn.release()

    def _kept(self, search: ListSearch) -> ListAnswer | None:
        answer = self._answers.get(search)
        is_fresh = answer is not None and self._clock() - answer.asked_at < KEPT_FOR
        return answer if is_fresh else None

    def _ask(self, search: ListSearch) -> ListAnswer:
        pause = http.pause_between(self._client) - (time.monotonic() - self._asked)
        if pause > 0:
            self._sleep(pause)
        try:
            with backoff.request(self._database, backoff.MOTIONS, clock=self._clock):
                motions = self._motions(search)
        finally:
            self._asked = time.monotonic()
        answer = ListAnswer(tuple(motions), self._clock())
        self._answers[search] = answer
        self._answers.move_to_end(search)
        while len(self._answers) > MOST_KEPT:
            self._answers.popitem(last=False)
        return answer

    def _motions(self, search: ListSearch) -> list[ListedMotion]:
        if search.motion_id is None:
            return motions_api.search_motions(
                self._client,
                query=search.words,
                number=search.number,
                tabled_from=search.tabled_from,
                limit=search.limit,
                sleep=_stop,
            )
        try:
            fetched = motions_api.fetch_motion(self._client, search.motion_id, sleep=_stop)
        except NotFound:
            return []  # a good answer: there is no such motion
        return [_listed(fetched.answer)]


def _stop(_seconds: float) -> None:
    """Ends the request instead of a retry: nobody waits a minute for a page."""
    raise http.bad_answer(backoff.MOTIONS, "a search", "no answer at the first attempt")


def _listed(motion: PublishedMotion) -> ListedMotion:
    first = (row for row in motion.sponsors if row.sponsoring_order == 1)
    live = {row.member_id for row in motion.sponsors if not row.is_withdrawn}
    return ListedMotion.model_construct(
        id=motion.id,
        number=motion.number,
        title=motion.title,
        tabled_on=motion.tabled_on,
        primary_sponsor=next((row.member for row in first), None),
        sponsors_count=len(live),
        status=motion.status,
        status_on=motion.status_on,
        amends_id=motion.amends_id,
    )
