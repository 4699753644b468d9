"""The calls of the JSON API, and the scope that each of them needs."""

from collections.abc import Set
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from api.action_network.dependencies import RequireToken
from api.http.dependencies import RequireScope
from models import Scope

PUBLIC = {
    "GET /v1/campaigns",
    "GET /v1/campaigns/{slug}",
    "GET /v1/campaigns/{slug}/tally",
    "GET /v1/campaigns/{slug}/events",
    "GET /v1/campaigns/{slug}/events.ics",
    "GET /v1/campaigns/{slug}/events/{event_id}",
    "GET /v1/campaigns/{slug}/motions",
    "GET /v1/campaigns/{slug}/news.atom",
    "GET /v1/campaigns/{slug}/tally/events",
    "GET /v1/campaigns/{slug}/tally/events.atom",
    "GET /v1/campaigns/{slug}/tally/history",
    "GET /v1/campaigns/{slug}/tally/history.csv",
    "GET /v1/campaigns/{slug}/tally/summary",
    "GET /v1/campaigns/{slug}/tally/summary.csv",
    "GET /v1/campaigns/{slug}/tally.csv",
    "GET /v1/campaigns/{slug}/tally.jsonl",
    "GET /v1/campaigns/{slug}/updates",
    "GET /v1/campaigns/{slug}/updates/{update_id}",
    "GET /v1/constituencies",
    "GET /v1/members",
    "GET /v1/members/{member_id}",
    "GET /v1/motions/{motion_id}",
    "GET /v1/petitions",
    "GET /v1/petitions/{slug}",
    "GET /v1/postcodes/{postcode}",
    "POST /v1/campaigns/{slug}/letters",
    "POST /v1/campaigns/{slug}/letters/check",
    "POST /v1/campaigns/{slug}/letters/draft",
    "POST /v1/campaigns/{slug}/letters/opened",
    "POST /v1/letters/answer",
    "POST /v1/letters/cancel",
    "POST /v1/letters/confirm",
    "POST /v1/letters/copy",
    "POST /v1/petitions/{slug}/signatures",
    "POST /v1/preferences",
    "POST /v1/preferences/read",
    "POST /v1/signatures/confirm",
    "POST /v1/signatures/disown",
    "POST /v1/signatures/watch",
    "POST /v1/signatures/withdraw",
}
METRICS = "GET /metrics"  # it has a token of its own
# The calls outside /v1 that are for everybody.
PUBLIC_ELSEWHERE = {
    "GET /constituencies.json",
    "GET /livez",
    "GET /oembed",
    "GET /petitions.csv",
    "GET /petitions.json",
    "GET /petitions/{number}.json",
    "GET /petitions/{number}/count.json",
    "GET /readyz",
}
# The first decides in the route what each key may do, the second tells each key about itself.
ANY_KEY = {"DELETE /v1/keys/{prefix}", "GET /v1/me"}


def scopes_in(dependant: Dependant) -> Set[Scope]:
    """Returns the scopes that a route's dependencies require."""
    scopes = {scope for part in dependant.dependencies for scope in scopes_in(part)}
    if isinstance(dependant.call, RequireScope) and dependant.call.scope is not None:
        scopes.add(dependant.call.scope)
    if isinstance(dependant.call, RequireToken):
        scopes.add(Scope.ACTION_NETWORK)
    return scopes


def api_routes(app: FastAPI) -> dict[str, Set[Scope]]:
    """Returns every call under /v1 with the scopes that it requires."""
    calls = {}
    for route in iter_route_contexts(app.routes):
        path = route.path or ""
        if path.startswith("/v1/"):
            dependant: Any = getattr(route, "dependant", None)
            assert isinstance(dependant, Dependant), f"{path} is no route of the API's kind"
            for method in route.methods or ():
                calls[f"{method} {path}"] = scopes_in(dependant)
    return calls
