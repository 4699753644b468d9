"""Counts everything again, independently, and compares it with the answers of a live server.

From 27 recorded answers of Parliament about a motion, the real seats and members, and signatures
that it generates and imports by `lobby import signatures`, it computes the tally by seat, its
totals, its sums by party, nation and region, and the history. It compares them with the JSON, the
CSV, the summaries and the history of the service, to the last number. The drill uses the standard
library alone and shares no code with the service. See docs/operators/drills.md.

`python -m drills.recount_sums` imports 20,000 signatures; `--help` shows how to run less.
"""

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from drills import recount_data
from drills.recount_data import AN_HOUR, LONDON, MOTION, OVERSEAS, UNKNOWN, Expected, Seat
from drills.recount_service import ROOT, Installation

DATA = ROOT.parent / "shared" / "data"
SIGNATURES = 20_000
EVERY = 90  # of the 1.7 million postcodes: some 19,000, in all 632 seats of Great Britain
TALLY = "/v1/campaigns/recount/tally"
HOURS_FROM, HOURS_TO = date(2026, 6, 1), date(2026, 6, 20)
SOME_ROWS_REJECTED = 3


@dataclass
class Findings:
    """How many numbers were compared, and the first that differ."""

    compared: int = 0
    wrong: list[str] = field(default_factory=list)

    def same(self, what: str, found: object, wanted: object) -> None:
        self.compared += 1
        if found != wanted:
            self.wrong.append(f"{what}: {found!r}, but it should be {wanted!r}")

    def near(self, what: str, found: float | None, exact: Fraction | None, digits: int) -> None:
        """Compares a rounded number with the exact one: half of the last digit may differ."""
        self.compared += 1
        half = Fraction(1, 2 * 10**digits) + Fraction(1, 10**9)
        if (found is None) != (exact is None):
            self.wrong.append(f"{what}: {found!r}, but it should be {exact!r}")
        elif found is not None and exact is not None and abs(Fraction(found) - exact) > half:
            self.wrong.append(f"{what}: {found!r}, but it should be {float(exact)!r}")


@dataclass(frozen=True)
class Recount:
    """A running service, and what it has to answer. `gone` are members who lost their seats."""

    lobby: Installation
    expected: Expected
    gone: Sequence[int]
    signatures: Path

    def add_signatures(self) -> None:
        """Imports the file of signatures. Doing it again adds nothing."""
        words = ("--petition", "recount", "--provenance", "a drill")
        status = SOME_ROWS_REJECTED if self.expected.rejected else 0
        self.lobby.run("import", "signatures", self.signatures, *words, expected=status)

    def compare(self) -> Findings:
        """Compares every sum of the service with the expected one."""
        lobby, expected, findings = self.lobby, self.expected, Findings()
        _compare_totals(lobby, expected, self.gone, findings)
        _compare_seats(lobby, expected, findings)
        for by in ("party", "nation", "region"):
            _compare_groups(lobby, expected, by, findings)
        first, last = recount_data.FIRST_DAY, recount_data.LAST_DAY
        _compare_history(lobby, expected, first, last, findings)
        _compare_history(lobby, expected, HOURS_FROM, HOURS_TO, findings, is_hourly=True)
        return findings


@contextmanager
def prepared(
    folder: Path, *, database_url: str = "", signatures: int = SIGNATURES, seed: int = 2017
) -> Iterator[Recount]:
    """Sets a service up in a folder and serves it, with signatures to import.

    With fewer signatures than usual, only the postcodes of the sample are imported.
    """
    is_short = signatures < SIGNATURES
    members, sample, rows = folder / "mps.csv", folder / "onspd.csv", folder / "signatures.csv"
    seats, gone = recount_data.read_seats(DATA, members)
    expected = Expected(seats, recount_data.read_names(DATA))
    postcodes = recount_data.sample_postcodes(DATA, EVERY, sample if is_short else None)
    recount_data.write_signatures(rows, signatures, postcodes, expected, seed)
    lobby = Installation(folder, database_url)
    directory = sample if is_short else DATA / "postcodes" / "onspd_gb.csv.gz"
    _set_up(lobby, directory, members)
    with lobby.serving():
        _make_campaign(lobby)
        yield Recount(lobby, expected, gone, rows)


def _set_up(lobby: Installation, postcodes: Path, members: Path) -> None:
    lobby.run("migrate")
    lobby.run("import", "postcodes", postcodes)
    lobby.run("import", "constituencies", DATA / "parliament" / "constituencies.csv")
    lobby.run("import", "members", members)
    answers = [("--file", file) for file in recount_data.recordings(DATA)]
    # Two of the recordings are failures of Parliament's, which the command reports.
    lobby.run("sync", "motions", *(word for pair in answers for word in pair), expected=1)
    lobby.run("organisation", "create", "A Recount", "--slug", "recount")
    scopes = ("campaigns:write", "tallies:read", "signatures:read")
    words = [word for scope in scopes for word in ("--scope", scope)]
    lobby.key = lobby.run("key", "create", "--organisation", "recount", *words).strip()


