"""The header Idempotency-Key: a repeated request creates nothing, and gets the stored response."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, Self

from fastapi import Depends, Header, Request, Response
from pydantic import AfterValidator, BaseModel
from sqlmodel import Session
from starlette.types import Scope

from api.answers.state import state_of
from api.http.dependencies import Anyone
from api.http.problem import problems
from services.errors import Invalid
from services.keys.api_keys import Caller
from services.traffic import idempotency
from services.traffic.idempotency import Attempt, StoredAnswer

HEADER = idempotency.FIELD
REPLAYED = "Idempotency-Replayed"
MEDIA_TYPE = "application/json"


def _well_formed(key: str | None) -> str | None:
    if key is not None and not idempotency.is_well_formed(key):
        message = f"1 to {idempotency.LONGEST_KEY} printable ASCII characters, please."
        raise Invalid.field(HEADER, "idempotency_key_malformed", message)
    return key


GivenKey = Annotated[
    str | None,
    Header(
        alias=HEADER,
        description=(
            "A random text of the sender's, such as a UUID. The same request with the same key "
            "within 24 hours gets the first good answer again, and creates nothing."
        ),
        json_schema_extra={"minLength": 1, "maxLength": idempotency.LONGEST_KEY},
    ),
    AfterValidator(_well_formed),
]


def attempt_of(scope: Scope, key: str, content: bytes, caller: Caller | None = None) -> Attempt:
    """Returns what identifies a request and its repetitions: key, caller, path and content."""
    lobby = state_of(scope).lobby
    return idempotency.attempt(
        lobby.keyring,
        key,
        key_id=caller.key_id if caller else None,
        method=scope["method"],
        path=scope["path"],
        content=content,
    )


class OnceOnly:
    """A call that creates something, with its idempotency key, if it has one."""

    def __init__(
        self, request: Request, key: str | None, content: bytes, caller: Caller | None
    ) -> None:
        self._request, self._key = request, key
        self._content, self._caller = content, caller

    def answer(
        self,
        work: Callable[[Session], BaseModel | bytes],
        *,
        status: int = 201,
        location: str | None = None,
        is_public: bool = True,
        is_count: bool = False,
    ) -> Response:
        """Runs `work` in a transaction and stores its response, or returns the stored response.

        `location` is the path of what was made, with names of the answer's fields in braces.
        `is_public` and `is_count` are those of `Database.write`. Raises what `work` raises, and
        what `services.traffic.idempotency` raises for the key.
        """
        answer = self.stored(work, status=status, is_public=is_public, is_count=is_count)
        return response(answer, headers=self._location(answer, location))

    def _location(self, answer: StoredAnswer, path: str | None) -> dict[str, str]:
        """Returns the header `Location`, which is not stored: it follows from the answer."""
        if path is None:
            return {}
        site = state_of(self._request).lobby.settings.base_url
        return {"Location": site + path.format(**json.loads(answer.content))}

    def stored(
        self,
        work: Callable[[Session], BaseModel | bytes],
        *,
        status: int,
        is_public: bool = True,
        is_count: bool = False,
    ) -> StoredAnswer:
        """Works like `answer`, for a caller that makes its own response of the answer."""
        state, attempt = state_of(self._request), self.attempt
        write = partial(state.lobby.database.write, is_public=is_public, is_count=is_count)
        if attempt is None:
            with write() as session:
                body = work(session)
            return _answer(body, status)
        with state.in_flight.reserve(attempt), write() as session:
            return idempotency.run_once(
                session, attempt, lambda: _answer(work(session), status), now=state.lobby.clock()
            )

    @property
    def attempt(self) -> Attempt | None:
        """Returns what identifies this request and its repetitions, or None without a key."""
        if self._key is None:
            return None
        return attempt_of(self._request.scope, self._key, self._content, self._caller)

    def step(self, name: str) -> Self:
        """Returns a further step of the same call, which stores its own response.

        Its key has a line break, which no client's key can have.
        """
        key = None if self._key is None else f"{self._key}\n{name}"
        return type(self)(self._request, key, self._content, self._caller)


async def _once(request: Request, caller: Anyone, key: GivenKey = None) -> OnceOnly:
    # FastAPI has read the body for the route, so this does not wait.
    return OnceOnly(request, key, await request.body() if key else b"", caller)


Once = Annotated[OnceOnly, Depends(_once)]


def response(
    answer: StoredAnswer,
    media_type: str = MEDIA_TYPE,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    """Returns the HTTP response, marked if the answer was stored by an earlier request."""
    all_headers = {**headers, REPLAYED: "true"} if answer.is_replayed else dict(headers)
    return Response(answer.content, answer.status, all_headers, media_type)


def once_responses(
    status: int = 201, *, has_location: bool = False
) -> dict[int | str, dict[str, Any]]:
    """Returns the `responses` of a route that takes the header. `has_location`: it sends one."""
    described = problems()
    running = "a request with this Idempotency-Key is still running: see Retry-After"
    described[409]["description"] += f"; or {running}"
    described[422]["description"] += "; or this Idempotency-Key came with another request before"
    shown = {"description": "'true' where this answer was kept", "schema": {"type": "string"}}
    headers = {REPLAYED: shown}
    if has_location:
        where = "the address of what was made"
        headers["Location"] = {"description": where, "schema": {"type": "string", "format": "uri"}}
    good: dict[int | str, dict[str, Any]] = {status: {"headers": headers}}
    return good | {code: described[code] for code in (409, 422)}


def _answer(body: BaseModel | bytes, status: int) -> StoredAnswer:
    return StoredAnswer(
        status, body if isinstance(body, bytes) else body.model_dump_json().encode()
    )
