"""Paging by cursor, with `Link` headers (RFC 8288)."""

import base64
import binascii
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from api.answers.state import state_of
from services.errors import Invalid


class Page:
    """The query of a page: its `cursor`, from the page before, and its `limit`."""

    def __init__(
        self,
        cursor: Annotated[str | None, Query(max_length=40)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> None:
        self.after = _read(cursor) if cursor else None
        self.limit = limit

    def link_next(self, request: Request, response: Response, ids: list[UUID]) -> None:
        """Adds the header of `links` to a response."""
        response.headers.update(self.links(request, ids))

    def links(self, request: Request, ids: list[UUID]) -> dict[str, str]:
        """Returns a `Link` header to the next page, with all other parameters of this request.

        `ids` has one id more than fits on this page if there is a next one; else there is none.
        """
        cursor = self.next_cursor(ids)
        if not cursor:
            return {}
        url = request.url.include_query_params(cursor=cursor)
        # Not the request's own address: its host is the client's word, and behind a proxy its
        # scheme may be http, which a key must not follow.
        site = state_of(request).lobby.settings.base_url
        return {"Link": f'<{site}{url.path}?{url.query}>; rel="next"'}

    def next_cursor(self, ids: list[UUID]) -> str | None:
        """Returns the cursor of the next page, or None if all `ids` fit on this one."""
        if len(ids) <= self.limit:
            return None
        last = ids[self.limit - 1].bytes
        return base64.urlsafe_b64encode(last).rstrip(b"=").decode()


ThePage = Annotated[Page, Depends()]


def _read(cursor: str) -> UUID:
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    except (ValueError, binascii.Error) as error:
        message = "This cursor is not one that an earlier page gave."
        raise Invalid.field("cursor", "cursor_invalid", message) from error
