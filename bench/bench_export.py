"""How fast signatures are exported to files, and how much memory that takes.

A million signatures over 650 seats, with texts that can be decrypted, with and without a source,
two of three with a consent. All ways read the same rows in turns. They are compared with a plain
SELECT that does nothing with its rows, and with the obvious implementation: rows of the ORM and the
library's CSV writer. Figures are medians of the rounds. CPU time includes the database's, and says
more than the clock on a busy machine. Memory is measured in a process of its own for each file.
`python -m bench.bench_export` runs it.
"""

import argparse
import csv
import io
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from bench.large_databases import SERIES, WORDS
from core import garbage, logs
from core.settings import Settings
from models import Petition, Private, Signature
from models.base import table_of
from services.assembly import Lobby, open_lobby
from services.campaigns import petitions
from services.demonstration import invented_campaign
from services.files import exports
from services.files.export_lines import FileFormat
from services.signatures import signature_exports, signature_states
from services.supporters import wordings
from tools.databases import fresh_database
from tools.sample_data import load_demonstration

SIGNATURES = int(os.environ.get("BENCH_SIGNATURES", "1000000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECRET = "for a benchmark " * 3
SEATS, POOL = 650, 1000
FEW = min(100_000, SIGNATURES)  # of the rows, in a round and in the smaller of two files
Way = Callable[[Lobby, Petition, int], int]
_PLAINEST = [
    table_of(Signature).c[name]
    for name in (
        "id",
        "state",
        "country",
        "constituency_code",
        "locale",
        "source",
        "partner_id",
        "signed_at",
        "confirmed_at",
        "ended_at",
    )
]


def main() -> None:
    """Prints two Markdown tables."""
    logs.configure(level="ERROR")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory", nargs=4, metavar=("FOLDER", "URL", "WAY", "ROWS"))
    arguments = parser.parse_args().memory
    if arguments:
        folder, url, way, rows = arguments
        print(growth(open_lobby(settings_of(Path(folder), url)), WAYS[way], int(rows)))
        return
    rates, memory = [], []
    for backend, name in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL")):
        with fresh_database(backend) as (folder, url):
            lobby = open_lobby(settings_of(folder, url))
            load_demonstration(lobby)
            with lobby.database.write() as session:
                fill(session, lobby, backend)
            analyse(lobby)
            garbage.calm()  # as in a process that serves
            rates += [f"| {name} {line}" for line in rates_of(lobby)]
            memory += [f"| {name} {line}" for line in memory_of(folder, url)]
            lobby.close()
    print("| database | file | rows a second | against the plainest | CPU us a row |")
    print("|---|---|---|---|---|")
    print("\n".join(rates))
    print(f"\n| database | file | MB for {FEW:,} rows | MB for {SIGNATURES:,} |\n|---|---|---|---|")
    print("\n".join(memory))


def settings_of(folder: Path, url: str) -> Settings:
    values = {"data_dir": folder, "secret_key": SECRET}
    return Settings.model_validate(values | ({"database_url": url} if url else {}))


# ---- the ways


def plainest(lobby: Lobby, petition: Petition, rows: int) -> int:
    """Reads the plain columns of one table page by page, and does nothing with them."""
    table = table_of(Signature)
    after, done = UUID(int=0), 0
    statement = sa.select(*(sa.type_coerce(column, sa.Text) for column in _PLAINEST))
    statement = statement.where(
        table.c.petition_id == petition.id, table.c.id > sa.bindparam("after")
    )
    # A literal LIMIT, as in the exports: see there.
    statement = statement.order_by(table.c.id).limit(
        sa.literal_column(str(exports.PLAIN_PAGE_SIZE))
    )
    while done < rows:
        with lobby.database.read() as session:
            rows_read = session.connection().execute(statement, {"after": after}).all()
        done += len(rows_read)
        after = UUID(str(rows_read[-1][0]))
    return done


def through_the_orm(lobby: Lobby, petition: Petition, rows: int) -> int:
    """The obvious implementation."""
    after, done = UUID(int=0), 0
    while done < rows:
        with lobby.database.read() as session:
            rows_read = signature_states.page(
                session,
                petition.id,
                state=None,
                after=after,
                limit=exports.ENCRYPTED_PAGE_SIZE,
            )
        text = csv.writer(io.StringIO())
        text.writerows(
            (
                signature.id,
                signature.state,
                signature.name.text,
                supporter.email.text,
                signature.postcode.text,
                signature.comment and signature.comment.text,
                signature.constituency_code,
                signature.source,
                signature.signed_at.isoformat(),
                signature.confirmed_at and signature.confirmed_at.isoformat(),
            )
            for signature, supporter, *_ in rows_read
        )
        done += len(rows_read)
        after = rows_read[-1][0].id
    return done


def ours(form: FileFormat, *, is_personal: bool) -> Way:
    """Returns the service's own export."""

    def write(lobby: Lobby, petition: Petition, rows: int) -> int:
        export = signature_exports.of_petition(petition, is_personal=is_personal)
        done = 0
        for chunk in exports.chunks(lobby.database, export, form, keyring=lobby.keyring):
            done += chunk.rows
            if done >= rows:
                break
        return done

    return write


WAYS: dict[str, Way] = {
    "the plainest": plainest,
    "CSV without personal data": ours(FileFormat.CSV, is_personal=False),
    "JSON lines without personal data": ours(FileFormat.JSONL, is_personal=False),
    "CSV, decrypted": ours(FileFormat.CSV, is_personal=True),
    "JSON lines, decrypted": ours(FileFormat.JSONL, is_personal=True),
    "decrypted through the ORM": through_the_orm,
}
# These ways get fewer rows, so that all take about the same time: the rows are divided by this.
SLOWER = {"CSV, decrypted": 2, "JSON lines, decrypted": 2, "decrypted through the ORM": 10}
FILES = [way for way in WAYS if "personal" in way or "," in way]


# ---- measuring


def rates_of(lobby: Lobby) -> list[str]:
    """Measures all ways in turns, so that other load on the machine affects all of them."""
    petition = petition_of(lobby)
    taken: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for name, way in WAYS.items():
            taken[name].append(times_a_row(lobby, petition, way, FEW // SLOWER.get(name, 1)))
    baseline = [seconds for seconds, _ in taken["the plainest"]]
    lines = []
    for name, times in taken.items():
        seconds = [clock for clock, _ in times]
        shares = [base / own for own, base in zip(seconds, baseline, strict=True)]
        rate, share = 1 / statistics.median(seconds), statistics.median(shares)
        cpu = statistics.median(cpu_time for _, cpu_time in times) * 1e6
        lines.append(f"| {name} | {rate:,.0f} | {share:.2f} | {cpu:.1f} |")
    return lines


def times_a_row(lobby: Lobby, petition: Petition, way: Way, rows: int) -> tuple[float, float]:
    """Returns seconds per row: wall clock, and CPU time."""
    started_at, cpu = time.perf_counter(), cpu_of(lobby)
    done = way(lobby, petition, rows)
    return (time.perf_counter() - started_at) / done, (cpu_of(lobby) - cpu) / done


def cpu_of(lobby: Lobby) -> float:
    """Returns the CPU seconds of this process so far, with those of its PostgreSQL backend."""
    own = time.process_time()
    if lobby.database.is_sqlite:
        return own
    with lobby.database.read() as session:  # a single thread gets the same connection from the pool
        pid = session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return own + sum(int(field) for field in fields[11:13]) / os.sysconf("SC_CLK_TCK")


def memory_of(folder: Path, url: str) -> list[str]:
    """Measures each file in a process of its own: a process keeps memory that it once used."""
    lines = []
    for way in FILES:
        grown = [in_a_process(folder, url, way, rows) for rows in (FEW, SIGNATURES)]
        lines.append(f"| {way} | {' | '.join(grown)} |")
    return lines


def in_a_process(folder: Path, url: str, way: str, rows: int) -> str:
    command = [sys.executable, "-m", "bench.bench_export", "--memory"]
    done = subprocess.run(
        [*command, str(folder), url, way, str(rows)], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def growth(lobby: Lobby, way: Way, rows: int) -> str:
    """Returns by how many MB the peak memory of this process grew while it wrote the rows."""
    petition = petition_of(lobby)
    before = largest()
    way(lobby, petition, rows)
    return f"{(largest() - before) / 1024:.0f}"


def largest() -> int:
    """Returns the peak memory of this process in kB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise RuntimeError("this needs Linux")


# ---- filling


def petition_of(lobby: Lobby) -> Petition:
    with lobby.database.read() as session:
        return petitions.public(session, invented_campaign.about().petition)


def analyse(lobby: Lobby) -> None:
    """Does what autovacuum would do after a minute."""
    if not lobby.database.is_sqlite:
        with lobby.database._writer.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(
                "VACUUM ANALYZE"
            )


def fill(session: Session, lobby: Lobby, kind: str) -> None:
    """Makes the rows in the database. Their texts come from a pool: to encrypt millions is slow."""
    connection = session.connection()
    petition = petitions.public(session, invented_campaign.about().petition)
    owner = petition.organisation_id
    wording = wordings.updates_wordings(session, {owner}, now=lobby.clock())[owner]
    add_pool(connection, lobby, owner)
    add_seats(connection)
    word, moment = WORDS[kind], WORDS[kind]["moment"]
    supporter, signature, consent = (word["id"].format(kind=kind * 2) for kind in "abc")

    def id_literal(value: UUID) -> str:
        return f"'{value.hex}'" if kind == "sqlite" else f"'{value}'::uuid"

    def add(table: str, where: str, **values: str) -> None:
        names, expressions = ", ".join(values), ", ".join(values.values())
        series = SERIES[kind].format(size=SIGNATURES)
        source = f"FROM series JOIN pool ON pool.k = n - n / {POOL} * {POOL}"
        connection.exec_driver_sql(
            f"INSERT INTO {table} ({names}) {series} SELECT {expressions} {source} WHERE {where}"
        )

    add(
        "supporter",
        "true",
        id=supporter,
        organisation_id=id_literal(owner),
        email="email",
        email_index="randomblob(32)" if kind == "sqlite" else "sha256(n::text::bytea)",
        locale="'en'",
        created_at=moment,
    )
    third = "n - n / 3 * 3"
    add(
        "signature",
        "true",
        id=signature,
        petition_id=id_literal(petition.id),
        supporter_id=supporter,
        state="CASE WHEN n - n / 10 * 10 = 0 THEN 'expired' ELSE 'confirmed' END",
        constituency_code=f"(SELECT code FROM seats WHERE seats.k = n - n / {SEATS} * {SEATS})",
        name="name",
        postcode="postcode",
        comment="comment",
        country="'GB'",
        locale="'en'",
        source=f"CASE {third} WHEN 0 THEN 'facebook' WHEN 1 THEN '=news, \"today\"' END",
        signed_at=moment,
        confirmed_at=f"CASE WHEN n - n / 10 * 10 = 0 THEN NULL ELSE {moment} END",
        changed_at=moment,
    )
    add(
        "consent",
        f"{third} > 0",
        id=consent,
        supporter_id=supporter,
        wording_id=id_literal(wording),
        kind=f"'{wordings.UPDATES}'",
        granted="true",
        given_at=moment,
        effective_at=moment,
        signature_id=signature,
    )


def add_pool(connection: sa.Connection, lobby: Lobby, owner: UUID) -> None:
    """Adds a table of encrypted texts; a fifth of its rows has a comment."""

    def sealed(purpose: str, text: str) -> bytes:
        return lobby.keyring.seal(Private(owner, text), purpose)

    pool = sa.Table(
        "pool",
        sa.MetaData(),
        sa.Column("k", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.LargeBinary) for name in ("name", "email", "postcode", "comment")),
        prefixes=["TEMPORARY"],
    )
    pool.create(connection)
    rows = [
        {
            "k": k,
            "name": sealed("signature.name", f"Anna Exämple {k}"),
            "email": sealed("supporter.email", f"anna{k}@example.org"),
            "postcode": sealed("signature.postcode", "EH1 1YZ"),
            "comment": None
            if k % 5
            else sealed("signature.comment", 'Because "it" matters,\nto all of us.'),
        }
        for k in range(POOL)
    ]
    connection.execute(sa.insert(pool), rows)


def add_seats(connection: sa.Connection) -> None:
    """Fills up to 650 constituencies, and adds a table of their codes."""
    codes = list(connection.exec_driver_sql("SELECT code FROM constituency").scalars())
    made = [f"E14{number:06}" for number in range(SEATS - len(codes))]
    for code in made:
        connection.exec_driver_sql(
            "INSERT INTO constituency (code, name, nation, region, boundary_set) "
            f"VALUES ('{code}', 'Somewhere {code} and Elsewhere', 'England', 'East', '2024')"
        )
    seats = sa.Table(
        "seats",
        sa.MetaData(),
        sa.Column("k", sa.Integer, primary_key=True),
        sa.Column("code", sa.String),
        prefixes=["TEMPORARY"],
    )
    seats.create(connection)
    rows = [{"k": k, "code": code} for k, code in enumerate([*codes, *made])]
    connection.execute(sa.insert(seats), rows)


if __name__ == "__main__":
    main()
