"""Measures how alike two letters are, in percent, by comparing hashes of runs of words.

The whole body is compared, including sentences that all letters of a campaign share: an MP's office
skips text that it has seen before, no matter who wrote it. The greeting, the sign-off, and the name
and address below it do not count.
"""

import re
import unicodedata
from collections.abc import Iterable
from hashlib import blake2b

RUN = 3
# A fair sample of a longer text. With many more hashes, the comparison with 10,000 letters takes
# longer than the 50 ms that the editor allows (bench/bench_likeness.py).
MOST = 96
# In percent. The check is public: a finer result would reveal whether somebody wrote certain three
# words.
STEP = 5
# Each hash is one character beyond the first Unicode plane, 20 bits: rapidfuzz compares texts twice
# as fast as lists of numbers, and two different runs of words collide once in a million.
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
"""Distinct hashes in ascending order, so that they reveal nothing about the order of the words."""


def sketch(body: str, *, key: bytes) -> Sketch:
    """Returns the `MOST` lowest keyed hashes of runs of three words; empty if there are no words.

    Without the key (at most 64 bytes) nobody can look up the words of a hash. Sketches with
    different keys have nothing in common.
    """
    return "".join(sorted(_runs(body, key))[:MOST])


def highest(hashes: Sketch, others: Iterable[Sketch]) -> float | None:
    """Returns the likeness to the most similar sketch, 0 to 100 in steps; None without others.

    It is twice the number of shared hashes over the sum of both numbers. The longest common
    subsequence of sorted hashes is the set that they share, so that the order of sentences does not
    matter. It is rounded down, so that 100 means the same text. A long and a short text have a low
    likeness, because most of the long one is new.
    """
    # 3 MB that a server without letters never needs.
    from rapidfuzz import process  # noqa: PLC0415 - see above
    from rapidfuzz.distance import Indel  # noqa: PLC0415 - see above

    best = process.extractOne(hashes, others, scorer=Indel.normalized_similarity)
    # Rounded first, since 0.85 times 100 is a little less than 85.
    return None if best is None else round(100 * best[1], 6) // STEP * STEP


def has_own_words(body: str, organiser_text: str, *, besides: str = "") -> bool:
    """True if a letter has a sentence that is not in the organiser's text.

    A postscript below the sign-off counts. A sentence of words from `besides` only, the writer's
    name and address, does not. Numbers are ignored, because those in the organiser's text change
    from day to day.
    """
    ignored = set(_without_numbers(_normalised_words(besides)))
    added = _sentences(body) - _sentences(organiser_text)
    return any(not set(sentence.split()) <= ignored for sentence in added)


def own_share(body: str, organiser_text: str, frame: str, *, besides: str = "") -> float:
    """Returns the share of a letter's words that its writer added, 0 to 1.

    `organiser_text` and `besides` are as in `has_own_words`. `frame` is the organiser's text
    without points: chosen points count neither for the writer nor against them.
    """
    ignored = set(_without_numbers(_normalised_words(besides)))
    sentences = _sentences(body)
    added = {
        sentence
        for sentence in sentences - _sentences(organiser_text)
        if not set(sentence.split()) <= ignored
    }
    own, others = _length(added), _length(sentences & _sentences(frame))
    return own / (own + others) if own else 0.0


def _length(sentences: Iterable[str]) -> int:
    return sum(len(sentence.split()) for sentence in sentences)


def pack(hashes: Sketch) -> bytes:
    """Encodes a sketch for the database: four bytes per hash, the lowest first."""
    return hashes.encode(_ENCODING)


def unpack(stored: bytes) -> Sketch:
    """Decodes what `pack` encoded."""
    return stored.decode(_ENCODING)


def words_of(body: str) -> list[str]:
    """Returns the words that are compared, without case, punctuation and spacing."""
    return _normalised_words(_compared_part(body))


def _normalised_words(text: str) -> list[str]:
    text = unicodedata.normalize("NFKC", text).casefold()
    return _WORD.findall(text.replace("'", "").replace("’", ""))


def _sentences(body: str) -> set[str]:
    parts = (_normalised_words(part) for part in _SENTENCE_END.split(body))
    return {" ".join(_without_numbers(words)) for words in parts if len(words) >= SHORTEST_SENTENCE}


def _without_numbers(words: list[str]) -> list[str]:
    return ["0" if word.isdecimal() else word for word in words]


def _compared_part(body: str) -> str:
    """Removes the greeting, and the sign-off with everything below it."""
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
