"""The result of a check."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that an operator should know. `is_trouble` means that it has to be fixed.

    Programs compare `code`, which never changes; people read `text`. docs/operators/commands.md
    lists the codes.
    """

    text: str
    is_trouble: bool = True
    code: str = field(default="other", kw_only=True)
