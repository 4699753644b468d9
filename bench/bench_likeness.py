"""Ways to compare a letter with 10,000 earlier ones, side by side: hashes, sets, plain texts.

The letters are generated: a common text with one to six of its sentences changed. All ways are
measured in turns, from the stored form to the score; reading from the database is shown apart.
`python -m bench.bench_likeness` runs it.
"""

import random
import sqlite3
import statistics
import time
from array import array
from collections.abc import Callable

from rapidfuzz import fuzz, process
from rapidfuzz.distance import Indel

from services.letters.drafting import likeness

EARLIER = 10_000
ROUNDS = 7
KEY = bytes(32)
WORDS = [
    a + b + c
    for a in ("ka", "mo", "ri", "te")
    for b in ("na", "lo", "shi", "ve", "du")
    for c in ("r", "n", "st", "ck", "mp", "s", "l", "th", "ng", "ld")
]


def sentence(chance: random.Random) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randint(10, 22))) + "."


def letters(count: int) -> list[str]:
    """Returns letters of about 250 words."""
    chance = random.Random(2017)
    common = [sentence(chance) for _ in range(15)]
    made = []
    for _ in range(count):
        own = list(common)
        for place in chance.sample(range(len(own)), chance.randint(1, 6)):
            own[place] = sentence(chance)
        made.append(f"Dear Morag Ferncastle,\n\n{' '.join(own)}\n\nYours sincerely,\nAnna Example")
    return made


def by_hashes(letter: str, stored: list[bytes]) -> float:
    """Compares sorted hashes as sequences, as the service does."""
    return likeness.highest(likeness.sketch(letter, key=KEY), map(likeness.unpack, stored)) or 0


def by_sets(letter: str, stored: list[bytes]) -> float:
    """Compares the same hashes as Python sets."""
    own = frozenset(likeness.sketch(letter, key=KEY))
    best = 0.0
    for packed in stored:
        other = likeness.unpack(packed)
        best = max(best, 2 * len(own.intersection(other)) / (len(own) + len(other)))
    return round(100 * best, 1)


def by_numbers(letter: str, stored: list[bytes]) -> float:
    """Compares the same hashes as arrays of numbers."""
    own = array("I", likeness.pack(likeness.sketch(letter, key=KEY)))
    others = (array("I", packed) for packed in stored)
    match = process.extractOne(own, others, scorer=Indel.normalized_similarity)
    return round(100 * match[1], 1)


def by_texts(letter: str, stored: list[str]) -> float:
    """Compares plain texts by character. The service must not keep these texts."""
    match = process.extractOne(letter, stored, scorer=Indel.normalized_similarity)
    return round(100 * match[1], 1)


def by_token_sets(letter: str, stored: list[str]) -> float:
    """Compares plain texts by sets of words."""
    match = process.extractOne(letter, stored, scorer=fuzz.token_set_ratio)
    return round(match[1], 1)


def reading(stored: list[bytes]) -> Callable[[], object]:
    """Returns a function that reads the hashes from SQLite."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE sketch (id INTEGER PRIMARY KEY, hashes BLOB)")
    connection.executemany("INSERT INTO sketch (hashes) VALUES (?)", ((row,) for row in stored))
    return lambda: connection.execute("SELECT hashes FROM sketch ORDER BY id DESC").fetchall()


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    *earlier, letter = letters(EARLIER + 1)
    packed = [likeness.pack(likeness.sketch(text, key=KEY)) for text in earlier]
    size_of_texts = sum(len(text.encode()) for text in earlier) / 1e6
    size_of_hashes = sum(map(len, packed)) / 1e6
    ways: dict[str, tuple[float, Callable[[], object]]] = {
        "hashes, rapidfuzz (ours)": (size_of_hashes, lambda: by_hashes(letter, packed)),
        "hashes as numbers, rapidfuzz": (size_of_hashes, lambda: by_numbers(letter, packed)),
        "hashes, Python's sets": (size_of_hashes, lambda: by_sets(letter, packed)),
        "plain texts, by letter": (size_of_texts, lambda: by_texts(letter, earlier)),
        "plain texts, token sets": (size_of_texts, lambda: by_token_sets(letter, earlier)),
        "reading from SQLite, in addition": (size_of_hashes, reading(packed)),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (_, work) in ways.items():
            taken[name].append(milliseconds(work))
    print(f"{EARLIER:,} earlier letters of about {len(likeness.words_of(letter))} words\n")
    print("| way | MB | answer | median ms | worst ms |\n|---|---|---|---|---|")
    for name, (size, work) in ways.items():
        answer = work()
        score = f"{answer} %" if isinstance(answer, float) else ""
        median, worst = statistics.median(taken[name]), max(taken[name])
        print(f"| {name} | {size:.1f} | {score} | {median:.1f} | {worst:.1f} |")


if __name__ == "__main__":
    main()
