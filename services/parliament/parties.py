"""Parties that sit as one: figures, filters and letters treat them as one."""

from functools import lru_cache

_GROUPS = {"Labour (Co-op)": "Labour", "Labour/Co-op": "Labour", "Labour Co-op": "Labour"}


@lru_cache(maxsize=1000)  # for each of 650 seats, several times a page
def group(party: str) -> str:
    """Returns the party in whose group this party sits: 'Labour (Co-op)' -> 'Labour'.

    Any other party is a group of its own. Case does not count.
    """
    return _BY_KEY.get(party.strip().casefold(), party)


def is_same_group(one: str, other: str) -> bool:
    """Returns whether two parties sit together. Case does not count."""
    return group(one).casefold() == group(other).casefold()


_BY_KEY = {name.casefold(): group_name for name, group_name in _GROUPS.items()}
