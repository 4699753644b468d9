"""The goal that a petition shows. It moves on, so that there is always a next one to reach."""

_FIRST_STEPS = (100, 250, 500)
"""Each later step is ten times the one three before it: 1,000, 2,500, 5,000, 10,000 ..."""
_NEARLY = 90
"""The percentage of a step from which on the next one is shown."""


def shown(goal: int | None, *, count: int) -> int:
    """Returns the goal to show for a number of signatures.

    A goal that was set by hand (`goal`) stays until it is reached. After it, and without one, it is
    the first step of which less than 90% is reached.
    """
    return goal if goal is not None and count < goal else _next_step(count)


def _next_step(count: int) -> int:
    scale = 1
    while True:
        for step in _FIRST_STEPS:
            if 100 * count < _NEARLY * step * scale:
                return step * scale
        scale *= 10
