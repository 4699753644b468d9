"""Keys: which there are, and ending one. No call makes a key: see docs/guide/partners.md."""

import structlog
from fastapi import APIRouter, Request, Response

from api.http.dependencies import AnyKey, CampaignsWriter, KeyPrefix, Now, ReadSession, TheLobby
from api.http.paging import ThePage
from api.schemas.api_key import KeyAnswer, key_answer
from services.keys import api_keys, key_views

router = APIRouter(tags=["keys"])
log = structlog.get_logger()


@router.get("/keys")
def list_keys(
    request: Request,
    response: Response,
    page: ThePage,
    caller: CampaignsWriter,
    session: ReadSession,
    now: Now,
) -> list[KeyAnswer]:
    """Keys of the organisation and of its partners, without their secrets, the oldest first.

    `Link` leads to the next page. Needs a key with `campaigns:write`, which no partner's key has.
    """
    found = key_views.page(session, caller.organisation_id, after=page.after, limit=page.limit + 1)
    page.link_next(request, response, [view.key.id for view in found])
    return [key_answer(view, now) for view in found[: page.limit]]


@router.delete("/keys/{prefix}", status_code=204)
def revoke_key(prefix: KeyPrefix, caller: AnyKey, lobby: TheLobby) -> None:
    """End a key: it is refused from the next request on. Again: the same.

    Any key may end itself, so that whoever finds one that leaked can do so. Another one, of the
    organisation or of its partners, needs a key with `campaigns:write`; a foreign one is a 404.
    """
    with lobby.database.write(is_public=False) as session:
        ended = api_keys.revoke_as(session, prefix, caller, now=lobby.clock())
    log.info("key_revoked", key_id=str(ended.id), by=caller.name)
