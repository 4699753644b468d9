"""Scales that begin at 0 and have round numbers."""

from dataclasses import dataclass

_MOST_STEPS = 4


@dataclass(frozen=True, slots=True)
class Scale:
    """A scale from 0 to `top`. `ticks` are the round numbers above 0, the lowest first."""

    top: int
    ticks: tuple[int, ...]

    def height(self, value: float, plot: float) -> float:
        """Returns how high a value is on a plot that is `plot` pixels high, to 0.1 of a pixel."""
        return round(plot * value / self.top, 1)


def reaching(most: int) -> Scale:
    """Returns the scale for values up to `most`: steps of 1, 2 or 5, or tens of these."""
    step = _step(max(most, 1))
    top = -(-max(most, 1) // step) * step
    return Scale(top, tuple(range(step, top + 1, step)))


def _step(most: int) -> int:
    scale = 1
    while True:
        for step in (1, 2, 5):
            if step * scale * _MOST_STEPS >= most:
                return step * scale
        scale *= 10
