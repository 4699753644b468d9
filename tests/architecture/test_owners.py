"""Tests that one module alone writes the columns of a letter's state."""

import ast
from collections.abc import Iterator

import pytest

from tests.support import our_files

COLUMNS = {"state", "reason", "confirmed_at", "sent_at", "bounced_at"}
TABLES = {"_letter", "Letter"}
WRITERS = {
    "services/letters/letter_states.py": COLUMNS,
    # The demonstration moves its letters into the past.
    "services/demonstration/awkward_letters.py": {"confirmed_at", "bounced_at"},
}


def columns_written_in(tree: ast.Module) -> set[str]:
    """Returns the columns of a letter's state that a module writes."""
    return {column for node in ast.walk(tree) for column in columns_written_by(node)}


def columns_written_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            yield from assigned_columns(target)
    if isinstance(node, ast.Call):
        yield from updated_columns(node)


def assigned_columns(target: ast.expr) -> Iterator[str]:
    """Yields the assigned attributes of variables that are named after a letter."""
    for part in ast.walk(target):
        if not isinstance(part, ast.Attribute) or part.attr not in COLUMNS:
            continue
        if "letter" in ast.unparse(part.value).lower():
            yield part.attr


def updated_columns(call: ast.Call) -> Iterator[str]:
    """Yields columns of `update(_letter)....values(state=...)`, in keywords or a dictionary.

    A member of `LetterState` is a letter's state, whatever the name of the table.
    """
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "values":
        return
    tables = {
        ast.unparse(part.args[0]).rpartition(".")[2]
        for part in ast.walk(call.func)
        if isinstance(part, ast.Call) and ast.unparse(part.func) in ("sa.update", "update")
    }
    for name, value in values_of(call):
        is_state = bool(tables) and ast.unparse(value).startswith("LetterState.")
        if is_state or (tables & TABLES and name in COLUMNS):
            yield name


def values_of(call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    yield from ((keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg)
    for argument in call.args:
        if isinstance(argument, ast.Dict):
            for key, value in zip(argument.keys, argument.values, strict=True):
                if isinstance(key, ast.Constant):
                    yield str(key.value), value


def test_only_letter_states_writes_the_state_of_a_letter() -> None:
    written = {
        our_files.name_of(file): columns
        for file in our_files.modules()
        if "letter" in file.read_text("utf-8").lower()  # to look at each name takes seconds
        if (columns := columns_written_in(our_files.tree_of(file)))
    }
    assert written == WRITERS


@pytest.mark.parametrize(
    ("source", "columns"),
    [
        ("letter.state = LetterState.SENT", {"state"}),
        ("letter.state, letter.reason = LetterState.QUEUED, None", {"state", "reason"}),
        ("row.letter.bounced_at = None", {"bounced_at"}),
        ("sa.update(_letter).where(is_it).values(state=sa.bindparam('new'))", {"state"}),
        ("sa.update(Letter).values({'sent_at': now})", {"sent_at"}),
        ("sa.update(table).values(state=LetterState.HELD)", {"state"}),
    ],
)
def test_a_write_is_found(source: str, columns: set[str]) -> None:
    assert columns_written_in(ast.parse(source)) == columns


@pytest.mark.parametrize(
    "source",
    [
        "message.state = MessageState.QUEUED",
        "if letter.state is LetterState.SENT: pass",
        "state = letter.state",
        "sa.update(_letter).values(asked_at=now)",
        "sa.select(_letter).where(_letter.c.state == LetterState.SENT)",
        "sa.update(_outbox).values(state=MessageState.QUEUED)",
    ],
)
def test_anything_else_is_no_write(source: str) -> None:
    assert columns_written_in(ast.parse(source)) == set()
