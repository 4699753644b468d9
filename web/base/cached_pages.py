"""Pages that everybody sees alike: rendered once for all visitors, with an ETag.

An organiser who is signed in gets a page of their own, which no cache keeps: it may be a draft, and
a change shows at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from api.answers import public_answers
from api.answers.cached_answer import CachedAnswer
from api.answers.public_answers import PublicPage
from api.answers.state import state_of
from web.base.dependencies import COOKIES, organiser_of


@dataclass(frozen=True, slots=True)
class CachedRedirect:
    """A redirect to a page, which keeps the query of each request."""

    path: str

    def response(self, request: Request) -> Response:
        """Redirects with 302: the page may move back, where a second petition comes."""
        return RedirectResponse(with_query(self.path, request), 302)


Fresh = Callable[[Session, UUID | None], Response]
"""Renders a page from a session, for the organisation whose organiser is signed in, if any."""


async def answer(request: Request, page: PublicPage | None, fresh: Fresh) -> Response:
    """Returns the cached page. `fresh` renders it for organisers, and where `page` is None."""
    if page is None or any(name in request.cookies for name in COOKIES):
        return await run_in_threadpool(_rendered, request, fresh)
    return await public_answers.answer(request, state_of(request).public_answers.pages, page)


def with_query(path: str, request: Request) -> str:
    """Returns the path with the query of a request, but without a proof of work."""
    pairs = [pair for pair in request.query_params.multi_items() if pair[0] != "proof"]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def cached(page: Response) -> CachedAnswer:
    """Returns a rendered page as a cache holds it."""
    return CachedAnswer.of_page(bytes(page.body))


def _rendered(request: Request, fresh: Fresh) -> Response:
    lobby = state_of(request).lobby
    with lobby.database.read() as session:
        organiser = organiser_of(request, lobby, session)
        response = fresh(session, organiser.organisation_id if organiser else None)
    is_public_page = response.status_code == 200 and "Cache-Control" not in response.headers
    return (
        CachedAnswer.of_page(bytes(response.body)).response(request) if is_public_page else response
    )
