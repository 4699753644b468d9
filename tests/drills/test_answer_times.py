"""Tests of the drill that times answers: a short run, and whether it detects a difference."""

import random

import pytest

from core.settings import Settings
from drills import answer_times
from drills.answer_times import KINDS, Drill, Verdict, share_right
from services.assembly import Lobby
from tools.settings import throwaway_settings


@pytest.fixture
def drill_settings(empty_lobby: Lobby) -> Settings:
    return throwaway_settings(empty_lobby.settings.data_dir, empty_lobby.settings.database_url)


@pytest.mark.slow
def test_a_short_run_answers_every_post(drill_settings: Settings) -> None:
    verdicts = answer_times.run(Drill(posts=40, runs=2), drill_settings)
    assert [verdict.kind for verdict in verdicts] == list(KINDS)
    assert all(len(verdict.shares) == 2 for verdict in verdicts)


def times(difference: float, seed: int = 1) -> answer_times.Times:
    """Returns 200 times of each group, noisy, the one address's longer by `difference`."""
    chance = random.Random(seed)
    return [
        (chance.gauss(1.0, 0.1) + difference * is_target, is_target)
        for _ in range(200)
        for is_target in (True, False)
    ]


@pytest.mark.parametrize("difference", [0.15, -0.15])
def test_a_difference_is_found_whichever_way_it_goes(difference: float) -> None:
    shares = [share_right(times(difference, seed), random.Random(seed)) for seed in range(30)]
    verdict = Verdict("confirmed", tuple(shares), 0.0, 1.0)
    assert verdict.median > 0.7
    assert verdict.is_fault


def test_equal_times_are_no_fault() -> None:
    shares = [share_right(times(0.0, seed), random.Random(seed)) for seed in range(30)]
    assert not Verdict("confirmed", tuple(shares), 0.0, 0.5).is_fault


def test_one_run_that_tells_too_much_is_a_fault() -> None:
    assert Verdict("confirmed", (0.5, 0.5, 0.66), 0.0, 1.0).is_fault
    assert Verdict("confirmed", (0.56, 0.56, 0.5), 0.0, 1.0).is_fault


def test_the_drill_is_bounded() -> None:
    for too_much in ((2001, 1), (400, 101), (4, 1)):
        with pytest.raises(ValueError, match="at most 100 runs"):
            Drill(*too_much)
