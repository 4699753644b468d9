"""Times the answers to posts: do they tell a stranger whether an address has signed?

In each run a stranger posts to one address and to fresh ones, interleaved at random, over one
connection, while the worker sorts and delivers. Half of the times set a threshold (the best one for
telling the two apart), and the other half test it: a coin is right half of the time. See
docs/operators/drills.md. `python -m drills.answer_times` prints Markdown tables.
"""

import argparse
import http.client
import json
import random
import signal
import statistics
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from uuid import UUID

import uvloop

from core.settings import Settings
from drills.killed_server import Server, serving
from services.assembly import Lobby, open_lobby
from services.common.tokens import Purpose
from services.signatures import recording
from services.signatures.recording import SignatureRequest
from tools import sample_data
from tools.databases import fresh_database
from tools.settings import throwaway_settings
from worker.sorting import sort_submissions

SLUG = "keep-nhs-professionals-public"
KINDS = ("confirmed", "pending", "withdrawn", "unknown")
MOST_POSTS, MOST_RUNS = 2000, 100
MEDIAN_LIMIT, LARGEST_LIMIT = 0.55, 0.65
WARM_UP = 100
Times = list[tuple[float, bool]]
"""The seconds until each answer, and whether the post was to the one address."""


@dataclass(frozen=True, slots=True)
class Drill:
    """The size of a drill: `posts` in each of `runs`, half of them to the one address."""

    posts: int = 400
    runs: int = 30
    seed: int = 2017

    def __post_init__(self) -> None:
        if not (8 <= self.posts <= MOST_POSTS and 1 <= self.runs <= MOST_RUNS):
            raise ValueError(f"from 8 to {MOST_POSTS} posts and at most {MOST_RUNS} runs")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How often the classifier was right about single posts, one share a run.

    `difference` is by how many microseconds posts to the one address took longer, in the median of
    all runs. `whole_runs` is how often the sign of that difference was the same as in most runs.
    """

    kind: str
    shares: tuple[float, ...]
    difference: float
    whole_runs: float

    @property
    def median(self) -> float:
        return statistics.median(self.shares)

    @property
    def largest(self) -> float:
        return max(self.shares)

    @property
    def is_fault(self) -> bool:
        """Returns whether the times tell more than they may."""
        return self.median > MEDIAN_LIMIT or self.largest > LARGEST_LIMIT


def run(drill: Drill, settings: Settings) -> list[Verdict]:
    """Returns a verdict for each kind of address. The database of `settings` must be empty."""
    settings = settings.model_copy(update={"worker": "inline"})
    lobby = open_lobby(settings)
    try:
        sample_data.load_demonstration(lobby)
        with serving(settings) as server:
            uvloop.run(server.answers())
            poster = Poster(lobby, server, random.Random(drill.seed))
            with closing(poster):
                poster.post_all([poster.fresh() for _ in range(WARM_UP)])
                return [_verdict(kind, drill, poster) for kind in KINDS]
    finally:
        lobby.close()


class Poster:
    """A stranger with one connection, and a clock."""

    def __init__(self, lobby: Lobby, server: Server, chance: random.Random) -> None:
        self._lobby, self._url = lobby, f"http://127.0.0.1:{server.port}"
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port)
        self.chance = chance
        self._number = 0

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def fresh(self) -> str:
        """Returns an address that nobody has used, as long as all others."""
        self._number += 1
        return f"person{self._number:08}@example.org"

    def prepare(self, kind: str) -> str:
        """Returns an address of this kind."""
        email = self.fresh()
        if kind == "unknown":
            return email
        row_id = self._sign(email)
        if kind in ("confirmed", "withdrawn"):
            self._use_link("confirm", Purpose.CONFIRM, row_id)
        if kind == "withdrawn":
            self._use_link("withdraw", Purpose.WITHDRAW, row_id)
        return email

    def post_all(self, emails: Sequence[str]) -> list[float]:
        """Posts a signature of each address, and returns the seconds until each answer."""
        return [self._post(email) for email in emails]

    def _post(self, email: str) -> float:
        body = json.dumps({"name": "Anna Example", "email": email, "postcode": "EH1 1YZ"})
        headers = {"Content-Type": "application/json"}
        path = f"/v1/petitions/{SLUG}/signatures"
        started = time.perf_counter()
        self._connection.request("POST", path, body, headers)
        answer = self._connection.getresponse()
        answer.read()
        seconds = time.perf_counter() - started
        if answer.status != http.client.CREATED:
            raise RuntimeError(f"the answer was {answer.status}")
        return seconds

    def _sign(self, email: str) -> UUID:
        request = SignatureRequest(SLUG, "Anna Example", email, "EH1 1YZ")
        lobby = self._lobby
        with lobby.database.write() as session:
            (outcome,) = recording.record(
                session,
                [request],
                postcodes=lobby.postcodes.lookup,
                keyring=lobby.keyring,
                now=lobby.clock(),
            )
        sort_submissions(lobby)
        if outcome.signature_id is None:
            raise RuntimeError("a signature was refused")
        return outcome.signature_id

    def _use_link(self, action: str, purpose: Purpose, row_id: UUID) -> None:
        body = json.dumps({"token": self._lobby.tokens.issue(purpose, row_id)}).encode()
        request = urllib.request.Request(
            f"{self._url}/v1/signatures/{action}",
            body,
            {"Content-Type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()


def _verdict(kind: str, drill: Drill, poster: Poster) -> Verdict:
    runs = [_times(kind, drill.posts, poster) for _ in range(drill.runs)]
    differences = [_difference(times) for times in runs]
    positive = sum(difference > 0 for difference in differences)
    return Verdict(
        kind,
        tuple(share_right(times, poster.chance) for times in runs),
        statistics.median(differences) * 1e6,
        max(positive, len(runs) - positive) / len(runs),
    )


def _times(kind: str, posts: int, poster: Poster) -> Times:
    """Posts half to an address of this kind and half to fresh ones, in a random order."""
    target = poster.prepare(kind)
    is_target = [True, False] * (posts // 2)
    poster.chance.shuffle(is_target)
    emails = [target if flag else poster.fresh() for flag in is_target]
    return list(zip(poster.post_all(emails), is_target, strict=True))


def _difference(times: Times) -> float:
    of_target, of_fresh = _split(times)
    return statistics.median(of_target) - statistics.median(of_fresh)


def _split(times: Times) -> tuple[list[float], list[float]]:
    return [seconds for seconds, flag in times if flag], [
        seconds for seconds, flag in times if not flag
    ]


def share_right(times: Times, chance: random.Random) -> float:
    """Returns how often a threshold from half of the times is right about the other half."""
    learnt: Times = []
    tested: Times = []
    for group in (True, False):
        some = [pair for pair in times if pair[1] is group]
        chance.shuffle(some)
        learnt += some[::2]
        tested += some[1::2]
    is_target = best_rule(learnt)
    return sum(is_target(seconds) is flag for seconds, flag in tested) / len(tested)


def best_rule(times: Times) -> Callable[[float], bool]:
    """Returns the threshold, above or below which most of these times are of the one address."""
    ordered = sorted(times)
    total = sum(flag for _, flag in ordered)
    best, rule = -1, (0.0, True)
    below = 0  # how many of the one address are at or below the threshold
    for place, (seconds, flag) in enumerate(ordered, start=1):
        below += flag
        right_above = (total - below) + (place - below)
        for right, is_above in ((right_above, True), (len(ordered) - right_above, False)):
            if right > best:
                best, rule = right, (seconds, is_above)
    threshold, is_above = rule
    return lambda seconds: (seconds > threshold) is is_above


def main() -> None:
    """Exits with status 1 when the times tell too much."""
    parser = argparse.ArgumentParser(prog="drills.answer_times", description=__doc__)
    parser.add_argument("--posts", type=int, default=Drill().posts, help="in each run")
    parser.add_argument("--runs", type=int, default=Drill().runs, help="for each kind of address")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    drill = replace(Drill(), posts=arguments.posts, runs=arguments.runs)
    cells = ("database", "address", "runs", "right, median", "right, largest", "us longer",
             "runs of one sign")  # fmt: skip
    print(f"| {' | '.join(cells)} |\n|{'---|' * len(cells)}", flush=True)
    is_good = True
    for backend in ("sqlite", "postgresql"):
        if arguments.only in (None, backend):
            with fresh_database(backend) as (folder, url):
                verdicts = run(drill, throwaway_settings(folder, url))
            is_good = is_good and not any(verdict.is_fault for verdict in verdicts)
            for verdict in verdicts:
                figures = (
                    f"{verdict.median:.0%}",
                    f"{verdict.largest:.0%}",
                    f"{verdict.difference:+.1f}",
                    f"{verdict.whole_runs:.0%}",
                )
                row = (backend, verdict.kind, len(verdict.shares), *figures)
                print(f"| {' | '.join(map(str, row))} |", flush=True)
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()
