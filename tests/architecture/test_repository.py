"""Tests committed files, locked requirements and links in documents."""

import os
import re
from pathlib import Path

import pytest

from core.settings import ROOT
from tests.support import our_files

LARGEST_FILE = 300_000


def test_no_file_is_large() -> None:
    sizes = {our_files.name_of(file): file.stat().st_size for file in our_files.tracked()}
    assert {name: size for name, size in sizes.items() if size > LARGEST_FILE} == {}


def test_no_secret_and_no_database_is_committed() -> None:
    names = {file.name for file in our_files.tracked()}
    assert not names & {"secret_key", ".env", "lobby.db", "postcodes.bin"}
    assert not [name for name in names if name.endswith((".db", ".eml", ".pem", ".key"))]


SERVED = ("run.txt", "dev.txt")
LOCKS = (*SERVED, "clients.txt", "clients-build.txt")


def requirements(lock: str) -> list[str]:
    """Returns each requirement of a lock file with its hashes on one line."""
    text = (ROOT / "locks" / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_locked_with_hashes_and_without_an_address(lock: str) -> None:
    locked = requirements(lock)
    assert locked
    for line in locked:
        assert re.match(r"[A-Za-z0-9._-]+==\S+", line), line
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", line), line
    assert "://" not in (ROOT / "locks" / lock).read_text(encoding="utf-8")


def test_what_serves_is_tested_in_the_same_versions() -> None:
    versions = [
        dict(line.split()[0].split("==", 1) for line in requirements(lock)) for lock in SERVED
    ]
    assert versions[0].items() <= versions[1].items()


def test_no_lock_of_another_kind_is_kept() -> None:
    names = {file.name for file in our_files.tracked()}
    assert not names & {"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock"}


def test_the_checks_of_a_change_run_the_tests_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text(encoding="utf-8")


def test_the_readme_names_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make run" in readme
    assert "make test" in readme
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", readme)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", changelog, re.MULTILINE)
    assert headings[0] == "Unreleased"


DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / ".github").rglob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
]
FOLDERS = "alembic|api|bench|cli|core|deploy|docs|drills|locks|models|services|tests|web|worker"
# A pattern such as `docs/guide/*.md` does not name one file, so it is left out.
PATH = re.compile(rf"`((?:{FOLDERS})/[\w./-]*|(?:[\w-]+/)+[\w-]+\.py)(?=[`:\s])")
LINK = re.compile(r"\]\((?!\w+:)([^)\s#]*)(#[^)\s]+)?\)")
CODE = ("*.py", "*.html", "*.js", "*.toml", "Makefile")


def anchors_of(document: Path) -> set[str]:
    """Returns the anchors that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ +(.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {f"#{re.sub(r'[^a-z0-9_ -]', '', h.lower()).replace(' ', '-')}" for h in headings}


def test_every_path_that_documents_name_is_there() -> None:
    named = {
        f"{document.relative_to(ROOT)}: {path}"
        for document in DOCUMENTS
        for path in PATH.findall(document.read_text("utf-8"))
        if not (ROOT / path).exists()
    }
    assert named == set()


def test_every_document_that_a_document_names_is_there() -> None:
    """A name without a folder, such as `api.md`, means a neighbour or a file at the root."""
    named = {
        f"{document.relative_to(ROOT)}: {name}"
        for document in DOCUMENTS
        for name in re.findall(r"`((?:\.\./)*[\w-]+\.md)`", document.read_text("utf-8"))
        if not (document.parent / name).exists() and not (ROOT / name).exists()
    }
    assert named == set()


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = set()
    for document in DOCUMENTS:
        for path, anchor in LINK.findall(document.read_text("utf-8")):
            target = document.parent / path if path else document
            is_there = target.exists() and (not anchor or anchor in anchors_of(target))
            if not is_there:
                broken.add(f"{document.relative_to(ROOT)}: {path}{anchor}")
    assert broken == set()


def test_every_document_that_code_names_is_there() -> None:
    named = {
        f"{our_files.name_of(file)}: {path}"
        for file in our_files.tracked()
        if any(file.match(pattern) for pattern in CODE)
        for path in re.findall(r"\bdocs/[\w./-]+\.\w+", file.read_text("utf-8"))
        if not (ROOT / path).exists()
    }
    assert named == set()
