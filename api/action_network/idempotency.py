"""The header Idempotency-Key as under `/v1`, with responses in the dialect."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request, Response
from sqlmodel import Session

from api.action_network.bodies import Content
from api.action_network.dependencies import Anyone
from api.action_network.paging import NO_STORE, HalAnswer
from api.http import idempotency
from api.http.idempotency import GivenKey, OnceOnly


class HalOnce(OnceOnly):
    """A call that creates something, with its idempotency key, if it has one."""

    def hal(self, work: Callable[[Session], HalAnswer], *, is_public: bool = True) -> Response:
        """Works like `answer`, for work that answers in HAL."""
        stored = self.stored(
            lambda session: bytes(work(session).body), status=200, is_public=is_public
        )
        return idempotency.response(stored, HalAnswer.media_type, NO_STORE)


async def _once(
    request: Request, content: Content, caller: Anyone, key: GivenKey = None
) -> HalOnce:
    return HalOnce(request, key, content, caller)


Once = Annotated[HalOnce, Depends(_once)]
