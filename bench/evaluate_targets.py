"""How well do targets foretell who signs next? Asked of a real motion, once.

Signatories of motion 65938 in the order in which they signed: weights are chosen by foretelling
the second quarter from the first; then the later half is foretold from the earlier, once. Reads
../shared/data; run it as it is: `.venv/bin/python bench/evaluate_targets.py`.

Seats' signatures are not among the data. Ranking by them is stood in for by chance (what numbers
that say nothing of members would give) and by the size of the electorate.
"""

import csv
import json
import random
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import mean, quantiles, stdev
from typing import Any

from models import OfficeKind
from services.parliament import members
from services.parliament.standing import Eligibility, Standing, eligibility_of
from services.targets.scores import MemberFacts, OtherMotion, Weights, rank

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
DEPTHS = (20, 50)
SHUFFLES = 1000
ALONE = Weights(prior=1, motion=1e12, signatures=0, letters=0)
"""The party and nothing else: other motions are held at a factor of 1."""
UNTESTED = Weights(signatures=0, letters=0)
"""What can be tested on these data."""
GRID = [
    replace(UNTESTED, party=party, motion=motion, prior=prior)
    for party, motion, prior in product((0.5, 1.0, 2.0), (2.0, 5.0, 10.0), (1.0, 2.0))
]
Scores = dict[int, float]


@dataclass(frozen=True)
class Case:
    """What was known at a cut, who could be asked, and which of them signed afterwards."""

    day: str
    house: list[MemberFacts]
    others: list[OtherMotion]
    electorate: dict[int, int]
    signed_next: Set[int]

    @property
    def candidates(self) -> list[int]:
        return [facts.member_id for facts in self.house if facts.is_target]


# ---- the data


def rows_of(file: str) -> list[dict[str, str]]:
    with (DATA / "parliament" / file).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def good_answers() -> Iterator[list[dict[str, Any]]]:
    """The names in every good answer, oldest first."""
    for file in sorted((DATA / "edm" / "65938-history").glob("*.json")):
        body = json.loads(file.read_bytes())
        if body["Success"]:
            yield body["Response"]["Sponsors"]


def in_order_of_signing() -> tuple[list[tuple[int, str]], dict[int, str]]:
    """Members whose name stands, each with its time; and those who took theirs off, with when."""
    seen: dict[int, tuple[int, str]] = {}
    names: list[dict[str, Any]] = []
    for number, names in enumerate(good_answers()):
        for row in names:
            seen.setdefault(row["MemberId"], (number, row["CreatedWhen"]))
    live = {row["MemberId"]: row["CreatedWhen"] for row in names if not row["IsWithdrawn"]}
    off = {row["MemberId"]: row["WithdrawnDate"] for row in names if row["IsWithdrawn"]}
    order = sorted(live, key=lambda member_id: (seen[member_id][0], live[member_id], member_id))
    return [(member_id, live[member_id]) for member_id in order], off


def party_on(row: Mapping[str, str], day: str) -> str:
    """The party on a day. A whip given back after it was not held on it."""
    if row["party_since"] <= day:
        return row["party"]
    before = row["party_2025_05_24"]
    return "Independent" if before == row["party"] else before


def case(*, known: int, until: int) -> Case:
    """The first `known` signatories are known; those up to `until` are to be foretold."""
    order, withdrawn = in_order_of_signing()
    day = order[known - 1][1][:10]
    sitting = [row for row in rows_of("mps.csv") if row["elected"] <= day]
    standings = dict.fromkeys(withdrawn, Standing.WITHDRAWN)
    standings |= dict.fromkeys([member_id for member_id, _ in order[:known]], Standing.SIGNED)
    sizes = {row["gss"]: int(row["electorate_2024"]) for row in rows_of("constituencies.csv")}
    return Case(
        day=day,
        house=[_facts(row, day, standings) for row in sitting],
        others=[OtherMotion("1", _names_of_2023())],
        electorate={int(row["member_id"]): sizes[row["constituency_gss"]] for row in sitting},
        signed_next={member_id for member_id, _ in order[known:until]},
    )


def _facts(row: Mapping[str, str], day: str, standings: Mapping[int, Standing]) -> MemberFacts:
    member_id, party = int(row["member_id"]), party_on(row, day)
    standing = standings.get(member_id, Standing.NOT_SIGNED)
    title = row["government_post"]
    posts = {members.office_kind(title, row["government_rank"])} if title else set()
    if party == members.SPEAKER:
        posts.add(OfficeKind.SPEAKER)
    found = eligibility_of(party=party, offices=posts, refuses=False, standing=standing)
    return MemberFacts(member_id, party, standing, found is Eligibility.CAN_SIGN)


def _names_of_2023() -> Set[int]:
    body = json.loads((DATA / "edm" / "edm_61468.json").read_bytes())
    return {row["MemberId"] for row in body["Response"]["Sponsors"]}


# ---- measuring


def precision(scores: Mapping[int, float], wanted: Set[int], depth: int) -> float:
    """The share of the first `depth` that are wanted, as the mean over all orders of equals."""
    left, found = depth, 0.0
    for score in sorted(set(scores.values()), reverse=True):
        equals = {member_id for member_id, value in scores.items() if value == score}
        taken = min(left, len(equals))
        found += taken * len(equals & wanted) / len(equals)
        left -= taken
    return found / depth


def both(scores: Mapping[int, float], asked: Case) -> list[float]:
    return [precision(scores, asked.signed_next, depth) for depth in DEPTHS]


