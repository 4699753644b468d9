"""The result of a check."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that an operator should know. `is_trouble` means that it has to be fixed."""

    text: str
    is_trouble: bool = True
