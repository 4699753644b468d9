"""Tests the import of postcodes, from small files of every kind and from the real ones."""

import csv
import gzip
import io
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from models.postcode import PostcodeStatus
from services.errors import Invalid, Unavailable
from services.postcodes.directory import CurrentDirectory, PostcodeDirectory
from services.postcodes.ons_import import ConstituencyFacts, ImportSummary, import_postcodes
from tests.support.common import soon

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"

NOV_2025 = "pcd7,pcd8,pcds,doterm,ctry25cd,rgn25cd,pcon24cd,east1m,north1m,lat,long"
AUG_2025 = "pcd7,pcd8,pcds,doterm,ctry,rgn,pcon,oseast1m,osnrth1m,lat,long"
OLD_NSPL = "pcd,pcd2,pcds,doterm,ctry,rgn,pcon,oseast1m,osnrth1m,lat,long"

BRIGHTON = ("E12000008", "E14001130", "531000", "105000", "50.82", "-0.14")
CARDIFF = ("W99999999", "W07000094", "318000", "176000", "51.48", "-3.18")
BELFAST = ("N99999999", "N05000001", "333000", "374000", "54.59", "-5.93")
JERSEY = ("L99999999", "L99999999", "", "", "99.999999", "0.000000")
NOWHERE = ("E12000008", "", "", "", "99.999999", "0.000000")
SEATS = {
    "E14001130": "Brighton Pavilion",
    "W07000094": "Cardiff South and Penarth",
    "W07000112": "Ynys Môn",
    "N05000001": "Belfast East",
    "S14000051": "Orkney and Shetland",
}


def row(postcode: str, place: Sequence[str], terminated: str = "") -> list[str]:
    region, seat, easting, northing, latitude, longitude = place
    compact = postcode.replace(" ", "")
    eight = f"{compact[:-3]:4} {compact[-3:]}"
    start = [f"{compact[:-3]:4}{compact[-3:]}", eight, postcode, terminated]
    return [*start, "E92000001", region, seat, easting, northing, latitude, longitude]


ROWS = [
    row("BN1 1AA", BRIGHTON),
    row("BN1 1AB", (*BRIGHTON[:2], "533000", "107000", "50.84", "-0.10")),
    row("BN1 1AD", BRIGHTON, terminated="199606"),
    row("CF10 3NQ", CARDIFF),
    row("BN1 1AE", NOWHERE),
    row("BT1 1AA", BELFAST),
    row("JE2 4WD", JERSEY),
]


def as_csv(header: str = NOV_2025, rows: Sequence[Sequence[str]] = ROWS) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header.split(","), *rows])
    return text.getvalue()


