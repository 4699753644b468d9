"""Tests normalising postcodes and looking them up in the directory file."""

import itertools
import struct
import threading
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.postcode import PostcodeResult, PostcodeStatus
from services.errors import Invalid, Unavailable
from services.postcodes import file_format
from services.postcodes.builder import PostcodeGrid
from services.postcodes.directory import CurrentDirectory, PostcodeDirectory, normalise
from tests.support.common import soon

ANY_LETTER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
WESTMINSTER = "E14001172"
ORKNEY = "S14000051"


def postcodes(unit_letters: str = file_format.UNIT_LETTERS) -> st.SearchStrategy[str]:
    """Generates well-formed postcodes of Great Britain in normal form."""
    outward = st.from_regex(r"[A-HK-Z][A-Z]?[0-9][A-Z0-9]?", fullmatch=True)
    unit = st.text(unit_letters, min_size=2, max_size=2)
    pairs = st.tuples(outward, st.sampled_from("0123456789"), unit)
    built = pairs.map(lambda parts: f"{parts[0]} {parts[1]}{parts[2]}")
    return built.filter(lambda postcode: postcode[:2] not in {"BT", "GY", "IM", "JE"})


def build(path: Path, rows: Mapping[str, tuple[str, str]]) -> Path:
    """Writes a directory from rows of postcode -> (constituency, day of termination)."""
    grid = PostcodeGrid(northern_ireland=False)
    for postcode, (code, terminated) in rows.items():
        grid.add(postcode, code, terminated)
    file_format.write(path, grid.codes, grid.sectors)
    return path


@pytest.fixture
def directory_file(tmp_path: Path) -> Path:
    rows = {
        "EC1A 1BB": (WESTMINSTER, ""),
        "KW15 1AA": (ORKNEY, ""),
        "KW15 1AB": (ORKNEY, "199606"),
        "AB43 1AG": ("", ""),
        "AB43 1AH": ("", "200001"),
        "GIR 0AA": (WESTMINSTER, ""),
    }
    return build(tmp_path / "postcodes.dat", rows)


# ---- normal form


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("ec1a1bb ", "EC1A 1BB"),
        ("EC1A 1BB", "EC1A 1BB"),
        ("  Ec1A   1bB\n", "EC1A 1BB"),
        ("e c 1 a 1 b b", "EC1A 1BB"),
        ("EC1A\N{NO-BREAK SPACE}1BB", "EC1A 1BB"),
        ("EC1A\N{ZERO WIDTH SPACE}1BB\N{ZERO WIDTH NO-BREAK SPACE}", "EC1A 1BB"),
        ("EC1A-1BB", "EC1A 1BB"),
        ("EC1A\N{EN DASH}1BB.", "EC1A 1BB"),
        ("(m1 1ae)", "M1 1AE"),
        ("M601NW", "M60 1NW"),
        ("CR26XH", "CR2 6XH"),
        ("dn551pt", "DN55 1PT"),
        ("w1a1hq", "W1A 1HQ"),
        ("gir0aa", "GIR 0AA"),
        ("AB123CD", "AB12 3CD"),
    ],
)
def test_what_people_type_gets_its_normal_form(typed: str, expected: str) -> None:
    assert normalise(typed) == expected


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "-.-",
        "EC1A",
        "EC1A 1B",
        "EC1A 1BBB",
        "SW1A OAA",
        "1AA SW1A",
        "ABC1 1AA",
        "GIR 0AB",
        "GIR 1AA",
        "EC1A_1BB",
        "EC1A 1BB; DROP TABLE",
        "EC1A\x001BB",
        "EC1A\x1f1BB",
        "ec1a 1bſ",
        "ıv2 7jb",
        "ＥＣ１Ａ　１ＢＢ",
        "EC1A ١BB",
        "12345",
        "D02 AF30",
        "EC1A 1BB" + " " * 40,
        "A" * 1_000_000,
    ],
)
def test_what_is_no_postcode_is_refused_with_a_sentence_for_the_supporter(typed: str) -> None:
    with pytest.raises(Invalid) as refusal:
        normalise(typed)
    assert refusal.value.code == "postcode_malformed"
    assert [problem.field for problem in refusal.value.fields] == ["postcode"]
    assert refusal.value.message.startswith("Enter a ")
    assert len(refusal.value.message) < 200


