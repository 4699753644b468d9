"""Tests the job that corrects the stored country `UK`, and the check for codes of no country."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select
from structlog.testing import capture_logs

import worker
from core import logs
from models import Job, PetitionHour, PetitionTally, Private, Signature, SignatureState, Supporter
from models.base import table_of
from models.postcode import PostcodeResult
from services.assembly import Lobby
from services.campaigns import petitions
from services.operations import checks, recounts
from services.parliament_sync import leases
from services.postcodes.directory import CurrentDirectory
from services.signatures import confirming, recording, signature_states, stored_countries
from services.signatures.recording import ImportOrigin, SignatureRequest
from services.supporters import supporters
from services.supporters.supporters import EmailAddress
from tests.support import signatures
from tests.support.common import CAN_SIGN, PETITION, SECRET, SIGNED, Clock
from tests.support.partners import SECOND, add_second_petition

EDINBURGH = "S14000078"
UNKNOWN_POSTCODE = "ZZ1 1ZZ"
_signature, _supporter = table_of(Signature), table_of(Supporter)


@pytest.fixture(autouse=True)
def _tallies_are_exact(lobby: Lobby) -> Iterator[None]:
    yield
    assert_exact(lobby)


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """Captures the log entries of every level that an operator sees."""
    logs.configure()
    with capture_logs() as entries:
        yield entries
    logs.configure(level="ERROR")


def assert_exact(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        assert recounts.wrong_signatures(session) == []
        assert recounts.compare_sums(session) == []


STORED_BEFORE = {
    "pending": SignatureState.PENDING,
    "expired": SignatureState.EXPIRED,
    "withdrawn": SignatureState.WITHDRAWN,
    "disowned": SignatureState.REJECTED,
}
"""The states of signatures that were never confirmed: earlier versions stored these as well."""


def add(lobby: Lobby, email: str, *, to: str = "confirmed", **values: Any) -> UUID:
    """Adds a signature as an earlier version stored it, in the state `to`; returns its id."""
    defaults = {"petition_slug": PETITION, "name": "Anna", "postcode": CAN_SIGN, "country": "UK"}
    request = SignatureRequest(email=email, **(defaults | values))
    now = lobby.clock()
    with lobby.database.write() as session:
        if to in STORED_BEFORE:
            return add_unconfirmed(session, lobby, request, STORED_BEFORE[to])
        (outcome,) = signatures.record_in(session, lobby, [request])
        signature_id = outcome.signature_id
        assert signature_id is not None
        if not request.imported:
            confirming.confirm(session, signature_id, keyring=lobby.keyring, now=now)
        if to.startswith("withdrawn"):
            signature_states.withdraw(session, signature_id, now=now)
        if to.startswith("disowned"):
            signature_states.disown(session, signature_id, now=now)
    return signature_id


def add_unconfirmed(
    session: Session, lobby: Lobby, request: SignatureRequest, state: SignatureState
) -> UUID:
    """Adds a row of an earlier version, whose supporter it says nothing about."""
    petition, now = petitions.by_slug(session, request.petition_slug), lobby.clock()
    owner = petition.organisation_id
    address = EmailAddress.of(owner, request.email, lobby.keyring)
    ((supporter_id, _),) = supporters.find_or_add(session, [address], now=now)
    signature = Signature(
        petition_id=petition.id,
        supporter_id=UUID(supporter_id),
        constituency_code=recording.constituency_of(request, lobby.postcodes.lookup),
        name=Private(owner, request.name),
        postcode=Private(owner, request.postcode),
        country=request.country,
        locale=request.locale,
        state=state,
        signed_at=now,
        changed_at=now,
        ended_at=None if state is SignatureState.PENDING else now,
    )
    session.add(signature)
    session.flush()
    return signature.id


def renew(lobby: Lobby, signature_id: UUID, *, country: str) -> None:
    """Signs again, abroad, as a process of an earlier version does: in the row of before."""
    values = {"state": SignatureState.PENDING, "ended_at": None, "constituency_code": "overseas"}
    with lobby.database.write() as session:
        signature = signature_states.get(session, signature_id)
        signature.sqlmodel_update(values | {"country": country})


def run(lobby: Lobby, **options: int) -> int | None:
    return worker.correct_countries(lobby, threading.Event(), **options)


def of(lobby: Lobby, signature_id: UUID) -> tuple[str, str]:
    """Returns the country and the constituency's code of a signature."""
    with lobby.database.read() as session:
        signature = signature_states.get(session, signature_id)
        return signature.country, signature.constituency_code


