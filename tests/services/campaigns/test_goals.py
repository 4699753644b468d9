"""Tests the goal that a petition shows."""

import pytest

from services.campaigns import goals


@pytest.mark.parametrize(
    ("count", "goal"),
    [
        (0, 100),
        (89, 100),
        (90, 250),
        (224, 250),
        (225, 500),
        (449, 500),
        (450, 1000),
        (899, 1000),
        (900, 2500),
        (2250, 5000),
        (4500, 10_000),
        (9000, 25_000),
        (22_500, 50_000),
        (12_361, 25_000),
        (899_999_999, 1_000_000_000),
    ],
)
def test_without_a_goal_of_its_own_a_petition_shows_the_next_step_at_nine_tenths(
    count: int, goal: int
) -> None:
    assert goals.shown(None, count=count) == goal


@pytest.mark.parametrize(
    ("own", "count", "goal"),
    [(1000, 0, 1000), (1000, 999, 1000), (1000, 1000, 2500), (2, 1, 2), (2, 2, 100), (2, 4, 100)],
)
def test_a_goal_that_was_set_stays_until_it_is_reached(own: int, count: int, goal: int) -> None:
    assert goals.shown(own, count=count) == goal


def test_no_number_of_signatures_is_above_its_goal_and_no_goal_ever_falls() -> None:
    for own in (None, 2, 137, 1000, 3000):
        shown = [goals.shown(own, count=count) for count in range(12_000)]
        assert all(goal > count for count, goal in enumerate(shown))
        assert shown[own or 0 :] == sorted(shown[own or 0 :])