@given(postcodes(ANY_LETTER), st.lists(st.sampled_from(" -.\t\N{NO-BREAK SPACE}"), max_size=9))
def test_spaces_dashes_and_case_never_matter(postcode: str, ignored: list[str]) -> None:
    pieces = itertools.zip_longest(postcode.replace(" ", "").lower(), ignored, fillvalue="")
    typed = "".join(itertools.chain.from_iterable(pieces))
    assert normalise(typed) == postcode
    assert normalise(normalise(typed)) == postcode


@given(st.text(max_size=60))
def test_any_text_is_either_normalised_for_good_or_refused(text: str) -> None:
    try:
        normal = normalise(text)
    except Invalid:
        return
    assert normal.isascii()
    assert normal == normalise(normal)


# ---- look-ups


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("EC1A 1BB", PostcodeResult("EC1A 1BB", PostcodeStatus.FOUND, WESTMINSTER)),
        ("ec1a1bb", PostcodeResult("EC1A 1BB", PostcodeStatus.FOUND, WESTMINSTER)),
        ("KW15 1AA", PostcodeResult("KW15 1AA", PostcodeStatus.FOUND, ORKNEY)),
        ("kw15 1ab", PostcodeResult("KW15 1AB", PostcodeStatus.TERMINATED, ORKNEY)),
        ("AB43 1AG", PostcodeResult("AB43 1AG", PostcodeStatus.NO_CONSTITUENCY, None)),
        ("AB43 1AH", PostcodeResult("AB43 1AH", PostcodeStatus.NO_CONSTITUENCY, None)),
        ("GIR0AA", PostcodeResult("GIR 0AA", PostcodeStatus.FOUND, WESTMINSTER)),
        ("EC1A 1BD", PostcodeResult("EC1A 1BD", PostcodeStatus.UNKNOWN, None)),
        ("EC1A 1CC", PostcodeResult("EC1A 1CC", PostcodeStatus.UNKNOWN, None)),
        ("ZZ99 9ZZ", PostcodeResult("ZZ99 9ZZ", PostcodeStatus.UNKNOWN, None)),
        ("bt1 1aa", PostcodeResult("BT1 1AA", PostcodeStatus.UNKNOWN, None)),
        ("JE2 4WD", PostcodeResult("JE2 4WD", PostcodeStatus.NOT_IN_UK_PARLIAMENT, None)),
        ("gy11aa", PostcodeResult("GY1 1AA", PostcodeStatus.NOT_IN_UK_PARLIAMENT, None)),
        ("IM1 1AA", PostcodeResult("IM1 1AA", PostcodeStatus.NOT_IN_UK_PARLIAMENT, None)),
    ],
)
def test_a_postcode_gets_its_answer(
    directory_file: Path, typed: str, expected: PostcodeResult
) -> None:
    assert PostcodeDirectory.open(directory_file).lookup(typed) == expected