def _make_campaign(lobby: Installation) -> None:
    campaign = {"slug": "recount", "title": "Recount", "summary": "It counts.", "status": "open"}
    lobby.json("/v1/campaigns", campaign | {"motion_id": MOTION})
    petition = {"slug": "recount", "action": "Count again", "addressed_to": "Parliament"}
    lobby.json("/v1/campaigns/recount/petitions", petition)


def _compare_totals(
    lobby: Installation, expected: Expected, gone: Iterable[int], findings: Findings
) -> None:
    standings = [expected.standing(seat) for seat in expected.seats.values()]
    live = sum(name.off is None for name in expected.names.values())
    members = {
        "total": len(expected.seats),
        "seats_filled": sum(seat.member_id is not None for seat in expected.seats.values()),
        "can_sign": _count(expected, "can_sign"),
        "signed": live,
        "signed_in_seats": standings.count("signed"),
        "withdrawn": len(expected.names) - live,
    }
    codes = expected.by_code
    signed = {
        "confirmed": expected.confirmed,
        "unknown": codes[UNKNOWN],
        "overseas": codes[OVERSEAS],
    }
    without = {
        "signed": live - standings.count("signed"),
        "withdrawn": len(expected.names) - live - standings.count("withdrawn"),
    }
    tally, summary = lobby.json(TALLY), lobby.json(f"{TALLY}/summary")
    for where, answer in (("tally", tally), ("summary", summary)):
        findings.same(f"{where}: members", answer["members"], members)
        findings.same(f"{where}: signatures", answer["signatures"], signed)
    findings.same("summary: without a seat", summary["without_seat"], without)
    findings.same("without a seat, by the data", without["signed"], len(set(gone)) - 1)
    campaign, motion = lobby.json("/v1/campaigns/recount"), lobby.json(f"/v1/motions/{MOTION}")
    for where, answer in (("campaign", campaign["totals"]), ("motion", motion)):
        findings.same(f"{where}: signatories", answer["signatories"], live)
        findings.same(f"{where}: in seats", answer["signed_in_seats"], standings.count("signed"))
    findings.same("campaign: signatures", campaign["totals"]["signatures"], expected.confirmed)
    number = campaign["petitions"][0]["number"]
    count = lobby.json(f"/petitions/{number}/count.json")["signature_count"]
    findings.same("count.json", count, expected.confirmed)
    lines = lobby.csv("/v1/petitions/recount/signatures.csv?personal=false")
    by_code = dict.fromkeys(codes, 0)
    for line in lines:
        by_code[line["constituency_code"]] += 1
    findings.same("signatures.csv: lines by constituency", by_code, dict(codes))


def _count(expected: Expected, eligibility: str) -> int:
    return sum(expected.eligibility(seat) == eligibility for seat in expected.seats.values())


def _compare_seats(lobby: Installation, expected: Expected, findings: Findings) -> None:
    rows = {row["constituency"]["code"]: row for row in lobby.json(TALLY)["rows"]}
    lines = {line["constituency_code"]: line for line in lobby.csv(f"{TALLY}.csv")}
    findings.same("seats of the JSON", rows.keys(), expected.seats.keys())
    findings.same("seats of the CSV", lines.keys(), expected.seats.keys())
    for code, seat in expected.seats.items():
        wanted = _seat_values(expected, seat)
        row, line = rows[code], lines[code]
        found = {name: row[name] for name in wanted if name in row}
        found |= {"member_id": row["member"] and row["member"]["id"]}
        found |= {"member_email": row.get("member_email")}
        findings.same(f"{code} in JSON", found, wanted)
        written = {name: "" if value is None else str(value) for name, value in wanted.items()}
        findings.same(f"{code} in CSV", {name: line[name] for name in wanted}, written)
        exact = Fraction(1000 * expected.by_code[code], seat.electorate)
        findings.near(f"{code} per 1,000", row["signatures_per_1000"], exact, 2)
        findings.near(f"{code} per 1,000, CSV", float(line["signatures_per_1000"]), exact, 2)


def _seat_values(expected: Expected, seat: Seat) -> dict[str, object]:
    standing = expected.standing(seat)
    name = expected.names.get(seat.member_id or 0)
    signed = name.on.astimezone(LONDON).date() if name and standing == "signed" else None
    return {
        "member_id": seat.member_id,
        "party": seat.party,
        "party_name": seat.party,
        "party_group": seat.group,
        "standing": standing,
        "signed_on": signed.isoformat() if signed else None,
        "eligibility": expected.eligibility(seat),
        "electorate": seat.electorate,
        "signatures": expected.by_code[seat.code],
        "letters_sent": 0,
        "member_email": seat.email or None,
    }


