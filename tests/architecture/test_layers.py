"""Tests what modules of each layer may import and call."""

import ast

from tests.support import our_files

LONGEST_MODULE = 450
SQL = {"sqlalchemy", "sqlmodel", "alembic", "psycopg"}
ABOVE_SERVICES = ("api", "web", "main", "worker", "cli")
# They pass a session on to services and need its type.
SESSION = "sqlmodel.Session"
# Rendering of one message failed in a session that the next message is rendered in.
ROLLS_BACK = {"worker/mail.py calls session.rollback"}


def test_sql_is_in_services_only() -> None:
    wrong = [
        f"{our_files.name_of(file)} imports {name}"
        for file in our_files.modules(*ABOVE_SERVICES, "core")
        for name in our_files.facts_of(file).imports
        if name.split(".")[0] in SQL and name != SESSION
    ]
    assert wrong == []


def test_only_services_use_a_session() -> None:
    """Routes, pages, jobs and commands pass a session on and never call its methods."""
    wrong = {
        f"{our_files.name_of(file)} calls {name}"
        for file in our_files.modules(*ABOVE_SERVICES)
        for name, _ in our_files.facts_of(file).calls
        if name.startswith("session.")
    }
    assert wrong == ROLLS_BACK


def test_only_services_select() -> None:
    wrong = [
        f"{our_files.name_of(file)}:{node.lineno}"
        for file in our_files.modules(*ABOVE_SERVICES)
        if "select" in file.read_text(encoding="utf-8")  # to look at each call takes seconds
        for node in ast.walk(our_files.tree_of(file))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "select"
    ]
    assert wrong == []


def test_services_never_commit() -> None:
    wrong = [
        f"{our_files.name_of(file)}:{line} calls {name}"
        for file in our_files.modules("models", "services")
        for name, line in our_files.facts_of(file).calls
        if name.rpartition(".")[2] in ("commit", "rollback")
    ]
    assert wrong == []


def test_there_is_one_way_to_get_the_time() -> None:
    clocks = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"}
    modules = {
        our_files.name_of(file)
        for file in our_files.modules()
        for name, _ in our_files.facts_of(file).calls
        if name in clocks
    }
    assert modules == {"services/assembly.py", "core/stamps.py"}
    stamping = {
        our_files.name_of(file)
        for file in our_files.modules()
        if any(name.startswith("core.stamps") for name in our_files.facts_of(file).imports)
    }
    assert stamping == {"core/log_stream.py", "core/request_seconds.py", "core/requests_seen.py"}


def test_no_module_is_long() -> None:
    lengths = {
        our_files.name_of(file): len(file.read_bytes().splitlines()) for file in our_files.modules()
    }
    assert {name: length for name, length in lengths.items() if length >= LONGEST_MODULE} == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        our_files.name_of(file)
        for file in [*our_files.modules(), *our_files.modules(*our_files.AROUND)]
        if not our_files.facts_of(file).docstring
    ]
    assert silent == []


def test_nothing_imports_the_application() -> None:
    """The contracts in pyproject.toml cover packages only, and main.py is a module."""
    wrong = [
        f"{our_files.name_of(file)} imports {name}"
        for file in our_files.modules(*our_files.PACKAGES)
        for name in our_files.facts_of(file).imports
        if name.split(".")[0] == "main"
    ]
    assert wrong == []


def test_no_test_imports_another() -> None:
    """Shared code of tests is in tests/support."""
    wrong = [
        f"{our_files.name_of(file)} imports {name}"
        for file in our_files.modules("tests")
        for name in our_files.facts_of(file).imports
        if name.startswith("tests.") and ".test_" in name
    ]
    assert wrong == []
