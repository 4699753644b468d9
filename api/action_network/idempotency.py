"""The header Idempotency-Key, as under `/v1`, with the dialect's answers."""

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
    """One call that creates something, with the key that came with it, if one did."""

    def hal(self, work: Callable[[Session], HalAnswer], *, is_public: bool = True) -> Response:
        """As `answer`."""
        kept = self.kept(lambda session: bytes(work(session).body), status=200, is_public=is_public)
        return idempotency.response(kept, HalAnswer.media_type, NO_STORE)


async def _once(
    request: Request, content: Content, caller: Anyone, key: GivenKey = None
) -> HalOnce:
    return HalOnce(request, key, content, caller)


Once = Annotated[HalOnce, Depends(_once)]
