"""The files of this repository, for tests of rules that hold for all of them."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from core.settings import ROOT

# The service, and the folders around it.
PACKAGES = ("api", "cli", "core", "models", "services", "web", "worker")
AROUND = ("tools", "bench", "drills", "tests")


def modules(*parts: str) -> list[Path]:
    """Returns the modules of some folders at the root, or of the whole service without any."""
    files = [ROOT / "main.py"]
    for package in (*PACKAGES, *AROUND):
        files += sorted((ROOT / package).rglob("*.py"))
    wanted = parts or (*PACKAGES, "main")
    return [file for file in files if part_of(file) in wanted]


def part_of(file: Path) -> str:
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules ask of a file: its docstring, the names that it imports, and what it calls.

    `from a.b import c` imports the name `a.b.c`. Calls are those of methods, with their lines.
    """

    docstring: str | None
    imports: tuple[str, ...]
    calls: tuple[tuple[str, int], ...]


@cache
def facts_of(file: Path) -> Facts:
    """Reads a file once for all rules: to read all files takes seconds."""
    tree = tree_of(file)
    nodes = list(ast.walk(tree))
    imports = tuple(name for node in nodes for name in _imported(node, file))
    return Facts(ast.get_docstring(tree), imports, tuple(_calls(nodes)))


def _imported(node: ast.AST, file: Path) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{file} imports from a place relative to itself"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _calls(nodes: list[ast.AST]) -> Iterator[tuple[str, int]]:
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            prefix = f"{owner.id}." if isinstance(owner, ast.Name) else ""
            yield f"{prefix}{node.func.attr}", node.lineno


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def tracked() -> list[Path]:
    """Returns every file that is or would be committed."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file()]