def seat_of_supporter(lobby: Lobby, signature_id: UUID) -> str | None:
    with lobby.database.read() as session:
        signature = signature_states.get(session, signature_id)
        return session.get_one(Supporter, signature.supporter_id).constituency_code


def tally(lobby: Lobby, slug: str = PETITION) -> dict[str, int]:
    with lobby.database.read() as session:
        petition = petitions.by_slug(session, slug)
        rows = select(PetitionTally).where(PetitionTally.petition_id == petition.id)
        return {row.constituency_code: row.confirmed for row in session.exec(rows)}


def moved(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Returns the changes between two tallies."""
    codes = before.keys() | after.keys()
    changes = {code: after.get(code, 0) - before.get(code, 0) for code in codes}
    return {code: change for code, change in changes.items() if change}


def job(lobby: Lobby) -> Job:
    with lobby.database.read() as session:
        return session.get_one(Job, leases.COUNTRIES)


def damage(lobby: Lobby, signature_id: UUID, sealed: bytes) -> None:
    raw = sa.table("signature", sa.column("id", sa.Uuid), sa.column("postcode", sa.LargeBinary))
    with lobby.database.write() as session:
        change = sa.update(raw).where(raw.c.id == signature_id).values(postcode=sealed)
        assert session.connection().execute(change).rowcount == 1


def sealed_postcode(lobby: Lobby, signature_id: UUID) -> bytes:
    sealed = sa.type_coerce(_signature.c.postcode, sa.LargeBinary)
    with lobby.database.read() as session:
        found = sa.select(sealed).where(_signature.c.id == signature_id)
        return bytes(session.connection().execute(found).scalar_one())


def all_rows(lobby: Lobby) -> list[list[dict[str, Any]]]:
    """Returns all rows that the job may touch, with everything in them."""
    with lobby.database.read() as session:
        return [
            [row.model_dump() for row in session.exec(select(table).order_by(*key))]
            for table, key in (
                (Signature, [col(Signature.id)]),
                (Supporter, [col(Supporter.id)]),
                (PetitionTally, [col(PetitionTally.petition_id), PetitionTally.constituency_code]),
                (PetitionHour, [col(PetitionHour.petition_id), PetitionHour.hour]),
            )
        ]


# ---- what is corrected


def test_a_confirmed_signature_moves_from_abroad_to_its_seat(lobby: Lobby) -> None:
    signature_id = add(lobby, "anna@example.org")
    assert of(lobby, signature_id) == ("UK", "overseas")
    before = tally(lobby)
    assert run(lobby) == 1
    assert of(lobby, signature_id) == ("GB", EDINBURGH)
    assert seat_of_supporter(lobby, signature_id) == EDINBURGH
    assert moved(before, tally(lobby)) == {"overseas": -1, EDINBURGH: 1}


@pytest.mark.parametrize(
    ("state", "seat_of_its_supporter"),
    [
        ("pending", None),
        ("expired", None),
        ("withdrawn", None),
        ("disowned", None),
        ("withdrawn after", EDINBURGH),
        ("disowned after", EDINBURGH),
    ],
)
def test_a_signature_that_does_not_count_moves_no_tally(
    lobby: Lobby, state: str, seat_of_its_supporter: str | None
) -> None:
    signature_id = add(lobby, "anna@example.org", to=state)
    before = tally(lobby)
    assert run(lobby) == 1
    assert of(lobby, signature_id) == ("GB", EDINBURGH)
    assert tally(lobby) == before
    assert seat_of_supporter(lobby, signature_id) == seat_of_its_supporter


def test_a_corrected_signature_is_confirmed_and_withdrawn_where_it_is_now(lobby: Lobby) -> None:
    before = tally(lobby)
    signature_id = add(lobby, "anna@example.org")
    run(lobby)
    with lobby.database.write() as session:
        again = confirming.confirm(session, signature_id, keyring=lobby.keyring, now=lobby.clock())
    assert again.constituency_code == EDINBURGH
    assert moved(before, tally(lobby)) == {EDINBURGH: 1}
    assert_exact(lobby)
    with lobby.database.write() as session:
        signature_states.withdraw(session, signature_id, now=lobby.clock())
    assert moved(before, tally(lobby)) == {}


def test_an_import_that_counts_is_corrected_too(lobby: Lobby) -> None:
    origin = ImportOrigin("paper", None, is_confirmed=True)
    signature_id = add(lobby, "anna@example.org", imported=origin)
    run(lobby)
    assert of(lobby, signature_id) == ("GB", EDINBURGH)
    assert seat_of_supporter(lobby, signature_id) == EDINBURGH


def test_each_petition_and_seat_moves_by_its_own_number(lobby: Lobby) -> None:
    add_second_petition(lobby)
    for number in range(7):
        add(lobby, f"n{number}@example.org", postcode=(CAN_SIGN, SIGNED)[number % 2])
    for number in range(4):
        add(lobby, f"n{number}@example.org", petition_slug=SECOND)
    add(lobby, "nobody@example.org", petition_slug=SECOND, to="pending")
    add(lobby, "nowhere@example.org", petition_slug=SECOND, postcode=UNKNOWN_POSTCODE)
    add(lobby, "jersey@example.org", petition_slug=SECOND, postcode="JE2 3AB")
    first, second = tally(lobby), tally(lobby, SECOND)
    with lobby.database.read() as session:
        manchester = lobby.postcodes.lookup(SIGNED).constituency_code
        total = petitions.count(session, petitions.by_slug(session, PETITION).id)
    assert run(lobby) == 14
    assert moved(first, tally(lobby)) == {"overseas": -7, EDINBURGH: 4, manchester: 3}
    assert moved(second, tally(lobby, SECOND)) == {"overseas": -5, EDINBURGH: 4, "unknown": 1}
    with lobby.database.read() as session:
        assert petitions.count(session, petitions.by_slug(session, PETITION).id) == total
        assert stored_countries.unassigned(session) == {}


def test_what_is_right_or_not_known_stays_as_it_is(lobby: Lobby) -> None:
    for number, country in enumerate(("GB", "FR", "XX", "ZZ", "XK", "JE")):
        add(lobby, f"n{number}@example.org", country=country)
    before = all_rows(lobby)
    assert run(lobby) == 0
    assert all_rows(lobby) == before


def test_only_country_and_seat_change(lobby: Lobby) -> None:
    add(lobby, "anna@example.org", comment="Save it", source="a-code", updates=True)
    before = all_rows(lobby)
    run(lobby)
    of_signatures, of_supporters, _, hours = after = all_rows(lobby)
    assert hours == before[3]
    for row, old in zip(of_signatures, before[0], strict=True):
        changed = {name for name in row if row[name] != old[name]}
        assert changed <= {"country", "constituency_code"}
    for row, old in zip(of_supporters, before[1], strict=True):
        assert {name for name in row if row[name] != old[name]} <= {"constituency_code"}
    assert after != before


# ---- supporters


def test_a_supporter_with_another_postcode_stays_where_they_are(lobby: Lobby) -> None:
    add_second_petition(lobby)
    abroad_later = add(lobby, "anna@example.org")
    add(lobby, "anna@example.org", petition_slug=SECOND, country="FR", postcode="75001")
    at_home = add(lobby, "ben@example.org")
    add(lobby, "ben@example.org", petition_slug=SECOND, country="GB", postcode=SIGNED)
    run(lobby)
    assert of(lobby, abroad_later) == of(lobby, at_home) == ("GB", EDINBURGH)
    assert seat_of_supporter(lobby, abroad_later) == "overseas"
    assert seat_of_supporter(lobby, at_home) == lobby.postcodes.lookup(SIGNED).constituency_code


def test_a_strangers_unconfirmed_signature_moves_nobody(lobby: Lobby) -> None:
    add_second_petition(lobby)
    add(lobby, "anna@example.org", country="FR")  # a postcode that is one of ours too
    pending = add(lobby, "anna@example.org", petition_slug=SECOND, to="pending")
    run(lobby)
    assert of(lobby, pending) == ("GB", EDINBURGH)
    assert seat_of_supporter(lobby, pending) == "overseas"


def test_of_two_signatures_of_a_supporter_the_one_that_they_are_known_by_decides(
    lobby: Lobby,
) -> None:
    add_second_petition(lobby)
    first = add(lobby, "anna@example.org", postcode=SIGNED)
    add(lobby, "anna@example.org", petition_slug=SECOND, postcode=CAN_SIGN)
    assert run(lobby) == 2
    assert seat_of_supporter(lobby, first) == EDINBURGH


def test_a_supporter_with_a_damaged_or_no_postcode_stops_nothing(lobby: Lobby) -> None:
    ids = [add(lobby, f"n{number}@example.org") for number in range(3)]
    for signature_id, sealed in zip(ids, (b"\x01damaged", None), strict=False):
        with lobby.database.write() as session:
            supporter = signature_states.get(session, signature_id).supporter_id
            raw = sa.table(
                "supporter", sa.column("id", sa.Uuid), sa.column("postcode", sa.LargeBinary)
            )
            change = sa.update(raw).where(raw.c.id == supporter).values(postcode=sealed)
            session.connection().execute(change)
    assert run(lobby) == 3
    with lobby.database.read() as session:
        codes = sa.select(_supporter.c.constituency_code).join(
            _signature, _signature.c.supporter_id == _supporter.c.id
        )
        rows = session.connection().execute(codes.where(_signature.c.id.in_(ids))).scalars()
        assert sorted(map(str, rows)) == [EDINBURGH, "overseas", "overseas"]


# ---- what cannot be corrected


DAMAGES: list[Callable[[bytes], bytes]] = [
    lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
    lambda sealed: sealed[:-9],
    lambda sealed: sealed[:20],  # a part of the nonce
    lambda sealed: sealed[:9],  # a part of the organisation's id
    lambda sealed: sealed[:0],
    lambda sealed: b"\x07" + sealed[1:],  # another secret
    lambda sealed: sealed[:1] + UUID(int=5).bytes + sealed[17:],  # another organisation
]


def test_a_damaged_postcode_is_passed_over_and_logged_by_its_id_alone(
    lobby: Lobby, logged: list[MutableMapping[str, Any]]
) -> None:
    good = [add(lobby, "first@example.org")]
    bad = []
    for number, spoil in enumerate(DAMAGES):
        signature_id = add(lobby, f"n{number}@example.org")
        damage(lobby, signature_id, spoil(sealed_postcode(lobby, signature_id)))
        bad.append(signature_id)
    good.append(add(lobby, "last@example.org"))
    before = tally(lobby)
    assert run(lobby, at_once=3) == 2
    assert moved(before, tally(lobby)) == {"overseas": -2, EDINBURGH: 2}
    assert [of(lobby, signature_id) for signature_id in good] == [("GB", EDINBURGH)] * 2
    warnings = [entry for entry in logged if entry["event"] == "country_not_corrected"]
    assert warnings == [
        {
            "event": "country_not_corrected",
            "log_level": "warning",
            "signature": str(signature_id),
        }
        for signature_id in sorted(bad)
    ]
    raw = sa.select(_signature.c.country).where(_signature.c.id.in_(bad)).distinct()
    with lobby.database.read() as session:
        assert list(session.connection().execute(raw).scalars()) == ["UK"]


@pytest.mark.parametrize("postcode", ["", "75001", "SW1A", "nonsense"])
def test_a_postcode_that_is_none_leaves_the_signature_abroad(lobby: Lobby, postcode: str) -> None:
    left, good = add(lobby, "a@example.org", postcode=postcode), add(lobby, "b@example.org")
    assert run(lobby) == 1
    assert of(lobby, left) == ("UK", "overseas")
    assert of(lobby, good) == ("GB", EDINBURGH)


def test_without_a_postcode_directory_everything_waits(
    lobby: Lobby, clock: Clock, tmp_path: Path
) -> None:
    signature_id = add(lobby, "anna@example.org")
    without = replace(lobby, postcodes=CurrentDirectory(tmp_path / "none.bin"))
    assert run(without) is None
    assert of(lobby, signature_id) == ("UK", "overseas")
    assert run(lobby) == 1


# ---- when it runs


def test_a_second_run_changes_nothing_and_is_not_due_for_a_day(lobby: Lobby, clock: Clock) -> None:
    add(lobby, "anna@example.org")
    assert run(lobby) == 1
    rows = all_rows(lobby)
    assert run(lobby) is None
    assert job(lobby).due_at == clock.now + timedelta(days=1)
    assert (job(lobby).finished_at, job(lobby).error) == (clock.now, None)
    clock.advance(hours=23, minutes=59)
    assert run(lobby) is None
    clock.advance(minutes=1)
    assert run(lobby) == 0
    assert all_rows(lobby) == rows


def test_while_it_is_not_due_nothing_reads_signatures(lobby: Lobby) -> None:
    assert run(lobby) == 0
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    engines = {lobby.database._reader, lobby.database._writer}
    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", note)
    try:
        assert run(lobby) is None
    finally:
        for engine in engines:
            sa.event.remove(engine, "before_cursor_execute", note)
    assert statements
    assert not [statement for statement in statements if "signature" in statement]


def test_what_an_older_process_writes_behind_the_job_is_found_by_the_next_look(
    lobby: Lobby, clock: Clock
) -> None:
    renewed = add(lobby, "anna@example.org", to="withdrawn")
    assert run(lobby) == 1
    renew(lobby, renewed, country="UK")  # an old row, passed already
    new = add(lobby, "ben@example.org")
    assert of(lobby, renewed) == of(lobby, new) == ("UK", "overseas")
    clock.advance(days=1)
    assert run(lobby) == 2
    assert of(lobby, renewed) == of(lobby, new) == ("GB", EDINBURGH)


def test_the_worker_runs_it(lobby: Lobby) -> None:
    signature_id, stop = add(lobby, "anna@example.org"), threading.Event()
    working = threading.Thread(target=worker.run, args=(lobby, stop))
    working.start()
    try:
        for _ in range(200):
            if of(lobby, signature_id)[0] == "GB":
                break
            stop.wait(0.05)
    finally:
        stop.set()
        working.join()
    assert of(lobby, signature_id) == ("GB", EDINBURGH)


@pytest.mark.parametrize(("looked_at", "at_once"), [(1, 1), (2, 3), (3, 2), (7, 1000), (1000, 4)])
def test_every_row_is_found_whatever_the_size_of_parts_and_transactions(
    lobby: Lobby, looked_at: int, at_once: int
) -> None:
    for number in range(9):
        country = "FR" if number in (3, 4) else "UK"
        add(
            lobby,
            f"n{number}@example.org",
            country=country,
            to=("confirmed", "pending")[number % 2],
        )
    assert run(lobby, looked_at=looked_at, at_once=at_once) == 7
    with lobby.database.read() as session:
        countries = session.exec(select(Signature.country).distinct()).all()
    assert set(countries) == {"FR", "GB"}


# ---- stops, crashes and races


class Stopping(CurrentDirectory):
    """A directory that calls something at the n-th look-up."""

    def __init__(self, file: Path, number: int, act: Any) -> None:
        super().__init__(file)
        self.left, self.act = number, act

    def lookup(self, postcode: str) -> PostcodeResult:
        self.left -= 1
        if self.left == 0:
            self.act()
        return super().lookup(postcode)


def many(lobby: Lobby, count: int = 9) -> list[UUID]:
    return [
        add(lobby, f"n{number}@example.org", to=("confirmed", "pending", "withdrawn")[number % 3])
        for number in range(count)
    ]


def corrected_among(lobby: Lobby, ids: list[UUID]) -> int:
    return [of(lobby, signature_id)[0] for signature_id in ids].count("GB")


def test_a_stop_ends_after_the_transaction_and_the_next_run_goes_on(lobby: Lobby) -> None:
    ids, stop = many(lobby), threading.Event()
    postcodes = Stopping(lobby.settings.postcode_file, 3, stop.set)
    stopping = replace(lobby, postcodes=postcodes)
    assert worker.correct_countries(stopping, stop, at_once=2) == 4
    assert corrected_among(lobby, ids) == 4
    assert job(lobby).error == "stopped"
    assert_exact(lobby)
    assert run(lobby) == 5
    assert job(lobby).error is None


class Broken(Exception):
    """Something that nobody expects."""


def test_an_error_undoes_its_transaction_alone(lobby: Lobby, clock: Clock) -> None:
    def fail() -> None:
        raise Broken

    ids = many(lobby)
    broken = replace(lobby, postcodes=Stopping(lobby.settings.postcode_file, 4, fail))
    with pytest.raises(Broken):
        run(broken, at_once=2)
    assert corrected_among(lobby, ids) == 2
    assert_exact(lobby)
    assert run(lobby) is None  # the lease of the run that failed
    clock.advance(minutes=15)
    assert run(lobby) == 7


KILLED = """
import os, signal, sys, threading
from dataclasses import replace
from datetime import datetime
import worker
from core.settings import Settings
from services.assembly import open_lobby
from services.postcodes.directory import CurrentDirectory

class Killing(CurrentDirectory):
    left = 6
    def lookup(self, postcode):
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().lookup(postcode)

now = datetime.fromisoformat(sys.argv[1])
lobby = open_lobby(Settings(), clock=lambda: now)
lobby = replace(lobby, postcodes=Killing(lobby.settings.postcode_file))
worker.correct_countries(lobby, threading.Event(), at_once=2)
"""


@pytest.mark.slow
def test_a_job_that_is_killed_goes_on_where_it_was(lobby: Lobby, clock: Clock) -> None:
    ids, before = many(lobby), tally(lobby)
    environment = os.environ | {
        "LOBBY_DATA_DIR": str(lobby.settings.data_dir),
        "LOBBY_DATABASE_URL": lobby.database.url,
        "LOBBY_SECRET_KEY": SECRET,
    }
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, clock.now.isoformat()],
        env=environment,
        check=False,
        cwd=lobby.settings.data_dir,
        timeout=60,
    )
    assert ended.returncode == -signal.SIGKILL
    assert corrected_among(lobby, ids) == 4
    assert_exact(lobby)
    clock.advance(minutes=15)
    assert run(lobby) == 5
    assert moved(before, tally(lobby)) == {"overseas": -3, EDINBURGH: 3}


@dataclass
class Beside:
    """Runs something in a thread, beside an open transaction of the test."""

    lobby: Lobby
    error: BaseException | None = None

    def start(self, act: Any) -> threading.Thread:
        def guarded() -> None:
            try:
                act()
            except BaseException as error:
                self.error = error

        thread = threading.Thread(target=guarded)
        thread.start()
        return thread


def withdraw(session: Session, signature_id: UUID, lobby: Lobby) -> None:
    signature_states.withdraw(session, signature_id, now=lobby.clock())


def disown(session: Session, signature_id: UUID, lobby: Lobby) -> None:
    signature_states.disown(session, signature_id, now=lobby.clock())


def correct(session: Session, signature_id: UUID, lobby: Lobby) -> None:
    lookup, keyring = lobby.postcodes.lookup, lobby.keyring
    stored_countries.correct(session, [signature_id], postcodes=lookup, keyring=keyring)


@pytest.mark.slow
@pytest.mark.parametrize("is_correction_first", [True, False])
@pytest.mark.parametrize("act", [withdraw, disown])
def test_a_change_of_state_at_the_same_time_is_counted_once_and_where_it_belongs(
    lobby: Lobby, act: Any, is_correction_first: bool
) -> None:
    signature_id, before = add(lobby, "anna@example.org"), tally(lobby)
    first, second = (correct, act) if is_correction_first else (act, correct)
    beside = Beside(lobby)

    def follow() -> None:
        with lobby.database.write() as session:
            second(session, signature_id, lobby)

    with lobby.database.write() as session:
        first(session, signature_id, lobby)
        thread = beside.start(follow)
        thread.join(0.3)
        assert thread.is_alive()  # it waits for this transaction
    thread.join(30)
    assert beside.error is None
    assert of(lobby, signature_id) == ("GB", EDINBURGH)
    assert moved(before, tally(lobby)) == {"overseas": -1}


def test_two_runs_at_once_correct_each_row_once(lobby: Lobby) -> None:
    ids, before = many(lobby, 12), tally(lobby)
    beside = Beside(lobby)

    def correct_all() -> None:
        for start in range(0, len(ids), 3):
            with lobby.database.write() as session:
                lookup, keyring = lobby.postcodes.lookup, lobby.keyring
                some = ids[start : start + 3]
                stored_countries.correct(session, some, postcodes=lookup, keyring=keyring)

    threads = [beside.start(correct_all) for _ in range(4)]
    for thread in threads:
        thread.join(60)
    assert beside.error is None
    assert corrected_among(lobby, ids) == 12
    assert moved(before, tally(lobby)) == {"overseas": -4, EDINBURGH: 4}


def test_a_signature_that_was_signed_again_since_the_look_stays_as_it_is(lobby: Lobby) -> None:
    signature_id = add(lobby, "anna@example.org", to="withdrawn")
    with lobby.database.read() as session:
        part = stored_countries.look(session, after=stored_countries.BEGINNING, limit=1000)
    assert part.ids == [signature_id]
    renew(lobby, signature_id, country="FR")
    before = all_rows(lobby)
    with lobby.database.write() as session:
        correct(session, signature_id, lobby)
    assert all_rows(lobby) == before


def test_of_two_workers_one_runs_it(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        assert leases.acquire(session, leases.COUNTRIES, now=lobby.clock())
    assert run(lobby) is None


# ---- lobby check


def findings(lobby: Lobby) -> list[tuple[str, bool]]:
    return [
        (finding.text, finding.is_trouble)
        for finding in checks.run(lobby)
        if "codes of no country" in finding.text
    ]


def test_the_check_counts_signatures_by_code_of_no_country(lobby: Lobby) -> None:
    assert findings(lobby) == []
    for number, country in enumerate(("GB", "FR", "XK", "ZZ", "XX", "XX", "EU", "UK", "UK")):
        state = ("confirmed", "pending")[number % 2]
        add(lobby, f"n{number}@example.org", country=country, to=state)
    assert findings(lobby) == [
        ("Signatures have codes of no country: 1 with EU, 2 with UK, 2 with XX.", False)
    ]
    run(lobby)
    assert findings(lobby) == [
        ("Signatures have codes of no country: 1 with EU, 2 with XX.", False)
    ]
