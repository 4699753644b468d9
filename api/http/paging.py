"""Paging by cursor, with `Link` headers (RFC 8288): the only kind of paging."""

import base64
import binascii
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from api.answers.state import state_of
from services.errors import Invalid


class Page:
    """Where a page begins and how long it is."""

    def __init__(
        self,
        cursor: Annotated[str | None, Query(max_length=40)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> None:
        self.after = _read(cursor) if cursor else None
        self.limit = limit

    def link_next(self, request: Request, response: Response, found: list[UUID]) -> None:
        """Say where the following page is, keeping every other parameter.

        `found` holds one id more than fits on this page if there is a following one.
        """
        cursor = self.cursor_behind(found)
        if cursor:
            url = request.url.include_query_params(cursor=cursor)
            # A proxy may keep to itself that it was asked by https: no key is to follow by http.
            if state_of(request).lobby.settings.base_url.startswith("https:"):
                url = url.replace(scheme="https")
            response.headers["Link"] = f'<{url}>; rel="next"'

    def cursor_behind(self, found: list[UUID]) -> str | None:
        """Where the following page begins, if `found` holds one id more than fits on this one."""
        if len(found) <= self.limit:
            return None
        last = found[self.limit - 1].bytes
        return base64.urlsafe_b64encode(last).rstrip(b"=").decode()


ThePage = Annotated[Page, Depends()]


def _read(cursor: str) -> UUID:
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    except (ValueError, binascii.Error) as error:
        message = "This cursor is not one that an earlier page gave."
        raise Invalid.field("cursor", "cursor_invalid", message) from error
