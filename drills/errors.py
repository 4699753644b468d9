"""The error of all drills."""


class DrillFailed(Exception):
    """A drill could not run to its end."""
