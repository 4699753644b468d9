"""Tests the check of the secret key at every start, and what the keyring learns from it."""

import threading
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

import worker
from models import Keyring
from services.assembly import Lobby
from services.database import backups, sealed_columns, secret_keys
from services.database.engine import Database
from services.database.sealed_columns import SEALED
from services.errors import Unavailable
from services.operations import checks
from tests.support import our_files
from tests.support.common import SECRET
from tests.support.database.secret_versions import (
    NEW,
    OTHER,
    THIRD,
    change_version,
    check,
    forget_versions,
    raw_values,
    seal_with,
    versions,
    with_secrets,
    write_raw,
)
from tests.support.lobbies import MakeLobby
from tools import sealed_rows

ORGANISATION = UUID(int=7)
NOT_THE_KEY = "LOBBY_SECRET_KEY is not the secret key of this database"


def refusal(lobby: Lobby, *secrets: str) -> str:
    """Returns the sentence with which secrets are refused."""
    with pytest.raises(Unavailable) as caught:
        with_secrets(lobby, *secrets)
    assert caught.value.code == "wrong_secret_key"
    return caught.value.message


def columns_named(name: str) -> sealed_columns.SealedColumn:
    return next(sealed for sealed in SEALED if sealed.name == name)


# ---- which columns


def test_every_column_of_private_text_is_known() -> None:
    """The sources name as many as the metadata, so none hides in a table that nobody registers."""
    sources = [
        file.read_text() for file in our_files.modules() if our_files.name_of(file)[:7] == "models/"
    ]
    purposes = sum(source.count('PrivateText("') for source in sources)
    assert len(SEALED) == purposes >= 17
    assert {sealed.name for sealed in SEALED} >= {"submission.payload", "idempotency_key.answer"}


@pytest.mark.slow
def test_only_private_columns_seal() -> None:
    """A value that is sealed by hand could lie in a column that a rotation does not know."""
    calls = {
        (our_files.name_of(file), name)
        for file in our_files.modules()
        for name, _ in our_files.facts_of(file).calls
        if name.endswith(("keyring.seal", "keyring.seal_all", "ring.seal", "ring.seal_all"))
    }
    assert calls == {
        # A rotation seals what is in the columns again.
        ("services/operations/secret_rotation.py", "keyring.seal_all"),
        # A token in an address, good for 30 minutes. It is never stored.
        ("services/submissions/sent_tokens.py", "keyring.seal"),
    }


def test_the_rows_of_the_tests_have_a_value_in_every_sealed_column(lobby: Lobby) -> None:
    sealed_rows.add_one_of_each(lobby)
    with lobby.database.read() as session:
        found = sealed_rows.texts(session, lobby.keyring)
    assert [name for name, values in found.items() if not values] == []


# ---- the first start


def test_the_first_start_stores_the_secret_and_later_ones_change_nothing(
    empty_lobby: Lobby,
) -> None:
    forget_versions(empty_lobby)
    check(empty_lobby)
    (first,) = versions(empty_lobby)
    assert (first[0], first[2]) == (1, False)
    assert SECRET.encode() not in first[1]
    check(with_secrets(empty_lobby, SECRET))
    assert versions(empty_lobby) == [first]


def test_two_processes_that_start_at_once_store_one_root(lobby: Lobby) -> None:
    forget_versions(lobby)
    rings = [Keyring([SECRET]) for _ in range(4)]
    barrier, errors = threading.Barrier(len(rings)), list[Exception]()

    def start(ring: Keyring) -> None:
        database = Database(lobby.database.url)
        try:
            barrier.wait()
            secret_keys.check(database, ring, now=lobby.clock())
        except Exception as error:
            errors.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=start, args=(ring,)) for ring in rings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    assert len(versions(lobby)) == 1
    expected = lobby.keyring.blind_index(ORGANISATION, "a@b.org")
    assert {ring.blind_index(ORGANISATION, "a@b.org") for ring in rings} == {expected}


# ---- a wrong key


def test_another_key_is_refused_and_nothing_is_written(lobby: Lobby) -> None:
    before = versions(lobby)
    assert refusal(lobby, OTHER).startswith(NOT_THE_KEY)
    assert versions(lobby) == before


def test_a_message_never_shows_a_secret(lobby: Lobby) -> None:
    assert OTHER not in refusal(lobby, OTHER)
    assert NEW not in refusal(lobby, NEW, OTHER)


def test_a_new_database_is_bound_to_its_key_before_it_holds_any_data(empty_lobby: Lobby) -> None:
    assert refusal(empty_lobby, OTHER).startswith(NOT_THE_KEY)


