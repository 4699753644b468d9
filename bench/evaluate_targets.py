"""How well targets predict who signs a motion next, evaluated on one real motion.

The signatories of motion 65938 in the order in which they signed. Weights are chosen by predicting
the second quarter from the first; then the later half is predicted from the earlier one, once. It
reads ../shared/data. `python -m bench.evaluate_targets` runs it.

The data have no signatures by seat. Two rankings replace them: chance (numbers that say nothing
about a member) and the size of the electorate.
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
"""The party factor alone: other motions have a factor of 1."""
UNTESTED = Weights(signatures=0, letters=0)
"""The factors that these data can test."""
GRID = [
    replace(UNTESTED, party=party, motion=motion, prior=prior)
    for party, motion, prior in product((0.5, 1.0, 2.0), (2.0, 5.0, 10.0), (1.0, 2.0))
]
Scores = dict[int, float]


@dataclass(frozen=True)
class Case:
    """The data up to a day, the members who could be asked, and who of them signed afterwards."""

    day: str
    sitting: list[MemberFacts]
    others: list[OtherMotion]
    electorate: dict[int, int]
    signed_next: Set[int]

    @property
    def candidates(self) -> list[int]:
        return [facts.member_id for facts in self.sitting if facts.is_target]


# ---- the data


def rows_of(file: str) -> list[dict[str, str]]:
    with (DATA / "parliament" / file).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def good_answers() -> Iterator[list[dict[str, Any]]]:
    """Yields the names in every successful answer, the oldest first."""
    for file in sorted((DATA / "edm" / "65938-history").glob("*.json")):
        body = json.loads(file.read_bytes())
        if body["Success"]:
            yield body["Response"]["Sponsors"]


def in_order_of_signing() -> tuple[list[tuple[int, str]], dict[int, str]]:
    """Returns the signatories in order with their times, and the withdrawals with theirs."""
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
    """Returns the party on a day: a whip restored later counts as Independent."""
    if row["party_since"] <= day:
        return row["party"]
    before = row["party_2025_05_24"]
    return "Independent" if before == row["party"] else before


def make_case(*, known: int, until: int) -> Case:
    """Splits the signatories: the first `known` are given, those up to `until` are to predict."""
    order, withdrawn = in_order_of_signing()
    day = order[known - 1][1][:10]
    sitting = [row for row in rows_of("mps.csv") if row["elected"] <= day]
    standings = dict.fromkeys(withdrawn, Standing.WITHDRAWN)
    standings |= dict.fromkeys([member_id for member_id, _ in order[:known]], Standing.SIGNED)
    sizes = {row["gss"]: int(row["electorate_2024"]) for row in rows_of("constituencies.csv")}
    return Case(
        day=day,
        sitting=[_facts(row, day, standings) for row in sitting],
        others=[OtherMotion("1", _names_of_2023())],
        electorate={int(row["member_id"]): sizes[row["constituency_gss"]] for row in sitting},
        signed_next={member_id for member_id, _ in order[known:until]},
    )


def _facts(row: Mapping[str, str], day: str, standings: Mapping[int, Standing]) -> MemberFacts:
    member_id, party = int(row["member_id"]), party_on(row, day)
    standing = standings.get(member_id, Standing.NOT_SIGNED)
    title = row["government_post"]
    offices = {members.office_kind(title, row["government_rank"])} if title else set()
    if party == members.SPEAKER:
        offices.add(OfficeKind.SPEAKER)
    result = eligibility_of(party=party, offices=offices, refuses=False, standing=standing)
    return MemberFacts(member_id, party, standing, result is Eligibility.CAN_SIGN)


def _names_of_2023() -> Set[int]:
    body = json.loads((DATA / "edm" / "edm_61468.json").read_bytes())
    return {row["MemberId"] for row in body["Response"]["Sponsors"]}


# ---- measuring


def precision(scores: Mapping[int, float], wanted: Set[int], depth: int) -> float:
    """Returns the share of the first `depth` that are wanted, averaged over the orders of ties."""
    left, hits = depth, 0.0
    for score in sorted(set(scores.values()), reverse=True):
        equals = {member_id for member_id, value in scores.items() if value == score}
        taken = min(left, len(equals))
        hits += taken * len(equals & wanted) / len(equals)
        left -= taken
    return hits / depth


def both(scores: Mapping[int, float], case: Case) -> list[float]:
    return [precision(scores, case.signed_next, depth) for depth in DEPTHS]


def scores_of(case: Case, weights: Weights, sitting: Sequence[MemberFacts] | None = None) -> Scores:
    result = rank(sitting or case.sitting, case.others, weights)
    # The last digits depend on the order of multiplication, and must not break ties.
    return {target.facts.member_id: round(target.score, 9) for target in result}


def by_chance(case: Case, seed: int) -> Scores:
    chance = random.Random(seed)
    return {member_id: chance.random() for member_id in case.candidates}


def by_electorate(case: Case) -> Scores:
    return {member_id: float(case.electorate[member_id]) for member_id in case.candidates}


def by_party_share(case: Case) -> Scores:
    """Scores by the share of a party's members who have signed, without smoothing or weights."""
    able = [facts for facts in case.sitting if facts.can_sign]
    shares = {}
    for party in {facts.party for facts in able}:
        signed = [facts.has_signed for facts in able if facts.party == party]
        shares[party] = mean(signed)
    return {facts.member_id: shares[facts.party] for facts in able if facts.is_target}


