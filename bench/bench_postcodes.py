"""Data structures for the postcode directory, side by side: size, build, load, look-up, memory.

It reads ../shared/data/postcodes/onspd_gb.csv.gz if that exists, and else generates a directory of
the same size. `python -m bench.bench_postcodes` runs it.
"""

import marshal
import mmap
import random
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from services.postcodes import file_format
from services.postcodes.directory import CurrentDirectory, PostcodeDirectory
from services.postcodes.ons_import import import_postcodes

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "data" / "postcodes" / "onspd_gb.csv.gz"
ROUNDS = 9
QUESTIONS = 40_000
UNITS = file_format.UNITS
PER_SECTOR = file_format.CELLS_PER_SECTOR

Pairs = list[tuple[str, int]]
"""Postcodes in normal form and in order, each with its cell (constituency and state)."""


class Structure(Protocol):
    def __init__(self, path: Path) -> None: ...
    @staticmethod
    def build(path: Path, pairs: Pairs) -> None: ...
    def find(self, postcode: str) -> int: ...


class Grid:
    """400 cells per sector, found through a dict of sectors: the service's own structure."""

    def __init__(self, path: Path) -> None:
        contents = file_format.read(path)
        self.sectors, self.cells = contents.sectors, contents.cells

    @staticmethod
    def build(path: Path, pairs: Pairs) -> None:
        sectors: dict[str, array[int]] = {}
        for postcode, cell in pairs:
            if postcode[:-2] not in sectors:
                sectors[postcode[:-2]] = array("H", bytes(2 * PER_SECTOR))
            sectors[postcode[:-2]][UNITS[postcode[-2:]]] = cell
        file_format.write(path, [f"E{number:08}" for number in range(700)], sectors)

    def find(self, postcode: str) -> int:
        start, unit = self.sectors.get(postcode[:-2]), UNITS.get(postcode[-2:])
        return 0 if start is None or unit is None else self.cells[start + unit]


class SortedKeys:
    """Sorted 32-bit keys with 16-bit cells beside them, found by bisection.

    A key is the number of the sector and the unit, which costs less than packing the letters.
    """

    def __init__(self, path: Path) -> None:
        data = mapped(path)
        count = int.from_bytes(data[:8], "little")
        self.keys = data[8 : 8 + 4 * count].cast("I")
        self.cells = data[8 + 4 * count : 8 + 6 * count].cast("H")
        self.sectors = sectors_of(data[8 + 6 * count :])

    @staticmethod
    def build(path: Path, pairs: Pairs) -> None:
        names = sector_names(pairs)
        sectors = {name: number * PER_SECTOR for number, name in enumerate(names)}
        rows = sorted((sectors[name[:-2]] + UNITS[name[-2:]], cell) for name, cell in pairs)
        with path.open("wb") as file:
            file.write(len(rows).to_bytes(8, "little"))
            file.write(array("I", [number for number, _ in rows]).tobytes())
            file.write(array("H", [cell for _, cell in rows]).tobytes())
            file.write(",".join(names).encode())

    def find(self, postcode: str) -> int:
        sector, unit = self.sectors.get(postcode[:-2]), UNITS.get(postcode[-2:])
        if sector is None or unit is None:
            return 0
        wanted = sector * PER_SECTOR + unit
        place = bisect_left(self.keys, wanted)
        if place < len(self.keys) and self.keys[place] == wanted:
            return self.cells[place]
        return 0


