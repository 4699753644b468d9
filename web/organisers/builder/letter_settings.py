"""The settings of letters: how like each other they may be, and how fast they go."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from models import Campaign
from services.common import texts
from services.errors import Invalid
from services.letters import campaign_changes
from services.mail.pacing import Pace
from web.base import forms
from web.organisers.builder import versions

_NUMBERS = {
    "likeness_limit": 100,
    "letters_per_hour": 1_000_000,
    "letters_per_member_day": 1_000_000,
}
"""The fields for numbers, with the largest."""
_TICKS = ("likeness_is_required", "own_words_are_required")


def save(
    session: Session, campaign: Campaign, typed: Mapping[str, Any], *, pace: Pace, now: datetime
) -> None:
    """Saves the settings, and plans waiting letters anew. Raises as `letter_points.save`."""
    form = forms.Form(typed)
    numbers = {
        name: form.check(name, _number(name, most), missing="")
        for name, most in _NUMBERS.items()
        if form.value(name).strip()
    }
    form.finish()
    ticked = {name: bool(form.value(name)) for name in _TICKS}
    if ticked["likeness_is_required"] and "likeness_limit" not in numbers:
        message = "Give the limit above which letters are refused."
        raise Invalid.field("likeness_limit", "too_short", message)
    shown = {name: numbers.get(name, "") for name in _NUMBERS}
    shown |= {name: "yes" if ticked[name] else "" for name in _TICKS}
    versions.require(form.value("version"), _shown(campaign), shown)
    values = {name: int(numbers[name]) if name in numbers else None for name in _NUMBERS}
    campaign_changes.change(session, campaign, values={**values, **ticked}, pace=pace, now=now)


def form_of(campaign: Campaign) -> forms.Form:
    """Returns the form with the settings of a campaign."""
    values = _shown(campaign)
    return forms.Form({**values, "version": versions.of(values)})


def are_set(campaign: Campaign) -> bool:
    """Returns whether any setting is not empty."""
    return any(_shown(campaign).values())


def _number(name: str, most: int) -> Callable[[str], str]:
    return lambda text: texts.number(text, name, least=1, most=most)


def _shown(campaign: Campaign) -> dict[str, str]:
    numbers = {name: str(getattr(campaign, name) or "") for name in _NUMBERS}
    return numbers | {name: "yes" if getattr(campaign, name) else "" for name in _TICKS}