def _compare_groups(lobby: Installation, expected: Expected, by: str, findings: Findings) -> None:
    groups: defaultdict[str, list[Seat]] = defaultdict(list)
    for seat in expected.seats.values():
        name = (seat.group or "Vacant") if by == "party" else getattr(seat, by)
        groups[name].append(seat)
    rows = {row["name"]: row for row in lobby.json(f"{TALLY}/summary")[f"by_{by}"]}
    lines = {line["name"]: line for line in lobby.csv(f"{TALLY}/summary.csv?by={by}")}
    findings.same(f"groups by {by}", rows.keys(), groups.keys())
    findings.same(f"groups by {by} in CSV", lines.keys(), groups.keys())
    for name, seats in groups.items():
        wanted = _group_values(expected, seats)
        row, line = rows[name], lines[name]
        findings.same(f"{name} in JSON", {key: row[key] for key in wanted}, wanted)
        findings.same(f"{name} in CSV", {key: int(line[key]) for key in wanted}, wanted)
        share = Fraction(wanted["signed"], wanted["can_sign"]) if wanted["can_sign"] else None
        rate = Fraction(1000 * wanted["signatures"], wanted["electorate"])
        findings.near(f"{name}: share", row["signed_of_can_sign"], share, 3)
        findings.near(f"{name}: rate", row["signatures_per_1000"], rate, 2)


def _group_values(expected: Expected, seats: list[Seat]) -> dict[str, int]:
    signed = sum(expected.standing(seat) == "signed" for seat in seats)
    return {
        "seats": len(seats),
        "seats_filled": sum(seat.member_id is not None for seat in seats),
        "can_sign": sum(expected.eligibility(seat) == "can_sign" for seat in seats),
        "signed": signed,
        "signed_in_seats": signed,
        "withdrawn": sum(expected.standing(seat) == "withdrawn" for seat in seats),
        "signatures": sum(expected.by_code[seat.code] for seat in seats),
        "letters_sent": 0,
        "electorate": sum(seat.electorate for seat in seats),
    }


def _compare_history(
    lobby: Installation,
    expected: Expected,
    first: date,
    last: date,
    findings: Findings,
    *,
    is_hourly: bool = False,
) -> None:
    """Compares each point from the beginning of the first day to the end of the last, in London."""
    every = "hour" if is_hourly else "day"
    query = f"?from={first}&to={last}&every={every}"
    points = lobby.json(f"{TALLY}/history{query}")["points"]
    lines = lobby.csv(f"{TALLY}/history.csv{query}")
    wanted = [_point(expected, moment) for moment in _moments(first, last, is_hourly)]
    findings.same(f"history by {every}: points", len(points), len(wanted))
    for point, line, right in zip(points, lines, wanted, strict=False):
        where = f"history by {every}, {right['at']}"
        findings.same(f"{where}, in JSON", point, right)
        written = {name: str(value) for name, value in right.items()} | {"is_estimated": "no"}
        findings.same(f"{where}, in CSV", line, written)


def _moments(first: date, last: date, is_hourly: bool) -> Iterable[datetime]:
    moment = datetime(first.year, first.month, first.day, tzinfo=LONDON)
    end = datetime(last.year, last.month, last.day, tzinfo=LONDON) + timedelta(days=1)
    while moment <= end:  # both on the clocks of London
        yield moment.astimezone(UTC)
        moment += AN_HOUR if is_hourly else timedelta(days=1)


def _point(expected: Expected, moment: datetime) -> Mapping[str, Any]:
    return {
        "at": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "signatories": expected.signatories_at(moment),
        "signatures": expected.signatures_at(moment),
        "letters_sent": 0,
        "is_estimated": False,
    }


def main() -> int:
    """Returns 1 when a number was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--signatures", type=int, default=SIGNATURES)
    parser.add_argument("--seed", type=int, default=2017)
    parser.add_argument("--database-url", default="", help="none: SQLite")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        print(f"The recount of sums needs the real data in {DATA}, which is not here.")
        return 0
    findings = Findings()
    with (
        tempfile.TemporaryDirectory(prefix="recount-") as name,
        prepared(
            Path(name),
            database_url=arguments.database_url,
            signatures=arguments.signatures,
            seed=arguments.seed,
        ) as service,
    ):
        for _ in range(2):  # the second import adds nothing
            service.add_signatures()
            found = service.compare()
            findings.compared += found.compared
            findings.wrong += found.wrong
    print(f"{findings.compared:,} numbers and rows compared, {len(findings.wrong)} wrong")
    for text in findings.wrong[:50]:
        print(f"- {text}")
    return 1 if findings.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