@pytest.mark.parametrize("part", ["nonce", "root", "tag", "empty"])
def test_a_stored_root_that_was_changed_is_refused(lobby: Lobby, part: str) -> None:
    root = bytearray(versions(lobby)[0][1])
    if part == "empty":
        root.clear()
    else:
        root[{"nonce": 0, "root": 20, "tag": -1}[part]] ^= 1
    change_version(lobby, 1, root=bytes(root))
    assert refusal(lobby, SECRET).startswith(NOT_THE_KEY)


def test_a_root_of_another_database_under_the_same_secret_is_refused(lobby: Lobby) -> None:
    """Somebody who knows an old secret could otherwise choose the keys for look-ups."""
    both = with_secrets(lobby, NEW, SECRET)
    with lobby.database.write() as session:
        secret_keys.add(session, both.keyring, 2, 0, lobby.clock())
    foreign = Keyring([NEW]).seal_root(2, 0)
    change_version(lobby, 2, root=foreign)
    assert "was changed" in refusal(lobby, NEW, SECRET)


def test_a_row_cannot_be_moved_to_another_version(lobby: Lobby) -> None:
    change_version(lobby, 1, version=2)
    assert refusal(lobby, SECRET).startswith(NOT_THE_KEY)


def test_a_check_reports_another_key(lobby: Lobby) -> None:
    other = with_secrets(lobby, OTHER, is_checked=False)
    texts = [finding.text for finding in checks._secrets(other) if finding.is_trouble]
    assert [text.startswith(NOT_THE_KEY) for text in texts] == [True]


# ---- an upgrade


def test_an_upgrade_with_the_right_key_stores_it(lobby: Lobby) -> None:
    sealed_rows.add_one_of_each(lobby)
    forget_versions(lobby)
    check(lobby)
    assert [version for version, *_ in versions(lobby)] == [1]


def test_an_upgrade_with_another_key_is_refused_and_stores_nothing(lobby: Lobby) -> None:
    sealed_rows.add_one_of_each(lobby)
    forget_versions(lobby)
    assert refusal(lobby, OTHER).startswith(NOT_THE_KEY)
    assert versions(lobby) == []
    check(with_secrets(lobby, SECRET))
    assert len(versions(lobby)) == 1


@pytest.mark.parametrize("name", [sealed.name for sealed in SEALED])
def test_an_upgrade_opens_a_value_of_every_kind(lobby: Lobby, name: str) -> None:
    sealed = columns_named(name)
    sealed_rows.add_one_of_each(lobby)
    seal_with(lobby, sealed, Keyring([OTHER]))
    forget_versions(lobby)
    message = refusal(lobby, SECRET)
    assert f"only a part of the data in this database, and not that of {name}" in message
    assert versions(lobby) == []


def test_an_upgrade_with_both_secrets_of_an_earlier_rotation_numbers_them_as_before(
    lobby: Lobby,
) -> None:
    names = columns_named("supporter.name")
    seal_with(lobby, names, Keyring([NEW, SECRET]), list(raw_values(lobby, names))[-1:])
    forget_versions(lobby)
    both = with_secrets(lobby, NEW, SECRET)
    assert [version for version, *_ in versions(lobby)] == [1, 2]
    assert both.keyring.newest == 2
    index = lobby.keyring.blind_index(ORGANISATION, "a@b.org")
    assert both.keyring.blind_index(ORGANISATION, "a@b.org") == index


@pytest.mark.parametrize("secrets", [(NEW,), (SECRET, NEW)], ids=["the newer alone", "swapped"])
def test_an_upgrade_with_secrets_in_other_places_is_refused(
    lobby: Lobby, secrets: tuple[str, ...]
) -> None:
    names = columns_named("supporter.name")
    seal_with(lobby, names, Keyring([NEW, SECRET]), list(raw_values(lobby, names))[-1:])
    forget_versions(lobby)
    refusal(lobby, *secrets)
    assert versions(lobby) == []


def test_one_damaged_value_does_not_stop_an_upgrade(lobby: Lobby) -> None:
    names = columns_named("signature.name")
    first = next(iter(raw_values(lobby, names)))
    write_raw(lobby, names, first, b"\x01" + bytes(60))
    forget_versions(lobby)
    check(lobby)
    assert len(versions(lobby)) == 1


def test_a_database_that_was_used_with_two_first_keys_opens_with_both_in_their_order(
    lobby: Lobby,
) -> None:
    """An earlier version took any key, and numbered both of them 1."""
    names = columns_named("supporter.name")
    keys = list(raw_values(lobby, names))
    seal_with(lobby, names, Keyring([OTHER]), keys[-6:])
    forget_versions(lobby)
    assert "supporter.name" in refusal(lobby, SECRET)
    refusal(lobby, OTHER)
    refusal(lobby, SECRET, OTHER)
    both = with_secrets(lobby, OTHER, SECRET)
    values = raw_values(lobby, names).values()
    assert all(both.keyring.open(value, names.purpose).text for value in values)
    index = lobby.keyring.blind_index(ORGANISATION, "a@b.org")
    assert both.keyring.blind_index(ORGANISATION, "a@b.org") == index


