"""Tests imports and eligibility with the real House of Commons: 650 seats and their members."""

import csv
import json
import shutil
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import SQLModel, select

from models import Campaign, Constituency, Member, Membership, Motion, Office, OfficeKind
from models.postcode import PostcodeStatus
from services.assembly import Lobby
from services.campaigns import campaigns
from services.organisations import organisations
from services.parliament import constituencies, members, seats
from services.parliament.members import MembersImport
from services.parliament.official import motions_api
from services.parliament.standing import Eligibility, Role, Standing
from services.parliament_sync import motion_sync
from services.postcodes import ons_import
from services.tallies import seat_table
from services.tallies.seat_table import Tally
from tests.support.common import REAL_DATA, Clock, import_real_members, needs_real_data, rows_of

pytestmark = [needs_real_data, pytest.mark.real_data, pytest.mark.slow]
TABLES: tuple[type[SQLModel], ...] = (Constituency, Member, Membership, Office)
TODAY = datetime(2026, 8, 20, 12, 0, tzinfo=UTC)  # the date of the real file
POSTS = REAL_DATA / "parliament" / "government_posts_2026-06-19.json"
Row = dict[str, str]


@pytest.fixture(scope="session")
def real_postcodes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the directory of Great Britain's postcodes once per test run."""
    target = tmp_path_factory.mktemp("real") / "postcodes.bin"
    ons_import.import_postcodes(REAL_DATA / "postcodes" / "onspd_gb.csv.gz", target)
    return target


@pytest.fixture
def real_lobby(empty_lobby: Lobby, clock: Clock) -> Lobby:
    """A lobby with all 650 seats, their members and a campaign about a real motion."""
    answers = sorted((REAL_DATA / "edm" / "65938-history").glob("*.json"))
    answer = motions_api.read_answer(answers[-1].read_bytes(), 65938)
    clock.now = now = TODAY
    import_real_members(empty_lobby)
    with empty_lobby.database.write() as session:
        motion_sync.apply_answer(session, answer, now=now)
        organisation = organisations.create(session, name="A union", slug="a-union", now=now)
        campaigns.create(
            session,
            organisation_id=organisation.id,
            values={"slug": "a-campaign", "title": "A campaign", "summary": "About it."},
            motion_id=answer.id,
            now=now,
        )
    return empty_lobby


