"""Cached responses: what everybody may read of campaigns, petitions and tallies."""

import gzip
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar
from uuid import UUID

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from sqlmodel import Session

from api.answers import caching
from api.answers.signed_answers import SignedAnswers
from api.schemas.campaign import campaign_answer
from api.schemas.member import sitting_members
from api.schemas.petition import petition_answer
from api.schemas.postcode import (
    ConstituencyAnswer,
    MemberAnswer,
    constituency_answer,
    member_answer,
    seat_answer,
)
from api.schemas.tally import tally_answer
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.parliament import seats
from services.tallies import seat_table
from services.traffic.answer_cache import AnswerCache
from services.views import campaign_views, embeds, seat_views
from services.views.embeds import Embed
from services.views.seat_views import ConfirmedBoard

WORTH_PACKING = 1000  # bytes, as for the gzip middleware, which packs all other responses
MOST_KEYS, MOST_TALLIES, MOST_BOARDS = 1000, 50, 50  # a tally has some 300 KB
CONSTITUENCIES, MEMBERS = "constituencies", "members"
# Browsers ask each time whether a page has changed. A cache between may serve it for 5 seconds, and
# for half a minute more while it asks.
PAGE_CACHING = "public, max-age=0, s-maxage=5, stale-while-revalidate=30"
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
CacheableT = TypeVar("CacheableT", bound="Cacheable")
SeatAnswers = dict[str | None, tuple[ConstituencyAnswer | None, MemberAnswer | None]]
"""The constituency and the MP of each seat, by the constituency's code."""


class Cacheable(Protocol):
    """What a cache holds: it makes a response to each request."""

    def response(self, request: Request) -> Response:
        """Returns the response to a request."""


class PublicPage(Protocol):
    """Names a page that everybody sees alike, and renders it. It is a key of a cache."""

    def __hash__(self) -> int:
        """Returns the hash of what names the page."""

    def answer(self, session: Session, lobby: Lobby) -> Cacheable:
        """Renders the page. Raises NotFound where the public does not see it."""


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

    def response(self, request: Request) -> Response:
        """Returns the response: 304 if the client has it already, gzipped if the client allows."""
        headers = caching.etag_headers(self.tag, cache_control=self.cache_control, vary=self.vary)
        if self.packed:  # on the plain one too, or a shared cache would give it to every client
            headers["Vary"] += ", Accept-Encoding"
        if caching.client_has(request, self.tag):
            return Response(status_code=304, headers=headers)
        if self.packed and "gzip" in request.headers.get("Accept-Encoding", ""):
            packed = headers | {"Content-Encoding": "gzip"}
            return Response(self.packed, media_type=self.media_type, headers=packed)
        return Response(self.content, media_type=self.media_type, headers=headers)


def database_cache(
    lobby: Lobby,
    build: Callable[[Session, Key], Value],
    *,
    version: Callable[[], int] | None = None,
    most_keys: int = MOST_KEYS,
) -> AnswerCache[Key, Value]:
    """Returns a cache whose values `build` reads from the database, each in its own session.

    A value is rebuilt when `version` changes: by default with any public data.
    """

    def within(key: Key) -> Value:
        with lobby.database.read() as session:
            return build(session, key)

    return AnswerCache(
        within,
        version=version or lobby.database.read_version,
        clock=lobby.clock,
        most_keys=most_keys,
    )


class PublicAnswers:
    """The caches of one process, with slugs as keys.

    The key of `confirmed` is a petition's id, that of `campaign_slugs` a petition's slug, that of
    `embeds` a petition's and a partner's slug, that of `pages` renders its page, `seats` has one
    entry, and `seat_lists` has `CONSTITUENCIES` and `MEMBERS`. They hold nothing that only an API
    key may see.
    """

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self.campaigns = database_cache(lobby, self._campaign)
        self.petitions = database_cache(lobby, self._petition)
        self.tallies = database_cache(lobby, self._tally, most_keys=MOST_TALLIES)
        self.embeds = database_cache(lobby, self._embed)
        self.pages = database_cache(lobby, self._page)
        # These have no counts in them, so a confirmed signature does not make them outdated.
        but_counts = lobby.database.read_version_but_counts
        self.signed = database_cache(lobby, self._signed, version=but_counts)
        self.confirmed = database_cache(
            lobby, self._confirmed, version=but_counts, most_keys=MOST_BOARDS
        )
        self.seats = database_cache(lobby, self._seats, version=but_counts)
        self.seat_lists = database_cache(lobby, self._seat_list, version=but_counts)
        self.campaign_slugs = database_cache(lobby, self._campaign_slug, version=but_counts)

    def _campaign(self, session: Session, slug: str) -> CachedAnswer:
        campaign = campaigns.public(session, slug)
        view = campaign_views.of_campaign(session, campaign, now=self._lobby.clock())
        return CachedAnswer.of(campaign_answer(view, self._lobby.settings.base_url))

    def _petition(self, session: Session, slug: str) -> CachedAnswer:
        petition = petitions.public(session, slug)
        view = campaign_views.of_petition(session, petition, now=self._lobby.clock())
        return CachedAnswer.of(petition_answer(view))

    def _embed(self, session: Session, key: tuple[str, str]) -> Embed:
        """`key` has the petition's slug and the partner's. The partner's may be empty."""
        slug, partner = key
        elsewhere = self._lobby.settings.embedders
        now = self._lobby.clock()
        return embeds.of_petition(session, slug, partner=partner, elsewhere=elsewhere, now=now)

    def _page(self, session: Session, page: PublicPage) -> Cacheable:
        return page.answer(session, self._lobby)

    def _tally(self, session: Session, slug: str) -> CachedAnswer:
        campaign = campaigns.public(session, slug)
        tally = seat_table.of_campaign(session, campaign, now=self._lobby.clock())
        return CachedAnswer.of(tally_answer(tally, tally.rows), without={"as_of"})

    def _signed(self, session: Session, slug: str) -> SignedAnswers:
        now = self._lobby.clock()
        return SignedAnswers(seat_views.board_of_petition(session, slug, now=now))

    def _confirmed(self, session: Session, petition_id: UUID) -> ConfirmedBoard:
        lobby = self._lobby
        return seat_views.confirmed_board(
            session, petition_id, keyring=lobby.keyring, now=lobby.clock()
        )

    def _campaign_slug(self, session: Session, slug: str) -> str:
        return campaigns.get(session, petitions.public(session, slug).campaign_id).slug

    def _seat_list(self, session: Session, key: str) -> CachedAnswer:
        today = self._lobby.clock().date()
        found = seats.all_seats(session, today=today, organisation_id=None)
        if key == MEMBERS:
            return CachedAnswer.of_bytes(caching.as_list(sitting_members(found)))
        return CachedAnswer.of_bytes(caching.as_list(map(seat_answer, found)))

    def _seats(self, session: Session, _key: str) -> SeatAnswers:
        today = self._lobby.clock().date()
        return {
            seat.constituency.code: (
                constituency_answer(seat.constituency),
                member_answer(seat.member, seat.constituency),
            )
            for seat in seats.all_seats(session, today=today, organisation_id=None)
        }


async def answer(request: Request, answers: AnswerCache[Key, CacheableT], key: Key) -> Response:
    """Returns a cached response, built in a thread where the cache has none."""
    cached = answers.cached(key)
    if cached is None:
        cached = await run_in_threadpool(answers.get, key)
    return cached.response(request)
