"""Tests that `make quick` leaves out few tests of the service itself, and some of no part of it."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from core.settings import ROOT
from tests.support import our_files
from tests.support.quick import MARKS

# They test processes, browsers and real data, which take seconds.
SLOW_FOLDERS = ("cli", "drills", "journeys", "real_data")
TESTS = ROOT / "tests"


def counts_of_folders() -> tuple[Counter[str], Counter[str]]:
    """Returns how many test functions each folder has, and how many of them are left out."""
    functions, left_out = Counter[str](), Counter[str]()
    for file in our_files.modules("tests"):
        folder = str(file.parent.relative_to(TESTS))
        if file.name.startswith("test_") and folder.partition("/")[0] not in SLOW_FOLDERS:
            all_of_them, slow = counts_of(file)
            functions[folder] += all_of_them
            left_out[folder] += slow
    return functions, left_out


def counts_of(file: Path) -> tuple[int, int]:
    tree = our_files.tree_of(file)
    tests = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    tests = [test for test in tests if test.name.startswith("test_")]
    if any(is_mark_of_all(node) for node in tree.body):
        return len(tests), len(tests)
    return len(tests), sum(any(map(is_mark, test.decorator_list)) for test in tests)


def is_mark_of_all(node: ast.stmt) -> bool:
    names = [ast.unparse(target) for target in getattr(node, "targets", ())]
    return names == ["pytestmark"] and any(map(is_mark, ast.walk(node)))


def is_mark(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in MARKS


@pytest.mark.slow
def test_a_quick_run_leaves_out_few_tests_and_some_of_no_part() -> None:
    functions, left_out = counts_of_folders()
    assert functions.total() > 3_000
    assert 0 < left_out.total() < functions.total() / 10
    assert [folder for folder in functions if left_out[folder] > functions[folder] * 2 / 3] == []
