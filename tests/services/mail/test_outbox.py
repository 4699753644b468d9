"""Tests how long an email waits for its next attempt."""

from datetime import timedelta

import pytest

from services.mail import outbox


def wait(attempt: int, detail: str = "451 try again later", chance: float = 0.0) -> timedelta:
    return outbox.wait_after(attempt, detail=detail, chance=lambda: chance)


def test_waits_double_from_a_minute_to_four_hours() -> None:
    minutes = [wait(attempt) / timedelta(minutes=1) for attempt in range(1, 12)]
    assert minutes == [1, 2, 4, 8, 16, 32, 64, 128, 240, 240, 240]
    assert wait(10_000) == timedelta(hours=4)


def test_what_failed_together_does_not_come_back_together() -> None:
    assert wait(3, chance=0.5) == timedelta(minutes=4) * 1.1
    assert wait(3) < wait(3, chance=0.999) < wait(3) * 1.2


@pytest.mark.parametrize(
    ("detail", "seconds"),
    [
        ("450 4.2.0 Greylisted, see http://postgrey.example/ for 300 seconds", 300),
        ("451 4.7.1 Greylisting in action, please come back in 10 minutes", 600),
        ("450 4.7.1 Graylisted, try again in 180s", 180),
        ("451 You are grey-listed", 300),
        ("450 Greylisted for 99999 minutes", 4 * 3600),
    ],
)
def test_a_greylisting_server_is_asked_again_when_it_says(detail: str, seconds: int) -> None:
    assert wait(1, detail) == timedelta(seconds=seconds)


@pytest.mark.parametrize("detail", ["451 busy for 300 seconds", "421 too many connections", ""])
def test_other_answers_that_put_off_get_the_usual_wait(detail: str) -> None:
    assert wait(1, detail) == timedelta(minutes=1)


def test_a_late_attempt_waits_no_less_than_usual() -> None:
    assert wait(8, "450 greylisted for 60 seconds") == timedelta(minutes=128)
