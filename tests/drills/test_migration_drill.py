"""Runs a short migration drill and checks that it detects faults; `make drill` runs it in full."""

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from core.settings import Settings
from drills import migration
from tools.settings import throwaway_settings

pytestmark = pytest.mark.slow

FEW = 330  # rows of each kind; `python -m drills.migration` writes 200,000


@pytest.fixture
def settings(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings with an empty database."""
    if backend == "sqlite":
        return throwaway_settings(tmp_path)
    server: str = request.getfixturevalue("postgres")
    name = f"drill_{tmp_path.name[-20:]}".replace("-", "_").lower()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return throwaway_settings(tmp_path, server.replace("/postgres?", f"/{name}?"))


def test_nothing_is_lost_or_forged_on_the_way_up_and_down(settings: Settings) -> None:
    report = migration.run(FEW, settings)
    assert report.faults == {}
    assert min(report.up, report.down, report.adopted_a_second) > 0
    assert min(report.confirmed_a_second, report.given_back_a_second) > 0


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_answer_that_changes_on_the_way_is_found(settings: Settings) -> None:
    with migration.prepared(FEW, settings) as drill:
        row = drill.filled["young"][0]
        assert row.signature.updates is False
        forged = replace(row, signature=replace(row.signature, updates=True))
        drill.filled["young"][0] = forged
        again = migration.MigrationDrill(drill.lobby, drill.filled, drill.tokens)
        faults = again.run().faults
    assert faults == {"answers after confirming": 1, "answers after the way down": 1}