def scores_of(asked: Case, weights: Weights, house: Sequence[MemberFacts] | None = None) -> Scores:
    found = rank(house or asked.house, asked.others, weights)
    # Factors multiplied in another order differ in the last digits, which makes nobody better.
    return {target.facts.member_id: round(target.score, 9) for target in found}


def by_chance(asked: Case, seed: int) -> Scores:
    chance = random.Random(seed)
    return {member_id: chance.random() for member_id in asked.candidates}


def by_electorate(asked: Case) -> Scores:
    return {member_id: float(asked.electorate[member_id]) for member_id in asked.candidates}


def by_party_share(asked: Case) -> Scores:
    """The bare share of the party's able members who have signed, neither smoothed nor weighed."""
    able = [facts for facts in asked.house if facts.can_sign]
    shares = {}
    for party in {facts.party for facts in able}:
        signed = [facts.has_signed for facts in able if facts.party == party]
        shares[party] = mean(signed)
    return {facts.member_id: shares[facts.party] for facts in able if facts.is_target}


def with_made_up_signatures(asked: Case, seed: int) -> Scores:
    """Signatures that say nothing of the member: a log-normal number, about 50 a seat."""
    chance = random.Random(seed)
    house = [
        replace(facts, signatures=round(chance.lognormvariate(3.5, 0.9))) for facts in asked.house
    ]
    return scores_of(asked, Weights(), house)


def chosen(earlier: Case) -> Weights:
    """The best of the grid by both depths together.

    Of equals, one that counts other motions from the first day (the higher prior), and of those
    the most careful (the most added to its ratios).
    """

    def quality(weights: Weights) -> tuple[float, float, float]:
        precisions = both(scores_of(earlier, weights), earlier)
        return round(mean(precisions), 9), weights.prior, weights.motion + weights.party

    return max(GRID, key=quality)


# ---- the report


def line(name: str, figures: Iterable[float], note: str = "") -> None:
    print(f"| {name} | {' | '.join(f'{figure:.3f}' for figure in figures)} |{note}")


def heading(asked: Case, text: str) -> None:
    total, wanted = len(asked.candidates), len(asked.signed_next & set(asked.candidates))
    print(f"\n{text}: {total} members to rank, {wanted} of whom signed ({wanted / total:.3f})")
    able = {facts.member_id for facts in asked.house if facts.can_sign}
    shared = [len(able & motion.members) for motion in asked.others]
    print(f"Cut on {asked.day}; of past motions' names, those who could sign: {shared}\n")
    print("| ranking | precision at 20 | precision at 50 |\n|---|---|---|")


def rankings(asked: Case) -> dict[str, Scores]:
    without = {
        "our party factor alone": ALONE,
        "other motions alone (party factor off)": replace(UNTESTED, party=1e12),
        "party and other motions": UNTESTED,
        "the same, without the prior of 2": replace(UNTESTED, prior=1),
    }
    return {
        "electorate": by_electorate(asked),
        "bare party share": by_party_share(asked),
        **{name: scores_of(asked, weights) for name, weights in without.items()},
    }


def averaged(name: str, runs: Sequence[list[float]]) -> None:
    columns = list(zip(*runs, strict=True))
    spread = " / ".join(f"{stdev(column):.3f}" for column in columns)
    line(f"{name}, mean of {len(runs)}", map(mean, columns), f" standard deviation {spread}")


def margins(name: str, asked: Case, ours: Scores, simpler: Scores) -> None:
    """How the difference varies over members drawn anew, with repetition, from the same ones."""
    chance = random.Random(650)
    found = []
    for _ in range(SHUFFLES):
        drawn = dict(enumerate(chance.choices(asked.candidates, k=len(asked.candidates))))
        wanted = {place for place, member_id in drawn.items() if member_id in asked.signed_next}
        pair = [{place: of[drawn[place]] for place in drawn} for of in (ours, simpler)]
        found.append(
            [precision(pair[0], wanted, n) - precision(pair[1], wanted, n) for n in DEPTHS]
        )
    print(f"\n{name}, over {SHUFFLES} samples drawn with repetition:\n")
    for depth, column in zip(DEPTHS, zip(*found, strict=True), strict=True):
        low, high = quantiles(column, n=20)[0], quantiles(column, n=20)[-1]
        better = sum(value > 0 for value in column) / len(column)
        print(f"- at {depth}: {low:+.3f} to {high:+.3f} (nine in ten), better in {better:.0%}")


def report(asked: Case) -> None:
    averaged("chance", [both(by_chance(asked, seed), asked) for seed in range(SHUFFLES)])
    for name, scores in rankings(asked).items():
        line(name, both(scores, asked))


def main() -> None:
    if not DATA.is_dir():
        sys.exit("The real data are not here: ../shared/data")
    total = len(in_order_of_signing()[0])
    earlier = case(known=total // 4, until=total // 2)
    heading(earlier, "Choosing weights: the second quarter from the first")
    for weights in GRID:
        name = f"party {weights.party:g}, motion {weights.motion:g}, prior {weights.prior:g}"
        line(name, both(scores_of(earlier, weights), earlier))
    best = chosen(earlier)
    print(f"\nChosen: party {best.party:g}, motion {best.motion:g}, prior {best.prior:g}")
    heading(earlier, "The same split, to compare")
    report(earlier)
    if "--only-choose" in sys.argv:
        return
    later = case(known=total // 2, until=total)
    heading(later, "The test: the later half from the earlier")
    report(later)
    runs = [both(with_made_up_signatures(later, seed), later) for seed in range(200)]
    averaged("all factors, with signatures that say nothing", runs)
    ours, simpler = scores_of(later, UNTESTED), by_party_share(later)
    margins("Party and other motions against the bare party share", later, ours, simpler)


if __name__ == "__main__":
    main()
