"""The application: `create_app(settings)` makes one, and uvicorn serves `app`."""

import threading
import traceback
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from functools import cache

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import worker
from api import openapi
from api import routes as api_routes
from api.action_network import errors as action_network_errors
from api.action_network import routes as action_network_routes
from api.action_network.places import is_dialect
from api.action_network.slashes import Slashes
from api.answers.state import AppState, set_state, state_of
from api.front.body_limits import largest_body
from api.front.cross_origin import PUBLIC_READS, CrossOrigin
from api.front.hosts import Hosts, ServedHosts
from api.front.hot_route import HotRoute
from api.front.rate_limiting import Limiter, Limits
from api.front.slash_redirects import SlashRedirects
from api.http import errors as api_errors
from api.http.middleware import Guard, Watch
from api.http.response_headers import ResponseHeaders
from api.openapi import DescribedApi, Document
from core import garbage, logs
from core.settings import Settings, sentences
from core.version import version
from services.assembly import Lobby, open_lobby
from services.database import secret_keys
from services.database.engine import check_schema
from services.database.process_locks import Role, run_alone
from services.errors import LobbyError
from web.base import errors as web_errors
from web.base.static_files import HashedFiles
from web.routes import PUBLIC_PAGES, pages
from worker import metrics_port

API_PATHS = (
    "/v1/",
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/constituencies.json",
    "/oembed",
)
# The endings of petitions' files, as on Parliament's own site. No path of a page ends in them.
PETITION_FILES = (".json", ".csv")
GZIP_LEVEL = 6  # the highest, 9, takes three times as long and saves a hundredth more
# All applications have the same routes.
_DOCUMENT = Document()
_HANDLED = (*api_errors.KNOWN, RequestValidationError, HTTPException, ClientDisconnect)


class Service(DescribedApi):
    """The application, with a front that sees a request before all of FastAPI's layers."""

    front: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.front is None or scope["type"] != "http":
            return await self.behind(scope, receive, send)
        scope["app"] = self  # as FastAPI does
        return await self.front(scope, receive, send)

    async def behind(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles what the front passes on."""
        await super().__call__(scope, receive, send)


def create_app(settings: Settings, *, lobby: Lobby | None = None) -> Service:
    """Makes the whole service: API, pages, middleware and, by setting, the worker.

    The application opens a lobby if it gets none. It closes at shutdown only what it opened.
    """
    state = AppState.of(lobby or open_lobby(settings), owns_lobby=lobby is None)
    limiter, hosts = Limiter(settings, state.lobby.keyring), ServedHosts(settings.base_url)
    is_https = settings.base_url.startswith("https:")
    headers = ResponseHeaders(is_https=is_https, public=(*PUBLIC_READS, *PUBLIC_PAGES))
    service = Service(
        made=_DOCUMENT,
        title="Central Lobby",
        version=version(),
        description="Petitions, letters to MPs, and who has signed the motion.",
        lifespan=_lifespan,
        docs_url=None,  # its pages load scripts from other sites
        redoc_url=None,
        openapi_url=None,  # `api.openapi` serves a cached response
        redirect_slashes=False,  # `SlashRedirects` does it
        routes=_routes(),
    )
    set_state(service, state)
    service.mount("/static", HashedFiles(), name="static")
    service.router.default = SlashRedirects(service.routes, service.router.default)
    # The middleware that is added last sees a request first.
    service.add_middleware(Slashes)
    service.add_middleware(Guard, largest_body=largest_body)
    service.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=GZIP_LEVEL)
    service.add_middleware(Limits, limiter=limiter, answer=_error_response)
    service.add_middleware(CrossOrigin)
    service.add_middleware(Hosts, served=hosts, answer=_error_response)
    service.add_middleware(Watch, headers=headers, answer=_error_response)
    service.front = HotRoute(service.behind, limiter=limiter, hosts=hosts, headers=headers)
    for kind in _HANDLED:
        service.add_exception_handler(kind, _error_response)
    return service


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The service for `uvicorn main:app`, made from the settings when the server starts.

    Importing this module opens nothing. A service that cannot be made ends the server: uvicorn
    would take an exception for a missing lifespan protocol, and serve.
    """
    try:
        service = _service()
    except Exception as error:
        if scope["type"] != "lifespan":
            raise
        await send({"type": "lifespan.startup.failed", "message": _reason(error)})
        return
    await service(scope, receive, _without_traceback(service, send))


def _without_traceback(service: FastAPI, send: Send) -> Send:
    """Tells the server why it may not start by one sentence, where the reason is a refusal."""

    async def plainly(message: Message) -> None:
        if message["type"] == "lifespan.startup.failed" and hasattr(service.state, "refusal"):
            message["message"] = service.state.refusal
        await send(message)

    return plainly


def _reason(error: Exception) -> str:
    """Returns sentences for an error that an operator can mend, and a traceback for all others."""
    if isinstance(error, ValidationError):
        return "\n".join(sentences(error))
    return error.message if isinstance(error, LobbyError) else traceback.format_exc()


@cache
def _service() -> FastAPI:
    if not structlog.is_configured():  # `lobby serve` has done it
        logs.configure(is_final=True)
    return create_app(Settings())


@cache
def _routes() -> list[BaseRoute]:
    """All applications share the routes, and what FastAPI finds when it analyses one."""
    return [*api_routes.calls(), *openapi.router.routes, *action_network_routes.calls(), *pages()]


@asynccontextmanager
async def _lifespan(service: FastAPI) -> AsyncIterator[None]:
    state = state_of({"app": service})
    with ExitStack() as held:
        try:
            if state.owns_lobby:  # `lobby serve` has the locks already: it shares them
                held.enter_context(_alone(state.lobby))
            lobby = state.lobby
            check_schema(lobby.database)
            secret_keys.check(lobby.database, lobby.keyring, now=lobby.clock())
            held.enter_context(metrics_port.serving(lobby))
        except LobbyError as error:
            service.state.refusal = error.message
            raise
        async with _running(state):
            yield


def _alone(lobby: Lobby) -> AbstractContextManager[None]:
    return run_alone(lobby.settings, Role.SERVER, what="a server of main:app", now=lobby.clock())


@asynccontextmanager
async def _running(state: AppState) -> AsyncIterator[None]:
    lobby = state.lobby
    state.start()
    stop = threading.Event()
    task = worker.run if lobby.settings.worker == "inline" else worker.watch_secrets
    thread = threading.Thread(target=task, args=(lobby, stop), name="worker")
    thread.start()
    garbage.calm()
    yield
    stop.set()
    thread.join()
    state.stop()
    await state.sign_ins.close()
    state.close()
    logs.finish()


async def _error_response(request: Request, error: Exception) -> Response:
    """A problem for API clients, in the dialect of Action Network or ours; for others, a page."""
    path = request.url.path
    if is_dialect(path):
        return await action_network_errors.problem(request, error)
    is_file = path.startswith("/petitions") and path.endswith(PETITION_FILES)
    if is_file or path.startswith(API_PATHS):
        return await api_errors.problem(request, error)
    return await web_errors.page_problem(request, error)
