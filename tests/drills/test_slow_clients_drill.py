"""Runs a short drill of slow clients; `make drill` runs it in full."""

from collections import Counter

import pytest

from core.settings import Settings
from drills import slow_clients
from drills.slow_clients import KINDS, LONGEST_P95, Drill, Report, Signing
from services.assembly import Lobby
from tools.settings import throwaway_settings


@pytest.fixture
def drill_settings(empty_lobby: Lobby) -> Settings:
    return throwaway_settings(empty_lobby.settings.data_dir, empty_lobby.settings.database_url)


@pytest.mark.slow
def test_everybody_signs_beside_slow_connections_and_sign_ins(drill_settings: Settings) -> None:
    drill = Drill(signers=8, slow=60, sign_ins=8, seconds=13, rounds=1)
    report = slow_clients.run(drill, drill_settings)
    assert report.alone.statuses.keys() == report.beside.statuses.keys() == {201}
    assert report.most_open == 60
    assert report.ends["headers"].keys() == {"408"}
    assert report.ends["nothing"].keys() == {"no answer"}
    assert report.sign_ins.statuses.keys() == {422}
    assert len(list(slow_clients.tables([("sqlite", report)]))) == 8


def report_with(status: int, seconds: float) -> Report:
    good = Signing([0.001] * 100, Counter({201: 100}))
    beside = Signing([seconds] * 100, Counter({201: 99, status: 1}))
    return Report(alone=good, beside=beside)


def test_a_refused_signature_and_slow_signing_are_faults() -> None:
    assert report_with(201, LONGEST_P95).faults == []
    assert report_with(503, 0.001).faults == ["1 signatures got 503"]
    assert report_with(201, LONGEST_P95 + 0.01).faults == ["signing was too slow"]


def test_the_drill_is_bounded() -> None:
    for too_much in ({"slow": 3001}, {"signers": 201}, {"seconds": 121}, {"rounds": 11}):
        with pytest.raises(ValueError, match="at most"):
            Drill(**too_much)
    assert len(KINDS) == 3
