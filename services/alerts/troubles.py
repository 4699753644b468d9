"""What goes wrong for longer than an hour, and is told when it begins and when it ends.

No queries.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from models import AlertKind, MotionStatus
from services.alerts.facts import Facts, RunningCampaign
from services.alerts.news import News, NewsKind
from services.parliament_sync import schedules

LONGER_THAN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that can go wrong. `key` recognises it in `AlertChoice.told`.

    `is_there` is None while nobody can say.
    """

    key: str
    kind: AlertKind
    is_there: bool | None
    begins: News
    ends: News


def possible(facts: Facts) -> list[Trouble]:
    """Returns all troubles that the running campaigns can have, one for each cause."""
    found = [_about_mails(facts)]
    for running in facts.campaigns:
        found += [*_about_sync(running, facts), *_about_letters(running, facts)]
    return list({trouble.key: trouble for trouble in found}.values())


def _about_sync(running: RunningCampaign, facts: Facts) -> Iterator[Trouble]:
    """Yields a trouble for a motion that the worker keeps up to date.

    The first attempt that failed was the first one after the last good answer.
    """
    motion = running.motion
    if motion is None or motion.status is not MotionStatus.PUBLISHED:
        return
    last = motion.synced_at or running.linked_at
    fails = motion.sync_failed_at is not None and last is not None
    is_late = last is not None and schedules.next_sync(last) + LONGER_THAN < facts.now
    yield Trouble(
        f"sync:{motion.id}",
        AlertKind.SYNC,
        fails and is_late,
        _news(NewsKind.SYNC_FAILING, running, since=motion.synced_at),
        _news(NewsKind.SYNC_WORKS, running),
    )


def _about_letters(running: RunningCampaign, facts: Facts) -> Iterator[Trouble]:
    """Yields a trouble unless the letters are paused. In the quiet hours nobody can say."""
    if running.campaign.letters_paused_at is not None:
        return
    begun = facts.now - LONGER_THAN
    is_quiet = facts.pace.is_quiet(facts.now) or facts.pace.is_quiet(begun)
    is_late = running.letter_due is not None and running.letter_due < begun
    yield Trouble(
        f"letters:{running.campaign.id}",
        AlertKind.QUEUE,
        None if is_quiet and is_late else is_late,
        _news(NewsKind.LETTERS_STUCK, running, since=running.letter_due),
        _news(NewsKind.LETTERS_GO, running),
    )


def _about_mails(facts: Facts) -> Trouble:
    since = facts.now - facts.mail_late
    return Trouble(
        "mails",
        AlertKind.QUEUE,
        facts.mail_late > LONGER_THAN,
        News(NewsKind.MAILS_STUCK, since=since),
        News(NewsKind.MAILS_GO),
    )


def _news(what: NewsKind, running: RunningCampaign, since: datetime | None = None) -> News:
    campaign, motion = running.campaign, running.motion
    number = motion.number if motion else ""
    return News(what, campaign.title, campaign.slug, number, since=since)
