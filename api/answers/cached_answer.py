"""A cached response: a body with its ETag, which may be kept plain and gzipped."""

import gzip
from dataclasses import dataclass, replace
from typing import NamedTuple

from fastapi import Request, Response
from pydantic import BaseModel

from api.answers import caching

WORTH_PACKING = 1000  # bytes, as for the gzip middleware, which packs all other responses
# Browsers ask each time whether a page has changed. A cache between may serve it for 5 seconds, and
# for half a minute more while it asks.
PAGE_CACHING = "public, max-age=0, s-maxage=5, stale-while-revalidate=30"


class Head(NamedTuple):
    """What many answers say alike in their headers."""

    cache_control: str
    vary: str
    media_type: str | None
    is_packed: bool

    def headers(self) -> dict[str, str]:
        """Returns the headers, but for the media type."""
        packed = {"Content-Encoding": "gzip"} if self.is_packed else {}
        return {"Cache-Control": self.cache_control, "Vary": self.vary} | packed


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """A response body, plain and gzipped, with its ETag. `packed` is None for a small body.

    `cache_control` and `vary` are the values of `Cache-Control` and `Vary`.
    """

    content: bytes
    packed: bytes | None
    tag: str
    media_type: str = caching.MEDIA_TYPE
    cache_control: str = caching.CHECKED
    vary: str = "Accept, Authorization"

    @classmethod
    def of(cls, answer: BaseModel, *, without: set[str] | None = None) -> "CachedAnswer":
        """Serialises a model. The ETag leaves out the fields in `without`, such as a time."""
        content = answer.model_dump_json().encode()
        etag_source = answer.model_dump_json(exclude=without).encode() if without else content
        return cls.of_bytes(content, etag_source=etag_source)

    @classmethod
    def of_bytes(
        cls,
        content: bytes,
        *,
        etag_source: bytes | None = None,
        media_type: str = caching.MEDIA_TYPE,
    ) -> "CachedAnswer":
        """Takes a body as it is. The ETag is made from `etag_source`, or else from all of it."""
        is_large = len(content) >= WORTH_PACKING
        packed = gzip.compress(content, compresslevel=5, mtime=0) if is_large else None
        tag = caching.etag_of(content if etag_source is None else etag_source)
        return cls(content, packed, tag, media_type)

    @classmethod
    def of_page(cls, html: bytes) -> "CachedAnswer":
        """Takes a page that everybody sees alike, except organisers who are signed in."""
        page = cls.of_bytes(html, media_type=caching.HTML)
        return replace(page, cache_control=PAGE_CACHING, vary="Cookie")

    def chosen(self, if_none_match: str | None, accept_encoding: str) -> tuple[int, Head, bytes]:
        """Returns the status, the head and the body for these values of the request's headers.

        The status is 304 if the client has the answer already. The body is gzipped if the client
        allows it.
        """
        if if_none_match is not None and caching.is_listed(if_none_match, self.tag):
            return 304, self._head(is_packed=False, media_type=None), b""
        if self.packed and "gzip" in accept_encoding:
            return 200, self._head(is_packed=True, media_type=self.media_type), self.packed
        return 200, self._head(is_packed=False, media_type=self.media_type), self.content

    def _head(self, *, is_packed: bool, media_type: str | None) -> Head:
        # `Accept-Encoding` on the plain one too, or a shared cache would give it to every client.
        vary = f"{self.vary}, Accept-Encoding" if self.packed else self.vary
        return Head(self.cache_control, vary, media_type, is_packed)

    def response(self, request: Request) -> Response:
        """Returns the response to a request, as `chosen` does."""
        asked = request.headers
        status, head, content = self.chosen(
            asked.get("If-None-Match"), asked.get("Accept-Encoding", "")
        )
        body = None if status == 304 else content
        return Response(body, status, {"ETag": self.tag} | head.headers(), head.media_type)
