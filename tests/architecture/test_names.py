"""Tests that no package at the root hides a library or is hidden by one."""

import importlib
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from core.settings import ROOT
from tests.support.cli import COMMAND, Cli
from tests.support.our_files import AROUND, PACKAGES

SERVICE = (*PACKAGES, "main")
OURS = (*SERVICE, *AROUND)


@pytest.mark.parametrize("name", OURS)
def test_a_root_package_is_ours(name: str) -> None:
    file = importlib.import_module(name).__file__
    assert file is not None
    assert Path(file).is_relative_to(ROOT)
    assert ".venv" not in Path(file).parts


@pytest.mark.parametrize("name", OURS)
def test_no_library_has_the_name_of_a_root_package(name: str) -> None:
    assert name not in sys.stdlib_module_names
    assert set(metadata.packages_distributions().get(name, [])) <= {"central-lobby"}


@pytest.mark.slow
def test_the_service_is_imported_from_any_folder(tmp_path: Path) -> None:
    """Imports the installed checkout as `uvicorn main:app` and the `lobby` command do."""
    program = "import sys; from importlib import import_module as module\n"
    program += "print(*(module(name).__file__ for name in sys.argv[1:]), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", program, *SERVICE],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    files = [Path(line) for line in done.stdout.split()]
    assert len(files) == len(SERVICE)
    assert [file for file in files if not file.is_relative_to(ROOT)] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_command_works_in_any_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [COMMAND, "--help"],
        cwd=tmp_path,
        env=Cli(tmp_path / "data").environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "serve" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_uvicorn_serves_the_application_in_any_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    program = "import asyncio, uvicorn; config = uvicorn.Config('main:app'); config.load(); "
    program += "print(config.loaded_app is not None)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=Cli(data).environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["True"], done.stderr


def test_every_folder_of_code_at_the_root_is_known() -> None:
    folders = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    assert folders == {*PACKAGES, *AROUND}
