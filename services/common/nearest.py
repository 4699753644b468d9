"""Finds what somebody meant who mistyped a word."""

import difflib
from collections.abc import Iterable

_LIKENESS = 0.6  # difflib's ratio: 'standng' and 'standing' have 0.93, 'labor' and 'Labour' 0.91


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Returns the known word that is most like `word`, or None. Case does not count."""
    by_key = {name.casefold(): name for name in sorted(known)}
    found = difflib.get_close_matches(word.casefold(), by_key, n=1, cutoff=_LIKENESS)
    return by_key[found[0]] if found else None


def hint(word: str, known: Iterable[str]) -> str:
    """Returns a question to add to a message, with a space before it, or an empty text."""
    found = nearest(word, known)
    return f" Did you mean '{found}'?" if found else ""
