"""Keeps groups of fewer than five people out of lists, also those that a sum would tell."""

from collections.abc import Mapping
from typing import TypeVar

Key = TypeVar("Key")
FEWEST = 5
"""The number of people from which a group is shown."""


def joined(groups: Mapping[Key, int]) -> tuple[list[tuple[Key, int]], int]:
    """Returns the groups to show, the largest first, and how many people are in the others.

    A single small group could be told from the sum of all. So the others take further groups, the
    smallest first, until they are at least five people.
    """
    ordered = sorted(groups.items(), key=lambda item: (-item[1], str(item[0])))
    shown = [item for item in ordered if item[1] >= FEWEST]
    others = sum(groups.values()) - sum(count for _, count in shown)
    while shown and 0 < others < FEWEST:
        others += shown.pop()[1]
    return shown, others


def at_least(count: int) -> int | None:
    """Returns a count, or None where it is of one to four people."""
    return None if 0 < count < FEWEST else count
