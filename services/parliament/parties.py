"""Parties that sit as one: figures, filters and letters treat them as one."""

from functools import lru_cache

_GROUPS = {"Labour (Co-op)": "Labour", "Labour/Co-op": "Labour", "Labour Co-op": "Labour"}
_NAMES = {"Labour/Co-op": "Labour (Co-op)", "Labour Co-op": "Labour (Co-op)"}


@lru_cache(maxsize=1000)  # for each of 650 seats, several times a page
def group(party: str) -> str:
    """Returns the party in whose group this party sits: 'Labour (Co-op)' -> 'Labour'.

    Any other party is a group of its own. Case does not count.
    """
    return _BY_KEY.get(party.strip().casefold(), party)


def display_name(party: str) -> str:
    """Returns the name to show, as Parliament writes it: 'Labour/Co-op' -> 'Labour (Co-op)'.

    Files that are imported spell it in several ways. Any other name stays as it is.
    """
    return _NAME_BY_KEY.get(party.strip().casefold(), party)


def names_of(party: str) -> set[str]:
    """Returns every name by which filters know the party."""
    return {party, display_name(party), group(party)}


def is_same_group(one: str, other: str) -> bool:
    """Returns whether two parties sit together. Case does not count."""
    return group(one).casefold() == group(other).casefold()


_NAME_BY_KEY = {name.casefold(): shown for name, shown in _NAMES.items()}
_BY_KEY = {name.casefold(): group_name for name, group_name in _GROUPS.items()}
