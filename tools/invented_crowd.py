"""Who signs when: a crowd of invented people over some weeks, always the same for the same size.

Seats differ a hundredfold, as they do in real campaigns. A campaign begins with a rush, which ebbs
away and comes back twice; nearly nobody signs at night.
"""

import math
import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.constituency import OVERSEAS, UNKNOWN
from services.common.times import LONDON

_ELSEWHERE = ((OVERSEAS, 0.01), (UNKNOWN, 0.005))
"""The shares of those who sign outside the seats."""
_RUSHES = ((0.0, 1.0), (0.35, 0.7), (0.8, 0.9))
"""When a rush begins, as a share of the campaign, and how strong it is."""
_NIGHT, _DAY = 0.05, 1.0
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signs. `number` counts from 0 in the order of signing."""

    number: int
    signed_at: datetime
    code: str


def people(
    size: int, codes: Sequence[str], *, begins: datetime, ends: datetime, seed: int
) -> list[Person]:
    """Returns who signs, in order of time. `codes` are those of the seats."""
    chance = random.Random(seed)
    weights = [math.exp(chance.gauss(0, 1)) for _ in codes]
    names = [*codes, *(code for code, _ in _ELSEWHERE)]
    total = sum(weights)
    weights += [total * share for _, share in _ELSEWHERE]
    homes = chance.choices(names, weights, k=size)
    moments = _moments(size, begins, ends, chance)
    return [
        Person(number, moment, code)
        for number, (moment, code) in enumerate(zip(moments, homes, strict=True))
    ]


def by_day(crowd: Sequence[Person]) -> list[list[Person]]:
    """Groups people by the day (UTC) on which they signed, in order of time."""
    days: dict[object, list[Person]] = {}
    for person in crowd:
        days.setdefault(person.signed_at.date(), []).append(person)
    return list(days.values())


def by_hour(crowd: Sequence[Person]) -> list[list[Person]]:
    """Groups people by the hour in which they signed, in order of time."""
    hours: dict[datetime, list[Person]] = {}
    for person in crowd:
        hours.setdefault(_hour(person.signed_at), []).append(person)
    return list(hours.values())


def writers(crowd: Sequence[Person], size: int, able: set[str], *, seed: int) -> set[int]:
    """Returns the numbers of the people who write to their MP; `able` are seats with an MP.

    :raises ValueError: fewer people than that can write
    """
    candidates = [person.number for person in crowd if person.code in able]
    if size > len(candidates):
        raise ValueError(f"{len(candidates)} people can write a letter, not {size}")
    return set(random.Random(seed).sample(candidates, size))


def _moments(size: int, begins: datetime, ends: datetime, chance: random.Random) -> list[datetime]:
    """Returns `size` moments in order, each in an hour that is chosen by its weight."""
    count = max(1, math.ceil((ends - begins) / _HOUR))
    weights = [_weight(begins + number * _HOUR, number / count) for number in range(count)]
    chosen = Counter(chance.choices(range(count), weights, k=size))
    moments = []
    for number in sorted(chosen):
        start = begins + number * _HOUR
        length = min(_HOUR, ends - start)
        moments += sorted(start + length * chance.random() for _ in range(chosen[number]))
    return moments


def _weight(moment: datetime, share: float) -> float:
    """Returns how many sign in an hour, against other hours; `share` is how much has passed."""
    hour = moment.astimezone(LONDON).hour
    by_hour_of_day = _DAY if 7 <= hour < 23 else _NIGHT
    last = bisect_left([begin for begin, _ in _RUSHES], share + 1e-9) - 1
    begin, strength = _RUSHES[last]
    return by_hour_of_day * (0.1 + strength * math.exp(-(share - begin) * 20))


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
