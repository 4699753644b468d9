"""Tests importing constituencies and members from good and bad files."""

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from sqlmodel import Session, SQLModel, func, select

from models import Constituency, Member, Membership, Office, OfficeKind, PetitionTally
from services.assembly import Lobby
from services.campaigns import campaigns
from services.demonstration import invented_campaign
from services.errors import Invalid
from services.parliament import constituencies, members, seats
from services.parliament.members import MembersImport
from services.parliament.seats import Seat
from services.parliament.standing import Eligibility, Role, Standing
from services.tallies import seat_table
from services.tallies.seat_table import Tally
from tests.support.common import CAMPAIGN, START, Clock, rows_of

EDINBURGH, MANCHESTER, NORWICH = "S14000078", "E14001352", "E14001409"
CARDIFF, BELFAST = "W07000091", "N05000003"
SEATS = {
    EDINBURGH: "Edinburgh East and Musselburgh",
    MANCHESTER: "Manchester Central",
    NORWICH: "Norwich South",
    CARDIFF: "Cardiff South and Penarth",
}
TABLES: tuple[type[SQLModel], ...] = (Constituency, Member, Membership, Office)
TODAY = START.date()
Row = dict[str, str]


# ---- files made by hand


def seat_row(code: str, **changes: str) -> Row:
    row = {
        "gss": code,
        "name": SEATS.get(code, "Somewhere"),
        "name_cy": "",
        "region": "A region",
        "electorate_2024": "75000",
        "lat": "52.5",
        "long": "-1.25",
        "easting": "400000",
        "northing": "300000",
    }
    return row | changes


def member_row(code: str, number: str = "", name: str = "", **changes: str) -> Row:
    """Builds the row of a seat and its member; without a number the seat is vacant."""
    row = {
        "constituency_gss": code,
        "member_id": number,
        "name": name,
        "party": "Labour" if number else "",
        "elected": "2024-07-04" if number else "",
        "email": f"member{number}@example.org" if number else "",
        "government_post": "",
        "government_rank": "",
    }
    return row | changes


ANNA = member_row(EDINBURGH, "1", "Anna Ask")
BEN = member_row(MANCHESTER, "2", "Ben Boothroyd")
CERI = member_row(CARDIFF, "3", "Ceri Castle", party="Plaid Cymru")
HOUSE = [ANNA, BEN, CERI, member_row(NORWICH)]
MINISTER = {"government_post": "Minister of State (DHSC)", "government_rank": "MoS"}
WHIP = {"government_post": "Lord Commissioner (Whip) (Whip Commons)", "government_rank": "Parl."}

