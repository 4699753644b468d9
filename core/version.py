"""The version of the service. `pyproject.toml` sets it; everything else reads it here."""

from functools import cache
from importlib import metadata

DISTRIBUTION = "central-lobby"


@cache
def version(distribution: str = DISTRIBUTION) -> str:
    """Returns the version of the installed distribution, or "unknown" where it is not installed.

    An image may hold the checkout and its libraries without installing the project.
    """
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"
