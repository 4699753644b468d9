"""Runs the worked examples of docs/guide/api.md against a live server."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from sqlmodel import func, select

from models import Submission
from services.assembly import Lobby
from tests.support.contract.worked_examples import worked_example
from tools.live_service import LiveService, serving

SECTIONS = ["A supporter's page", "An organiser's tool", "A partner"]


@pytest.fixture
def service(lobby: Lobby) -> Iterator[LiveService]:
    with serving(lobby) as service:
        # The link to the next page begins with it.
        lobby.__dict__["settings"] = lobby.settings.model_copy(update={"base_url": service.url})
        yield service


def submissions(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return session.exec(select(func.count()).select_from(Submission)).one()


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("language", ["sh", "python", "js"])
def test_each_kind_of_user_has_an_example_in_each_language(section: str, language: str) -> None:
    assert "http://127.0.0.1:8000" in worked_example(section, language)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("section", "output", "signed"),
    [
        ("A supporter's page", "Morag Ferncastle", 1),
        ("An organiser's tool", "have signed", 0),
        ("A partner", "1 accepted", 1),
    ],
)
def test_the_examples_in_python_do_what_they_say(
    service: LiveService, lobby: Lobby, section: str, output: str, signed: int
) -> None:
    before = submissions(lobby)
    source = worked_example(section, "python").replace("http://127.0.0.1:8000", service.url)
    ran = subprocess.run(
        [sys.executable, "-c", source],
        env=os.environ | {"KEY": service.key},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert output in ran.stdout
    assert submissions(lobby) == before + signed