def as_zip(path: Path, members: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def published(path: Path, year: str = "24", encoding: str = "utf-8-sig") -> Path:
    """Writes a zip with the folders and file names that the ONS uses."""
    names = f"PCON{year}CD,PCON{year}NM\r\n" + "".join(
        f'{code},"{name}"\r\n' for code, name in SEATS.items()
    )
    names += "L99999999,(pseudo) Channel Islands\r\nE99999999,(pseudo)\r\n"
    seats = f"Westminster Parliamentary Constituency names and codes UK as at 12_{year}.csv"
    regions = "RGN25CD,RGN25CDO,RGN25NM\r\nE12000008,J,South East\r\nW99999999,W,(pseudo) Wales\r\n"
    parts = as_csv(rows=[row("M1 1AE", BRIGHTON)])
    return as_zip(
        path,
        {
            "ONSPD_NOV_2025/Data/ONSPD_NOV_2025_UK.csv": as_csv(),
            "ONSPD_NOV_2025/Data/multi_csv/ONSPD_NOV_2025_UK_M.csv": parts + " " * 9000,
            f"ONSPD_NOV_2025/Documents/{seats}": names.encode(encoding),
            "ONSPD_NOV_2025/Documents/RGN Region names and codes EN as at 05_25.csv": regions,
            "ONSPD_NOV_2025/Documents/LAD names.csv": "LAD25CD,LAD25NM\r\nE07000092,Rushmoor\r\n",
            "ONSPD_NOV_2025/Documents/Empty.csv": "",
            "ONSPD_NOV_2025/User Guide/Guide.pdf": b"%PDF" + bytes(20000),
            "__MACOSX/Data/._ONSPD_NOV_2025_UK.csv": bytes(50000),
        },
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "onspd.csv"
    path.write_text(as_csv(), encoding="utf-8", newline="")
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "var" / "postcodes.dat"


# ---- rows


def test_every_row_is_accounted_for(source: Path, target: Path) -> None:
    summary = import_postcodes(source, target)
    assert summary == ImportSummary(
        read=7,
        found=3,
        terminated=1,
        without_constituency=1,
        not_in_uk_parliament=1,
        left_out={"northern_ireland": 1},
        postcodes=5,
        bytes=target.stat().st_size,
        constituencies=(),
    )


def test_each_postcode_answers_as_its_row_says(source: Path, target: Path) -> None:
    import_postcodes(source, target)
    directory = PostcodeDirectory.open(target)
    answers = {
        postcode: (answer.status.value, answer.constituency_code)
        for postcode in [cells[2] for cells in ROWS]
        for answer in [directory.lookup(postcode)]
    }
    assert answers == {
        "BN1 1AA": ("found", "E14001130"),
        "BN1 1AB": ("found", "E14001130"),
        "BN1 1AD": ("terminated", "E14001130"),
        "CF10 3NQ": ("found", "W07000094"),
        "BN1 1AE": ("no_constituency", None),
        "BT1 1AA": ("unknown", None),
        "JE2 4WD": ("not_in_uk_parliament", None),
    }
    assert len(directory) == 5
    assert directory.constituency_codes == ("E14001130", "W07000094")


def test_northern_ireland_is_loaded_only_when_asked_for(source: Path, target: Path) -> None:
    summary = import_postcodes(source, target, northern_ireland=True)
    assert summary.left_out == {}
    assert PostcodeDirectory.open(target).lookup("BT1 1AA").constituency_code == "N05000001"


@pytest.mark.parametrize("header", [NOV_2025, AUG_2025, OLD_NSPL])
def test_columns_are_told_by_their_stems(source: Path, target: Path, header: str) -> None:
    source.write_text(as_csv(header), encoding="utf-8", newline="")
    assert import_postcodes(source, target).found == 3


@pytest.mark.parametrize("column", ["pcds", "pcd8", "pcd7"])
def test_any_column_of_postcodes_will_do(source: Path, target: Path, column: str) -> None:
    columns = NOV_2025.replace("pcd", "other").replace(column.replace("pcd", "other"), column)
    source.write_text(as_csv(columns), encoding="utf-8", newline="")
    assert import_postcodes(source, target).found == 3
    assert PostcodeDirectory.open(target).lookup("CF10 3NQ").status == PostcodeStatus.FOUND


def test_of_two_editions_of_a_column_the_newer_counts(source: Path, target: Path) -> None:
    header = "pcds,doterm,pcon14cd,pcon24cd,pcon24nm\n"
    source.write_text(header + "BN1 1AA,,E14000598,E14001130,Brighton\n", encoding="utf-8")
    import_postcodes(source, target)
    assert PostcodeDirectory.open(target).lookup("BN1 1AA").constituency_code == "E14001130"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_byte_order_mark_quotes_and_odd_letters_are_tolerated(
    source: Path, target: Path, encoding: str
) -> None:
    lines = ['"PCDS","DOTERM","PCON24CD","WARD"', '"BN1 1AA","","E14001130","Môn, \n""Ynys"""', ""]
    source.write_text("\r\n".join(lines), encoding=encoding, newline="")
    assert import_postcodes(source, target).found == 1


def test_blank_lines_and_spaces_around_values_are_tolerated(source: Path, target: Path) -> None:
    text = "pcds,doterm,pcon\n\n bn11aa , , E14001130 \n\nBN1 1AB,,E14001130\n\n"
    source.write_text(text, encoding="utf-8")
    summary = import_postcodes(source, target)
    assert (summary.read, summary.found) == (2, 2)
    assert PostcodeDirectory.open(target).constituency_codes == ("E14001130",)


@pytest.mark.parametrize("code", ["", "E99999999", "S99999999", "L99999999", "M99999999"])
def test_a_code_that_stands_for_none_is_no_constituency(
    source: Path, target: Path, code: str
) -> None:
    source.write_text(f"pcds,doterm,pcon\nBN1 1AA,,{code}\n", encoding="utf-8")
    assert import_postcodes(source, target).without_constituency == 1
    assert PostcodeDirectory.open(target).lookup("BN1 1AA").constituency_code is None


def test_rows_that_are_wrong_are_left_out_and_counted(source: Path, target: Path) -> None:
    wrong = [
        row("nonsense", BRIGHTON),
        row("BN1 1AC", BRIGHTON),  # C never ends a postcode
        row("BN2 1AA", ("", "Brighton", *BRIGHTON[2:])),
        ["BN21AB"],
        row("BN1 1AA", CARDIFF),
    ]
    source.write_text(as_csv(rows=[*wrong[:4], *ROWS, wrong[4], *ROWS[:1]]), encoding="utf-8")
    summary = import_postcodes(source, target)
    assert summary.left_out == {"northern_ireland": 1, "malformed": 4, "duplicate": 2}
    assert summary.read == 13
    assert PostcodeDirectory.open(target).lookup("BN1 1AA").constituency_code == "E14001130"


@pytest.mark.slow
def test_progress_runs_up_to_the_whole(source: Path, target: Path) -> None:
    rows = [row(f"BN{n} {m}{a}{b}", BRIGHTON) for n in range(1, 9) for m in range(10)
            for a in "ABDEFGHJLNPQRSTUWXYZ" for b in "ABDEFGHJLNPQRSTUWXYZ"]  # fmt: skip
    source.with_suffix(".gz").write_bytes(gzip.compress(as_csv(rows=rows).encode()))
    steps: list[tuple[int, int]] = []
    import_postcodes(
        source.with_suffix(".gz"), target, progress=lambda done, total: steps.append((done, total))
    )
    size = source.with_suffix(".gz").stat().st_size
    assert len(steps) >= 2
    assert steps == sorted(steps)
    assert {total for _, total in steps} == {size}
    assert steps[-1] == (size, size)


# ---- the zip


def test_a_published_zip_gives_postcodes_and_every_constituency(
    tmp_path: Path, target: Path
) -> None:
    summary = import_postcodes(published(tmp_path / "ONSPD_NOV_2025.zip"), target)
    assert (summary.read, summary.postcodes) == (7, 5)
    facts = {seat.code: seat for seat in summary.constituencies}
    assert {code: seat.name for code, seat in facts.items()} == SEATS
    assert {seat.boundary_set for seat in facts.values()} == {"2024"}
    assert facts["E14001130"] == ConstituencyFacts(
        code="E14001130",
        name="Brighton Pavilion",
        nation="England",
        region="South East",
        latitude=50.83,
        longitude=-0.12,
        easting=532000,
        northing=106000,
        boundary_set="2024",
    )
    belfast = facts["N05000001"]
    assert (belfast.nation, belfast.region) == ("Northern Ireland", "Northern Ireland")
    assert (belfast.latitude, belfast.longitude) == (None, None)
    assert (belfast.easting, belfast.northing) == (None, None)
    assert facts["W07000094"].region == "Wales"
    assert facts["S14000051"].nation == "Scotland"


def test_a_zip_with_northern_ireland_places_its_constituencies(
    tmp_path: Path, target: Path
) -> None:
    source = published(tmp_path / "ONSPD.zip")
    summary = import_postcodes(source, target, northern_ireland=True)
    places = {seat.code: seat.latitude for seat in summary.constituencies}
    assert places["N05000001"] == 54.59


@pytest.mark.parametrize(
    ("year", "expected"), [("24", "2024"), ("25", "2024"), ("22", "2010"), ("", "2024")]
)
def test_the_boundary_set_comes_from_the_column_or_else_the_codes(
    tmp_path: Path, target: Path, year: str, expected: str
) -> None:
    source = published(tmp_path / "ONSPD.zip", year)
    seats = import_postcodes(source, target).constituencies
    assert {seat.boundary_set for seat in seats} == {expected}


def test_names_in_the_windows_code_page_are_read(tmp_path: Path, target: Path) -> None:
    source = published(tmp_path / "ONSPD.zip", encoding="cp1252")
    assert "Ynys Môn" in {seat.name for seat in import_postcodes(source, target).constituencies}


def test_a_csv_zipped_by_hand_is_read(tmp_path: Path, target: Path) -> None:
    summary = import_postcodes(as_zip(tmp_path / "mine.zip", {"onspd.csv": as_csv()}), target)
    assert summary.found == 3
    assert summary.constituencies == ()


def test_a_zip_without_columns_of_place_still_names_its_constituencies(
    tmp_path: Path, target: Path
) -> None:
    members: dict[str, str | bytes] = {
        "Data/NSPL.csv": "pcds,doterm,pcon\nBN1 1AA,,E14001130\n",
        "Documents/seats.csv": "PCON24CD,PCON24NM\nE14001130,Brighton Pavilion\n",
    }
    (seat,) = import_postcodes(as_zip(tmp_path / "nspl.zip", members), target).constituencies
    assert (seat.name, seat.region, seat.latitude) == ("Brighton Pavilion", "England", None)


# ---- bad input


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def zipped(members: dict[str, str | bytes], folder: Path) -> bytes:
    return as_zip(folder / "made.zip", members).read_bytes()


GOOD = as_csv().encode()
BAD: dict[str, tuple[str, Callable[[Path], bytes], str]] = {
    "empty": ("onspd.csv", lambda _: b"", "is empty"),
    "not csv": ("onspd.csv", lambda _: b"\x89PNG\r\n\x1a\n" + bytes(900), "names no column pcds"),
    "header only": ("onspd.csv", lambda _: GOOD.splitlines()[0] + b"\n", "no postcodes below"),
    "no constituency column": (
        "onspd.csv",
        lambda _: GOOD.replace(b"pcon24cd", b"other"),
        "names no column pcon",
    ),
    "several missing columns": (
        "onspd.csv",
        lambda _: b"postcode,mp\nBN1 1AA,me\n",
        "no column pcds, pcon, doterm",
    ),
    "cut in a row": ("onspd.csv", lambda _: GOOD[:-40], "ends in the middle of line 8"),
    "open quote": ("onspd.csv", lambda _: GOOD + b'"BN1 1AX,,', "line 9 is not csv"),
    "mostly malformed": (
        "onspd.csv",
        lambda _: GOOD + b"x,x,x,,,,,,,,\n" * 9,
        "9 of 16 rows cannot be used, first line 9",
    ),
    "only northern ireland": (
        "onspd.csv",
        lambda _: as_csv(rows=[ROWS[5]]).encode(),
        "no postcode to import .only: northern ireland",
    ),
    "gz cut short": ("onspd.csv.gz", lambda _: gzip.compress(GOOD)[:-30], "ends in the middle"),
    "gz flipped": ("onspd.csv.gz", lambda _: flip(gzip.compress(GOOD), 60), "is damaged"),
    "gz by name only": ("onspd.csv.gz", lambda _: GOOD, "is damaged"),
    "zip by name only": ("onspd.zip", lambda _: GOOD, "is damaged"),
    "zip cut short": (
        "onspd.zip",
        lambda folder: zipped({"Data/a.csv": GOOD}, folder)[:-30],
        "is damaged",
    ),
    "zip flipped": (
        "onspd.zip",
        lambda folder: flip(zipped({"Data/a.csv": GOOD}, folder), 80),
        "is damaged",
    ),
    "zip of another version": (
        "onspd.zip",
        lambda folder: zipped({"a.csv": GOOD}, folder).replace(
            b"PK\1\2\x14\3\x14\0", b"PK\1\2\x14\3\xff\0"
        ),
        "cannot be unpacked here",
    ),
    "zip that is encrypted": (
        "onspd.zip",
        lambda folder: (
            zipped({"a.csv": GOOD}, folder)
            .replace(b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0")
            .replace(b"PK\3\4\x14\0\0\0", b"PK\3\4\x14\0\1\0")
        ),
        "cannot be unpacked here",
    ),
    "zip without csv": (
        "onspd.zip",
        lambda folder: zipped({"Data/onspd.txt": GOOD, "Documents/a.csv": "a,b\n"}, folder),
        "no csv under Data/",
    ),
    "zip of parts alone": (
        "onspd.zip",
        lambda folder: zipped({"Data/multi_csv/a.csv": GOOD}, folder),
        "no csv under Data/",
    ),
    "zip with an empty csv": (
        "onspd.zip",
        lambda folder: zipped({"Data/a.csv": b""}, folder),
        "names no column",
    ),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_input_is_refused_by_name_and_the_old_directory_stays(
    case: str, tmp_path: Path, source: Path, target: Path
) -> None:
    import_postcodes(source, target)
    before = target.read_bytes()
    name, make, why = BAD[case]
    bad = tmp_path / name
    bad.write_bytes(make(tmp_path))
    with pytest.raises(Invalid, match=why) as refusal:
        import_postcodes(bad, target)
    assert refusal.value.message.startswith(f"{bad}: ")
    assert [problem.field for problem in refusal.value.fields] == ["file"]
    assert target.read_bytes() == before
    assert list(target.parent.iterdir()) == [target]


def test_a_source_that_is_missing_or_a_folder_is_refused(tmp_path: Path, target: Path) -> None:
    with pytest.raises(Invalid, match=rf"There is no file {tmp_path}/nowhere\.csv\."):
        import_postcodes(tmp_path / "nowhere.csv", target)
    with pytest.raises(Invalid, match="cannot be read: Is a directory"):
        import_postcodes(tmp_path, target)
    assert not target.exists()


def test_a_target_that_cannot_be_written_is_unavailable(source: Path, target: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be written"):
        import_postcodes(source, source / "postcodes.dat")
    target.mkdir(parents=True)
    with pytest.raises(Unavailable, match="cannot be written"):
        import_postcodes(source, target)
    assert list(target.parent.iterdir()) == [target]


def test_an_import_that_is_stopped_leaves_nothing_behind(source: Path, target: Path) -> None:
    import_postcodes(source, target)
    before = target.read_bytes()

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_postcodes(source, target, northern_ireland=True, progress=stop)
    assert target.read_bytes() == before
    assert list(target.parent.iterdir()) == [target]


def test_imports_replace_the_directory_under_a_running_service(source: Path, target: Path) -> None:
    ticks = iter(range(10**9))
    import_postcodes(source, target)
    current = CurrentDirectory(target, clock=lambda: float(next(ticks)))
    seen: set[PostcodeStatus] = set()
    failures: list[BaseException] = []
    done = threading.Event()

    def ask() -> None:
        try:
            while not done.is_set():
                assert current.lookup("BN1 1AA").constituency_code == "E14001130"
                seen.add(current.lookup("BT1 1AA").status)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in range(12):
            import_postcodes(source, target, northern_ireland=number % 2 == 0)
            # No import waits for a disk: all could be over before the threads have looked twice.
            wanted = (PostcodeStatus.FOUND, PostcodeStatus.UNKNOWN)[number % 2]
            soon(lambda: wanted in seen or bool(failures))  # noqa: B023 - called at once
    finally:
        done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert seen == {PostcodeStatus.FOUND, PostcodeStatus.UNKNOWN}


# ---- real files


def real(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the real file ../shared/data/{name} is not here")
    return path


@pytest.fixture(scope="session")
def great_britain(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[ImportSummary, PostcodeDirectory]]:
    target = tmp_path_factory.mktemp("great_britain") / "postcodes.dat"
    summary = import_postcodes(real("postcodes/onspd_gb.csv.gz"), target)
    yield summary, PostcodeDirectory.open(target)
    target.unlink()


@pytest.mark.real_data
def test_the_layout_of_november_2025_is_read(target: Path) -> None:
    summary = import_postcodes(real("postcodes/onspd_nov2025_header_and_4_rows.csv"), target)
    assert (summary.read, summary.terminated, summary.not_in_uk_parliament) == (4, 3, 1)
    directory = PostcodeDirectory.open(target)
    assert directory.lookup("AB1 0AA").status == PostcodeStatus.TERMINATED
    assert directory.lookup("AB1 0AA").constituency_code == "S14000061"
    assert directory.lookup("IM1 1AA").status == PostcodeStatus.NOT_IN_UK_PARLIAMENT


@pytest.mark.real_data
def test_the_layout_of_august_2025_is_read(target: Path) -> None:
    source = real("postcodes/onspd_aug2025_header_postcodesio_sample.csv")
    summary = import_postcodes(source, target)
    assert (summary.read, summary.found, summary.terminated) == (40, 14, 25)
    assert summary.not_in_uk_parliament == 1
    assert summary.left_out == {}
    directory = PostcodeDirectory.open(target)
    assert directory.lookup("SE1P 5ZZ").constituency_code == "E14001085"
    assert directory.lookup("SE1 9ZZ").status == PostcodeStatus.TERMINATED
    assert directory.lookup("JE2 4WD").status == PostcodeStatus.NOT_IN_UK_PARLIAMENT


@pytest.mark.real_data
def test_all_of_great_britain_is_read(
    great_britain: tuple[ImportSummary, PostcodeDirectory],
) -> None:
    summary, directory = great_britain
    assert summary.found == 1_733_406
    assert summary.without_constituency == 868
    assert (summary.read, summary.postcodes, len(directory)) == (1_734_274,) * 3
    assert summary.left_out == {}
    assert len(directory.constituency_codes) == 632
    assert summary.bytes < 12_000_000


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("postcode", "constituency"),
    [
        ("EH1 1YZ", "Edinburgh East and Musselburgh"),
        ("M1 1AE", "Manchester Central"),
        ("CF10 3NQ", "Cardiff South and Penarth"),
        ("SW1A 0AA", "Cities of London and Westminster"),
    ],
)
def test_a_real_postcode_lands_in_its_constituency(
    great_britain: tuple[ImportSummary, PostcodeDirectory], postcode: str, constituency: str
) -> None:
    with real("parliament/constituencies.csv").open(encoding="utf-8", newline="") as file:
        names = {line["gss"]: line["name"] for line in csv.DictReader(file)}
    answer = great_britain[1].lookup(postcode)
    assert answer.status == PostcodeStatus.FOUND
    assert names[answer.constituency_code or ""] == constituency


@pytest.mark.real_data
def test_every_constituency_of_great_britain_has_a_postcode(
    great_britain: tuple[ImportSummary, PostcodeDirectory],
) -> None:
    with real("parliament/constituencies.csv").open(encoding="utf-8", newline="") as file:
        codes = {line["gss"] for line in csv.DictReader(file) if line["gss"][0] != "N"}
    assert set(great_britain[1].constituency_codes) == codes
