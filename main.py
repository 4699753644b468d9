"""The application: `create_app(settings)`, and `app` for uvicorn."""

import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute

import worker
from api import openapi
from api.action_network import errors as action_network_errors
from api.action_network.places import is_dialect
from api.action_network.routes import router as action_network_router
from api.action_network.slashes import Slashes
from api.answers.public_answers import PublicAnswers
from api.formats.parliament_petitions import ParliamentAnswers
from api.front.cross_origin import CrossOrigin
from api.front.hot_route import HotRoute
from api.front.rate_limiting import Limits
from api.http import errors as api_errors
from api.http.middleware import Guard, Watch
from api.openapi import DescribedApi, operation_id
from api.routes import router as api_router
from core import garbage
from core.settings import Settings
from core.version import version
from services.assembly import Lobby, open_lobby
from services.database.engine import check_schema
from services.keys.key_uses import KeyUses
from services.signatures import keyed, signature_states
from services.signatures.recording import Outcome, SignatureRequest
from services.signatures.signature_states import Confirmation
from services.traffic.group_commit import GroupCommit
from services.traffic.idempotency import RequestsInFlight
from web.base import errors as web_errors
from web.routes import router as web_router

STATIC = Path(__file__).parent / "web" / "static"
API_PATHS = (
    "/v1/",
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/constituencies.json",
    "/oembed",
)
FILES_OF_PETITIONS = (".json", ".csv")  # as Parliament's own site names them: no page ends so
PACKING = 6  # the highest, 9, takes three times as long for the last hundredth of the size
# Bytes, by how a path ends. While a body is read nobody else is served, and anybody can send one.
LARGEST_BODIES = {
    "/signatures/bulk": 21_000_000,
    "/letters/variants": 2_000_000,
    "/letters/variants/preview": 2_000_000,
}
LARGEST_BODY = 200_000  # of all others: a letter has some thousands
_HANDLED = (*api_errors.KNOWN, RequestValidationError, HTTPException, ClientDisconnect)


def create_app(settings: Settings, *, lobby: Lobby | None = None) -> FastAPI:
    """The whole service. Opens its parts at start-up, and closes at the end what it opened."""
    the_lobby = lobby or open_lobby(settings)
    app = DescribedApi(
        title="Central Lobby",
        version=version(),
        description="Petitions, letters to MPs, and who has signed the motion.",
        lifespan=_lifespan,
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        openapi_url=None,  # `api.openapi` serves it, made once
        routes=_routes(),
    )
    app.state.lobby = the_lobby
    app.state.owns_lobby = lobby is None
    app.state.intake = GroupCommit(_recorder(the_lobby))
    app.state.in_flight = RequestsInFlight()
    app.state.key_uses = KeyUses(the_lobby.database)
    app.state.confirmations = GroupCommit(_confirmer(the_lobby))
    app.state.public_answers = PublicAnswers(the_lobby)
    app.state.parliament_answers = ParliamentAnswers(the_lobby)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Slashes)
    app.add_middleware(Guard, largest_body=_largest_body)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=PACKING)
    app.add_middleware(HotRoute)
    app.add_middleware(Limits, settings=settings, keyring=the_lobby.keyring, answer=_answer_to)
    app.add_middleware(CrossOrigin)
    app.add_middleware(Watch, is_https=settings.base_url.startswith("https:"))
    for kind in _HANDLED:
        app.add_exception_handler(kind, _answer_to)
    return app


@cache
def _routes() -> list[BaseRoute]:
    """Of every application: FastAPI takes 0.1 s to build them, at the first request."""
    router = APIRouter(generate_unique_id_function=operation_id)
    for part in (api_router, openapi.router, action_network_router, web_router):
        router.include_router(part)
    return router.routes


def __getattr__(name: str) -> Any:
    """`app`, made when uvicorn asks for it: importing this module opens nothing."""
    if name == "app":
        return create_app(Settings())
    raise AttributeError(name)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    lobby: Lobby = app.state.lobby
    check_schema(lobby.database)
    beside = (app.state.intake, app.state.confirmations, app.state.key_uses)
    for each in beside:
        each.start()
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(lobby, stop), name="worker")
    if lobby.settings.worker == "inline":
        thread.start()
    garbage.calm()
    yield
    stop.set()
    if thread.is_alive():
        thread.join()
    for each in beside:
        each.stop()
    if app.state.owns_lobby:
        lobby.close()


def _recorder(lobby: Lobby) -> Callable[[Sequence[SignatureRequest]], list[Outcome]]:
    """One transaction for a batch of signatures."""

    def record(requests: Sequence[SignatureRequest]) -> list[Outcome]:
        with lobby.database.write(is_public=False) as session:
            return keyed.record(
                session,
                requests,
                postcodes=lobby.postcodes.lookup,
                keyring=lobby.keyring,
                now=lobby.clock(),
            )

    return record


def _confirmer(lobby: Lobby) -> Callable[[Sequence[UUID]], list[Confirmation]]:
    """One transaction for a batch of confirmations."""

    def confirm(ids: Sequence[UUID]) -> list[Confirmation]:
        with lobby.database.write(is_count=True) as session:
            return signature_states.confirm_all(session, ids, now=lobby.clock())

    return confirm


def _largest_body(path: str) -> int:
    found = (most for end, most in LARGEST_BODIES.items() if path.endswith(end))
    return next(found, LARGEST_BODY)


async def _answer_to(request: Request, error: Exception) -> Response:
    """Problems for programs, pages for people."""
    path = request.url.path
    if is_dialect(path):
        return await action_network_errors.problem(request, error)
    is_file = path.startswith("/petitions") and path.endswith(FILES_OF_PETITIONS)
    if is_file or path.startswith(API_PATHS):
        return await api_errors.problem(request, error)
    return await web_errors.page_problem(request, error)
