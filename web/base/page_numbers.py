"""The numbered pages of a long list: `components/page_links.html` shows their links."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PageOnly:
    """The query of a list that has nothing but pages."""

    page: int = 1

    @classmethod
    def read(cls, typed: str) -> "PageOnly":
        """Reads a number as typed; the first page for anything else."""
        return cls(max(1, int(typed)) if typed.isascii() and typed.isdigit() else 1)

    def address(self, *, page: int) -> str:
        """Returns the query string of another page."""
        return f"?page={page}" if page > 1 else ""


def pages_near(page: int, pages: int) -> Sequence[int | None]:
    """Returns the pages to link: first, last and those beside this one. None is a gap."""
    near = sorted({1, pages, *range(max(1, page - 1), min(pages, page + 1) + 1)})
    shown: list[int | None] = []
    for number in near:
        if shown and number - (shown[-1] or 0) > 1:
            shown.append(None)
        shown.append(number)
    return shown
