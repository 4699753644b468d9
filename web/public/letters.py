"""The pages for writing to an MP without having signed: the email confirms the writer's address.

`signers_letters` has the pages of signers, `letter_links` the page that the email links to. Nothing
is stored before the letter is sent off, so the form itself carries everything that was typed, and
browsers may keep the page for 'Back'.
"""

from datetime import datetime
from typing import Annotated, NamedTuple

from fastapi import Form, Request, Response
from sqlmodel import Session

from api.answers import letter_proofs
from api.answers.signature_intake import sender_of
from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.errors import status_of
from api.http.late_routes import Router
from models import Campaign, CampaignStatus, LetterState, MotionStatus
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common import texts
from services.common.tokens import Purpose
from services.errors import Conflict, Invalid, LobbyError
from services.letters import intake, opened
from services.letters.drafting import editors, situations
from services.letters.drafting.editors import EditedLetter, LetterParts
from services.letters.drafting.rules import SHORTEST, Writer
from services.letters.drafting.situations import Situation
from services.letters.intake import NewLetter
from services.organisations import faces
from services.postcodes import directory
from services.views import campaign_views
from services.views.campaign_views import CampaignView
from web.base import forms, stands
from web.base.rendering import page, see_other
from web.public import dev_mail, letter_forms
from web.public.letter_forms import PartFields

router = Router()


class LetterFields(PartFields):
    """The fields as sent.

    `locale` is the language of the letter, `seat` the constituency of the last good postcode.
    `proof` is in the form of the page after confirming a signature. `opened` is the token with
    which the draft is counted. `language` is sent by the button that drafts in another language.
    """

    name: str = ""
    email: str = ""
    line1: str = ""
    line2: str = ""
    town: str = ""
    postcode: str = ""
    updates: str = ""
    wants_copy: str = ""
    locale: str = ""
    language: str = ""
    seat: str = ""
    proof: str = ""
    opened: str = ""

    @property
    def chosen_locale(self) -> str:
        """Returns the language of the button, or of the letter before."""
        action = self.action if self.action in ("en", "cy") else ""
        return letter_forms.locale_of(self.language or action or self.locale)


class Details(NamedTuple):
    """Who writes, and what else they answered."""

    name: str
    email: str
    address: intake.PostalAddress
    updates: bool


Fields = Annotated[LetterFields, Form()]


@router.get("/campaigns/{slug}/letter")
def ask_for_postcode(slug: Slug, session: ReadSession, now: Now) -> Response:
    """Shows the form for the writer's postcode."""
    view = campaign_views.of_campaign(session, campaigns.public(session, slug), now=now)
    return _page(session, view, forms.Form())


@router.post("/campaigns/{slug}/letter")
@router.post("/campaigns/{slug}/letter/check")
def edit_letter(
    slug: Slug, fields: Fields, lobby: TheLobby, session: ReadSession, now: Now
) -> Response:
    """Shows the MP of a postcode, and the letter that the parts make."""
    form = forms.Form(fields.model_dump())
    try:
        parts = letter_forms.check_parts(
            form, locale=fields.chosen_locale, is_by_hand=fields.is_by_hand
        )
        if form.value("name").strip():
            form.check("name", texts.person_name, missing="")
        _postcode(form)
        form.finish()
        campaign = campaigns.public(session, slug)
        letter_forms.situation_of(session, lobby, campaign, form.value("postcode"), now)
    except Invalid as error:
        form.note(error)
        return _editor_page(session, lobby, slug, form, fields, now, status=422)
    return _editor_page(session, lobby, slug, form, fields, now, parts=parts)


@router.get("/campaigns/{slug}/letters")
@router.get("/campaigns/{slug}/letter/check")
def back_to_letter(slug: Slug) -> Response:
    """Redirects a GET of the form's address, such as a reload, to the form."""
    return see_other(f"/campaigns/{slug}/letter")


@router.post("/campaigns/{slug}/letters")
def take_in(
    slug: Slug, fields: Fields, request: Request, lobby: TheLobby, session: ReadSession, now: Now
) -> Response:
    """Stores a letter, and emails its writer a link to confirm it.

    With a proof that the address is the writer's, it queues the letter, and shows it.
    """
    form = forms.Form(fields.model_dump())
    try:
        details = _checked_details(form, is_asked=not fields.proof)
        parts = letter_forms.check_parts(
            form,
            locale=fields.chosen_locale,
            is_by_hand=fields.is_by_hand,
            shortest_body=SHORTEST,
        )
        form.finish()
        # One connection at a time: `session` takes its own only after an error.
        with lobby.database.write() as writing:
            campaign = campaigns.public(writing, slug)
            situation = letter_forms.situation_of(
                writing, lobby, campaign, details.address.postcode, now
            )
            letter = editors.edit(situation, parts, name=details.name)
            _refuse_misdirected(form, letter)
            taken = intake.take_in(
                writing,
                situation,
                _new_letter(letter, details, wants_copy=bool(fields.wants_copy)),
                keyring=lobby.keyring,
                now=now,
                sender_index=sender_of(request.scope),
                proof=letter_proofs.signature_in(lobby.tokens, fields.proof),
                pace=lobby.pace,
            )
    except (Invalid, Conflict) as error:
        form.note(_on_page(error, fields), within="address.")
        status = 409 if error.code == "letter_misdirected" else status_of(error)[0]
        return _editor_page(session, lobby, slug, form, fields, now, status=status)
    if taken.state is LetterState.QUEUED:
        return see_other(f"/letters/confirm/{lobby.tokens.issue(Purpose.LETTER, taken.id)}")
    return see_other(f"/campaigns/{slug}/letters/check-your-mail")


