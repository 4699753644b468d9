"""Our packages stand at the root: none may be hidden by a library, or hide one."""

import importlib
import sys
from importlib import metadata
from pathlib import Path

import pytest

from core.settings import ROOT
from tests.support.our_files import AROUND, PACKAGES

SERVICE = (*PACKAGES, "main")
OURS = (*SERVICE, *AROUND)


@pytest.mark.parametrize("name", OURS)
def test_a_root_package_is_ours(name: str) -> None:
    found = importlib.import_module(name).__file__
    assert found is not None
    assert Path(found).is_relative_to(ROOT)
    assert ".venv" not in Path(found).parts


@pytest.mark.parametrize("name", OURS)
def test_no_library_has_the_name_of_a_root_package(name: str) -> None:
    assert name not in sys.stdlib_module_names
    assert set(metadata.packages_distributions().get(name, [])) <= {"central-lobby"}


def test_every_folder_of_code_at_the_root_is_known() -> None:
    folders = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    assert folders == {*PACKAGES, *AROUND}
