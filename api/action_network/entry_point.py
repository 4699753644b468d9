"""The entry point, with links to all collections. It has none without a permitted token."""

from typing import Any

from api.action_network import nothing_here
from api.action_network.dependencies import PermittedOrNone, ThePlaces
from api.action_network.paging import LONGEST_PAGE, HalAnswer
from api.action_network.places import ORIGIN, SYSTEM, relation
from api.http.late_routes import Router

router = Router()
_COLLECTIONS = {
    "people": "The people whom you know",
    "petitions": "Your petitions",
    "tags": "Your tags",
    "advocacy_campaigns": "Your campaigns of letters",
} | dict.fromkeys(nothing_here.NAMES, "Always empty here")


@router.get("")
def enter(places: ThePlaces, caller: PermittedOrNone) -> HalAnswer:
    """Returns the links to all collections."""
    links: dict[str, Any] = {"self": places.link() | {"title": "This entry point"}}
    links["docs"] = {
        "href": f"{places.site}/openapi.json",
        "title": "The documentation of the other API",
    }
    if caller is not None:
        for name, title in _COLLECTIONS.items():
            links[relation(name)] = places.link(name) | {"title": title}
        links["osdi:person_signup_helper"] = places.link("people") | {"title": "Add a person"}
    links["curies"] = places.curies()
    return HalAnswer(
        {
            "motd": "Welcome to Central Lobby. This is its Action Network (OSDI) dialect.",
            "vendor_name": ORIGIN,
            "product_name": ORIGIN,
            "osdi_version": "1.1.1",
            "max_pagesize": LONGEST_PAGE,
            "max_page_size": LONGEST_PAGE,
            "namespace": SYSTEM,
            # pyactionnetwork makes all other URLs from this one.
            "links": {"self": f"{places.base}/"},
            "_links": links,
        }
    )
