"""Sets up the second step of signing in, and shows recovery codes once."""

from functools import partial
from typing import Annotated

from fastapi import Form, Request, Response
from markupsafe import Markup
from pydantic import BaseModel

from api.http.dependencies import ReadSession, TheLobby
from api.http.late_routes import Router
from services.accounts import changes, second_steps
from services.assembly import Lobby
from services.errors import Invalid, Limited
from services.organisations import organisers
from web.base import forms, kept
from web.base.desk import SET_UP, Desk, SetUpDesk, ViewerDesk
from web.organisers.accounts import cookies, password_again
from web.organisers.accounts.account import HOME

SERVICE = "Central Lobby"
router = Router()


class SetUpFields(BaseModel):
    """The fields as sent. Only somebody who has a second step already gives the password."""

    code: str = ""
    password: str = ""
    next: str = ""


class NewCodesFields(BaseModel):
    """The fields as sent."""

    password: str = ""


@router.get(SET_UP)
def ask_to_set_up(
    request: Request, desk: SetUpDesk, lobby: TheLobby, session: ReadSession
) -> Response:
    """Shows a QR code and the key as text, and asks for a first code."""
    way = kept.own_path(request.query_params.get("next", ""))
    del session  # a request holds one connection at a time
    return _set_up_page(desk, lobby, forms.Form({"next": way}))


@router.post(SET_UP)
def set_up(
    fields: Annotated[SetUpFields, Form()], desk: SetUpDesk, lobby: TheLobby, request: Request
) -> Response:
    """Sets the second step up, and shows recovery codes."""
    form = forms.Form(fields.model_dump())
    try:
        if _has_one(desk, lobby):
            password_again.check(form, request, desk, missing=password_again.ON_ACCOUNT)
            form.finish()
        with lobby.database.write(is_public=False) as session:
            codes = changes.set_up_second_step(
                session,
                lobby.keyring,
                organisers.get(session, desk.organiser.id),
                fields.code,
                session_id=desk.session_id,
                device=cookies.device_of(request),
                now=lobby.clock(),
            )
    except (Invalid, Limited) as error:
        return password_again.refused(form, error, partial(_set_up_page, desk, lobby, form))
    return _codes_page(desk, codes, kept.own_path(fields.next), is_new=True)


@router.get(f"{HOME}/recovery-codes")
def ask_for_new_codes(desk: ViewerDesk) -> Response:
    """Asks for the password, before new recovery codes replace the old ones."""
    return _new_codes_page(desk, forms.Form(), status=200)


@router.post(f"{HOME}/recovery-codes")
def make_new_codes(
    fields: Annotated[NewCodesFields, Form()], desk: ViewerDesk, lobby: TheLobby, request: Request
) -> Response:
    """Makes new recovery codes and shows them, this once."""
    form = forms.Form(fields.model_dump())
    try:
        password_again.check(form, request, desk, missing=password_again.ON_ACCOUNT)
        form.finish()
        with lobby.database.write(is_public=False) as session:
            codes = changes.make_recovery_codes(
                session,
                lobby.keyring,
                organisers.get(session, desk.organiser.id),
                device=cookies.device_of(request),
                now=lobby.clock(),
            )
    except (Invalid, Limited) as error:
        return password_again.refused(form, error, partial(_new_codes_page, desk, form))
    return _codes_page(desk, codes, HOME, is_new=False)


def _has_one(desk: Desk, lobby: Lobby) -> bool:
    with lobby.database.read() as session:
        return second_steps.has(session, desk.organiser.id)


def _new_codes_page(desk: Desk, form: forms.Form, *, status: int) -> Response:
    return desk.page("organisers/accounts/new_codes.html", status=status, form=form)


def _set_up_page(desk: Desk, lobby: Lobby, form: forms.Form, *, status: int = 200) -> Response:
    with lobby.database.read() as session:
        secret = second_steps.new_secret(session, lobby.keyring, desk.organiser.id, desk.session_id)
        address = second_steps.address_of(secret, desk.organiser, service=SERVICE)
        return desk.page(
            "organisers/accounts/set_up.html",
            status=status,
            form=form,
            has_one=second_steps.has(session, desk.organiser.id),
            address=address,
            secret=" ".join(secret[place : place + 4] for place in range(0, len(secret), 4)),
            picture=_picture(address),
        )


def _codes_page(desk: Desk, codes: list[str], way: str, *, is_new: bool) -> Response:
    return desk.page("organisers/accounts/recovery_codes.html", codes=codes, way=way, is_new=is_new)


def _picture(address: str) -> Markup:
    """Returns a QR code as SVG without inline style, which the policy of our pages forbids."""
    import segno  # noqa: PLC0415 - 1 MB, and an organiser sees one code in years

    code = segno.make(address, error="m", micro=False)
    svg = code.svg_inline(border=4, light="#fff", svgclass="qr", lineclass=None, omitsize=True)
    return Markup(svg)  # noqa: S704 - made by the library from numbers
