"""Runs a short drill of the secret, and checks that it detects faults."""

from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from core.settings import Settings
from drills import secret
from models import Supporter
from models.base import table_of
from services.assembly import Lobby
from tools.settings import throwaway_settings

pytestmark = pytest.mark.slow
FEW = 300  # signatures; `python -m drills.secret` writes 200,000
_supporter = table_of(Supporter)


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


def test_a_secret_is_changed_and_nothing_else(settings: Settings) -> None:
    report = secret.run(settings, signatures=FEW, kills=1)
    assert report.faults == {}
    assert report.values > 5 * FEW


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_changed_index_and_a_changed_value_are_found(settings: Settings) -> None:
    def spoil(lobby: Lobby) -> None:
        with lobby.database.write() as session:
            address = secret.address_of(0)
            owner = session.connection().execute(sa.select(_supporter.c.organisation_id)).scalar()
            index = lobby.keyring.blind_index(owner, address) if owner else b""
            changed = sa.update(_supporter).where(_supporter.c.email_index == index)
            session.connection().execute(changed.values(email_index=b"another", name=None))

    report = secret.run(settings, signatures=FEW, kills=0, spoil=spoil)
    assert report.faults["look-ups"] == 1
    assert report.faults["values"] == 1
    assert report.faults["counted twice"] == 2  # a supporter and a signature
