"""Renders templates as HTML responses."""

from functools import cache
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlmodel import Session

from services.organisations import organisations
from services.organisations.faces import Face
from web.base import static_files, words

FOLDER = Path(__file__).parent.parent


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
    environment.globals["static"] = static_files.address
    return environment


def page(
    template: str,
    session: Session | None,
    *,
    status: int = 200,
    is_private: bool = False,
    face: Face | None = None,
    is_demonstration: bool | None = None,
    **values: Any,
) -> HTMLResponse:
    """Renders a template as a response.

    A private page is never cached. `face` is the organisation whose page it is. With
    `is_demonstration` the page shows the banner of the demonstration; without a value it asks the
    session, and shows none where there is no session either.
    """
    if is_demonstration is None:
        is_demonstration = session is not None and organisations.has_demonstration(session)
    values["face"] = face
    values["is_demonstration"] = is_demonstration
    values["is_private"] = is_private
    headers = {"Cache-Control": "no-store"} if is_private else {}
    html = _environment().get_template(template).render(values)
    return HTMLResponse(html, status, headers=headers)


def see_other(path: str) -> RedirectResponse:
    """Redirects with 303: after a POST, or to the page that has the form."""
    return RedirectResponse(path, 303)
