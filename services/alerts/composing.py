"""Decides what an organiser is told. No queries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from models import AlertChoice, AlertKind
from services.alerts import name_changes, troubles
from services.alerts.facts import Facts, RunningCampaign
from services.alerts.news import IMPORTANCE, MOST_NAMES, News, NewsKind
from services.alerts.troubles import Trouble


@dataclass(frozen=True, slots=True)
class Told:
    """The news for one organiser, the most important first, and what is then told."""

    news: Sequence[News]
    told: list[str]


def compose(choice: AlertChoice, facts: Facts, *, until: datetime) -> Told:
    """Returns what is new for an organiser since `choice.told_at`, until `until`.

    Troubles and goals are as they are now, and told once.
    """
    news: list[News] = []
    told: list[str] = []
    for running in facts.campaigns:
        news += _of_motion(choice, facts, running, until)
        news += _of_goal(choice, running, told)
    for trouble in troubles.possible(facts):
        if trouble.kind in choice.kinds:
            news += _of_trouble(choice, trouble, told)
    return Told(sorted(news, key=lambda item: IMPORTANCE[item.what]), told)


def reached_goals(campaigns: Sequence[RunningCampaign]) -> list[str]:
    """Returns the keys of the goals that are reached."""
    return [_key_of_goal(running) for running in campaigns if running.has_reached_goal]


def _of_motion(
    choice: AlertChoice, facts: Facts, running: RunningCampaign, until: datetime
) -> Iterator[News]:
    if running.motion is None:
        return
    events = facts.events_of(running, choice.told_at, until)
    about = _about(running)
    if AlertKind.MOTION in choice.kinds and (what := name_changes.change_of_motion(events)):
        yield replace(about, what=what)
    if AlertKind.NAMES not in choice.kinds:
        return
    followed = running.followed_since
    if followed and choice.told_at < followed <= until and running.signed:
        yield replace(about, what=NewsKind.FOLLOWED)
    for what, names in name_changes.changes_of_names(events).items():
        shown = tuple(names[:MOST_NAMES])
        yield replace(about, what=what, names=shown, others=len(names) - len(shown))


def _of_goal(choice: AlertChoice, running: RunningCampaign, told: list[str]) -> Iterator[News]:
    key = _key_of_goal(running)
    is_told = key in choice.told
    if is_told or (running.has_reached_goal and AlertKind.GOAL in choice.kinds):
        told.append(key)
        if not is_told:
            goal = running.campaign.member_goal or 0
            yield replace(_about(running), what=NewsKind.GOAL_REACHED, goal=goal)


def _of_trouble(choice: AlertChoice, trouble: Trouble, told: list[str]) -> Iterator[News]:
    is_told = trouble.key in choice.told
    if trouble.is_there or (trouble.is_there is None and is_told):
        told.append(trouble.key)
    if trouble.is_there and not is_told:
        yield trouble.begins
    if trouble.is_there is False and is_told:
        yield trouble.ends


def _key_of_goal(running: RunningCampaign) -> str:
    return f"goal:{running.campaign.id}:{running.campaign.member_goal}"


def _about(running: RunningCampaign) -> News:
    campaign, motion = running.campaign, running.motion
    return News(
        NewsKind.FOLLOWED,
        campaign=campaign.title,
        slug=campaign.slug,
        motion=motion.number if motion else "",
        signed=running.signed_in_seats,
        seats=running.seats,
    )
