"""Makes the data of the recount of sums, and says what the sums have to be.

It uses the standard library alone and no code of the service, so that no mistake can be in both.
The rules are those of the guides: `docs/guide/parliament.md`, `docs/guide/imports.md` and
`docs/guide/api.md`.
"""

import csv
import gzip
import io
import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
MOTION = 65938
AN_HOUR = timedelta(hours=1)
UNKNOWN, OVERSEAS = "unknown", "overseas"
GROUPS = {"Labour (Co-op)": "Labour"}
ABSTAIN = "Sinn Féin"
FIRST_DAY, LAST_DAY = date(2026, 5, 20), date(2026, 8, 10)
"""The days from which and until which people sign and the history is compared."""
HEADER = ("Name", "Email", "Postcode", "Country", "Signed at", "Updates")


@dataclass(frozen=True)
class Seat:
    """A constituency and its member. `member_id` is None while it is vacant."""

    code: str
    nation: str
    region: str
    electorate: int
    member_id: int | None
    party: str | None
    email: str
    has_office: bool

    @property
    def group(self) -> str | None:
        return GROUPS.get(self.party, self.party) if self.party else None


@dataclass(frozen=True)
class Name:
    """A member's name on the motion. `off` is when it was withdrawn."""

    member_id: int
    on: datetime
    off: datetime | None


@dataclass
class Expected:
    """What the service has to answer. `signed_hours` are the hours in which people signed."""

    seats: dict[str, Seat]
    names: dict[int, Name]
    by_code: Counter[str] = field(default_factory=Counter)
    signed_hours: list[datetime] = field(default_factory=list)
    rejected: int = 0
    repeated: int = 0

    @property
    def confirmed(self) -> int:
        return sum(self.by_code.values())

    def standing(self, seat: Seat) -> str:
        name = self.names.get(seat.member_id or 0)
        if name is None:
            return "not_signed"
        return "withdrawn" if name.off else "signed"

    def eligibility(self, seat: Seat) -> str:
        if seat.member_id is None:
            return "vacant"
        if self.standing(seat) == "signed":
            return "can_sign"
        if seat.party == ABSTAIN:
            return "cannot"
        return "convention" if seat.has_office else "can_sign"

    def signatories_at(self, moment: datetime) -> int:
        on = sum(name.on <= moment for name in self.names.values())
        return on - sum(name.off is not None and name.off <= moment for name in self.names.values())

    def signatures_at(self, moment: datetime) -> int:
        """People count from the end of the hour in which they signed."""
        return sum(hour + AN_HOUR <= moment for hour in self.signed_hours)


