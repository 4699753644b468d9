"""The pages for writing to an MP. `letter_links` has the page that the email links to."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.answers import letter_proofs
from api.answers.signature_intake import sender_of
from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.errors import status_of
from models import Campaign, CampaignStatus, LetterState, MotionStatus
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common import texts
from services.common.tokens import Purpose
from services.errors import Conflict, Invalid, LobbyError, NotFound
from services.letters import intake, opened
from services.letters.drafting import drafts, editor_checks, situations
from services.letters.drafting.drafts import Draft
from services.letters.drafting.editor_checks import CheckedLetter
from services.letters.drafting.rules import Writer
from services.letters.drafting.situations import Situation
from services.letters.intake import NewLetter
from services.postcodes import directory
from services.views import campaign_views
from services.views.campaign_views import CampaignView
from web.base import forms
from web.base.rendering import page, see_other
from web.public import dev_mail

LONGEST_PERSONAL = 3000
router = APIRouter()


class LetterFields(BaseModel):
    """The fields as sent.

    `drafted_for` names the MP and the kind of letter of the draft, `locale` its language.
    `language` is sent by the button that drafts it in another language. `proof` is in the form of
    the page after confirming a signature. `opened` is the token with which the draft is counted.
    """

    name: str = ""
    email: str = ""
    line1: str = ""
    line2: str = ""
    town: str = ""
    postcode: str = ""
    subject: str = ""
    body: str = ""
    personal: str = ""
    points: list[str] = []
    updates: str = ""
    wants_copy: str = ""
    drafted_for: str = ""
    locale: str = ""
    language: str = ""
    proof: str = ""
    opened: str = ""


Fields = Annotated[LetterFields, Form()]


def drafted_for(situation: Situation) -> str:
    """Returns the member and the kind of letter: a draft for one does not suit another."""
    return f"{situation.member.id if situation.member else ''}-{situation.variant or ''}"


@router.get("/campaigns/{slug}/letter")
def ask_for_postcode(slug: Slug, session: ReadSession, now: Now) -> Response:
    """Shows the form for the writer's postcode."""
    return _page(session, slug, forms.Form(), now)


@router.post("/campaigns/{slug}/letter")
def draft_letter(
    slug: Slug, fields: Fields, lobby: TheLobby, session: ReadSession, now: Now
) -> Response:
    """Shows the MP of a postcode, and drafts a letter to them with the chosen points."""
    form = forms.Form(fields.model_dump())
    campaign = campaigns.public(session, slug)
    try:
        name, personal = _checked_draft_texts(form)
        postcode = _postcode(form)
        form.finish()
        situation = _situation(session, lobby, campaign, postcode, now)
    except Invalid as error:
        form.note(error)
        return _page(session, slug, form, now, status=422)
    chosen = _locale(fields.language or fields.locale)
    locale = chosen if drafts.has_welsh(situation) else "en"
    offered = drafts.points_to_choose(situation, locale=locale)
    points = tuple(point for point in offered if form.has("points", point))
    draft = drafts.draft(situation, name=name, points=points, personal=personal, locale=locale)
    form.put(
        postcode=postcode,
        subject=draft.subject,
        body=draft.body,
        drafted_for=drafted_for(situation),
        locale=draft.locale,
        opened=opened.issue(lobby.tokens, situation) or "",
    )
    checked = _check_letter(session, lobby, situation, form, now)
    return _page(session, slug, form, now, draft=draft, checked=checked)


@router.post("/campaigns/{slug}/letter/check")
def check_letter(
    slug: Slug, fields: Fields, lobby: TheLobby, session: ReadSession, now: Now
) -> Response:
    """Shows the editor with advice on the letter, and links that open it in an email program."""
    form = forms.Form(fields.model_dump())
    return _editor_page(session, lobby, slug, form, 200, now)


@router.post("/campaigns/{slug}/letters/opened")
def count_opened(slug: Slug, fields: Fields, lobby: TheLobby, now: Now) -> Response:
    """Counts a letter that its writer opened in their own email program."""
    form = forms.Form(fields.model_dump())
    postcode = _postcode(form)
    form.finish()
    with lobby.database.write() as writing:
        campaign = campaigns.public(writing, slug)
        opened.count(
            writing,
            _situation(writing, lobby, campaign, postcode, now),
            fields.opened,
            tokens=lobby.tokens,
            keyring=lobby.keyring,
            now=now,
        )
    return see_other(f"/campaigns/{slug}/letters/opened")


@router.get("/campaigns/{slug}/letters/opened")
def thank_for_opened(slug: Slug, session: ReadSession) -> Response:
    """Shows the same page to everybody, so that it says nothing about who has written before."""
    return page("public/opened.html", session, campaign=campaigns.public(session, slug))


@router.get("/campaigns/{slug}/letters")
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
    proof = letter_proofs.signature_in(lobby.tokens, fields.proof)
    try:
        letter = _checked(form)
        # One connection at a time: `session` takes its own only after an error.
        with lobby.database.write() as writing:
            campaign = campaigns.public(writing, slug)
            situation = _situation(writing, lobby, campaign, letter.address.postcode, now)
            _refuse_misdirected(form, situation)
            taken = intake.take_in(
                writing,
                situation,
                letter,
                keyring=lobby.keyring,
                now=now,
                sender_index=sender_of(request.scope),
                proof=proof,
                pace=lobby.pace,
            )
    except (Invalid, Conflict) as error:
        form.note(error, within="address.")
        return _editor_page(session, lobby, slug, form, status_of(error)[0], now)
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
        "public/check_your_mail.html",
        session,
        kind="letter",
        heading=campaign.title,
        campaign=campaign,
        shows_mail=dev_mail.is_shown(request, lobby, session),
    )


