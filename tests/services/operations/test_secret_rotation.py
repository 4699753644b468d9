"""Tests the rotation of the secret: what it seals again, what it leaves, what stays the same."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import select

from models import Keyring, Private, Signature, Supporter
from services.assembly import Lobby
from services.common.tokens import Purpose
from services.database.engine import Database
from services.database.sealed_columns import SEALED, SealedColumn
from services.errors import Conflict, Gone, Invalid
from services.mail.bounce_addresses import BounceAddress
from services.operations import recounts, secret_rotation
from services.operations.secret_rotation import TAKE_UP, Outcome
from services.signatures.recording import SignatureRequest
from services.traffic import idempotency
from tests.support.common import CAN_SIGN, PETITION, SECRET
from tests.support.database.secret_versions import (
    NEW,
    OTHER,
    THIRD,
    check,
    raw_values,
    seal_with,
    versions,
    with_secrets,
    write_raw,
)
from tests.support.signatures import sign_and_confirm
from tools import sealed_rows

NAMES: SealedColumn = next(sealed for sealed in SEALED if sealed.name == "supporter.name")
ORGANISATION, ROW = UUID(int=7), UUID(int=8)


class Killed(BaseException):
    """Stands for the end of the process."""


def show_nothing(_done: int, _total: int) -> None: ...


def rotate(lobby: Lobby, *secrets: str) -> tuple[Lobby, Outcome]:
    """Opens the service with these secrets, and does what `lobby secret rotate --stopped` does."""
    opened = with_secrets(lobby, *secrets)
    secret_rotation.store_new_secret(opened.database, opened.keyring, now=opened.clock())
    outcome = reseal(opened)
    outcome.retired = secret_rotation.retire(opened.database, opened.keyring, now=opened.clock())
    return opened, outcome


def reseal(
    lobby: Lobby, progress: Callable[[int, int], None] = show_nothing, at_once: int = 7
) -> Outcome:
    return secret_rotation.reseal(lobby.database, lobby.keyring, progress=progress, at_once=at_once)


def texts(lobby: Lobby, version: int | None = None) -> sealed_rows.Texts:
    with lobby.database.read() as session:
        return sealed_rows.texts(session, lobby.keyring, version=version)


def plain_rows(lobby: Lobby) -> dict[str, Any]:
    """Returns all columns that are not sealed, of the tables that have sealed ones."""
    tables = {sealed.column.table for sealed in SEALED}
    sealed = {each.column for each in SEALED}
    with lobby.database.read() as session:
        return {
            table.name: sorted(
                session.connection().execute(
                    sa.select(*(column for column in table.columns if column not in sealed))
                ),
                key=str,
            )
            for table in tables
        }


# ---- a whole rotation


@pytest.mark.slow
def test_every_value_opens_under_the_new_secret_alone(lobby: Lobby) -> None:
    sealed_rows.add_one_of_each(lobby)
    before, plain = texts(lobby, version=1), plain_rows(lobby)
    _, outcome = rotate(lobby, NEW, SECRET)
    total = sum(map(len, before.values()))
    assert (outcome.resealed, outcome.retired, outcome.damaged) == (total, [1], {})
    alone = with_secrets(lobby, NEW)
    assert texts(alone, version=2) == before
    assert plain_rows(alone) == plain


@pytest.mark.slow
def test_indexes_public_ids_and_digests_of_requests_outlive_the_secret(lobby: Lobby) -> None:
    rotate(lobby, NEW, SECRET)
    old, alone = lobby.keyring, with_secrets(lobby, NEW).keyring

    def look_ups(ring: Keyring) -> tuple[Any, ...]:
        attempt = idempotency.attempt(ring, "k", key_id=None, method="POST", path="/", content=b"")
        return (
            ring.blind_index(ORGANISATION, "a@b.org"),
            ring.everywhere_index("a@b.org"),
            ring.veil(ORGANISATION, ROW, "person"),
            ring.unveil(ORGANISATION, ring.veil(ORGANISATION, ROW, "person"), "person"),
            attempt,
        )

    assert look_ups(alone) == look_ups(old)
    assert Keyring([NEW]).blind_index(ORGANISATION, "a@b.org") != look_ups(old)[0]


@pytest.mark.slow
def test_a_person_who_signed_before_a_rotation_is_not_counted_again(lobby: Lobby) -> None:
    request = SignatureRequest(PETITION, "Anna", "anna@example.org", CAN_SIGN)
    sign_and_confirm(lobby, request)
    rotate(lobby, NEW, SECRET)
    alone = with_secrets(lobby, NEW)
    before = people(alone)
    sign_and_confirm(alone, request)
    assert people(alone) == before
    with alone.database.read() as session:
        assert not recounts.wrong_signatures(session)


def people(lobby: Lobby) -> tuple[int, int]:
    with lobby.database.read() as session:
        return len(session.exec(select(Supporter.id)).all()), len(
            session.exec(select(Signature.id)).all()
        )


@pytest.mark.slow
def test_links_work_as_long_as_their_secret_is_kept(lobby: Lobby) -> None:
    link = lobby.tokens.issue(Purpose.WITHDRAW, ROW)
    both, _ = rotate(lobby, NEW, SECRET)
    assert both.tokens.read(Purpose.WITHDRAW, link) == ROW
    later = both.tokens.issue(Purpose.WITHDRAW, ROW)
    alone = with_secrets(lobby, NEW)
    assert alone.tokens.read(Purpose.WITHDRAW, later) == ROW
    with pytest.raises(Invalid):
        alone.tokens.read(Purpose.WITHDRAW, link)


@pytest.mark.slow
def test_a_running_process_signs_links_with_the_new_secret_once_it_is_stored(
    lobby: Lobby,
) -> None:
    """Until then, processes that do not have it yet must be able to read the links."""
    running = with_secrets(lobby, NEW, SECRET)
    bounces = BounceAddress("bounces@lobby.example.org", running.keyring)
    old = Keyring([SECRET])
    link, sender = running.tokens.issue(Purpose.WITHDRAW, ROW), bounces.sender_of(ROW)
    assert lobby.tokens.read(Purpose.WITHDRAW, link) == ROW
    assert BounceAddress(bounces.address, old).message_in(sender) == ROW
    rotate(lobby, NEW, SECRET)
    check(running)
    link, sender = running.tokens.issue(Purpose.WITHDRAW, ROW), bounces.sender_of(ROW)
    assert BounceAddress(bounces.address, old).message_in(sender) is None
    assert with_secrets(lobby, NEW).tokens.read(Purpose.WITHDRAW, link) == ROW
    with pytest.raises((Invalid, Gone)):
        lobby.tokens.read(Purpose.WITHDRAW, link)


@pytest.mark.slow
def test_a_third_secret_follows_the_second(lobby: Lobby) -> None:
    before = texts(lobby)
    rotate(lobby, NEW, SECRET)
    rotate(lobby, THIRD, NEW)
    alone = with_secrets(lobby, THIRD)
    assert texts(alone, version=3) == before
    assert [each.is_retired for each in versions(alone)] == [True, True, False]
    index = lobby.keyring.blind_index(ORGANISATION, "a@b.org")
    assert alone.keyring.blind_index(ORGANISATION, "a@b.org") == index


@pytest.mark.slow
def test_a_second_run_has_nothing_to_do(lobby: Lobby) -> None:
    rotate(lobby, NEW, SECRET)
    before = {sealed.name: raw_values(lobby, sealed) for sealed in SEALED}
    _, outcome = rotate(lobby, NEW, SECRET)
    assert outcome == Outcome()
    assert {sealed.name: raw_values(lobby, sealed) for sealed in SEALED} == before


@pytest.mark.slow
def test_an_earlier_secret_in_front_is_refused(lobby: Lobby) -> None:
    rotate(lobby, NEW, SECRET)
    with pytest.raises(Conflict, match="is an earlier one"):
        rotate(lobby, SECRET, NEW)


def test_two_rotations_to_different_secrets_do_not_both_win(lobby: Lobby) -> None:
    first, second = with_secrets(lobby, NEW, SECRET), with_secrets(lobby, THIRD, SECRET)
    secret_rotation.store_new_secret(first.database, first.keyring, now=first.clock())
    with pytest.raises(Exception, match="lacks the newest secret"):
        secret_rotation.store_new_secret(second.database, second.keyring, now=second.clock())
    assert len(versions(lobby)) == 2


# ---- stops and neighbours


@pytest.mark.slow
@pytest.mark.parametrize("batches", [1, 2, 5])
def test_a_rotation_that_is_killed_between_batches_goes_on(lobby: Lobby, batches: int) -> None:
    sealed_rows.add_one_of_each(lobby)
    before = texts(lobby)
    both = with_secrets(lobby, NEW, SECRET)
    secret_rotation.store_new_secret(both.database, both.keyring, now=both.clock())
    steps = 0

    def die(_done: int, _total: int) -> None:
        nonlocal steps
        steps += 1
        if steps == batches:
            raise Killed

    with pytest.raises(Killed):
        reseal(both, die)
    counts = secret_rotation.status(both.database, both.keyring)
    assert all(each.values for each in counts), "it was killed on the way"
    assert texts(with_secrets(lobby, NEW, SECRET)) == before, "the service works meanwhile"
    _, outcome = rotate(lobby, NEW, SECRET)
    assert outcome.resealed == counts[-1].values
    assert texts(with_secrets(lobby, NEW), version=2) == before


@pytest.mark.slow
def test_a_change_between_reading_and_writing_is_kept(lobby: Lobby) -> None:
    """Another process changes a value of each batch just before it is written."""
    both = with_secrets(lobby, NEW, SECRET)
    secret_rotation.store_new_secret(both.database, both.keyring, now=both.clock())
    beside = Keyring([SECRET])  # a process that has not taken up the new secret
    owner = next(iter(raw_values(lobby, NAMES).values()))
    organisation_id = lobby.keyring.open(owner, NAMES.purpose).organisation_id
    changed: dict[Any, str] = {}

    class Beside(Database):
        """Lets the other process write before each transaction of the rotation."""

        def write(self, *, is_public: bool = True, is_count: bool = False) -> Any:
            stale = [
                key
                for key, value in raw_values(lobby, NAMES).items()
                if value[0] == 1 and key not in changed
            ]
            for key in stale[:1] if len(changed) < 5 else []:
                changed[key] = f"Changed {len(changed)}"
                private = Private(organisation_id, changed[key])
                write_raw(lobby, NAMES, key, beside.seal(private, NAMES.purpose))
            return super().write(is_public=is_public, is_count=is_count)

    database = Beside(lobby.database.url)
    try:
        secret_rotation.reseal(database, both.keyring, progress=show_nothing, at_once=7)
    finally:
        database.close()
    assert len(changed) >= 2
    found = texts(both, version=2)[NAMES.name]
    assert {key: found[key] for key in changed} == changed


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_row_that_somebody_holds_is_left_for_later(lobby: Lobby) -> None:
    """Waiting for it while holding others could end in a deadlock."""
    both = with_secrets(lobby, NEW, SECRET)
    secret_rotation.store_new_secret(both.database, both.keyring, now=both.clock())
    key = next(iter(raw_values(lobby, NAMES)))
    third = Database(lobby.database.url)
    with third.write() as session:
        session.connection().execute(sa.select(NAMES.key).where(NAMES.key == key).with_for_update())
        reseal(both)
        assert {k for k, value in raw_values(lobby, NAMES).items() if value[0] == 1} == {key}
    third.close()
    assert secret_rotation.retire(both.database, both.keyring, now=both.clock()) == []
    assert reseal(both).resealed >= 1
    assert secret_rotation.retire(both.database, both.keyring, now=both.clock()) == [1]


@pytest.mark.slow
def test_values_that_a_process_sealed_meanwhile_under_the_old_secret_are_found(
    lobby: Lobby,
) -> None:
    both, _ = rotate(lobby, NEW, SECRET)
    keys = list(raw_values(lobby, NAMES))[:3]
    seal_with(both, NAMES, Keyring([SECRET]), keys)
    _, outcome = rotate(lobby, NEW, SECRET)
    assert outcome.resealed == 3
    texts(with_secrets(lobby, NEW), version=2)


def test_a_rotation_waits_until_running_processes_have_taken_up_the_secret(lobby: Lobby) -> None:
    both = with_secrets(lobby, NEW, SECRET)
    now = both.clock()
    secret_rotation.store_new_secret(both.database, both.keyring, now=now)
    wait = secret_rotation.seconds_to_wait(both.database, now=now + timedelta(seconds=5))
    assert wait == TAKE_UP.total_seconds() - 5
    assert secret_rotation.seconds_to_wait(both.database, now=now + timedelta(hours=1)) == 0


# ---- values that do not open


@pytest.mark.slow
def test_a_damaged_value_stays_and_keeps_its_secret_from_being_retired(lobby: Lobby) -> None:
    key, value = next(iter(raw_values(lobby, NAMES).items()))
    damaged = value[:-1] + bytes([value[-1] ^ 1])
    write_raw(lobby, NAMES, key, damaged)
    both, outcome = rotate(lobby, NEW, SECRET)
    assert outcome.damaged == {"supporter.name": 1}
    assert outcome.retired == []
    assert raw_values(lobby, NAMES)[key] == damaged
    retired = secret_rotation.retire(
        both.database, both.keyring, now=both.clock(), leave_damaged=True
    )
    assert retired == [1]
    check(with_secrets(lobby, NEW))


@pytest.mark.slow
def test_values_of_a_key_that_was_used_by_mistake_are_healed(lobby: Lobby) -> None:
    """An earlier version numbered every key 1 that it was started with."""
    before = texts(lobby)
    keys = list(raw_values(lobby, NAMES))[3:6]
    seal_with(lobby, NAMES, Keyring([OTHER]), keys)
    with pytest.raises(ValueError, match="does not open"):
        texts(with_secrets(lobby, SECRET))
    _, outcome = rotate(lobby, NEW, SECRET, OTHER)
    assert outcome.damaged == {}
    assert texts(with_secrets(lobby, NEW), version=2) == before


def test_the_status_counts_values_by_version(lobby: Lobby) -> None:
    both = with_secrets(lobby, NEW, SECRET)
    secret_rotation.store_new_secret(both.database, both.keyring, now=both.clock())
    total = sum(map(len, texts(both).values()))
    newest, oldest = secret_rotation.status(both.database, both.keyring)
    assert (newest.version, newest.values, newest.place) == (2, 0, 0)
    assert (oldest.version, oldest.values, oldest.place, oldest.retired_at) == (1, total, 1, None)
