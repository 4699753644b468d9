"""Telling how like a letter is to 10,000 earlier ones, side by side: hashes, sets, plain texts.

Made-up letters: a common text with one to six of its sentences changed. Each structure is asked
in turns, from what the database stores to the answer; the database's own part is shown apart.
Run it as it is: `.venv/bin/python bench/bench_likeness.py`.
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
    """About 250 words each."""
    chance = random.Random(2017)
    common = [sentence(chance) for _ in range(15)]
    made = []
    for _ in range(count):
        own = list(common)
        for place in chance.sample(range(len(own)), chance.randint(1, 6)):
            own[place] = sentence(chance)
        made.append(f"Dear Morag Ferncastle,\n\n{' '.join(own)}\n\nYours sincerely,\nAnna Example")
    return made


def by_hashes(asked: str, stored: list[bytes]) -> float:
    """The service's own: sorted hashes, compared as sequences."""
    return likeness.highest(likeness.sketch(asked, key=KEY), map(likeness.unpack, stored)) or 0


def by_sets(asked: str, stored: list[bytes]) -> float:
    """The same hashes as Python's sets."""
    mine = frozenset(likeness.sketch(asked, key=KEY))
    best = 0.0
    for packed in stored:
        theirs = likeness.unpack(packed)
        best = max(best, 2 * len(mine.intersection(theirs)) / (len(mine) + len(theirs)))
    return round(100 * best, 1)


def by_numbers(asked: str, stored: list[bytes]) -> float:
    """The same hashes as arrays of numbers, compared by rapidfuzz."""
    mine = array("I", likeness.pack(likeness.sketch(asked, key=KEY)))
    others = (array("I", packed) for packed in stored)
    found = process.extractOne(mine, others, scorer=Indel.normalized_similarity)
    return round(100 * found[1], 1)


def by_texts(asked: str, stored: list[str]) -> float:
    """The earlier letters in plain text, letter by letter: it needs what must not be kept."""
    found = process.extractOne(asked, stored, scorer=Indel.normalized_similarity)
    return round(100 * found[1], 1)


def by_token_sets(asked: str, stored: list[str]) -> float:
    """Plain text by words, as rapidfuzz's own comparison of texts does it."""
    found = process.extractOne(asked, stored, scorer=fuzz.token_set_ratio)
    return round(found[1], 1)


def reading(stored: list[bytes]) -> Callable[[], object]:
    """What SQLite takes to give the hashes out."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE sketch (id INTEGER PRIMARY KEY, hashes BLOB)")
    connection.executemany("INSERT INTO sketch (hashes) VALUES (?)", ((row,) for row in stored))
    return lambda: connection.execute("SELECT hashes FROM sketch ORDER BY id DESC").fetchall()


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    *earlier, asked = letters(EARLIER + 1)
    packed = [likeness.pack(likeness.sketch(text, key=KEY)) for text in earlier]
    size_of_texts = sum(len(text.encode()) for text in earlier) / 1e6
    size_of_hashes = sum(map(len, packed)) / 1e6
    ways: dict[str, tuple[float, Callable[[], object]]] = {
        "hashes, rapidfuzz (ours)": (size_of_hashes, lambda: by_hashes(asked, packed)),
        "hashes as numbers, rapidfuzz": (size_of_hashes, lambda: by_numbers(asked, packed)),
        "hashes, Python's sets": (size_of_hashes, lambda: by_sets(asked, packed)),
        "plain texts, by letter": (size_of_texts, lambda: by_texts(asked, earlier)),
        "plain texts, token sets": (size_of_texts, lambda: by_token_sets(asked, earlier)),
        "reading from SQLite, in addition": (size_of_hashes, reading(packed)),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (_, work) in ways.items():
            taken[name].append(milliseconds(work))
    print(f"{EARLIER:,} earlier letters of about {len(likeness.words_of(asked))} words\n")
    print("| way | MB | answer | median ms | worst ms |\n|---|---|---|---|---|")
    for name, (size, work) in ways.items():
        answer = work()
        said = f"{answer} %" if isinstance(answer, float) else ""
        median, worst = statistics.median(taken[name]), max(taken[name])
        print(f"| {name} | {size:.1f} | {said} | {median:.1f} | {worst:.1f} |")


if __name__ == "__main__":
    main()
