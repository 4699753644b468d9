"""Renders templates as HTML responses."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlmodel import Session

from services.organisations import organisations
from web.base import words

FOLDER = Path(__file__).parent.parent
STATIC = FOLDER / "static"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(words.FILTERS)
    # Part of the URL, so that browsers can cache the file for long.
    environment.globals["css_version"] = _version("lobby.css", "organisers.css", "embed.css")
    environment.globals["script_version"] = _version("embed.js", "embed_builder.js", "proof.js")
    environment.globals["position"] = words.member_position
    return environment


def _version(*names: str) -> str:
    content = b"".join((STATIC / name).read_bytes() for name in names)
    return hashlib.sha256(content).hexdigest()[:12]


def page(
    template: str,
    session: Session | None,
    *,
    status: int = 200,
    is_private: bool = False,
    **values: Any,
) -> HTMLResponse:
    """Renders a template as a response.

    Without a session, the page cannot show the banner of the demonstration. A private page is
    never cached.
    """
    values["is_demonstration"] = session is not None and organisations.has_demonstration(session)
    values["is_private"] = is_private
    headers = {"Cache-Control": "no-store"} if is_private else {}
    html = _environment().get_template(template).render(values)
    return HTMLResponse(html, status, headers=headers)


def see_other(path: str) -> RedirectResponse:
    """Redirects with 303: after a POST, or to the page that has the form."""
    return RedirectResponse(path, 303)
