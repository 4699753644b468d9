"""Keeps what an organiser has typed into a form whose session has ended meanwhile.

A page shows it, holds it in hidden fields, lets them sign in, and sends it again with one button.
Passwords, codes and files are not kept.
"""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from api.answers.state import state_of
from web.base import form_tokens, forms, rendering

# Only our own paths: a link to the form may come from anybody.
_PATH = re.compile(r"/organiser(?:/[\w~.%-]+)*/?(?:\?[\w~.%&=/+:,-]*)?", re.ASCII)
_SECRET = re.compile(r"\w*password\w*|code")
_HOME = "/organiser"


class Reason(StrEnum):
    """Why a form was not accepted. The values name the states of the page."""

    SIGNED_OUT = "signed_out"
    OUTDATED = "outdated"
    SECOND_STEP = "second_step"


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form of the desk: where it goes, and its fields in order."""

    path: str
    fields: tuple[tuple[str, str], ...]

    def as_text(self) -> str:
        """Returns it as one text, for a hidden field."""
        return json.dumps([self.path, self.fields], ensure_ascii=False)


class Interrupted(HTTPException):
    """A form that waits for its organiser. `form_token` is empty where nobody is signed in."""

    def __init__(self, form: KeptForm, reason: Reason, form_token: str) -> None:
        super().__init__(401 if reason is Reason.SIGNED_OUT else 403)
        self.form, self.reason, self.form_token = form, reason, form_token


def own_path(text: str) -> str:
    """Returns a path of the desk to go to, or that of its home in place of anything else."""
    is_ours = _PATH.fullmatch(text) and ".." not in text
    return text if is_ours else _HOME


async def interrupted(request: Request, reason: Reason, form_token: str) -> Interrupted:
    """Returns the exception that shows the page with everything that was typed."""
    pairs = (await request.form()).multi_items()
    query = f"?{request.url.query}" if request.url.query else ""
    form = KeptForm(request.url.path + query, _fields(pairs))
    return Interrupted(form, reason, form_token)


def read(text: str) -> KeptForm | None:
    """Returns the form in a hidden field; None without one, and for one that is not ours."""
    with suppress(ValueError, TypeError, RecursionError):
        path, pairs = json.loads(text)
        if own_path(path) == path:
            return KeptForm(path, _fields((name, value) for name, value in pairs))
    return None


async def answer(request: Request, error: Interrupted) -> Response:
    """Shows the page about an interrupted form."""
    return await run_in_threadpool(
        page, request, error.form, error.reason, error.form_token, status=error.status_code
    )


def page(
    request: Request,
    form: KeptForm,
    reason: Reason,
    form_token: str,
    *,
    status: int = 200,
) -> Response:
    """Renders the page. The visitor's token lets the form be sent after signing in elsewhere."""
    visitor = form_tokens.visitor_of(request)
    with state_of(request).lobby.database.read() as session:
        response = rendering.page(
            "organisers/accounts/kept.html",
            session,
            status=status,
            is_private=True,
            kept=form,
            reason=reason,
            form=forms.Form(),
            sign_in_token=form_tokens.of_session(visitor),
            form_token=form_token or form_tokens.of_session(visitor),
        )
    form_tokens.keep_visitor(request, response, visitor)
    return response


def _fields(pairs: Iterable[tuple[object, object]]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (_fit(str(name)), _fit(value))
        for name, value in pairs
        if isinstance(value, str) and name != form_tokens.FIELD and not _SECRET.fullmatch(str(name))
    )


def _fit(text: str) -> str:
    """Replaces what no page can show: half of a surrogate pair, which JSON can hold."""
    return text.encode(errors="replace").decode()
