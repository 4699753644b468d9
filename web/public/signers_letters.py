"""The letter of somebody who has just confirmed a signature: write it, check it, send it.

The pages are below `/thanks/{token}`, whose address tells a stranger nothing: they need the cookie
of the browser that confirmed the signature, and a signature that still stands. All others are sent
to `/thanks/{token}`. What the signer writes is kept in a draft (`services.letters.letter_drafts`),
so that it survives Back, a reload, a killed tab and another device. The street address goes from
the last form into the letter, and is in no draft.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import Form, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, TheLobby
from api.http.late_routes import Router
from services.assembly import Lobby
from services.common import texts
from services.errors import Gone, Invalid
from services.letters import letter_drafts
from services.letters.drafting.editors import LetterParts
from services.letters.letter_drafts import DraftContent, StoredDraft
from services.organisations import faces
from web.base import forms
from web.base.rendering import page, see_other
from web.public import letter_forms, letter_signers
from web.public.letter_forms import PartFields
from web.public.letter_signers import LetterSigner

LONGEST_PAGE = 32
router = Router()


class DraftFields(PartFields):
    """The fields of the letter's page. Without a `version`, only the own words were on the page.

    `page` is the id of the page, which a browser shows again after 'Back'.
    """

    version: str = ""
    page: str = ""


class SavedParts(BaseModel):
    """What a script saves: the version that it read, own words, and keys of points."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=0)]
    personal: Annotated[str, Field(max_length=letter_forms.LONGEST_PERSONAL)]
    points: Annotated[
        list[Annotated[str, Field(max_length=letter_forms.LONGEST_POINT)]],
        Field(max_length=letter_forms.MOST_POINTS),
    ]


@router.get("/thanks/{token}/letter")
def show(
    token: str,
    request: Request,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
    changed: str = "",
) -> Response:
    """Shows the signer's letter as it is stored."""
    signer = letter_signers.find(session, request, token, lobby, now)
    if isinstance(signer, Response):
        return signer
    stored = letter_drafts.read(session, signer.signature_id)
    return _letter_page(session, lobby, signer, stored, now, is_changed=bool(changed))