class Bitmaps:
    """400 bits per sector for the postcodes that exist, and their cells packed, found by rank."""

    BYTES = PER_SECTOR // 8

    def __init__(self, path: Path) -> None:
        self.data = data = mapped(path)
        count, total = data[:8].cast("I")
        starts_at = 8 + count * self.BYTES
        self.starts = data[starts_at : starts_at + 4 * count].cast("I")
        cells_at = starts_at + 4 * count
        self.cells = data[cells_at : cells_at + 2 * total].cast("H")
        self.sectors = sectors_of(data[cells_at + 2 * total :])

    @classmethod
    def build(cls, path: Path, pairs: Pairs) -> None:
        names = sector_names(pairs)
        units_by_sector: dict[str, list[tuple[int, int]]] = {name: [] for name in names}
        for postcode, cell in pairs:
            units_by_sector[postcode[:-2]].append((UNITS[postcode[-2:]], cell))
        bitmaps, starts, cells = bytearray(), array("I"), array("H")
        for name in names:
            starts.append(len(cells))
            bits = sum(1 << unit for unit, _ in units_by_sector[name])
            bitmaps += bits.to_bytes(cls.BYTES, "little")
            cells.extend(cell for _, cell in sorted(units_by_sector[name]))
        head = array("I", [len(names), len(cells)]).tobytes()
        body = bitmaps + starts.tobytes() + cells.tobytes()
        path.write_bytes(head + body + ",".join(names).encode())

    def find(self, postcode: str) -> int:
        sector, unit = self.sectors.get(postcode[:-2]), UNITS.get(postcode[-2:])
        if sector is None or unit is None:
            return 0
        start = 8 + sector * self.BYTES
        bits = int.from_bytes(self.data[start : start + self.BYTES], "little")
        if not bits >> unit & 1:
            return 0
        return self.cells[self.starts[sector] + (bits & ((1 << unit) - 1)).bit_count()]


class Dict:
    """A plain dict, stored with marshal."""

    def __init__(self, path: Path) -> None:
        self.cells: dict[str, int] = marshal.loads(path.read_bytes())

    @staticmethod
    def build(path: Path, pairs: Pairs) -> None:
        path.write_bytes(marshal.dumps(dict(pairs)))

    def find(self, postcode: str) -> int:
        return self.cells.get(postcode, 0)


class Sqlite:
    """A table WITHOUT ROWID, queried through one open cursor."""

    def __init__(self, path: Path) -> None:
        self.cursor = sqlite3.connect(path).cursor()

    @staticmethod
    def build(path: Path, pairs: Pairs) -> None:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE p (code TEXT PRIMARY KEY, cell INT) WITHOUT ROWID")
        with connection:
            connection.executemany("INSERT INTO p VALUES (?, ?)", pairs)
        connection.close()

    def find(self, postcode: str) -> int:
        row = self.cursor.execute("SELECT cell FROM p WHERE code = ?", (postcode,)).fetchone()
        return row[0] if row else 0


STRUCTURES: dict[str, type[Structure]] = {
    "grid (ours)": Grid,
    "bitmaps and ranks": Bitmaps,
    "sorted keys": SortedKeys,
    "dict": Dict,
    "SQLite table": Sqlite,
}


def mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def sector_names(pairs: Pairs) -> list[str]:
    return sorted({postcode[:-2] for postcode, _ in pairs})


def sectors_of(data: memoryview) -> dict[str, int]:
    names = bytes(data).decode().split(",")
    return dict(zip(names, range(len(names)), strict=True))


# ---- the postcodes to look up


