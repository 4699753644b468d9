"""API keys: listing and revoking them. No call makes a key: see docs/guide/partners.md."""

import structlog
from fastapi import Request, Response

from api.http.dependencies import AnyKey, CampaignsWriter, KeyPrefix, Now, ReadSession, TheLobby
from api.http.late_routes import Router
from api.http.paging import ThePage
from api.http.query_names import KNOWN_NAMES
from api.schemas.api_key import KeyAnswer, MeAnswer, key_answer, me_answer
from services.keys import api_keys, key_views
from services.organisations import organisations, partners

router = Router(tags=["keys"])
log = structlog.get_logger()


@router.get("/me")
def read_me(caller: AnyKey, session: ReadSession) -> MeAnswer:
    """Read which key this is: its organisation, its partner, its name and its scopes.

    Any key may ask. Nothing secret is in the answer.
    """
    view = key_views.by_id(session, caller.key_id, organisation_id=caller.organisation_id)
    organisation = organisations.get(session, caller.organisation_id)
    partner = partners.get(session, caller.partner_id) if caller.partner_id else None
    return me_answer(view, organisation, partner)


@router.get("/keys", dependencies=[KNOWN_NAMES])
def list_keys(
    request: Request,
    response: Response,
    page: ThePage,
    caller: CampaignsWriter,
    session: ReadSession,
    now: Now,
) -> list[KeyAnswer]:
    """List the keys of the organisation and of its partners without their secrets, oldest first.

    `Link` leads to the next page. Needs a key with `campaigns:write`, which no partner's key has.
    """
    views = key_views.page(session, caller.organisation_id, after=page.after, limit=page.limit + 1)
    page.link_next(request, response, [view.key.id for view in views])
    return [key_answer(view, now) for view in views[: page.limit]]


@router.delete("/keys/{prefix}", status_code=204)
def revoke_key(prefix: KeyPrefix, caller: AnyKey, lobby: TheLobby) -> None:
    """Revoke a key: it is refused from the next request on. A repeated call changes nothing.

    Any key may revoke itself, so that a leaked key can be revoked by anybody who finds it. To
    revoke another key of the organisation or its partners, you need a key with `campaigns:write`.
    The key of another organisation is a 404.
    """
    with lobby.database.write(is_public=False) as session:
        ended = api_keys.revoke_as(session, prefix, caller, now=lobby.clock())
    log.info("key_revoked", key_id=str(ended.id), by=caller.name)
