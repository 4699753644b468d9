"""Collections of Action Network that this service does not have. Each answers with an empty page.

Clients read some of them only to check their token (n8n reads events).
"""

from fastapi import Request

from api.action_network.dependencies import Member, ThePlaces
from api.action_network.paging import HalAnswer, ThePage
from api.http.late_routes import Router

router = Router()
NAMES = (
    "campaigns",
    "donations",
    "event_campaigns",
    "events",
    "forms",
    "fundraising_pages",
    "lists",
    "messages",
    "queries",
    "surveys",
    "wrappers",
)


def read_nothing(request: Request, places: ThePlaces, page: ThePage, _caller: Member) -> HalAnswer:
    """Returns an empty page."""
    kind = request.url.path.strip("/").rpartition("/")[2]
    return page.answer(request, places, kind, [], dict, total=lambda: 0)


for name in NAMES:
    router.add_api_route(f"/{name}", read_nothing, methods=["GET"])
