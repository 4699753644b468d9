"""How alike two letters are, in percent, told from hashes of their runs of words.

What is compared is the whole body, the sentences that every letter of a campaign shares among
it: an MP's office that gets the same words again passes over them, whoever wrote them first. The
greeting, the sign-off and whatever stands below it (name and address) do not count.
"""

import re
import unicodedata
from collections.abc import Iterable
from hashlib import blake2b

from rapidfuzz import process
from rapidfuzz.distance import Indel

RUN = 3
# A fair sample of a longer text. With many more, comparing with 10,000 letters takes longer than
# the editor's 50 ms (bench/bench_likeness.py).
MOST = 96
# In percent. Anybody may ask: a finer answer would tell whether somebody wrote three given words.
STEP = 5
# Each hash is one character of the planes beyond the first, 20 bits: rapidfuzz compares texts
# twice as fast as lists of numbers, and two different runs of words meet once in a million.
_FIRST, _COUNT = 0x10000, 0x100000
_ENCODING = "utf-32-le"
_GREETING = re.compile(r"(?:dear|to|hello|hi|good|annwyl)\b[^.!?]{0,80}", re.IGNORECASE)
_SIGN_OFF = re.compile(
    r"(?:yours|kind|kindest|best|warm|with (?:best|kind|many)|many thanks|thank you|thanks|regards|"
    r"sincerely|respectfully|faithfully|yn gywir|yr eiddoch|cofion|diolch)\b[^.!?]{0,35}",
    re.IGNORECASE,
)
_LINES_BELOW = 10
SHORTEST_SENTENCE = 4  # words
_SENTENCE_END = re.compile(r"[.!?]\s|\n")
_WORD = re.compile(r"[^\W_]+")

Sketch = str
"""Hashes without repeats, in ascending order, so that they tell nothing of the words' order."""


def sketch(body: str, *, key: bytes) -> Sketch:
    """At most `MOST` keyed hashes, the lowest, of three words each; empty where there is no word.

    Without the key (at most 64 bytes) nobody can look up which words a hash stands for, and
    sketches of different keys have nothing in common.
    """
    return "".join(sorted(_runs(body, key))[:MOST])


def highest(one: Sketch, others: Iterable[Sketch]) -> float | None:
    """The likeness to the one most alike, 0 to 100 in steps; None where there are no others.

    Twice what two share, over what they have: of sorted hashes the longest common subsequence is
    what they share, so moving sentences about changes nothing. It is rounded down: 100 is the
    same text. Between a long text and a short one it is low, as most of the long one is new.
    """
    found = process.extractOne(one, others, scorer=Indel.normalized_similarity)
    # Rounded first, since 0.85 times 100 is a little less than 85.
    return None if found is None else round(100 * found[1], 6) // STEP * STEP


def has_own_words(body: str, given: str, *, besides: str = "") -> bool:
    """Whether a letter has a sentence that is not in the text given to its writer; one below the
    sign-off, as a postscript, is one too, and a name or an address is none.

    Numbers do not matter, since those in the text given change from day to day. A sentence of
    nothing but words of `besides`, the writer's name and address, does not count.
    """
    theirs = set(_numberless(_folded(besides)))
    own = _sentences(body) - _sentences(given)
    return any(not set(sentence.split()) <= theirs for sentence in own)


def pack(hashes: Sketch) -> bytes:
    """As stored: four bytes each, the lowest first."""
    return hashes.encode(_ENCODING)


def unpack(stored: bytes) -> Sketch:
    """The contrary of `pack`."""
    return stored.decode(_ENCODING)


def words_of(body: str) -> list[str]:
    """What counts of a letter: case, punctuation and spacing folded."""
    return _folded(_middle(body))


def _folded(text: str) -> list[str]:
    text = unicodedata.normalize("NFKC", text).casefold()
    return _WORD.findall(text.replace("'", "").replace("’", ""))


def _sentences(body: str) -> set[str]:
    found = (_folded(part) for part in _SENTENCE_END.split(body))
    return {" ".join(_numberless(words)) for words in found if len(words) >= SHORTEST_SENTENCE}


def _numberless(words: list[str]) -> list[str]:
    return ["0" if word.isdecimal() else word for word in words]


def _middle(body: str) -> str:
    """Without the greeting above and the sign-off, name and address below."""
    lines = [line.strip() for line in body.splitlines() if line.strip()]
    if lines and _GREETING.fullmatch(lines[0]):
        lines = lines[1:]
    first = max(0, len(lines) - _LINES_BELOW)
    for place in range(first, len(lines)):
        if _SIGN_OFF.fullmatch(lines[place].rstrip(",.! ")):
            return "\n".join(lines[:place])
    return "\n".join(lines)


def _runs(body: str, key: bytes) -> set[str]:
    words = words_of(body)
    starts = range(max(1, len(words) - RUN + 1)) if words else ()
    return {_hash(" ".join(words[start : start + RUN]), key) for start in starts}


def _hash(run: str, key: bytes) -> str:
    digest = blake2b(run.encode(), key=key, digest_size=4).digest()
    return chr(_FIRST + int.from_bytes(digest, "little") % _COUNT)
