"""Paging by cursor, with `Link` headers (RFC 8288)."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from api.answers.state import state_of
from api.schemas.fields import Since
from services.database.time_windows import ChangePosition, ChangeWindow
from services.errors import Invalid

_EPOCH, _MICROSECOND, _TIME_SIZE = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1), 8


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
        return _links(request, cursor) if cursor else {}

    def next_cursor(self, ids: list[UUID]) -> str | None:
        """Returns the cursor of the next page, or None if all `ids` fit on this one."""
        if len(ids) <= self.limit:
            return None
        return _written(ids[self.limit - 1].bytes)


class ChangesPage:
    """The query of a page of rows by id or, with `since`, by when they last changed.

    `window` is set with `since`, and `after` without.
    """

    def __init__(
        self,
        cursor: Annotated[str | None, Query(max_length=40)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        since: Since | None = None,
    ) -> None:
        self.limit = limit
        self.after: UUID | None = None
        self.window: ChangeWindow | None = None
        if since is not None:
            self.window = ChangeWindow(since, _read_position(cursor) if cursor else None)
        elif cursor:
            self.after = _read(cursor)

    def link_next(
        self, request: Request, response: Response, positions: Sequence[ChangePosition]
    ) -> None:
        """Works like `Page.link_next`. `positions` are the places of the rows."""
        if len(positions) > self.limit:
            last = positions[self.limit - 1]
            first = _microseconds(last.changed_at) if self.window else b""
            response.headers.update(_links(request, _written(first + last.id.bytes)))


ThePage = Annotated[Page, Depends()]
TheChangesPage = Annotated[ChangesPage, Depends()]


def _links(request: Request, cursor: str) -> dict[str, str]:
    url = request.url.include_query_params(cursor=cursor)
    # Not the request's own address: its host is the client's word, and behind a proxy its scheme
    # may be http, which a key must not follow.
    site = state_of(request).lobby.settings.base_url
    return {"Link": f'<{site}{url.path}?{url.query}>; rel="next"'}


def _written(place: bytes) -> str:
    return base64.urlsafe_b64encode(place).rstrip(b"=").decode()


def _microseconds(moment: datetime) -> bytes:
    return ((moment - _EPOCH) // _MICROSECOND).to_bytes(_TIME_SIZE, "big", signed=True)


def _read(cursor: str) -> UUID:
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    except (ValueError, binascii.Error) as error:
        raise _invalid() from error


def _read_position(cursor: str) -> ChangePosition:
    try:
        place = base64.urlsafe_b64decode(cursor + "==")
        passed = int.from_bytes(place[:_TIME_SIZE], "big", signed=True)
        return ChangePosition(_EPOCH + passed * _MICROSECOND, UUID(bytes=place[_TIME_SIZE:]))
    except (ValueError, OverflowError, binascii.Error) as error:
        raise _invalid() from error


def _invalid() -> Invalid:
    message = "This cursor is not one that an earlier page gave."
    return Invalid.field("cursor", "cursor_invalid", message)