@router.post("/thanks/{token}/letter")
def save(
    token: str,
    fields: Annotated[DraftFields, Form()],
    request: Request,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Saves what was typed, then does what the button says."""
    with lobby.database.read() as reading:
        signer = letter_signers.find(reading, request, token, lobby, now)
        if isinstance(signer, Response):
            return signer
        stored = letter_drafts.read(reading, signer.signature_id)
    form = forms.Form(fields.model_dump())
    try:
        content = _content(form, fields, stored.content, signer)
    except Invalid as error:
        form.note(error)
        return _letter_page(session, lobby, signer, stored, now, typed=fields, form=form)
    version = int(fields.version) if fields.version.isdecimal() else 0
    if not fields.version and not content.personal:
        return see_other(f"/thanks/{token}/letter")
    saved = _save(lobby, signer, content, version, now)
    if saved is None:
        return see_other(f"/thanks/{token}")
    if not saved.is_newest:
        return see_other(f"/thanks/{token}/letter?changed=yes")
    if fields.action != "check":
        return see_other(f"/thanks/{token}/letter" + ("#letter" if fields.version else ""))
    return _letter_page(session, lobby, signer, saved.draft, now, is_to_check=True)


@router.put("/thanks/{token}/letter/draft")
def autosave(token: str, body: SavedParts, request: Request, lobby: TheLobby, now: Now) -> Response:
    """Saves own words and points for a script. 409: another page has saved since."""
    with lobby.database.read() as reading:
        signer = letter_signers.find(reading, request, token, lobby, now)
        if isinstance(signer, Response):
            return JSONResponse({"code": "signer_unknown"}, 403)
        stored = letter_drafts.read(reading, signer.signature_id)
    personal = texts.paragraphs(body.personal, "personal", longest=letter_forms.LONGEST_PERSONAL)
    points = tuple(dict.fromkeys(body.points))
    content = replace(stored.content, personal=personal, points=points)
    saved = _save(lobby, signer, content, body.version, now, keeps_other=False)
    if saved is None:
        return JSONResponse({"code": "signer_unknown"}, 403)
    answer: dict[str, Any] = {"version": saved.draft.version}
    if saved.is_newest:
        return JSONResponse(answer)
    kept = saved.draft.content
    return JSONResponse(answer | {"personal": kept.personal, "points": list(kept.points)}, 409)


@router.get("/thanks/{token}/letter/draft")
def back_to_letter(token: str) -> Response:
    """Redirects somebody who opened the address of the script to the letter."""
    return see_other(f"/thanks/{token}/letter")


def _content(
    form: forms.Form, fields: DraftFields, stored: DraftContent, signer: LetterSigner
) -> DraftContent:
    """Returns what is to be stored. Raises Invalid with all problems of the form."""
    if not fields.version:  # from the thank-you page
        parts = letter_forms.check_parts(form, locale=stored.locale, is_by_hand=False)
        form.finish()
        return replace(stored, personal=parts.personal)
    parts = letter_forms.check_parts(form, locale=stored.locale, is_by_hand=fields.is_by_hand)
    form.finish()
    content = DraftContent(**vars_of(parts), others=stored.others, page=fields.page[:LONGEST_PAGE])
    return _after_action(content, fields.action, signer)


def vars_of(parts: LetterParts) -> Mapping[str, Any]:
    """Returns the fields of the parts by name."""
    return {name: getattr(parts, name) for name in LetterParts.__dataclass_fields__}


def _after_action(content: DraftContent, action: str, signer: LetterSigner) -> DraftContent:
    """Returns the content after the button's action. No text leaves it but a deleted one."""
    name, _, place = action.partition(":")
    if action in ("en", "cy"):
        return replace(content, locale=action)
    if action == "by_hand" and content.body is None:
        return replace(content, body=signer.letter(content).body)
    if action == "start_again":
        new = replace(content, body=None, subject="")
        is_changed = content.body != signer.letter(new).body
        return new.with_others(content) if is_changed else new
    if name in ("add", "drop") and place.isdecimal() and int(place) < len(content.others):
        other = content.others[int(place)]
        others = tuple(text for text in content.others if text != other)
        personal = f"{content.personal}\n\n{other}".strip()
        if name == "drop":
            return replace(content, others=others)
        if len(personal) <= letter_forms.LONGEST_PERSONAL:
            return replace(content, others=others, personal=personal)
    return content


def _save(
    lobby: Lobby,
    signer: LetterSigner,
    content: DraftContent,
    version: int,
    now: datetime,
    *,
    keeps_other: bool = True,
) -> letter_drafts.Saved | None:
    """Saves in a transaction of its own; None if the signature was ended meanwhile."""
    try:
        with lobby.database.write(is_public=False) as writing:
            return letter_drafts.save(
                writing,
                signer.signature_id,
                content,
                version=version,
                now=now,
                keeps_other=keeps_other,
            )
    except Gone:
        return None


def _letter_page(
    session: Session,
    lobby: Lobby,
    signer: LetterSigner,
    stored: StoredDraft,
    now: datetime,
    *,
    typed: DraftFields | None = None,
    form: forms.Form | None = None,
    is_changed: bool = False,
    is_to_check: bool = False,
) -> Response:
    """Shows the editor. With `is_to_check`, goes on to the next page where nothing is wrong."""
    parts: LetterParts = stored.content
    if typed is not None:
        parts = letter_forms.parts_as_typed(typed, stored.content.locale)
    letter = signer.letter(parts)
    checked = letter_forms.check_letter(session, lobby, letter, writer=signer.writer, now=now)
    error = letter_forms.required_problems(letter, checked) if is_to_check else None
    if is_to_check and error is None and letter.can_be_sent:
        return see_other(f"/thanks/{signer.token}/letter/check")
    form = form or forms.Form()
    form.put(personal=parts.personal, version=str(stored.version), page=secrets.token_hex(8))
    form.put_all(points=list(parts.points))
    letter_forms.put_letter(form, letter)
    if error is not None:
        form.note(error)
    response = page(
        "letters/signers_letter.html",
        session,
        status=422 if form.problems else 200,
        is_private=True,
        face=faces.of_campaign(session, signer.campaign),
        checked=checked,
        others=stored.content.others,
        is_changed=is_changed,
        **letter_signers.values_of(signer, letter, form),
    )
    response.headers["Cache-Control"] = letter_forms.KEPT_BY_BROWSER
    return response
