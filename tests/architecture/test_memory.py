"""Tests that an application that has ended frees its memory."""

import gc
import weakref

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from main import create_app
from services.assembly import Lobby


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_application_that_has_ended_is_freed(lobby: Lobby) -> None:
    def run_application() -> "weakref.ref[FastAPI]":
        app = create_app(lobby.settings, lobby=lobby)
        with TestClient(app) as client:
            assert client.get("/livez").status_code == 200
        return weakref.ref(app)

    run_application()  # a process never frees its first one: see `core.garbage`
    reference = run_application()
    gc.collect()
    assert reference() is None
