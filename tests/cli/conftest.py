"""Fixtures that run the `lobby` command with separate folders and databases."""

import shutil
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.support.cli import Cli
from tests.support.common import SECRET


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Returns the command with a data folder that does not exist yet."""
    return Cli(tmp_path / "data")


@pytest.fixture(scope="session")
def demonstration_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demonstration") / "data"
    done = Cli(folder)("demo")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def demo(demonstration_folder: Path, cli: Cli) -> Cli:
    """Returns the command with a copy of the demonstration."""
    shutil.copytree(demonstration_folder, cli.data)
    return cli


@pytest.fixture
def on_postgres(postgres: str, tmp_path: Path) -> Cli:
    """Returns the command with an empty PostgreSQL database."""
    name = f"cli_{uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = postgres.replace("/postgres?", f"/{name}?")
    return Cli(tmp_path / "data", {"LOBBY_DATABASE_URL": url, "LOBBY_SECRET_KEY": SECRET})