def real_members() -> list[Row]:
    with (REAL_DATA / "parliament" / "mps.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def tally_of(lobby: Lobby) -> Tally:
    with lobby.database.read() as session:
        campaign = campaigns.public(session, "a-campaign")
        return seat_table.of_campaign(session, campaign, now=lobby.clock())


def offices_in_the_commons() -> list[dict[str, Any]]:
    """Returns the offices in the Institute for Government's list that MPs hold."""
    offices = json.loads(POSTS.read_bytes())["posts"]
    return [office for office in offices if office["is_current_mp"]]


def test_all_650_seats_are_filled(real_lobby: Lobby) -> None:
    assert {
        name: len(rows) for name, rows in rows_of(real_lobby, (Constituency, Membership)).items()
    } == {
        "Constituency": 650,
        "Membership": 650,
    }
    with real_lobby.database.read() as session:
        every = seats.all_seats(session, today=TODAY.date(), organisation_id=None)
    assert {
        seat.constituency.code: (seat.member.id, seat.member.name) for seat in every if seat.member
    } == {row["constituency_gss"]: (int(row["member_id"]), row["name"]) for row in real_members()}
    nations = Counter(seat.constituency.nation for seat in every)
    assert nations == {"England": 543, "Scotland": 57, "Wales": 32, "Northern Ireland": 18}


def test_importing_the_real_files_again_changes_nothing(real_lobby: Lobby) -> None:
    before = rows_of(real_lobby, TABLES)
    with real_lobby.database.write() as session:
        constituencies.import_csv(session, REAL_DATA / "parliament" / "constituencies.csv")
        file = REAL_DATA / "parliament" / "mps.csv"
        done = members.import_csv(session, file, today=date(2026, 9, 1))
    assert done == MembersImport(read=650, vacant=0, begun=0, ended=0, without_email=12)
    assert rows_of(real_lobby, TABLES) == before


def test_the_real_government_the_speaker_and_sinn_fein_are_known(real_lobby: Lobby) -> None:
    with real_lobby.database.read() as session:
        every = seats.all_seats(session, today=TODAY.date(), organisation_id=None)
    kinds = Counter(kind for seat in every for kind in seat.offices)
    assert kinds == {OfficeKind.MINISTER: 77, OfficeKind.WHIP: 16, OfficeKind.SPEAKER: 1}
    parties = Counter(seat.member.party for seat in every if seat.member)
    assert parties["Sinn Féin"] == 7
    (speaker,) = [seat for seat in every if OfficeKind.SPEAKER in seat.offices]
    assert speaker.constituency.name == "Chorley"


def test_the_holders_of_posts_are_those_of_the_list_of_posts(real_lobby: Lobby) -> None:
    """Compares two sources of the same date: the members' file and the list of offices."""
    offices = offices_in_the_commons()
    holders = {office["member_id"] for office in offices}
    whips = {
        office["member_id"] for office in offices if "Government Whips" in office["organisation"]
    }
    with real_lobby.database.read() as session:
        every = seats.all_seats(session, today=TODAY.date(), organisation_id=None)
    kinds = {seat.member.id: seat.offices for seat in every if seat.member and seat.offices}
    assert len(holders) == 93
    assert {member for member, posts in kinds.items() if OfficeKind.SPEAKER not in posts} == holders
    assert {member for member, posts in kinds.items() if OfficeKind.WHIP in posts} == whips


def test_eligibility_of_the_real_house_is_right_member_by_member(real_lobby: Lobby) -> None:
    """Nobody has signed yet, so only convention and abstention decide."""
    with real_lobby.database.write() as session:
        organisation = organisations.by_slug(session, "a-union")
        campaigns.create(
            session,
            organisation_id=organisation.id,
            values={"slug": "without-motion", "title": "Another", "summary": "About it."},
            now=real_lobby.clock(),
        )
        campaign = campaigns.public(session, "without-motion")
        tally = seat_table.of_campaign(session, campaign, now=real_lobby.clock())
    eligibilities = {row.member.id: row.eligibility for row in tally.rows if row.member}
    holders = {office["member_id"] for office in offices_in_the_commons()}
    sinn_fein = {int(row["member_id"]) for row in real_members() if row["party"] == "Sinn Féin"}
    (speaker,) = [int(row["member_id"]) for row in real_members() if row["party"] == "Speaker"]
    assert len(sinn_fein) == 7
    assert eligibilities == {
        member: Eligibility.CANNOT
        if member in sinn_fein
        else Eligibility.CONVENTION
        if member in holders or member == speaker
        else Eligibility.CAN_SIGN
        for member in eligibilities
    }
    assert Counter(eligibilities.values()) == {
        Eligibility.CAN_SIGN: 549,
        Eligibility.CONVENTION: 94,
        Eligibility.CANNOT: 7,
    }


def test_the_real_tally_counts_who_has_signed_and_who_can(real_lobby: Lobby) -> None:
    tally = tally_of(real_lobby)
    assert (tally.total, len(tally.rows), tally.seats_filled) == (650, 650, 650)
    assert (tally.signed, tally.withdrawn) == (167, 2)
    assert tally.parliament_session == "2026-27"
    standings = Counter(row.standing for row in tally.rows)
    assert standings == {Standing.SIGNED: 167, Standing.WITHDRAWN: 2, Standing.NOT_SIGNED: 481}
    roles = Counter(row.role for row in tally.rows)
    assert roles == {Role.PRIMARY: 1, Role.SPONSOR: 5, Role.SUPPORTER: 161, None: 483}
    eligibility = Counter(row.eligibility for row in tally.rows)
    assert eligibility == {
        Eligibility.CAN_SIGN: tally.can_sign,
        Eligibility.CONVENTION: 94,
        Eligibility.CANNOT: 7,
    }
    assert tally.can_sign == 650 - 94 - 7
    with real_lobby.database.read() as session:
        motion = session.get_one(Motion, 65938)
        campaign = session.exec(select(Campaign)).one()
        assert campaigns.motion_of(session, campaign.id) == motion


def test_the_real_tally_agrees_with_parliaments_own_rows(real_lobby: Lobby) -> None:
    answers = sorted((REAL_DATA / "edm" / "65938-history").glob("*.json"))
    names = json.loads(answers[-1].read_bytes())["Response"]["Sponsors"]
    standing = {row["MemberId"] for row in names if not row["IsWithdrawn"]}
    rows = tally_of(real_lobby).rows
    signed = {row.member.id for row in rows if row.member and row.standing is Standing.SIGNED}
    assert signed == standing


@pytest.mark.parametrize(
    ("postcode", "constituency"),
    [
        ("EH1 1YZ", "Edinburgh East and Musselburgh"),
        ("M1 1AE", "Manchester Central"),
        ("CF10 3NQ", "Cardiff South and Penarth"),
        ("SW1A 0AA", "Cities of London and Westminster"),
    ],
)
def test_a_real_postcode_finds_its_real_member(
    real_lobby: Lobby, real_postcodes: Path, postcode: str, constituency: str
) -> None:
    shutil.copy(real_postcodes, real_lobby.settings.postcode_file)
    answer = real_lobby.postcodes.lookup(postcode)
    assert (answer.status, answer.postcode) == (PostcodeStatus.FOUND, postcode)
    with real_lobby.database.read() as session:
        seat = seats.seat_of(session, answer.constituency_code, today=TODAY.date())
    assert seat is not None
    (row,) = [row for row in real_members() if row["constituency"] == constituency]
    assert seat.constituency.name == constituency
    assert seat.member is not None
    assert (str(seat.member.id), seat.member.name, seat.member.party) == (
        row["member_id"],
        row["name"],
        row["party"],
    )
