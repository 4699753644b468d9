"""Tests that `lobby check` names what is wrong with a set-up, for each of those in the drill."""

import pytest

from drills import broken_setups
from drills.broken_setups import Result, Setup

pytestmark = pytest.mark.slow


def test_the_check_names_what_is_wrong_with_each_set_up() -> None:
    results = list(broken_setups.run())
    assert len(results) >= 10
    assert [result for result in results if not result.is_found] == []


def test_a_set_up_that_is_not_named_or_ends_well_counts_as_missed() -> None:
    setup = Setup("a wrong thing", "what is wrong")
    assert Result(setup, 1, ["This is what is wrong."]).is_found
    assert not Result(setup, 1, ["Something else."]).is_found
    assert not Result(setup, 0, ["This is what is wrong."]).is_found
    assert not Result(setup, 1, ["Traceback: this is what is wrong"]).is_found