def made_up_file(path: Path) -> None:
    """Writes a directory with as many sectors and postcodes as Great Britain has."""
    chance = random.Random(650)
    outwards = [f"{a}{b}{n}" for a in "ABCDEFGH" for b in "ABDEFGHKLN" for n in range(1, 28)]
    sectors = [f"{outward} {digit}" for outward in outwards for digit in range(5)]
    cells = {}
    for number, sector in enumerate(sectors):
        cells[sector] = array("H", bytes(2 * PER_SECTOR))
        for unit in chance.sample(range(PER_SECTOR), 160):
            cells[sector][unit] = 2 * (file_format.FIRST_CONSTITUENCY + number * 632 // 10800)
    file_format.write(path, [f"E{number:08}" for number in range(632)], cells)


def all_pairs(path: Path) -> Iterator[tuple[str, int]]:
    contents = file_format.read(path)
    for sector, start in contents.sectors.items():
        cells = contents.cells[start : start + PER_SECTOR]
        for unit, cell in zip(UNITS, cells, strict=True):
            if cell:
                yield sector + unit, cell


def questions(pairs: Pairs) -> list[str]:
    """Returns postcodes to look up: half of them exist, half do not, like typing errors."""
    chance = random.Random(2017)
    existing = {postcode for postcode, _ in pairs}
    hits = [postcode for postcode, _ in chance.sample(pairs, QUESTIONS // 2)]
    misses: list[str] = []
    while len(misses) < QUESTIONS // 2:
        postcode = chance.choice(pairs)[0][:-2] + "".join(chance.choices(list("ABDEFGHJ"), k=2))
        if postcode not in existing:
            misses.append(postcode)
    mixed = hits + misses
    chance.shuffle(mixed)
    return mixed


# ---- measuring


def seconds(work: Callable[..., object], *arguments: object) -> float:
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def ask_all(find: Callable[[str], object], postcodes: Iterable[str]) -> None:
    for postcode in postcodes:
        find(postcode)


def nanoseconds(
    finders: dict[str, Callable[[str], object]], postcodes: dict[str, list[str]]
) -> dict[str, float]:
    """Returns medians over rounds in turns, so that other load affects all structures."""
    taken: dict[str, list[float]] = {name: [] for name in finders}
    for _ in range(ROUNDS):
        for name, find in finders.items():
            elapsed = seconds(ask_all, find, postcodes[name])
            taken[name].append(elapsed / len(postcodes[name]) * 1e9)
    return {name: statistics.median(times) for name, times in taken.items()}


def private_kilobytes() -> int:
    """Returns the private memory of this process, without pages shared with a file (Linux)."""
    try:
        rollup = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    match = re.search(r"Private_Dirty:\s+(\d+)", rollup)
    return int(match[1]) if match else 0


def report_memory(name: str, path: str) -> None:
    """Prints what a structure adds to the memory of this process, which must be a new one."""
    before = private_kilobytes()
    structure = STRUCTURES[name](Path(path))
    ask_all(structure.find, ["EH1 1YZ", "M1 1AE", "ZZ9 9ZZ"] * 1000)
    print(private_kilobytes() - before)


def private_megabytes(name: str, path: Path) -> float:
    command = [sys.executable, __file__, "--memory", name, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout) / 1000


def compare(folder: Path, pairs: Pairs, postcodes: list[str]) -> None:
    loaded: dict[str, Structure] = {}
    figures: dict[str, list[float]] = {}
    right = dict(pairs)
    for name, structure in STRUCTURES.items():
        path = folder / f"{structure.__name__}.dat"
        build = seconds(structure.build, path, pairs)
        load = min(seconds(structure, path) for _ in range(3))
        loaded[name] = structure(path)
        if any(loaded[name].find(postcode) != right.get(postcode, 0) for postcode in postcodes):
            sys.exit(f"{name} answers wrongly")
        memory = private_megabytes(name, path)
        figures[name] = [path.stat().st_size / 1e6, build, load * 1e3, memory]
    times = nanoseconds(
        {name: structure.find for name, structure in loaded.items()},
        dict.fromkeys(loaded, postcodes),
    )
    base = times["grid (ours)"]
    print("| structure | MB | build s | load ms | private MB | ns a look-up | ratio |")
    print("|---|---|---|---|---|---|---|")
    for name, (size, build, load, memory) in figures.items():
        print(
            f"| {name} | {size:.1f} | {build:.1f} | {load:.1f} | {memory:.1f} "
            f"| {times[name]:.0f} | {times[name] / base:.2f} |"
        )


def whole_lookup(path: Path, postcodes: list[str]) -> None:
    """Measures the service's look-up with normalising and the answer, on top of the structure."""
    directory, current = PostcodeDirectory.open(path), CurrentDirectory(path)
    typed = [postcode.replace(" ", "").lower() for postcode in postcodes]
    finders: dict[str, Callable[[str], object]] = {
        "PostcodeDirectory, in normal form": directory.lookup,
        "PostcodeDirectory, as typed": directory.lookup,
        "CurrentDirectory, in normal form": current.lookup,
        "CurrentDirectory, as typed": current.lookup,
    }
    times = nanoseconds(
        finders, {name: typed if name.endswith("typed") else postcodes for name in finders}
    )
    base = min(times.values())
    print("\n| whole look-up | ns | ratio |\n|---|---|---|")
    for name, taken in times.items():
        print(f"| {name} | {taken:.0f} | {taken / base:.2f} |")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "postcodes.dat"
        if REAL.exists():
            took = seconds(import_postcodes, REAL, path)
            print(f"Great Britain, imported from csv.gz in {took:.1f} s", end="")
        else:
            made_up_file(path)
            print("A made-up directory", end="")
        pairs = list(all_pairs(path))
        print(f": {len(pairs):,} postcodes; {QUESTIONS:,} questions, half of them misses\n")
        postcodes = questions(pairs)
        compare(Path(name), pairs, postcodes)
        whole_lookup(path, postcodes)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        report_memory(*sys.argv[2:4])
    else:
        main()