# ---- a new secret in front


def test_a_new_secret_in_front_seals_and_signs_nothing_until_it_is_stored(lobby: Lobby) -> None:
    """Processes that do not have it yet still read all values, and their links."""
    both = with_secrets(lobby, NEW, SECRET)
    assert (both.keyring.newest, both.keyring.front) == (1, None)
    hints = [finding.text for finding in checks._secrets(both)]
    assert len(hints) == 1
    assert "`lobby secret rotate`" in hints[0]
    with both.database.write() as session:
        secret_keys.add(session, both.keyring, 2, 0, both.clock())
    check(both)
    assert (both.keyring.newest, both.keyring.front) == (2, 2)


def test_a_worker_takes_up_a_version_that_another_process_has_stored(lobby: Lobby) -> None:
    running = with_secrets(lobby, NEW, SECRET)
    with lobby.database.write() as session:
        secret_keys.add(session, running.keyring, 2, 0, lobby.clock())
    assert running.keyring.newest == 1
    worker.look_for_new_secret(running, threading.Event())
    assert running.keyring.newest == 2


def test_a_process_without_the_newest_secret_is_not_ready(lobby: Lobby) -> None:
    both = with_secrets(lobby, NEW, SECRET)
    with lobby.database.write() as session:
        secret_keys.add(session, both.keyring, 2, 0, lobby.clock())
    message = refusal(lobby, SECRET)
    assert "lacks the newest secret of this database, secret 2" in message
    old = with_secrets(lobby, SECRET, is_checked=False)
    worker.look_for_new_secret(old, threading.Event())  # logs it, and the worker goes on
    assert old.keyring.newest == 1


def test_an_earlier_secret_is_needed_until_it_is_retired(lobby: Lobby) -> None:
    both = with_secrets(lobby, NEW, SECRET)
    with lobby.database.write() as session:
        secret_keys.add(session, both.keyring, 2, 0, lobby.clock())
    assert "lacks secret 1 of this database" in refusal(lobby, NEW)
    change_version(lobby, 1, retired_at=lobby.clock())
    alone = with_secrets(lobby, NEW).keyring
    index = lobby.keyring.blind_index(ORGANISATION, "a@b.org")
    assert alone.blind_index(ORGANISATION, "a@b.org") == index
    assert "lacks the newest" not in refusal(lobby, THIRD)


def test_a_later_look_reads_once_and_decrypts_nothing(lobby: Lobby) -> None:
    generation = lobby.keyring.generation
    check(lobby)
    first = lobby.keyring.generation
    check(lobby)
    assert generation <= first == lobby.keyring.generation


# ---- a backup


embedded = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def copy(make_lobby: MakeLobby, tmp_path: Path) -> tuple[Lobby, Path]:
    """A backup of the embedded database, with the service that it is of."""
    lobby, file = make_lobby(), tmp_path / "copy #1.db"
    backups.backup(lobby.settings, file)
    return lobby, file


@embedded
def test_a_backup_is_checked_without_a_change_to_it(copy: tuple[Lobby, Path]) -> None:
    lobby, file = copy
    before = file.read_bytes()
    secret_keys.check_backup(file, lobby.settings, name="copy.db")
    settings = lobby.settings.model_copy(update={"secret_key": SecretStr(OTHER)})
    with pytest.raises(Unavailable, match="is not the secret key"):
        secret_keys.check_backup(file, settings, name="copy.db")
    assert file.read_bytes() == before
    assert sorted(each.name for each in file.parent.glob("copy*")) == [file.name]


@embedded
def test_a_backup_of_an_earlier_version_is_checked_by_its_values(
    copy: tuple[Lobby, Path],
) -> None:
    lobby, file = copy
    with sa.create_engine(f"sqlite:///{file}").begin() as connection:
        connection.exec_driver_sql("DROP TABLE secret")
        connection.exec_driver_sql("DROP TABLE submission")
    secret_keys.check_backup(file, lobby.settings, name="copy.db")
    settings = lobby.settings.model_copy(update={"secret_key": SecretStr(OTHER)})
    with pytest.raises(Unavailable, match="is not the secret key"):
        secret_keys.check_backup(file, settings, name="copy.db")


@embedded
def test_a_backup_without_a_key_is_refused_and_no_key_is_made(
    copy: tuple[Lobby, Path], tmp_path: Path
) -> None:
    lobby, file = copy
    settings = lobby.settings.model_copy(update={"secret_key": None, "data_dir": tmp_path / "new"})
    with pytest.raises(Unavailable, match="There is no secret key to read"):
        secret_keys.check_backup(file, settings, name="copy.db")
    assert not (tmp_path / "new").exists()
