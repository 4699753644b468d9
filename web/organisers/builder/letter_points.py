"""The points that writers choose from, in English and Welsh side by side."""

import re
from datetime import datetime
from itertools import zip_longest

from sqlmodel import Session

from models import Campaign
from services.campaigns import campaigns
from services.common import texts
from services.errors import Invalid
from services.letters.kinds.variant_texts import LONGEST_POINT, MOST_POINTS
from web.base import forms
from web.organisers.builder import versions

FREE_ROWS = 3


def save(
    session: Session,
    campaign: Campaign,
    english: list[str],
    welsh: list[str],
    *,
    version: str,
    now: datetime,
) -> None:
    """Saves the points. Raises Invalid for each mistake, and ChangedByColleague."""
    pairs = _pairs(english, welsh)
    versions.require(version, as_text(campaign), _as_text(pairs))
    values = {
        "letter_points": [point for point, _ in pairs],
        "letter_points_welsh": [point for _, point in pairs],
    }
    campaigns.update(session, campaign, values=values, now=now)


def as_text(campaign: Campaign) -> dict[str, str]:
    """Returns the points of a campaign as one text, to compare."""
    rows = zip_longest(campaign.letter_points, campaign.letter_points_welsh, fillvalue="")
    return _as_text(list(rows))


def form_of(campaign: Campaign) -> forms.Form:
    """Returns the form with the points of a campaign."""
    form = forms.Form({"version": versions.of(as_text(campaign))})
    form.put_all(points=campaign.letter_points, points_welsh=campaign.letter_points_welsh)
    return form


def rows(form: forms.Form) -> list[tuple[str, str]]:
    """Returns the rows of points to show, with free ones at the end."""
    typed = list(zip_longest(form.values("points"), form.values("points_welsh"), fillvalue=""))
    free = sum(not english and not welsh for english, welsh in typed)
    room = MOST_POINTS - (len(typed) - free)
    return typed + [("", "")] * max(0, min(FREE_ROWS, room) - free)


def _pairs(english: list[str], welsh: list[str]) -> list[tuple[str, str]]:
    """Returns the points in both languages, without empty rows."""
    pairs, problems = [], []
    for place, row in enumerate(zip_longest(english, welsh, fillvalue=""), 1):
        if not any(text.strip() for text in row):
            continue
        try:
            pairs.append(_pair(*row, place))
        except Invalid as error:
            problems.append(error)
    if len(pairs) > MOST_POINTS:
        message = f"At most {MOST_POINTS} points, please."
        problems.append(Invalid.field("points-1", "too_many", message))
    if problems:
        raise texts.combined(problems)
    return pairs


def _pair(english: str, welsh: str, place: int) -> tuple[str, str]:
    if not english.strip():
        message = "Write this point in English too."
        raise Invalid.field(f"points-{place}", "too_short", message)
    return (
        texts.line(_joined(english), f"points-{place}", longest=LONGEST_POINT),
        texts.line(_joined(welsh), f"points_welsh-{place}", longest=LONGEST_POINT, shortest=0),
    )


def _joined(text: str) -> str:
    """Returns a text on one line: the field has two."""
    return re.sub(r"[\r\n]+", " ", text)


def _as_text(pairs: list[tuple[str, str]]) -> dict[str, str]:
    lines = (f"{english} | {welsh}" if welsh else english for english, welsh in pairs)
    return {"points": "\n".join(lines)}
