"""Tests that a PostgreSQL database that tests use again carries nothing from one to the next."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.support.database import reuse
from tests.support.database.reuse import PostgresDatabases

Connection = psycopg.Connection[Any]
Act = Callable[[Connection], object]
SCHEMA = {
    "columns": "SELECT attrelid::regclass::text, attname, atttypid::regtype::text, attnotnull, "
    "pg_get_expr(adbin, adrelid) FROM pg_attribute LEFT JOIN pg_attrdef ON "
    "(attrelid, attnum) = (adrelid, adnum) WHERE attrelid >= 16384 AND attnum > 0",
    "constraints": "SELECT conrelid::regclass::text, conname, convalidated, "
    "pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid >= 16384",
    "indexes": "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "relations": "SELECT oid::regclass::text, relkind, relacl::text, reltuples FROM pg_class "
    "WHERE oid >= 16384 AND relkind <> 't'",
    "triggers": "SELECT tgrelid::regclass::text, tgenabled, tgfoid::regproc::text FROM pg_trigger",
    "functions": "SELECT oid::regprocedure::text FROM pg_proc WHERE oid >= 16384",
    "schemas": "SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg_t%'",
    "extensions": "SELECT extname FROM pg_extension",
    "statistics": "SELECT count(*) FROM pg_statistic",
    "settings": "SELECT setconfig FROM pg_db_role_setting JOIN pg_database "
    "ON setdatabase = pg_database.oid WHERE datname = current_database()",
    "sequences": "SELECT schemaname, sequencename, last_value FROM pg_sequences",
    "other sessions": "SELECT pid FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "advisory locks": "SELECT objid FROM pg_locks JOIN pg_database ON database = pg_database.oid "
    "WHERE locktype = 'advisory' AND datname = current_database()",
}


@pytest.fixture
def databases(postgres: str) -> Iterator[PostgresDatabases]:
    databases = PostgresDatabases(postgres)
    yield databases
    databases.close()


@pytest.fixture
def template(postgres_templates: dict[str, str]) -> str:
    return postgres_templates["full"]


def connect(databases: PostgresDatabases, name: str) -> Connection:
    return psycopg.connect(databases.url(name), autocommit=True)


def tables(connection: Connection) -> list[str]:
    names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    return [name for (name,) in connection.execute(names)]


def for_each_table(statement: str) -> Act:
    """Makes a function that runs a statement for each table, without foreign keys."""

    def act(connection: Connection) -> None:
        connection.execute("SET session_replication_role = replica")
        for table in tables(connection):
            connection.execute(sql.SQL(statement).format(table=sql.Identifier(table)))

    return act


def one(statement: str) -> Act:
    return lambda connection: connection.execute(statement)


def rolled_back(connection: Connection) -> None:
    with connection.transaction(force_rollback=True):
        for_each_table("DELETE FROM {table}")(connection)


def state_of(databases: PostgresDatabases, name: str) -> dict[str, list[str]]:
    """Returns all rows of all tables, and all of the schema that a test could change."""
    with connect(databases, name) as connection:
        state = {kind: _rows(connection, query) for kind, query in SCHEMA.items()}
        for table in tables(connection):
            state[table] = _rows(connection, f'SELECT * FROM "{table}"')
        return state


def _rows(connection: Connection, query: str) -> list[str]:
    return sorted(map(repr, connection.execute(query).fetchall()))


def use(databases: PostgresDatabases, template: str, act: Act) -> tuple[str, str]:
    """Lets one test use a database; returns its name, and the name of the next one."""
    used = databases.new(template)
    with connect(databases, used) as connection:
        act(connection)
    databases.give_back(used)
    return used, databases.new(template)


def names(databases: PostgresDatabases, template: str) -> set[str]:
    with connect(databases, template) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


ROWS = {
    "nothing": one("SELECT 1"),
    "all rows are removed": for_each_table("DELETE FROM {table}"),
    "new rows": one(
        "INSERT INTO campaign_event SELECT (jsonb_populate_record(row, "
        "jsonb_build_object('id', gen_random_uuid()))).* FROM campaign_event AS row"
    ),
    "changed rows": one("UPDATE supporter SET email_index = decode(md5(id::text), 'hex')"),
    "new and removed rows": one(
        "WITH gone AS (DELETE FROM petition_hour RETURNING *) INSERT INTO alembic_version "
        "SELECT '9999' WHERE EXISTS (SELECT FROM gone)"
    ),
    "a sequence": one("SELECT nextval('parliament_session_id_seq')"),
    "a transaction that fails": rolled_back,
    "locks and channels of a session": one(
        "SELECT pg_advisory_lock(7); LISTEN channel; PREPARE it AS SELECT 1; SET work_mem = '1GB'"
    ),
}
MORE_THAN_ROWS = {
    "a table": one("CREATE TABLE more (id int)"),
    "a column": one("ALTER TABLE supporter ADD COLUMN more int"),
    "a constraint": one("ALTER TABLE outbox_message ADD CONSTRAINT more CHECK (true)"),
    "an index": one("DROP INDEX ix_submission_new"),
    "a trigger": one("ALTER TABLE signature DISABLE TRIGGER ALL"),
    "a function": one("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
    "a schema": one("CREATE SCHEMA more"),
    "a right": one("GRANT SELECT ON supporter TO PUBLIC"),
    "a temporary table": one("CREATE TEMPORARY TABLE more (id int)"),
    "an emptied table": one("TRUNCATE submission CASCADE"),
    "statistics": one("ANALYZE signature"),
    "statistics by hand": one("UPDATE pg_class SET reltuples = 7 WHERE relname = 'signature'"),
    "a large object": one("SELECT lo_create(0)"),
    "a setting": lambda connection: connection.execute(
        sql.SQL("ALTER DATABASE {} SET work_mem = '1GB'").format(
            sql.Identifier(connection.info.dbname)
        )
    ),
}


@pytest.mark.parametrize("change", ROWS)
def test_a_database_is_used_again_as_the_template_is(
    databases: PostgresDatabases, template: str, change: str
) -> None:
    before = state_of(databases, template)
    assert len(before["signature"]) == 360
    for _ in range(2):
        used, following = use(databases, template, ROWS[change])
        assert state_of(databases, following) == before
        assert following != used
        databases.give_back(following)
    assert databases.copied == 1


@pytest.mark.parametrize("change", MORE_THAN_ROWS)
def test_a_database_of_which_more_than_rows_changed_is_dropped(
    databases: PostgresDatabases, template: str, change: str
) -> None:
    before = state_of(databases, template)
    used, following = use(databases, template, MORE_THAN_ROWS[change])
    assert used not in names(databases, template)
    assert state_of(databases, following) == before
    assert databases.copied == 2
    databases.give_back(following)


def test_a_database_that_somebody_has_open_is_dropped(
    databases: PostgresDatabases, template: str
) -> None:
    used = databases.new(template)
    with connect(databases, used) as left:
        databases.give_back(used)
        assert used not in names(databases, template)
        with pytest.raises(psycopg.OperationalError):
            left.execute("SELECT 1")


def test_whoever_comes_back_late_finds_no_database(
    databases: PostgresDatabases, template: str
) -> None:
    used, following = use(databases, template, one("SELECT 1"))
    assert databases.copied == 1
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        connect(databases, used)
    databases.give_back(following)


def test_two_databases_at_once_are_two(databases: PostgresDatabases, template: str) -> None:
    first, second = databases.new(template), databases.new(template)
    assert first != second
    for name in (first, second):
        databases.give_back(name)


def test_a_test_can_have_a_database_of_its_own(databases: PostgresDatabases, template: str) -> None:
    databases.give_back(databases.new(template))
    own = databases.new(template, is_own=True)
    assert databases.copied == 2
    databases.give_back(own)


def test_templates_are_not_mixed_up(
    databases: PostgresDatabases, postgres_templates: dict[str, str]
) -> None:
    databases.give_back(databases.new(postgres_templates["full"]))
    empty = databases.new(postgres_templates["empty"])
    assert state_of(databases, empty)["signature"] == []
    databases.give_back(empty)


def test_a_database_is_dropped_after_many_uses(databases: PostgresDatabases, template: str) -> None:
    for _ in range(reuse.MOST_USES):
        databases.give_back(databases.new(template))
    assert databases.copied == 1
    databases.give_back(databases.new(template))
    assert databases.copied == 2
