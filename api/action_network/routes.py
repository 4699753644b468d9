"""All routes of the dialect. Action Network documents them, and our OpenAPI document does not."""

from api.action_network import (
    advocacy_campaigns,
    entry_point,
    nothing_here,
    outreaches,
    people,
    petitions,
    signatures,
    tags,
)
from api.action_network.places import PREFIX
from api.http.late_routes import LateRoute, gathered

_PARTS = (
    entry_point,
    people,
    petitions,
    signatures,
    tags,
    advocacy_campaigns,
    outreaches,
    nothing_here,
)


def calls() -> list[LateRoute]:
    """Returns the routes of all calls of the dialect."""
    return gathered(_PARTS, PREFIX, include_in_schema=False)
