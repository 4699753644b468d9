"""Lists the motions of past days in Parliament's list, and which of them we do not have yet.

Their names show which members sign which motions: the list of targets uses that.
"""

import time
from collections.abc import Callable
from datetime import date

import httpx2
from sqlmodel import Session, col, select

from models import Motion
from services.parliament.official import backoff, http, motions_api
from services.parliament.official.http import Sleep
from services.parliament.official.motions_api import PAGE, MotionPage


def list_ids(
    client: httpx2.Client,
    *,
    tabled_from: date,
    tabled_to: date | None,
    pause: Callable[[], None] = lambda: None,
    sleep: Sleep = time.sleep,
) -> list[int]:
    """Returns the ids of all motions tabled in a range of days, oldest first: all or none.

    Sends one request for each hundred, with `pause` between two. Raises Unavailable on every bad
    answer, and where a page does not continue the pages before it.
    """

    def page(skip: int) -> MotionPage:
        return motions_api.list_page(
            client, tabled_from=tabled_from, tabled_to=tabled_to, skip=skip, sleep=sleep
        )

    first = page(0)
    ids = _checked_ids(first, first, [])
    while len(ids) < first.total:
        pause()
        ids += _checked_ids(page(len(ids)), first, ids)
    return ids


def not_yet_loaded(session: Session, ids: list[int]) -> list[int]:
    """Returns those of `ids` that were never fetched successfully, in their order."""
    statement = select(Motion.id).where(col(Motion.synced_at).is_not(None))
    loaded = set(session.exec(statement))
    return [motion_id for motion_id in ids if motion_id not in loaded]


def _checked_ids(page: MotionPage, first: MotionPage, before: list[int]) -> list[int]:
    ids = [motion.id for motion in page.motions]
    fault = http.page_fault(
        ids,
        noun="motion",
        total=page.total,
        first_total=first.total,
        skip=len(before),
        size=PAGE,
        earlier_ids=set(before),
    )
    if fault:
        name = motions_api.page_name(len(before))
        raise http.bad_answer(backoff.MOTIONS, name, fault)
    return ids