@router.get("/campaigns/{slug}/letters/check-your-mail")
def check_your_mail(
    slug: Slug, request: Request, lobby: TheLobby, session: ReadSession
) -> Response:
    """Shows the same page to everybody, so that it says nothing about who has written before."""
    campaign = campaigns.public(session, slug)
    return page(
        "letters/letter_check_mail.html",
        session,
        face=faces.of_campaign(session, campaign),
        campaign=campaign,
        shows_mail=dev_mail.is_shown(request, lobby, session),
    )


def _postcode(form: forms.Form) -> str:
    return form.check("postcode", directory.normalise, missing="Enter your postcode.")


def _checked_details(form: forms.Form, *, is_asked: bool) -> Details:
    """Returns who writes. `form.finish` raises the problems of the fields."""
    name = form.check("name", texts.person_name, missing="Enter your name.")
    email = form.check("email", texts.email_address, missing="Enter your email address.")
    address = letter_forms.check_address(form, _postcode(form))
    if is_asked:
        form.check("updates", _yes_or_no, missing="Choose whether we can email you.")
    return Details(name, email, address, form.value("updates") == "yes")


def _yes_or_no(answer: str) -> str:
    if answer not in ("yes", "no"):
        raise Invalid.field("updates", "choice_unknown", "Choose yes or no.")
    return answer


def _new_letter(letter: EditedLetter, details: Details, *, wants_copy: bool) -> NewLetter:
    return NewLetter(
        name=details.name,
        email=details.email,
        address=details.address,
        subject=letter.subject,
        body=letter.body,
        updates=details.updates,
        wants_copy=wants_copy,
        locale=letter.locale,
    )


def _refuse_misdirected(form: forms.Form, letter: EditedLetter) -> None:
    """Raises Invalid where the page showed a letter to another MP, or of another kind.

    The postcode may have changed since, or the MP may have signed.
    """
    if message := letter_forms.change_of(letter, form.value("drafted_for")):
        raise Invalid.field("postcode", "letter_misdirected", message)


def _on_page(error: LobbyError, fields: LetterFields) -> LobbyError:
    """Returns an error of the letter's body at the field where it can be mended."""
    if isinstance(error, Invalid) and not fields.is_by_hand:
        return letter_forms.at_own_words(error)
    return error


def _editor_page(
    session: Session,
    lobby: Lobby,
    slug: str,
    form: forms.Form,
    fields: LetterFields,
    now: datetime,
    *,
    status: int = 200,
    parts: LetterParts | None = None,
) -> Response:
    """Shows the editor with everything typed, or the form for the postcode where nothing was.

    With a postcode that leads nowhere, it shows the letter for the last one that did.
    """
    view = campaign_views.of_campaign(session, campaigns.public(session, slug), now=now)
    situation = _last_situation(session, lobby, view.campaign, fields, now)
    if situation is None and not (fields.is_by_hand or fields.personal or fields.drafted_for):
        return _page(session, view, form, status=status)
    typed = parts or letter_forms.parts_as_typed(fields, fields.chosen_locale)
    letter = editors.edit(situation, typed, name=fields.name.strip())
    letter = letter_forms.after_action(letter, form, fields, name=fields.name.strip())
    letter_forms.put_letter(form, letter)
    if situation is not None:
        form.put(opened=opened.issue(lobby.tokens, situation) or "")
    writer = Writer(fields.postcode, fields.name, (fields.line1, fields.line2, fields.town))
    return _page(
        session,
        view,
        form,
        status=status,
        letter=letter,
        checked=letter_forms.check_letter(session, lobby, letter, writer=writer, now=now),
    )


def _last_situation(
    session: Session, lobby: Lobby, campaign: Campaign, fields: LetterFields, now: datetime
) -> Situation | None:
    keyring = lobby.keyring
    try:
        postcode = directory.normalise(fields.postcode)
        return letter_forms.situation_of(session, lobby, campaign, postcode, now)
    except LobbyError:
        pass
    try:
        return situations.of_seat(session, campaign, fields.seat, keyring=keyring, now=now)
    except LobbyError:
        return None


def _page(
    session: Session,
    view: CampaignView,
    form: forms.Form,
    *,
    status: int = 200,
    letter: EditedLetter | None = None,
    checked: object = None,
) -> Response:
    """Renders the form for the postcode or, with a letter, the editor."""
    situation = letter.situation if letter else None
    reason = situation.reason if situation else None
    member = situation.member if situation else None
    is_personal = letter is not None or bool(form.value("postcode"))
    response = page(
        "letters/letter.html",
        session,
        status=status,
        is_private=is_personal,
        face=faces.of_organisation(session, view.organisation),
        view=view,
        form=form,
        letter=letter,
        situation=situation,
        member=member,
        stand=stands.of_situation(member.name, situation) if situation and member else None,
        checked=checked,
        no_letter=_closed_reason(view) or (situations.REASONS[reason] if reason else None),
        is_closed=_closed_reason(view) is not None,
    )
    if is_personal and not form.value("proof"):
        response.headers["Cache-Control"] = letter_forms.KEPT_BY_BROWSER
    return response


def _closed_reason(view: CampaignView) -> str | None:
    """Says why nobody can write about this campaign now; None where they can."""
    if view.campaign.status is not CampaignStatus.OPEN:
        return situations.REASONS["campaign_closed"]
    is_live = view.motion is None or view.motion.status is MotionStatus.PUBLISHED
    return None if is_live else situations.REASONS["motion_ended"]
