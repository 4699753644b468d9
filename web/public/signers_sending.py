"""The last page of a signer's letter: it shows the letter as it goes, asks for the street address.

The address is part of the letter and of no draft. Sending needs no email to confirm it: the cookie
(`letter_signers`) proves the same.
"""

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import Form, Request, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.answers.signature_intake import sender_of
from api.http.dependencies import Now, ReadSession, TheLobby
from api.http.late_routes import Router
from models import LetterState
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common.tokens import Purpose
from services.errors import Conflict, Invalid, LobbyError
from services.letters import intake, letter_drafts, opened
from services.letters.drafting import editors, situations
from services.letters.letter_drafts import StoredDraft
from services.organisations import faces
from services.views import campaign_views
from web.base import forms
from web.base.rendering import page, see_other
from web.public import letter_forms, letter_signers
from web.public.letter_signers import LetterSigner

router = Router()
CHANGED_ELSEWHERE = (
    "Your letter has changed since you opened this page. Read it again, then send it."
)


class SendFields(BaseModel):
    """The fields of the page that sends the letter."""

    line1: str = ""
    line2: str = ""
    town: str = ""
    wants_copy: str = ""
    version: str = ""
    drafted_for: str = ""


@router.get("/thanks/{token}/letter/check")
def check(
    token: str, request: Request, lobby: TheLobby, session: ReadSession, now: Now
) -> Response:
    """Shows the letter as it will be sent, and asks for the street address."""
    signer = letter_signers.find(session, request, token, lobby, now)
    if isinstance(signer, Response):
        return signer
    stored = letter_drafts.read(session, signer.signature_id)
    return _check_page(session, lobby, signer, stored, forms.Form(), now)


@router.post("/thanks/{token}/letter/check")
def send(
    token: str,
    fields: Annotated[SendFields, Form()],
    request: Request,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Queues the letter: the cookie proves what an email to confirm it would."""
    with lobby.database.read() as reading:
        signer = letter_signers.find(reading, request, token, lobby, now)
    if isinstance(signer, Response):
        return signer
    form = forms.Form(fields.model_dump())
    try:
        address = letter_forms.check_address(form, signer.postcode)
        form.finish()
        with lobby.database.write() as writing:
            taken = _take_in(writing, lobby, signer, address, fields, sender_of(request.scope), now)
    except (Invalid, Conflict) as error:
        # Another tab may have sent it.
        again = letter_signers.find(session, request, token, lobby, now)
        if isinstance(again, Response):
            return again
        form.note(_at_letter(error), within="address.")
        status = 409 if isinstance(error, Conflict) else 422
        stored = letter_drafts.read(session, signer.signature_id)
        return _check_page(session, lobby, again, stored, form, now, status=status)
    if taken.state is LetterState.QUEUED:
        return see_other(f"/letters/confirm/{lobby.tokens.issue(Purpose.LETTER, taken.id)}")
    return see_other(f"/campaigns/{signer.campaign.slug}/letters/check-your-mail")


def _take_in(
    session: Session,
    lobby: Lobby,
    signer: LetterSigner,
    address: intake.PostalAddress,
    fields: SendFields,
    sender_index: bytes | None,
    now: datetime,
) -> intake.TakenLetter:
    """Sends the letter that the page showed. Raises Conflict if it would be another one."""
    stored = letter_drafts.read(session, signer.signature_id)
    is_it = fields.version == str(stored.version)
    if stored.version:
        is_it = is_it and letter_drafts.take(session, signer.signature_id, version=stored.version)
    if not is_it:
        raise Conflict("letter_changed", CHANGED_ELSEWHERE)
    situation = situations.of_seat(
        session, signer.campaign, signer.constituency_code, keyring=lobby.keyring, now=now
    )
    letter = editors.edit(situation, stored.content, name=signer.name)
    if message := letter_forms.change_of(letter, fields.drafted_for):
        raise Conflict("letter_misdirected", message)
    new = intake.NewLetter(
        name=signer.name,
        email=signer.email,
        address=address,
        subject=letter.subject,
        body=letter.body,
        wants_copy=bool(fields.wants_copy),
        locale=letter.locale,
    )
    return intake.take_in(
        session,
        situation,
        new,
        keyring=lobby.keyring,
        now=now,
        sender_index=sender_index,
        proof=signer.signature_id,
        pace=lobby.pace,
    )


def _at_letter(error: LobbyError) -> LobbyError:
    """Returns an error of the letter's words at the letter: they are changed on its own page."""
    if not isinstance(error, Invalid):
        return error
    fields = tuple(
        replace(item, field="letter") if item.field in ("subject", "body", "name") else item
        for item in error.fields
    )
    return Invalid(error.code, error.message, fields)


def _check_page(
    session: Session,
    lobby: Lobby,
    signer: LetterSigner,
    stored: StoredDraft,
    form: forms.Form,
    now: datetime,
    *,
    status: int = 200,
) -> Response:
    letter = signer.letter(stored.content)
    checked = letter_forms.check_letter(session, lobby, letter, writer=signer.writer, now=now)
    is_wrong = letter_forms.required_problems(letter, checked) is not None
    if status == 200 and (is_wrong or not letter.can_be_sent):
        return see_other(f"/thanks/{signer.token}/letter")
    form.put(
        version=str(stored.version),
        drafted_for=letter_forms.drafted_for(signer.situation),
        postcode=signer.postcode,
        opened=opened.issue(lobby.tokens, signer.situation) or "",
    )
    response = page(
        "letters/check_letter.html",
        session,
        status=status,
        is_private=True,
        face=faces.of_campaign(session, signer.campaign),
        view=campaign_views.of_campaign(
            session, campaigns.get(session, signer.campaign.id), now=now
        ),
        compose=checked.compose if checked else None,
        text=intake.with_name_below(letter.body, signer.name),
        **letter_signers.values_of(signer, letter, form),
    )
    if status != 200:  # the answer to a form: without it, 'Back' would be an error of the browser
        response.headers["Cache-Control"] = letter_forms.KEPT_BY_BROWSER
    return response