@pytest.mark.parametrize("typed", ["", "EC1A 1B", "x", "EC1A 11BB", "EC1A  BB", "EC1A 1bb!"])
def test_a_malformed_postcode_is_refused_by_a_lookup(directory_file: Path, typed: str) -> None:
    with pytest.raises(Invalid, match="Enter a"):
        PostcodeDirectory.open(directory_file).lookup(typed)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.dictionaries(
        postcodes(),
        st.tuples(
            st.sampled_from(["", WESTMINSTER, ORKNEY, "W07000081"]), st.sampled_from(["", "20"])
        ),
        max_size=60,
    ),
    others=st.lists(postcodes(ANY_LETTER), max_size=60),
)
def test_what_was_put_in_is_found_and_nothing_else_is(
    tmp_path: Path, rows: dict[str, tuple[str, str]], others: list[str]
) -> None:
    directory = PostcodeDirectory.open(build(tmp_path / "postcodes.dat", rows))
    assert len(directory) == len(rows)
    for postcode, (code, terminated) in rows.items():
        status = PostcodeStatus.TERMINATED if terminated else PostcodeStatus.FOUND
        status = status if code else PostcodeStatus.NO_CONSTITUENCY
        assert directory.lookup(postcode) == PostcodeResult(postcode, status, code or None)
        assert directory.lookup(postcode.lower().replace(" ", "")).status == status
    for postcode in set(others) - set(rows):
        assert directory.lookup(postcode).status == PostcodeStatus.UNKNOWN


def test_the_constituencies_of_a_directory_are_listed_in_order(directory_file: Path) -> None:
    directory = PostcodeDirectory.open(directory_file)
    assert directory.constituency_codes == (WESTMINSTER, ORKNEY)
    assert len(directory) == 6


def test_every_constituency_a_cell_can_number_is_answered(tmp_path: Path) -> None:
    codes = [f"E{number:08}" for number in range(file_format.MOST_CONSTITUENCIES)]
    last = file_format.FIRST_CONSTITUENCY + len(codes) - 1
    cells = array("H", [2 * last + file_format.TERMINATED] * file_format.CELLS_PER_SECTOR)
    file_format.write(tmp_path / "postcodes.dat", codes, {"M1 1": cells})
    answer = PostcodeDirectory.open(tmp_path / "postcodes.dat").lookup("M1 1ZZ")
    assert answer == PostcodeResult("M1 1ZZ", PostcodeStatus.TERMINATED, codes[-1])


# ---- damaged files


def test_a_missing_directory_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no postcode directory") as refusal:
        PostcodeDirectory.open(tmp_path / "postcodes.dat")
    assert refusal.value.code == "postcodes_missing"


def test_a_folder_in_the_directorys_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        PostcodeDirectory.open(tmp_path)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda _: b"", "it is empty"),
        (lambda data: data[:20], "no postcode directory"),
        (lambda data: b"PK\x03\x04" + data[4:], "no postcode directory"),
        (lambda data: data[:8] + struct.pack("=I", 99) + data[12:], "of version 99"),
        (lambda data: data[:-1], "bytes and should have"),
        (lambda data: data + b"\0", "bytes and should have"),
        (lambda data: data[:12] + b"\xff" + data[13:], "checksum"),
        (lambda data: data[:40] + b"Q" + data[41:], "checksum"),
        (lambda data: data[:-1] + b"\xff", "checksum"),
    ],
)
def test_a_damaged_directory_is_refused(
    directory_file: Path, damage: Callable[[bytes], bytes], why: str
) -> None:
    directory_file.write_bytes(damage(directory_file.read_bytes()))
    with pytest.raises(Unavailable, match=why) as refusal:
        PostcodeDirectory.open(directory_file)
    assert refusal.value.code == "postcodes_damaged"
    assert str(directory_file) in refusal.value.message


# ---- the current directory of the service