def with_made_up_signatures(case: Case, seed: int) -> Scores:
    """Scores with random numbers of signatures: log-normal, about 50 per seat."""
    chance = random.Random(seed)
    sitting = [
        facts._replace(signatures=round(chance.lognormvariate(3.5, 0.9))) for facts in case.sitting
    ]
    return scores_of(case, Weights(), sitting)


def chosen(earlier: Case) -> Weights:
    """Returns the best weights of the grid by both depths together.

    Ties go to the higher prior, which counts other motions from the first day, and then to the most
    smoothing.
    """

    def quality(weights: Weights) -> tuple[float, float, float]:
        precisions = both(scores_of(earlier, weights), earlier)
        return round(mean(precisions), 9), weights.prior, weights.motion + weights.party

    return max(GRID, key=quality)


# ---- the report


def line(name: str, figures: Iterable[float], note: str = "") -> None:
    print(f"| {name} | {' | '.join(f'{figure:.3f}' for figure in figures)} |{note}")


def heading(case: Case, text: str) -> None:
    total, wanted = len(case.candidates), len(case.signed_next & set(case.candidates))
    print(f"\n{text}: {total} members to rank, {wanted} of whom signed ({wanted / total:.3f})")
    able = {facts.member_id for facts in case.sitting if facts.can_sign}
    shared = [len(able & motion.members) for motion in case.others]
    print(f"Cut on {case.day}; of past motions' names, those who could sign: {shared}\n")
    print("| ranking | precision at 20 | precision at 50 |\n|---|---|---|")


def rankings(case: Case) -> dict[str, Scores]:
    without = {
        "our party factor alone": ALONE,
        "other motions alone (party factor off)": replace(UNTESTED, party=1e12),
        "party and other motions": UNTESTED,
        "the same, without the prior of 2": replace(UNTESTED, prior=1),
    }
    return {
        "electorate": by_electorate(case),
        "bare party share": by_party_share(case),
        **{name: scores_of(case, weights) for name, weights in without.items()},
    }


def averaged(name: str, runs: Sequence[list[float]]) -> None:
    columns = list(zip(*runs, strict=True))
    spread = " / ".join(f"{stdev(column):.3f}" for column in columns)
    line(f"{name}, mean of {len(runs)}", map(mean, columns), f" standard deviation {spread}")


def margins(name: str, case: Case, ours: Scores, simpler: Scores) -> None:
    """Prints how the difference varies over bootstrap samples of the members."""
    chance = random.Random(650)
    result = []
    for _ in range(SHUFFLES):
        sample = dict(enumerate(chance.choices(case.candidates, k=len(case.candidates))))
        wanted = {place for place, member_id in sample.items() if member_id in case.signed_next}
        pair = [{place: of[sample[place]] for place in sample} for of in (ours, simpler)]
        result.append(
            [precision(pair[0], wanted, n) - precision(pair[1], wanted, n) for n in DEPTHS]
        )
    print(f"\n{name}, over {SHUFFLES} samples drawn with repetition:\n")
    for depth, column in zip(DEPTHS, zip(*result, strict=True), strict=True):
        low, high = quantiles(column, n=20)[0], quantiles(column, n=20)[-1]
        better = sum(value > 0 for value in column) / len(column)
        print(f"- at {depth}: {low:+.3f} to {high:+.3f} (nine in ten), better in {better:.0%}")


def report(case: Case) -> None:
    averaged("chance", [both(by_chance(case, seed), case) for seed in range(SHUFFLES)])
    for name, scores in rankings(case).items():
        line(name, both(scores, case))


def main() -> None:
    if not DATA.is_dir():
        sys.exit("The real data are not here: ../shared/data")
    total = len(in_order_of_signing()[0])
    earlier = make_case(known=total // 4, until=total // 2)
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
    later = make_case(known=total // 2, until=total)
    heading(later, "The test: the later half from the earlier")
    report(later)
    runs = [both(with_made_up_signatures(later, seed), later) for seed in range(200)]
    averaged("all factors, with signatures that say nothing", runs)
    ours, simpler = scores_of(later, UNTESTED), by_party_share(later)
    margins("Party and other motions against the bare party share", later, ours, simpler)


if __name__ == "__main__":
    main()
