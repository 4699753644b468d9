"""Cached responses: what everybody may read of campaigns, petitions and tallies."""

from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar
from uuid import UUID

from fastapi import Request, Response
from sqlmodel import Session

from api.answers import caching
from api.answers.cached_answer import CachedAnswer
from api.answers.confirmed_answers import ConfirmedAnswers
from api.answers.postcode_answers import PostcodeAnswers, SeatAnswers
from api.answers.signed_answers import SignedAnswers
from api.schemas.campaign import campaign_answer
from api.schemas.member import sitting_members
from api.schemas.petition import petition_answer
from api.schemas.postcode import (
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

MOST_KEYS, MOST_TALLIES, MOST_BOARDS = 1000, 50, 50  # a tally has some 300 KB
CONSTITUENCIES, MEMBERS = "constituencies", "members"
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
CacheableT = TypeVar("CacheableT", bound="Cacheable")


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
    `embeds` a petition's and a partner's slug, that of `pages` renders its page, `postcodes` has
    one entry, and `seat_lists` has `CONSTITUENCIES` and `MEMBERS`. They hold nothing that only an
    API key may see.
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
        self.postcodes = database_cache(lobby, self._postcodes, version=but_counts)
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

    def _confirmed(self, session: Session, petition_id: UUID) -> ConfirmedAnswers:
        keyring, now = self._lobby.keyring, self._lobby.clock()
        board = seat_views.confirmed_board(session, petition_id, keyring=keyring, now=now)
        return ConfirmedAnswers(board, self._lobby.tokens)

    def _campaign_slug(self, session: Session, slug: str) -> str:
        return campaigns.get(session, petitions.public(session, slug).campaign_id).slug

    def _seat_list(self, session: Session, key: str) -> CachedAnswer:
        today = self._lobby.clock().date()
        found = seats.all_seats(session, today=today, organisation_id=None)
        if key == MEMBERS:
            return CachedAnswer.of_bytes(caching.as_list(sitting_members(found)))
        return CachedAnswer.of_bytes(caching.as_list(map(seat_answer, found)))

    def _postcodes(self, session: Session, _key: str) -> PostcodeAnswers:
        today = self._lobby.clock().date()
        found: SeatAnswers = {
            seat.constituency.code: (
                constituency_answer(seat.constituency),
                member_answer(seat.member, seat.constituency),
            )
            for seat in seats.all_seats(session, today=today, organisation_id=None)
        }
        return PostcodeAnswers(found)


async def answer(request: Request, answers: AnswerCache[Key, CacheableT], key: Key) -> Response:
    """Returns a cached response, built in a thread where the cache has none."""
    cached = await answers.fetch(key)
    return cached.response(request)
