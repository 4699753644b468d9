"""Past motions, which teach who signs what: the official list, and which of it we lack."""

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
    """The ids of every motion that was tabled from a day to a day, oldest first: all or nothing.

    A request for each hundred, with `pause` between two. Unavailable on every kind of bad answer,
    and where a page does not continue the others.
    """

    def page(skip: int) -> MotionPage:
        return motions_api.list_page(
            client, tabled_from=tabled_from, tabled_to=tabled_to, skip=skip, sleep=sleep
        )

    first = page(0)
    ids = _checked(first, first, [])
    while len(ids) < first.total:
        pause()
        ids += _checked(page(len(ids)), first, ids)
    return ids


def not_yet_loaded(session: Session, ids: list[int]) -> list[int]:
    """Those of which no good answer has come yet, in their order."""
    statement = select(Motion.id).where(col(Motion.synced_at).is_not(None))
    held = set(session.exec(statement))
    return [motion_id for motion_id in ids if motion_id not in held]


def _checked(page: MotionPage, first: MotionPage, before: list[int]) -> list[int]:
    ids = [motion.id for motion in page.motions]
    fault = http.page_fault(
        ids,
        noun="motion",
        total=page.total,
        first_total=first.total,
        skip=len(before),
        size=PAGE,
        seen=set(before),
    )
    if fault:
        name = motions_api.page_name(len(before))
        raise http.bad_answer(backoff.MOTIONS, name, fault)
    return ids