def _line(name: str, longest: int, shortest: int = 1) -> Callable[[str], str]:
    return partial(texts.line, field=name, longest=longest, shortest=shortest)


def _text(name: str, longest: int, shortest: int = 0) -> Callable[[str], str]:
    return partial(texts.paragraphs, field=name, longest=longest, shortest=shortest)


def _locale(text: str) -> str:
    return drafts.WELSH if text == drafts.WELSH else "en"


def _postcode(form: forms.Form) -> str:
    return form.check("postcode", directory.normalise, missing="Enter your postcode.")


def _checked_draft_texts(form: forms.Form) -> tuple[str, str]:
    """Returns the name, which may be empty, and the writer's own sentences."""
    has_name = form.value("name").strip() != ""
    name = form.check("name", texts.person_name, missing="") if has_name else ""
    return name, form.check("personal", _text("personal", LONGEST_PERSONAL), missing="")


def _checked(form: forms.Form) -> NewLetter:
    """Returns the letter in the form, or raises Invalid with all problems."""
    check = form.check
    subject = check("subject", _line("subject", 200, 3), missing="Enter a subject.")
    body = check("body", _text("body", 10_000, 50), missing="Write your letter.")
    name = check("name", texts.person_name, missing="Enter your name.")
    email = check("email", texts.email_address, missing="Enter your e-mail address.")
    line1 = check("line1", _line("line1", 100), missing="Enter your house and street.")
    line2 = check("line2", _line("line2", 100, 0), missing="")
    town = check("town", _line("town", 100), missing="Enter your town or city.")
    postcode = _postcode(form)
    form.finish()
    return NewLetter(
        name=name,
        email=email,
        address=intake.PostalAddress(line1=line1, line2=line2, town=town, postcode=postcode),
        subject=subject,
        body=body,
        updates=bool(form.value("updates")),
        wants_copy=bool(form.value("wants_copy")),
        locale=_locale(form.value("locale")),
    )


def _situation(
    session: Session, lobby: Lobby, campaign: Campaign, postcode: str, now: datetime
) -> Situation:
    """Returns the situation of a normalised postcode. Invalid where the postcode is unknown."""
    try:
        answer = lobby.postcodes.lookup(postcode)
        return situations.of_postcode(session, campaign, answer, keyring=lobby.keyring, now=now)
    except NotFound as error:
        raise Invalid.field("postcode", error.code, error.message) from error


def _refuse_misdirected(form: forms.Form, situation: Situation) -> None:
    """Raises Conflict where the letter was drafted for another MP or another kind of letter.

    The postcode may have changed since the draft, or the MP may have signed.
    """
    before = form.value("drafted_for")
    if before and situation.reason is None and before != drafted_for(situation):
        form.put(drafted_for=drafted_for(situation))
        message = (
            "This letter was drafted for another MP, or before your MP's position changed. "
            "Check that its words fit, and send it again."
        )
        raise Conflict("letter_misdirected", message)


def _editor_page(
    session: Session, lobby: Lobby, slug: str, form: forms.Form, status: int, now: datetime
) -> Response:
    """Shows the editor with everything typed, and the MP where the postcode is valid."""
    campaign = campaigns.public(session, slug)
    try:
        postcode = directory.normalise(form.value("postcode"))
        situation = _situation(session, lobby, campaign, postcode, now)
    except LobbyError:
        return _page(session, slug, form, now, status=status)
    form.put(opened=opened.issue(lobby.tokens, situation) or "")
    checked = _check_letter(session, lobby, situation, form, now)
    draft = Draft(situation, "", "", None)
    return _page(session, slug, form, now, status=status, draft=draft, checked=checked)


def _check_letter(
    session: Session, lobby: Lobby, situation: Situation, form: forms.Form, now: datetime
) -> CheckedLetter | None:
    """Checks the text in the form. None where there is no text, or no letter can be sent."""
    if situation.reason is not None or not form.value("body"):
        return None
    address_lines = tuple(form.value(name) for name in ("line1", "line2", "town"))
    return editor_checks.check(
        session,
        situation,
        subject=form.value("subject").strip(),
        body=form.value("body"),
        writer=Writer(form.value("postcode"), form.value("name"), address_lines),
        keyring=lobby.keyring,
        now=now,
    )


def _page(
    session: Session,
    slug: str,
    form: forms.Form,
    now: datetime,
    *,
    status: int = 200,
    draft: Draft | None = None,
    checked: CheckedLetter | None = None,
) -> Response:
    """Renders the form for the postcode or, once there is a text, the editor."""
    view = campaign_views.of_campaign(session, campaigns.public(session, slug), now=now)
    reason = draft.situation.reason if draft else None
    locale = _locale(form.value("locale"))
    return page(
        "public/letter.html",
        session,
        status=status,
        is_private=bool(form.value("postcode") or form.value("proof")),
        view=view,
        form=form,
        draft=draft,
        checked=checked,
        # Without a known seat, the points ticked before must not be lost.
        points=drafts.points_to_choose(draft.situation, locale=locale)
        if draft
        else view.campaign.letter_points,
        has_welsh=draft is not None and drafts.has_welsh(draft.situation),
        no_letter=_closed_reason(view) or (situations.REASONS[reason] if reason else None),
        is_closed=_closed_reason(view) is not None,
        has_text=bool(form.value("body") or form.value("subject") or form.value("drafted_for")),
    )


def _closed_reason(view: CampaignView) -> str | None:
    """Says why nobody can write about this campaign now; None where they can."""
    if view.campaign.status is not CampaignStatus.OPEN:
        return situations.REASONS["campaign_closed"]
    if view.motion is None:
        return "This campaign has no motion to write to an MP about yet."
    is_live = view.motion.status is MotionStatus.PUBLISHED
    return None if is_live else situations.REASONS["motion_ended"]
