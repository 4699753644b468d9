"""Pages by number, as the dialect has them: `page`, and `per_page` up to 25."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Request
from fastapi.responses import JSONResponse

from api.action_network.places import Places
from services.database.time_windows import PageRange
from services.errors import Invalid

LONGEST_PAGE = 25
NO_STORE = {"Cache-Control": "no-store"}
_FARTHEST = 10**9
RowT = TypeVar("RowT")
Json = dict[str, Any]


class HalAnswer(JSONResponse):
    """An answer in HAL, which may be personal: no proxy is to keep it."""

    media_type = "application/hal+json"

    def __init__(self, content: Json, status_code: int = 200) -> None:
        super().__init__(content, status_code, headers=NO_STORE)


class DialectPage:
    """Which page is asked for. What is not a number is refused."""

    def __init__(self, page: str = "1", per_page: str = str(LONGEST_PAGE)) -> None:
        self.number = _number(page, "page")
        self.size = min(_number(per_page, "per_page"), LONGEST_PAGE)

    @property
    def rows(self) -> PageRange:
        """One row more than fits, if there is one: it says that there is a following page."""
        return PageRange((self.number - 1) * self.size, self.size + 1)

    def answer(
        self,
        request: Request,
        places: Places,
        kind: str,
        found: Sequence[RowT],
        tell: Callable[[RowT], Json],
    ) -> HalAnswer:
        """A collection of `osdi:{kind}`. Past the end it is empty, which is how clients know."""
        told = [tell(row) for row in found[: self.size]]
        here = places.site + request.url.path.rstrip("/")
        links: Json = {"self": {"href": here}}
        if len(found) > self.size:
            links["next"] = {"href": self._address(request, here, self.number + 1)}
        if self.number > 1:
            links["prev"] = {"href": self._address(request, here, self.number - 1)}
        links[f"osdi:{kind}"] = [each["_links"]["self"] for each in told]
        links["curies"] = places.curies()
        return HalAnswer(
            {
                "per_page": self.size,
                "page": self.number,
                "_links": links,
                "_embedded": {f"osdi:{kind}": told},
            }
        )

    def _address(self, request: Request, here: str, number: int) -> str:
        """With the filter, if there is one: one by address finds one person at most, and so there
        is no address in what we make."""
        asked: dict[str, str] = {"page": str(number)}
        if self.size != LONGEST_PAGE:
            asked["per_page"] = str(self.size)
        told = request.query_params.get("filter", "")
        if told and "@" not in told:
            asked["filter"] = told
        return f"{here}?{urlencode(asked)}"


ThePage = Annotated[DialectPage, Depends()]


def _number(text: str, field: str) -> int:
    if text.isascii() and text.isdigit() and int(text[:12]) > 0:
        return min(int(text[:12]), _FARTHEST)
    raise Invalid.field(field, "number_malformed", "Give a whole number from 1.")
