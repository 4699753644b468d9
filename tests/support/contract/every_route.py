"""Every route of the application, and a path that leads to it."""

import re
from collections.abc import Iterator
from uuid import UUID

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION


def every_route(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Yields the method and the template of every route, pages and the dialect included."""
    for route in iter_route_contexts(app.routes):
        for method in sorted(set(route.methods or ()) - {"HEAD", "OPTIONS"}):
            yield method, str(route.path)


def path_to(template: str) -> str:
    """Returns a path with a value for each parameter: a slug, a number, a postcode or an id."""
    slug = PETITION if "petitions/" in template or "embed/" in template else CAMPAIGN
    path = template.replace("{slug}", slug).replace("{postcode}", CAN_SIGN.replace(" ", ""))
    path = re.sub(r"\{(member_id|motion_id|number)\}", "1", path)
    path = path.replace("{token}", "no-good-token")
    return re.sub(r"\{\w+\}", str(UUID(int=1)), path)
