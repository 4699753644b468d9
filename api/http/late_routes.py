"""Routes that FastAPI analyses at their first request, and routers that make them.

FastAPI analyses the signature of every handler, and builds a validator for each parameter and each
answer. For all routes at once, that took a fifth of the time until the server is ready. Most
processes answer at a few of them.
"""

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import compile_path, get_name


class LateRoute(APIRoute):
    """A route that can be matched at once, and is analysed when more is asked of it.

    A fault in its declaration shows only then: a test analyses all routes of the service.
    """

    def __init__(self, path: str, endpoint: Any, **options: Any) -> None:
        self._options: dict[str, Any] | None = options
        self.path, self.endpoint = path, endpoint
        self.name = options.get("name") or get_name(endpoint)
        self.methods = {method.upper() for method in options.get("methods") or ["GET"]}
        self.include_in_schema = options.get("include_in_schema", True)
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)

    def __getattr__(self, name: str) -> Any:
        """Analyses the route, as Python found no such attribute. Two threads may both do it."""
        options = self.__dict__.get("_options")
        if options is not None:
            self.__dict__ |= vars(APIRoute(self.path, self.endpoint, **options))
            self._options = None
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def is_analysed(self) -> bool:
        """Whether FastAPI has analysed it."""
        return self._options is None

    def within(self, prefix: str = "", **options: Any) -> "LateRoute":
        """Returns the same route below a prefix, with options in place of its own.

        `responses` stand beside its own. FastAPI would analyse a route once more for a router that
        includes its router.
        """
        own = self._options or {}
        if "responses" in options:
            options["responses"] = options["responses"] | own["responses"]
        return LateRoute(prefix + self.path, self.endpoint, **own | options)


class Router(APIRouter):
    """A router of such routes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=LateRoute, generate_unique_id_function=operation_id, **options)


def gathered(modules: Iterable[Any], prefix: str = "", **options: Any) -> list[LateRoute]:
    """Returns the routes of all routers of these modules in one list: see `LateRoute.within`.

    Routers within routers would cost each request some milliseconds: FastAPI looks through all of
    their routes once for each level.
    """
    routes = [route for module in modules for route in module.router.routes]
    return [route.within(prefix, **options) for route in routes]


def operation_id(route: APIRoute) -> str:
    """Returns a name such as `letters_confirm`, which generated clients use for a method."""
    tag = route.tags[0] if route.tags else "lobby"
    return f"{tag}_{route.name}"
