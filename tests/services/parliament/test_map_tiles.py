"""Tests where seats are on the map: imported, placed from their centroids, or below it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from models import Constituency, MapLayout, MapTile
from services.assembly import Lobby
from services.errors import Invalid
from services.parliament import constituencies, hex_grid, map_files, map_tiles
from tests.support.common import Clock
from tests.support.members.tiles import map_of

CREDIT = "Map: A. Author (CC BY 4.0)"
Write = Callable[..., Path]
EDINBURGH, BELFAST = "S14000078", "N05000003"


@pytest.fixture
def codes(lobby: Lobby) -> list[str]:
    with lobby.database.read() as session:
        return sorted(session.exec(select(Constituency.code)))


@pytest.fixture
def hexes(codes: list[str]) -> dict[str, Any]:
    """All seats in one row."""
    return {code: {"q": number, "r": 3, "n": "A name"} for number, code in enumerate(codes)}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(hexes: Any, **others: Any) -> Path:
        file = tmp_path / "map.hexjson"
        content = {"layout": "odd-q", "credit": CREDIT, "hexes": hexes} | others
        file.write_text(json.dumps(content), encoding="utf-8")
        return file

    return write


def import_map(lobby: Lobby, file: Path, *, credit: str = "") -> int:
    with lobby.database.write() as session:
        return map_tiles.import_file(session, file, credit=credit, now=lobby.clock())


def neighbours_of(lobby: Lobby) -> dict[str, frozenset[str]]:
    return dict(map_tiles.neighbours(map_of(lobby).cells))


def refusal(lobby: Lobby, file: Path, *, credit: str = "") -> str:
    """Returns why a file is refused, and makes sure that the map stays as it is."""
    before = map_of(lobby)
    with pytest.raises(Invalid) as caught:
        import_map(lobby, file, credit=credit)
    assert map_of(lobby) == before
    return caught.value.message


def test_an_imported_map_replaces_ours_with_its_credit(
    lobby: Lobby, clock: Clock, hexes: dict[str, Any], write: Write
) -> None:
    assert import_map(lobby, write(hexes)) == len(hexes)
    found = map_of(lobby)
    assert found.credit == CREDIT
    assert found.cells == {code: (cell["q"], cell["r"]) for code, cell in hexes.items()}
    with lobby.database.read() as session:
        layout = session.exec(select(MapLayout)).one()
    assert (layout.is_imported, layout.made_at) == (True, clock())


def test_a_second_import_replaces_the_first(
    lobby: Lobby, hexes: dict[str, Any], write: Write
) -> None:
    import_map(lobby, write(hexes))
    turned = {code: {"q": cell["r"], "r": cell["q"]} for code, cell in hexes.items()}
    import_map(lobby, write(turned, layout="odd-q-north-up"), credit="Ours")
    found = map_of(lobby)
    assert found.credit == "Ours"
    assert found.cells == {code: (cell["q"], cell["r"]) for code, cell in turned.items()}


def test_neighbours_are_the_seats_whose_tiles_touch(
    lobby: Lobby, codes: list[str], write: Write
) -> None:
    # Around an odd column, north of its row on both sides; the others are far away.
    middle, *others = codes
    around = [(5, 6), (5, 4), (4, 6), (4, 5), (6, 6), (6, 5)]
    cells = {middle: (5, 5)} | dict(zip(others, around, strict=False))
    far = {code: (50 + 2 * number, 0) for number, code in enumerate(others[6:])}
    hexes = {code: {"q": q, "r": r} for code, (q, r) in (cells | far).items()}
    import_map(lobby, write(hexes))
    found = neighbours_of(lobby)
    assert set(found) == set(codes)
    assert found[middle] == set(others[:6])
    assert all(not found[code] for code in far)
    assert all(code in found[other] for code, near in found.items() for other in near)


def test_a_seat_without_a_tile_and_a_tile_without_a_seat_are_refused(
    lobby: Lobby, hexes: dict[str, Any], write: Write
) -> None:
    left_out = hexes.pop(EDINBURGH)
    file = write(hexes)
    assert refusal(lobby, file) == f"{file}: hexes has no tile for {EDINBURGH}."
    others = {f"E1400999{digit}": {"q": 900, "r": digit} for digit in range(3)}
    write(hexes | {EDINBURGH: left_out} | others)
    assert refusal(lobby, file) == (
        f"{file}: hexes has E14009990 and 2 more, which we have no constituency for."
    )


def test_a_map_without_a_credit_is_refused_until_somebody_gives_one(
    lobby: Lobby, hexes: dict[str, Any], write: Write
) -> None:
    file = write(hexes, credit=" ")
    assert "give the authors and the licence with --credit." in refusal(lobby, file)
    assert refusal(lobby, file, credit="x" * 301)
    import_map(lobby, file, credit="Map: ours")
    assert map_of(lobby).credit == "Map: ours"


# ---- what files hold


HEXES = {EDINBURGH: {"q": 1, "r": 1}, BELFAST: {"q": 1, "r": 2}}


def complaint(file: Path) -> str:
    """Returns why a file is refused, without its name."""
    with pytest.raises(Invalid) as caught:
        map_files.read(file)
    assert caught.value.message.startswith(str(file))
    return caught.value.message.removeprefix(f"{file}").removeprefix(": ")


@pytest.mark.parametrize(
    ("hexes", "others", "expected"),
    [
        (HEXES, {"layout": "odd-r"}, "layout is 'odd-r', and only odd-q and odd-q-north-up can "),
        (HEXES, {"layout": None}, "layout is not a text"),
        (HEXES, {"layout": ["odd-q"]}, "layout is not a text"),
        ([], {}, "hexes must be an object with a hexagon for each GSS code."),
        ({}, {}, "hexes must be an object with a hexagon for each GSS code."),
        ({EDINBURGH: [1, 1]}, {}, f"hexes.{EDINBURGH} must be an object with q and r."),
        (HEXES, {"credit": 5}, "credit must be a text."),
        (HEXES, {"credit": "x" * 301}, "credit must "),
        (
            {**HEXES, "E14001130": {"q": 1, "r": 2}},
            {},
            f"hexes.E14001130 and hexes.{BELFAST} are at one place, (1, 2).",
        ),
    ],
)
def test_a_file_of_another_kind_is_refused_with_its_field(
    hexes: Any, others: dict[str, Any], expected: str, write: Write
) -> None:
    assert complaint(write(hexes, **others)).startswith(expected)


@pytest.mark.parametrize("value", [1.5, "3", None, True, 1001, -1001, [1]])
@pytest.mark.parametrize("name", ["q", "r"])
def test_a_place_that_is_no_whole_number_is_refused(name: str, value: object, write: Write) -> None:
    problem = f"hexes.{EDINBURGH}.{name} must be a whole number between -1000 and 1000."
    assert complaint(write({EDINBURGH: {"q": 1, "r": 1, name: value}})) == problem


def test_a_code_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "map.json"
    cell = f'"{EDINBURGH}": {{"q": 1, "r": 1}}'
    file.write_text(f'{{"layout": "odd-q", "hexes": {{{cell}, {cell}}}}}', encoding="utf-8")
    assert complaint(file) == f"'{EDINBURGH}' is there twice."


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"5", b"\xff\xfe", b"[" * 100_000, b"9" * 5000, b"{}"]
)
def test_a_file_that_is_no_map_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "map.json"
    file.write_bytes(content)
    assert complaint(file)


# ---- placed from the centroids


def test_the_demonstration_has_a_map_that_was_placed(lobby: Lobby, codes: list[str]) -> None:
    with lobby.database.read() as session:
        assert sorted(session.exec(select(MapTile.constituency_code))) == codes
        assert not session.exec(select(MapLayout)).one().is_imported
    found = map_of(lobby)
    assert found.credit == ""
    east = {code: hex_grid.centre(cell) for code, cell in found.cells.items()}
    assert east[BELFAST][0] < min(place[0] for code, place in east.items() if code[0] != "N")
    assert east[EDINBURGH][1] > east["E14001130"][1], "Edinburgh is north of Brighton"
    assert len(set(found.cells.values())) == len(codes)


def test_a_page_reads_the_map_of_seats_without_tiles_and_stores_nothing(lobby: Lobby) -> None:
    stored = map_of(lobby)
    forget_tiles(lobby)
    assert map_of(lobby) == stored
    with lobby.database.read() as session:
        assert session.exec(select(MapTile)).first() is None


def test_placing_again_changes_nothing_where_all_seats_have_a_tile(
    lobby: Lobby, clock: Clock
) -> None:
    before = map_of(lobby)
    clock.advance(days=1)
    with lobby.database.write() as session:
        assert map_tiles.place(session, now=clock()) == 0
        assert session.exec(select(MapLayout)).one().made_at < clock()
    assert map_of(lobby) == before


def test_a_new_seat_makes_our_map_anew_and_is_below_an_imported_one(
    lobby: Lobby, hexes: dict[str, Any], write: Write
) -> None:
    add_seat(lobby, "E14009999", latitude=52.5, longitude=-1.0)
    assert place(lobby) == 0
    assert neighbours_of(lobby)["E14009999"]
    with lobby.database.write() as session:
        session.delete(session.get_one(MapTile, "E14009999"))
    with lobby.database.write() as session:
        session.delete(session.get_one(Constituency, "E14009999"))
    import_map(lobby, write(hexes))
    add_seat(lobby, "E14009999", latitude=52.5, longitude=-1.0)
    assert place(lobby) == 1
    found = map_of(lobby)
    assert found.cells["E14009999"] == (0, 1)
    assert found.credit == CREDIT
    assert not neighbours_of(lobby)["E14009999"]


def test_seats_without_coordinates_are_below_the_map_and_touch_nothing(lobby: Lobby) -> None:
    lost = [f"E1400999{digit}" for digit in range(10)]
    for code in lost:
        add_seat(lobby, code)
    add_seat(lobby, "E14009980", easting=400_000, northing=300_000)
    add_seat(lobby, "E14009981", latitude=0.0, longitude=88.0)  # on the edge of the projection
    place(lobby)
    cells = map_of(lobby).cells
    south = min(row for code, (_, row) in cells.items() if code not in lost)
    assert all(cells[code][1] < south - 1 for code in lost)
    near = neighbours_of(lobby)
    assert not any(near[code] for code in lost)
    assert near["E14009980"]
    assert len(set(cells.values())) == len(cells)


def add_seat(lobby: Lobby, code: str, **place: Any) -> None:
    seat = Constituency(code=code, name=f"Seat {code}", nation="England", region="Here", **place)
    with lobby.database.write() as session:
        constituencies.save(session, [seat])


def place(lobby: Lobby) -> int:
    with lobby.database.write() as session:
        return map_tiles.place(session, now=lobby.clock())


def forget_tiles(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        for table in (MapTile, MapLayout):
            delete_all(session, table)


def delete_all(session: Session, table: type[MapTile] | type[MapLayout]) -> None:
    for row in session.exec(select(table)):
        session.delete(row)