class Clock:
    """A clock in seconds that only moves when a test sets `now`."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_a_directory_a_well_formed_postcode_is_unknown(tmp_path: Path) -> None:
    current = CurrentDirectory(tmp_path / "postcodes.dat")
    assert current.lookup("ec1a 1bb") == PostcodeResult("EC1A 1BB", PostcodeStatus.UNKNOWN, None)
    assert current.lookup("JE2 4WD").status == PostcodeStatus.NOT_IN_UK_PARLIAMENT
    assert not current.available
    assert current.problem is not None
    with pytest.raises(Invalid):
        current.lookup("nonsense")


def test_nothing_is_opened_before_the_first_question(directory_file: Path) -> None:
    current = CurrentDirectory(directory_file)
    build(directory_file, {"EC1A 1BB": (ORKNEY, "")})
    assert current.lookup("EC1A 1BB").constituency_code == ORKNEY
    assert current.available
    assert current.problem is None
    assert len(current) == 1
    assert current.constituency_codes == (ORKNEY,)


def test_a_new_import_is_noticed_after_a_second_and_not_looked_for_sooner(
    directory_file: Path,
) -> None:
    clock = Clock()
    current = CurrentDirectory(directory_file, clock=clock)
    assert current.lookup("EC1A 1BB").constituency_code == WESTMINSTER
    build(directory_file, {"EC1A 1BB": (ORKNEY, "")})
    clock.now += 0.9
    assert current.lookup("EC1A 1BB").constituency_code == WESTMINSTER
    clock.now += 0.2
    assert current.lookup("EC1A 1BB").constituency_code == ORKNEY


def test_a_first_import_is_noticed_while_running(tmp_path: Path) -> None:
    clock = Clock()
    current = CurrentDirectory(tmp_path / "postcodes.dat", clock=clock)
    assert not current.available
    build(tmp_path / "postcodes.dat", {"EC1A 1BB": (ORKNEY, "")})
    clock.now += 1
    assert current.available
    assert current.lookup("EC1A 1BB").constituency_code == ORKNEY


def test_an_unchanged_directory_is_not_opened_again(directory_file: Path) -> None:
    clock = Clock()
    current = CurrentDirectory(directory_file, clock=clock)
    codes = current.constituency_codes
    clock.now += 60
    current.lookup("EC1A 1BB")
    before = current._directory
    clock.now += 60
    current.lookup("EC1A 1BB")
    assert current._directory is before
    assert current.constituency_codes == codes


@pytest.mark.parametrize("spoil", [lambda p: p.write_bytes(b"junk"), lambda p: p.unlink()])
def test_the_old_directory_serves_on_when_the_new_one_is_damaged_or_gone(
    directory_file: Path, tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    clock = Clock()
    current = CurrentDirectory(directory_file, clock=clock)
    assert current.lookup("EC1A 1BB").constituency_code == WESTMINSTER
    # The old file is mapped into memory: replace it, never overwrite it.
    directory_file.rename(tmp_path / "old.dat")
    directory_file.touch()
    spoil(directory_file)
    clock.now += 2
    assert current.lookup("EC1A 1BB").constituency_code == WESTMINSTER
    assert current.available
    assert current.problem is not None
    build(directory_file, {"EC1A 1BB": (ORKNEY, "")})
    clock.now += 2
    assert current.lookup("EC1A 1BB").constituency_code == ORKNEY
    assert current.problem is None


@pytest.mark.slow
def test_no_lookup_fails_while_imports_replace_the_directory(directory_file: Path) -> None:
    ticks = itertools.count()
    current = CurrentDirectory(directory_file, clock=lambda: float(next(ticks)))
    seen: set[str | None] = set()
    failures: list[BaseException] = []
    done = threading.Event()

    def ask() -> None:
        try:
            while not done.is_set():
                seen.add(current.lookup("EC1A 1BB").constituency_code)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in range(16):
            wanted = (WESTMINSTER, ORKNEY)[number % 2]
            build(directory_file, {"EC1A 1BB": (wanted, "")})
            # No import waits for a disk: all could be over before the threads have looked twice.
            soon(lambda: wanted in seen or bool(failures))  # noqa: B023 - called at once
    finally:
        done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert seen == {WESTMINSTER, ORKNEY}


def test_threads_that_come_first_together_all_wait_for_the_directory(directory_file: Path) -> None:
    current = CurrentDirectory(directory_file)
    start = threading.Barrier(8)
    answers: list[str | None] = []

    def ask() -> None:
        start.wait()
        answers.append(current.lookup("EC1A 1BB").constituency_code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [WESTMINSTER] * 8
