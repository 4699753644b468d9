"""Paging of the dialect: by `page`, with `per_page` up to 25."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Request
from fastapi.responses import JSONResponse

from api.action_network.filters import NOT_GIVEN, Total
from api.action_network.places import Places, relation
from services.database.time_windows import PageRange
from services.errors import Invalid

LONGEST_PAGE = 25
NO_STORE = {"Cache-Control": "no-store"}
_FARTHEST = 10**9
RowT = TypeVar("RowT")
Json = dict[str, Any]


class HalAnswer(JSONResponse):
    """A response in HAL. Caches must not store it, since it may contain personal data."""

    media_type = "application/hal+json"

    def __init__(self, content: Json, status_code: int = 200) -> None:
        super().__init__(content, status_code, headers=NO_STORE)


class DialectPage:
    """The query of a page. Raises Invalid for anything but numbers."""

    def __init__(self, page: str = "1", per_page: str = str(LONGEST_PAGE)) -> None:
        self.number = _number(page, "page", unsaid=1)
        # py-actionnetworkorg forgets the & between this number and its filter.
        size = per_page.removesuffix(f"filter={NOT_GIVEN}")
        self.size = min(_number(size, "per_page", unsaid=LONGEST_PAGE), LONGEST_PAGE)

    @property
    def rows(self) -> PageRange:
        """The rows to read: one more than fits, which shows whether there is a next page."""
        return PageRange((self.number - 1) * self.size, self.size + 1)

    def answer(
        self,
        request: Request,
        places: Places,
        kind: str,
        rows: Sequence[RowT],
        convert: Callable[[RowT], Json],
        *,
        total: Total,
    ) -> HalAnswer:
        """Returns a collection, such as of `osdi:people`. Clients stop at a page that is empty.

        `total` counts all rows. It is called only where these rows do not tell their number.
        """
        items = [convert(row) for row in rows[: self.size]]
        here = places.site + request.url.path.rstrip("/")
        links: Json = {"self": {"href": here}}
        if len(rows) > self.size:
            links["next"] = {"href": self._address(request, here, self.number + 1)}
        if self.number > 1:
            links["prev"] = {"href": self._address(request, here, self.number - 1)}
        links[relation(kind)] = [item["_links"]["self"] for item in items]
        links["curies"] = places.curies()
        return HalAnswer(
            {
                **self._totals(rows, total),
                "per_page": self.size,
                "page": self.number,
                "_links": links,
                "_embedded": {relation(kind): items},
            }
        )

    def _totals(self, rows: Sequence[object], total: Total) -> Json:
        """Returns the fields with totals, or none if they are not known."""
        is_last = len(rows) <= self.size and (len(rows) > 0 or self.number == 1)
        count = self.rows.offset + len(rows) if is_last else total()
        if count is None:
            return {}
        return {"total_pages": -(-count // self.size), "total_records": count}

    def _address(self, request: Request, here: str, number: int) -> str:
        """Keeps the filter, unless it has an email address, which must not be in links.

        Such a filter finds one person at most, so that there is no further page.
        """
        query: dict[str, str] = {"page": str(number)}
        if self.size != LONGEST_PAGE:
            query["per_page"] = str(self.size)
        text = request.query_params.get("filter", "")
        if text and "@" not in text:
            query["filter"] = text
        return f"{here}?{urlencode(query)}"


ThePage = Annotated[DialectPage, Depends()]


def _number(text: str, field: str, *, unsaid: int) -> int:
    if text == NOT_GIVEN:
        return unsaid
    if text.isascii() and text.isdigit() and int(text[:12]) > 0:
        return min(int(text[:12]), _FARTHEST)
    raise Invalid.field(field, "number_malformed", "Give a whole number from 1.")