def read_seats(folder: Path, vacated: Path) -> tuple[dict[str, Seat], Sequence[int]]:
    """Returns the seats by code, and who lost theirs: three members, for the sake of the sums.

    Writes the members to `vacated`, as a file to import.
    """
    with (folder / "parliament" / "mps.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    latest = {name.member_id: name for name in read_names(folder).values() if not name.off}
    signed = [row for row in rows if int(row["member_id"]) in latest]
    losers = [signed[0], signed[-1], next(row for row in rows if row not in signed)]
    gone = [int(row["member_id"]) for row in losers]
    for row in losers:
        row |= {"member_id": "", "name": "", "party": "", "government_post": ""}
    with vacated.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with (folder / "parliament" / "constituencies.csv").open(encoding="utf-8") as stream:
        places = {row["gss"]: row for row in csv.DictReader(stream)}
    return {row["constituency_gss"]: _seat(row, places) for row in rows}, gone


def _seat(row: dict[str, str], places: dict[str, dict[str, str]]) -> Seat:
    place, has_member = places[row["constituency_gss"]], bool(row["member_id"])
    return Seat(
        code=row["constituency_gss"],
        nation=place["country"],
        region=place["region"],
        electorate=int(place["electorate_2024"]),
        member_id=int(row["member_id"]) if has_member else None,
        party=row["party"] if has_member else None,
        email=row["email"] if has_member else "",
        has_office=bool(row["government_post"]) or row["party"] == "Speaker",
    )


def recordings(folder: Path) -> list[Path]:
    """Returns the files with Parliament's answers about the motion, in order of time."""
    return sorted((folder / "edm" / f"{MOTION}-history").glob("*.json"))


def read_names(folder: Path) -> dict[int, Name]:
    """Returns the names of the last good answer, by member."""
    answers = (json.loads(file.read_bytes()) for file in recordings(folder))
    *_, last = (answer for answer in answers if answer["Success"])
    return {
        row["MemberId"]: Name(
            row["MemberId"],
            _of_clocks_in_london(row["CreatedWhen"]),
            _of_clocks_in_london(row["WithdrawnDate"]) if row["IsWithdrawn"] else None,
        )
        for row in last["Response"]["Sponsors"]
    }


def _of_clocks_in_london(text: str) -> datetime:
    return datetime.fromisoformat(text[:26]).replace(tzinfo=LONDON).astimezone(UTC)


def sample_postcodes(
    folder: Path, every: int, copy_to: Path | None = None
) -> list[tuple[str, str]]:
    """Returns one in so many live postcodes, with the code of their constituency or an empty text.

    The rows are also written to `copy_to`, as a small directory to import.
    """
    source = folder / "postcodes" / "onspd_gb.csv.gz"
    with gzip.open(source, "rt", encoding="utf-8-sig", newline="") as stream:
        header = next(stream)
        lines = [line for number, line in enumerate(stream) if number % every == 0]
    if copy_to is not None:
        copy_to.write_text(header + "".join(lines), encoding="utf-8", newline="")
    rows = csv.DictReader(io.StringIO(header + "".join(lines)))
    return [(row["pcds"], row["pcon24cd"]) for row in rows if not row["doterm"]]


def write_signatures(
    file: Path, count: int, postcodes: Sequence[tuple[str, str]], expected: Expected, seed: int
) -> None:
    """Writes `count` rows to import, and adds to `expected` what each of them has to change."""
    chance = random.Random(seed)
    earlier: list[str] = []
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        for number in range(count):
            writer.writerow(_row(number, chance, postcodes, earlier, expected))


def _row(
    number: int,
    chance: random.Random,
    postcodes: Sequence[tuple[str, str]],
    earlier: list[str],
    expected: Expected,
) -> Iterable[str]:
    kind = chance.random()
    email = f"person.{number}@{chance.choice(('example.org', 'gmail.com', 'example.com'))}"
    postcode, code = chance.choice(postcodes)
    written, hour = _moment(chance)
    name, country = f"Person {number}", chance.choice(("", "GB", "UK", "United Kingdom"))
    if kind < 0.005:
        expected.rejected += 1
        bad = chance.choice((("", postcode), ("no-address", postcode), (email, "1234567")))
        return (name, *bad, country, written, "")
    if kind < 0.015 and earlier:
        expected.repeated += 1
        return (name, _spelt_otherwise(chance.choice(earlier)), postcode, country, written, "no")
    if kind < 0.035:
        postcode, country, code = "", chance.choice(("FR", "IE", "JE", "ZZ")), OVERSEAS
    elif kind < 0.045:
        postcode, code = chance.choice(("ZZ99 9ZZ", "EC1A 1CC", "QQ1 1AA")), UNKNOWN
    earlier.append(email)
    code = code if code == OVERSEAS or code in expected.seats else UNKNOWN
    expected.by_code[code] += 1
    expected.signed_hours.append(hour)
    spelling = chance.choice((postcode, postcode.lower(), postcode.replace(" ", "")))
    return (name, email, spelling, country, written, chance.choice(("yes", "no", "")))


def _spelt_otherwise(email: str) -> str:
    """Returns the same mailbox: Gmail ignores dots and what follows a plus, no domain has case."""
    local, _, domain = email.partition("@")
    if domain == "gmail.com":
        return f"{local.replace('.', '')}+petition@{domain}"
    return f"{local}@{domain.upper()}"


def _moment(chance: random.Random) -> tuple[str, datetime]:
    """Returns a time as a file may have it, and the hour in UTC in which it lies."""
    minutes = int((LAST_DAY - FIRST_DAY) / timedelta(minutes=1))
    begin = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
    moment = begin + timedelta(minutes=chance.randrange(minutes))
    local = moment.astimezone(LONDON)
    spellings = (
        f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        f"{local:%Y-%m-%d %H:%M}",
        f"{local:%d/%m/%Y %H:%M}",
        f"{local:%Y-%m-%d}",
    )
    written = chance.choice(spellings)
    if written == spellings[-1]:  # a day alone is its midnight in London
        moment = local.replace(hour=0, minute=0).astimezone(UTC)
    return written, moment.replace(minute=0, second=0, microsecond=0)