Write = Callable[[list[Row]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes rows as CSV; the first row gives the columns."""

    def write(rows: list[Row]) -> Path:
        file = tmp_path / "file.csv"
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return file

    return write


ImportMembers = Callable[..., MembersImport]


@pytest.fixture
def with_seats(empty_lobby: Lobby, write: Write) -> Lobby:
    """A lobby with four vacant seats."""
    with empty_lobby.database.write() as session:
        constituencies.import_csv(session, write([seat_row(code) for code in SEATS]))
    return empty_lobby


@pytest.fixture
def take_in(with_seats: Lobby, write: Write) -> ImportMembers:
    """Returns a function that imports members from rows on a given date."""

    def take_in(*rows: Row, today: date = TODAY) -> MembersImport:
        with with_seats.database.write() as session:
            return members.import_csv(session, write(list(rows)), today=today)

    return take_in


def counts(lobby: Lobby) -> dict[str, int]:
    with lobby.database.read() as session:
        return {
            table.__name__: session.exec(select(func.count()).select_from(table)).one()
            for table in TABLES
        }


def seat(lobby: Lobby, code: str, today: date = TODAY) -> Seat:
    with lobby.database.read() as session:
        current_seat = seats.seat_of(session, code, today=today)
    assert current_seat is not None
    return current_seat


def holder(lobby: Lobby, code: str, today: date = TODAY) -> str | None:
    member = seat(lobby, code, today).member
    return member.name if member else None


def spans(lobby: Lobby, code: str) -> list[tuple[int, date, date | None]]:
    """Returns the holders of a seat with their first and last days."""
    with lobby.database.read() as session:
        statement = select(Membership).where(Membership.constituency_code == code)
        rows = [(row.member_id, row.starts_on, row.ends_on) for row in session.exec(statement)]
    return sorted(rows, key=lambda row: (row[1], row[2] or date.max))


def offices_held(lobby: Lobby, member_id: int) -> list[tuple[str, OfficeKind, date, date | None]]:
    with lobby.database.read() as session:
        statement = select(Office).where(Office.member_id == member_id)
        rows = [
            (row.title, row.kind, row.starts_on, row.ends_on) for row in session.exec(statement)
        ]
    return sorted(rows, key=lambda row: (row[2], row[3] or date.max))


# ---- constituencies


def test_constituencies_come_with_their_facts(empty_lobby: Lobby, write: Write) -> None:
    welsh = seat_row(CARDIFF, name_cy="De Caerdydd a Phenarth", region="Wales")
    with empty_lobby.database.write() as session:
        assert constituencies.import_csv(session, write([welsh, seat_row(EDINBURGH)])) == 2
    constituency = seat(empty_lobby, CARDIFF).constituency
    assert constituency._asdict() == {
        "code": CARDIFF,
        "name": "Cardiff South and Penarth",
        "name_welsh": "De Caerdydd a Phenarth",
        "nation": "Wales",
        "region": "Wales",
        "boundary_set": "2024",
        "electorate": 75000,
        "latitude": 52.5,
        "longitude": -1.25,
        "easting": 400000,
        "northing": 300000,
    }
    assert seat(empty_lobby, EDINBURGH).constituency.name_welsh is None


@pytest.mark.parametrize(
    ("code", "nation"),
    [
        (EDINBURGH, "Scotland"),
        (MANCHESTER, "England"),
        (CARDIFF, "Wales"),
        (BELFAST, "Northern Ireland"),
    ],
)
def test_a_code_tells_the_nation_and_the_nation_stands_in_for_a_region(
    empty_lobby: Lobby, write: Write, code: str, nation: str
) -> None:
    with empty_lobby.database.write() as session:
        constituencies.import_csv(session, write([seat_row(code, region="")]))
    constituency = seat(empty_lobby, code).constituency
    assert (constituency.nation, constituency.region) == (nation, nation)


def test_importing_constituencies_again_changes_nothing(with_seats: Lobby, write: Write) -> None:
    before = rows_of(with_seats, TABLES)
    with with_seats.database.write() as session:
        constituencies.import_csv(session, write([seat_row(code) for code in SEATS]))
    assert rows_of(with_seats, TABLES) == before


def test_a_later_file_mends_a_constituency_and_leaves_the_others(
    with_seats: Lobby, write: Write
) -> None:
    with with_seats.database.write() as session:
        constituencies.import_csv(session, write([seat_row(NORWICH, name="Norwich West")]))
    with with_seats.database.read() as session:
        names = {code: row.name for code, row in constituencies.by_code(session).items()}
    assert names == {**SEATS, NORWICH: "Norwich West"}


def test_what_a_file_does_not_tell_is_not_known(empty_lobby: Lobby, write: Write) -> None:
    row = {"gss": EDINBURGH, "name": "Edinburgh East", "region": "Scotland"}
    with empty_lobby.database.write() as session:
        constituencies.import_csv(session, write([row]))
    constituency = seat(empty_lobby, EDINBURGH).constituency
    assert (constituency.electorate, constituency.latitude, constituency.easting) == (
        None,
        None,
        None,
    )


# ---- members


def test_members_take_their_seats(with_seats: Lobby, take_in: ImportMembers) -> None:
    done = take_in(ANNA | {"email": ""}, BEN, CERI, member_row(NORWICH))
    assert done == MembersImport(read=4, vacant=1, begun=3, ended=0, without_email=1)
    assert [holder(with_seats, code) for code in SEATS] == [
        "Anna Ask",
        "Ben Boothroyd",
        None,
        "Ceri Castle",
    ]
    assert spans(with_seats, EDINBURGH) == [(1, date(2024, 7, 4), None)]
    with with_seats.database.read() as session:
        assert members.count_filled_seats(session, today=TODAY) == 3


def test_importing_members_again_changes_nothing(with_seats: Lobby, take_in: ImportMembers) -> None:
    rows = [ANNA | MINISTER, BEN | WHIP, CERI | {"party": "Speaker"}, member_row(NORWICH)]
    take_in(*rows)
    before = rows_of(with_seats, TABLES)
    done = take_in(*rows, today=date(2026, 9, 1))
    assert (done.begun, done.ended) == (0, 0)
    assert rows_of(with_seats, TABLES) == before


def test_a_change_of_party_and_address_is_taken_in(
    with_seats: Lobby, take_in: ImportMembers
) -> None:
    take_in(*HOUSE)
    done = take_in(ANNA | {"party": "Independent", "email": "anna@example.org"})
    assert (done.begun, done.ended) == (0, 0)
    member = seat(with_seats, EDINBURGH).member
    assert member is not None
    assert (member.party, member.email) == ("Independent", "anna@example.org")


def test_seats_that_a_file_does_not_name_stay_as_they_are(
    with_seats: Lobby, take_in: ImportMembers
) -> None:
    take_in(*HOUSE)
    done = take_in(ANNA)
    assert (done.begun, done.ended) == (0, 0)
    assert holder(with_seats, MANCHESTER) == "Ben Boothroyd"


def test_a_seat_without_a_member_falls_vacant_today(
    with_seats: Lobby, take_in: ImportMembers
) -> None:
    take_in(*HOUSE)
    done = take_in(member_row(EDINBURGH))
    assert (done.vacant, done.begun, done.ended) == (1, 0, 1)
    assert holder(with_seats, EDINBURGH) is None
    assert spans(with_seats, EDINBURGH) == [(1, date(2024, 7, 4), TODAY)]
    assert take_in(member_row(EDINBURGH), today=date(2026, 8, 1)).ended == 0


def test_a_by_election_fills_a_vacant_seat(with_seats: Lobby, take_in: ImportMembers) -> None:
    take_in(*HOUSE)
    dora = member_row(NORWICH, "4", "Dora Dale", elected="2026-06-25")
    done = take_in(dora)
    assert (done.begun, done.ended) == (1, 0)
    assert holder(with_seats, NORWICH, date(2026, 6, 24)) is None
    assert holder(with_seats, NORWICH, date(2026, 6, 25)) == "Dora Dale"


def test_a_seat_changes_hands_on_the_day_of_the_by_election(
    with_seats: Lobby, take_in: ImportMembers
) -> None:
    take_in(*HOUSE)
    elected = date(2026, 6, 18)
    done = take_in(member_row(EDINBURGH, "4", "Dora Dale", elected="2026-06-18"))
    assert (done.begun, done.ended) == (1, 1)
    assert spans(with_seats, EDINBURGH) == [
        (1, date(2024, 7, 4), elected),
        (4, elected, None),
    ]
    assert holder(with_seats, EDINBURGH, date(2026, 6, 17)) == "Anna Ask"
    assert holder(with_seats, EDINBURGH, elected) == "Dora Dale"
    assert holder(with_seats, EDINBURGH) == "Dora Dale"


def test_who_comes_back_holds_the_seat_anew(with_seats: Lobby, take_in: ImportMembers) -> None:
    take_in(*HOUSE)
    take_in(member_row(EDINBURGH))
    back = ANNA | {"elected": "2026-07-30"}
    assert take_in(back, today=date(2026, 7, 31)).begun == 1
    assert spans(with_seats, EDINBURGH) == [
        (1, date(2024, 7, 4), TODAY),
        (1, date(2026, 7, 30), None),
    ]
    assert holder(with_seats, EDINBURGH, date(2026, 7, 15)) is None


def test_a_member_can_move_to_another_seat(with_seats: Lobby, take_in: ImportMembers) -> None:
    take_in(*HOUSE)
    moved = member_row(NORWICH, "1", "Anna Ask", elected="2026-06-18")
    done = take_in(moved, member_row(EDINBURGH))
    assert (done.begun, done.ended) == (1, 1)
    assert (holder(with_seats, EDINBURGH), holder(with_seats, NORWICH)) == (
        None,
        "Anna Ask",
    )


def test_a_member_who_moves_leaves_a_seat_that_the_file_does_not_name(
    with_seats: Lobby, take_in: ImportMembers
) -> None:
    take_in(*HOUSE)
    take_in(member_row(NORWICH, "1", "Anna Ask", elected="2026-06-18"))
    assert (holder(with_seats, EDINBURGH), holder(with_seats, NORWICH)) == (
        None,
        "Anna Ask",
    )


def test_two_members_can_change_seats(with_seats: Lobby, take_in: ImportMembers) -> None:
    take_in(*HOUSE)
    elected = {"elected": "2026-06-18"}
    done = take_in(
        member_row(EDINBURGH, "2", "Ben Boothroyd", **elected),
        member_row(MANCHESTER, "1", "Anna Ask", **elected),
    )
    assert (done.begun, done.ended) == (2, 2)
    assert (holder(with_seats, EDINBURGH), holder(with_seats, MANCHESTER)) == (
        "Ben Boothroyd",
        "Anna Ask",
    )


def test_a_correction_backwards_never_ends_a_membership_before_it_began(
    with_seats: Lobby, take_in: ImportMembers
) -> None:
    take_in(ANNA | {"elected": "2026-06-18"})
    take_in(member_row(EDINBURGH, "4", "Dora Dale", elected="2024-07-04"))
    assert holder(with_seats, EDINBURGH) == "Dora Dale"
    assert (1, date(2026, 6, 18), date(2026, 6, 18)) in spans(with_seats, EDINBURGH)


# ---- offices


def test_posts_begin_and_end(with_seats: Lobby, take_in: ImportMembers) -> None:
    take_in(ANNA)
    assert seat(with_seats, EDINBURGH).offices == frozenset()
    take_in(ANNA | MINISTER)
    assert seat(with_seats, EDINBURGH).offices == {OfficeKind.MINISTER}
    august = date(2026, 8, 1)
    take_in(ANNA, today=august)
    assert seat(with_seats, EDINBURGH, date(2026, 7, 31)).offices == {OfficeKind.MINISTER}
    assert seat(with_seats, EDINBURGH, august).offices == frozenset()
    assert offices_held(with_seats, 1) == [
        ("Minister of State (DHSC)", OfficeKind.MINISTER, TODAY, august)
    ]


def test_a_post_can_end_and_begin_again_on_one_day(
    with_seats: Lobby, take_in: ImportMembers
) -> None:
    for row in (ANNA | MINISTER, ANNA, ANNA | MINISTER, ANNA, ANNA | MINISTER):
        take_in(row)
    assert seat(with_seats, EDINBURGH).offices == {OfficeKind.MINISTER}
    ends = [ends_on for *_, ends_on in offices_held(with_seats, 1)]
    assert ends == [TODAY, TODAY, None]


def test_one_post_can_follow_another(with_seats: Lobby, take_in: ImportMembers) -> None:
    take_in(ANNA | WHIP)
    take_in(ANNA | MINISTER, today=date(2026, 8, 1))
    assert seat(with_seats, EDINBURGH).offices == {OfficeKind.WHIP}
    assert seat(with_seats, EDINBURGH, date(2026, 8, 1)).offices == {OfficeKind.MINISTER}


def test_a_post_stays_with_its_holder_whose_seat_is_not_in_the_file(
    with_seats: Lobby, take_in: ImportMembers
) -> None:
    take_in(ANNA | MINISTER, BEN | WHIP)
    take_in(BEN)
    assert seat(with_seats, EDINBURGH).offices == {OfficeKind.MINISTER}
    assert seat(with_seats, MANCHESTER).offices == frozenset()


def test_the_speaker_holds_a_post_and_is_not_asked(
    with_seats: Lobby, take_in: ImportMembers
) -> None:
    take_in(BEN | {"party": "Speaker"})
    speakers_seat = seat(with_seats, MANCHESTER)
    assert speakers_seat.offices == {OfficeKind.SPEAKER}
    eligibility = seats.seat_eligibility(speakers_seat, Standing.NOT_SIGNED)
    assert eligibility is Eligibility.CONVENTION
    take_in(BEN, today=date(2026, 8, 1))
    assert seat(with_seats, MANCHESTER, date(2026, 8, 1)).offices == frozenset()


@pytest.mark.parametrize(
    ("title", "rank", "kind"),
    [
        ("Minister of State (DHSC)", "MoS", OfficeKind.MINISTER),
        ("Prime Minister", "PM", OfficeKind.MINISTER),
        ("Parliamentary Under-Secretary of State (DfT)", "PUSS", OfficeKind.MINISTER),
        ("Lord Commissioner (Whip) (Whip Commons)", "Parl.", OfficeKind.WHIP),
        ("Chief Whip and Parliamentary Secretary to the Treasury", "Parl. lead.", OfficeKind.WHIP),
        ("Minister for Local Transport (DfT); Lord Commissioner (Whip)", "PUSS", OfficeKind.WHIP),
    ],
)
def test_a_title_tells_the_kind_of_post(title: str, rank: str, kind: OfficeKind) -> None:
    assert members.office_kind(title, rank) is kind


# ---- changing members keeps the seat and its signatures


def demonstration_members() -> list[Row]:
    file = invented_campaign.FOLDER / "members.csv"
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def tally_of(lobby: Lobby, slug: str = CAMPAIGN) -> Tally:
    with lobby.database.read() as session:
        campaign = campaigns.public(session, slug)
        return seat_table.of_campaign(session, campaign, now=lobby.clock())


def signature_counts(lobby: Lobby) -> dict[str, int]:
    with lobby.database.read() as session:
        return {row.constituency_code: row.confirmed for row in session.exec(select(PetitionTally))}


def test_signatures_stay_with_the_seat_and_names_with_the_member(
    lobby: Lobby, write: Write, clock: Clock
) -> None:
    before, signatures = tally_of(lobby), signature_counts(lobby)
    rows = demonstration_members()
    (row,) = [row for row in rows if row["constituency_gss"] == MANCHESTER]
    row |= {"member_id": "900099", "name": "Nadia Newcomer", "elected": "2026-06-25"}
    with lobby.database.write() as session:
        done = members.import_csv(session, write(rows), today=clock.now.date())
    assert (done.begun, done.ended) == (1, 1)
    assert signature_counts(lobby) == signatures

    after = tally_of(lobby)
    (old,) = [row for row in before.rows if row.constituency.code == MANCHESTER]
    (new,) = [row for row in after.rows if row.constituency.code == MANCHESTER]
    assert (old.standing, old.role) == (Standing.SIGNED, Role.PRIMARY)
    assert (new.standing, new.role, new.party) == (Standing.NOT_SIGNED, None, "Labour")
    assert new.signatures == old.signatures > 0
    assert (after.confirmed, after.signed) == (before.confirmed, before.signed)


# ---- bad files: refused with file and line; nothing is imported in part


SEAT_HEAD = "gss,name,region\n"
GOOD_SEAT = "E14009999,Newtown,London\n"
BAD_SEATS: dict[str, tuple[str | bytes, str]] = {
    "an empty file": ("", "file.csv lacks the columns gss, name, region."),
    "columns missing": ("gss,title\n", "file.csv lacks the columns name, region."),
    "another code": (SEAT_HEAD + GOOD_SEAT + "E1400,Old,London\n", "file.csv, line 3: gss 'E1400'"),
    "a code too long": (
        SEAT_HEAD + "E140010630,Old,London\n",
        "file.csv, line 2: gss 'E140010630'",
    ),
    "a code of nowhere": (
        SEAT_HEAD + "X14001063,Old,London\n",
        "file.csv, line 2: gss 'X14001063'",
    ),
    "no code": (SEAT_HEAD + GOOD_SEAT + ",Old,London\n", "file.csv, line 3: gss ''"),
    "an empty name": (SEAT_HEAD + GOOD_SEAT + "E14001063, ,London\n", "file.csv, line 3: name is"),
    "too few cells": (SEAT_HEAD + GOOD_SEAT + "E14001063,Old\n", "file.csv, line 3: has another"),
    "too many cells": (SEAT_HEAD + "E14001063,Old,London,\n", "file.csv, line 2: has another"),
    "an open quote": (
        SEAT_HEAD + GOOD_SEAT + 'E14001063,"Old,London\n',
        "file.csv, line 3: is not",
    ),
    "a seat twice": (SEAT_HEAD + GOOD_SEAT * 2, "file.csv, line 3: gss 'E14009999'"),
    "not UTF-8": (
        (SEAT_HEAD + GOOD_SEAT + "W07000112,Ynys Môn,Wales\n").encode("latin-1"),
        "file.csv is not UTF-8 text",
    ),
    "a NUL": (SEAT_HEAD + GOOD_SEAT + "E14001063,Old\0,London\n", "file.csv, line 3"),
    **{
        f"{column} is no number": (
            f"gss,name,region,{column}\nE14001063,Old,London,{value}\n",
            "file.csv, line 2: holds a number that is none",
        )
        for column, value in {
            "electorate_2024": "about 7",
            "lat": "north",
            "long": "nan",
            "easting": "1.5",
            "northing": "9" * 20,
        }.items()
    },
}


@pytest.mark.parametrize("case", list(BAD_SEATS))
def test_a_bad_file_of_constituencies_is_refused_whole(
    case: str, empty_lobby: Lobby, tmp_path: Path
) -> None:
    content, complaint = BAD_SEATS[case]
    refuses_file(empty_lobby, tmp_path, content, complaint, constituencies.import_csv)


HEAD = "constituency_gss,member_id,name,party,elected,email\n"
GOOD = f"{EDINBURGH},1,Anna Ask,Labour,2024-07-04,anna@example.org\n"
REST = "Ben Boothroyd,Labour,2024-07-04,ben@example.org\n"
BAD_MEMBERS: dict[str, tuple[str | bytes, str]] = {
    "an empty file": ("", "file.csv lacks the columns constituency_gss, elected, email"),
    "columns missing": (
        "constituency_gss,member_id,name,party\n",
        "file.csv lacks the columns elected, email.",
    ),
    "no rows": (HEAD, "file.csv has no rows."),
    "a bad number": (HEAD + GOOD + f"{MANCHESTER},MP2,{REST}", "file.csv, line 3: member_id 'MP2'"),
    "a superscript": (HEAD + GOOD + f"{MANCHESTER},²,{REST}", "file.csv, line 3: member_id '²'"),
    "a huge number": (HEAD + f"{MANCHESTER},{'9' * 20},{REST}", "file.csv, line 2: member_id"),
    "the number 0": (HEAD + f"{MANCHESTER},0,{REST}", "file.csv, line 2: member_id '0'"),
    "an empty name": (
        HEAD + GOOD + f"{MANCHESTER},2,,Labour,2024-07-04,\n",
        "file.csv, line 3: name is empty",
    ),
    "no party": (
        HEAD + GOOD + f"{MANCHESTER},2,Ben,,2024-07-04,\n",
        "file.csv, line 3: party is empty",
    ),
    "no day": (HEAD + GOOD + f"{MANCHESTER},2,Ben,Labour,,\n", "file.csv, line 3: elected is not"),
    "a bad day": (
        HEAD + GOOD + f"{MANCHESTER},2,Ben,Labour,4 July 2024,\n",
        "file.csv, line 3: elected is not",
    ),
    "a bad address": (
        HEAD + GOOD + f"{MANCHESTER},2,Ben,Labour,2024-07-04,ben at example.org\n",
        "file.csv, line 3: elected is not a day (YYYY-MM-DD) or email not an address",
    ),
    "an unknown seat": (HEAD + GOOD + f"E14009999,2,{REST}", "file.csv, line 3: .*E14009999"),
    "no seat": (HEAD + GOOD + f",2,{REST}", "file.csv, line 3: "),
    "a seat twice": (HEAD + GOOD + f"{EDINBURGH},2,{REST}", f"file.csv, line 3: .*{EDINBURGH}"),
    "a vacant seat twice": (
        HEAD + GOOD + f"{EDINBURGH},,,,,\n",
        f"file.csv, line 3: .*{EDINBURGH}",
    ),
    "a member twice": (HEAD + GOOD + f"{MANCHESTER},1,{REST}", "file.csv, line 3: .*1"),
    "too few cells": (HEAD + GOOD + f"{MANCHESTER},2,Ben\n", "file.csv, line 3: has another"),
    "too many cells": (HEAD + f"{EDINBURGH},,,,,,\n", "file.csv, line 2: has another"),
    "not UTF-8": (
        (HEAD + f"{EDINBURGH},1,Siân,Labour,2024-07-04,\n").encode("latin-1"),
        "file.csv is not UTF-8 text",
    ),
}


@pytest.mark.parametrize("case", list(BAD_MEMBERS))
def test_a_bad_file_of_members_is_refused_whole(
    case: str, with_seats: Lobby, take_in: ImportMembers, tmp_path: Path
) -> None:
    take_in(CERI | MINISTER, BEN)

    def import_them(session: Session, file: Path) -> object:
        return members.import_csv(session, file, today=TODAY)

    content, complaint = BAD_MEMBERS[case]
    refuses_file(with_seats, tmp_path, content, complaint, import_them)


def refuses_file(
    lobby: Lobby,
    folder: Path,
    content: str | bytes,
    complaint: str,
    import_it: Callable[[Session, Path], object],
) -> None:
    file = folder / "file.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    before = rows_of(lobby, TABLES)
    with pytest.raises(Invalid) as refusal, lobby.database.write() as session:
        import_it(session, file)
    start, _, value = complaint.partition(".*")
    assert refusal.value.message.startswith(f"{folder}/{start}")
    assert value in refusal.value.message
    assert "\n" not in refusal.value.message
    assert rows_of(lobby, TABLES) == before


def test_a_missing_file_and_a_folder_are_refused(with_seats: Lobby, tmp_path: Path) -> None:
    with with_seats.database.write() as session:
        with pytest.raises(Invalid, match=rf"There is no file {tmp_path}/nowhere\.csv\."):
            constituencies.import_csv(session, tmp_path / "nowhere.csv")
        with pytest.raises(Invalid, match=rf"There is no file {tmp_path}/nowhere\.csv\."):
            members.import_csv(session, tmp_path / "nowhere.csv", today=TODAY)
        with pytest.raises(Invalid, match=f"^{tmp_path} cannot be read: Is a directory\\.$"):
            constituencies.import_csv(session, tmp_path)


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_read(
    empty_lobby: Lobby, tmp_path: Path
) -> None:
    file = tmp_path / "excel.csv"
    file.write_bytes(b"\xef\xbb\xbf" + (SEAT_HEAD + GOOD_SEAT).replace("\n", "\r\n").encode())
    with empty_lobby.database.write() as session:
        assert constituencies.import_csv(session, file) == 1


def test_a_cell_may_hold_a_line_break_and_the_lines_are_still_right(
    with_seats: Lobby, tmp_path: Path
) -> None:
    file = tmp_path / "file.csv"
    header = HEAD.replace("email\n", "email,note\n")
    good = GOOD.replace("\n", ',"two\nlines"\n')
    file.write_text(header + good + f"{MANCHESTER},MP2,Ben,Labour,2024-07-04,,\n", encoding="utf-8")
    with (
        pytest.raises(Invalid, match=rf"^{file}, line 4: member_id"),
        with_seats.database.write() as session,
    ):
        members.import_csv(session, file, today=TODAY)
