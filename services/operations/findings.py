"""What a look at a running system finds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to know; trouble is what has to be mended."""

    text: str
    is_trouble: bool = True
