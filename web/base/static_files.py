"""Serves the static files, under plain addresses and under addresses with a hash of their content.

`/static/lobby.css` may change at an upgrade, so browsers keep it for minutes. The content at
`/static/lobby.<hash>.css` never changes, so they keep it for ever. Pages name files by the latter.
"""

import hashlib
import re
from functools import cache
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent.parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"
FOR_MINUTES = "public, max-age=300"
_WITH_HASH = re.compile(r"([\w-]+)\.([0-9a-f]{12})\.(\w+)")


@cache
def _addresses() -> dict[str, str]:
    """Returns the address with the hash of each file."""
    return {file.name: _hashed(file) for file in STATIC.iterdir() if file.is_file()}


def _hashed(file: Path) -> str:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    return f"{file.stem}.{digest}{file.suffix}"


def address(name: str) -> str:
    """Returns the path of a file for a page. Raises KeyError if there is no such file."""
    return f"/static/{_addresses()[name]}"


class HashedFiles(StaticFiles):
    """The files in `STATIC`."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)
        _addresses()  # now, and not while the first page waits

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Returns the file of now under an earlier hash too, for minutes.

        A page that was kept, or that another process served, does not lose its style by that.
        """
        found, asked = _WITH_HASH.fullmatch(path), path
        if found:
            path = f"{found[1]}.{found[3]}"
        is_exact = found is not None and _addresses().get(path) == asked
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = FOR_EVER if is_exact else FOR_MINUTES
        if path.endswith(".woff2"):
            # Fonts are always requested with CORS. A form in a sandboxed frame has no origin, so
            # that it could not load its own font otherwise.
            response.headers["Access-Control-Allow-Origin"] = "*"
        return response
