"""Writing to one's MP. What the link in the mail then leads to is in `letter_links`."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.errors import status_of
from models import Campaign, CampaignStatus, MotionStatus
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common import texts
from services.errors import Conflict, Invalid, LobbyError, NotFound
from services.letters import intake
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
    """The form as it comes. `drafted_for` says whom the draft was written to, `locale` in which
    language; `language` is that of the button that writes it in another one."""

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


Fields = Annotated[LetterFields, Form()]


def drafted_for(found: Situation) -> str:
    """Which member, and which kind of letter: a draft for one does not suit another."""
    return f"{found.member.id if found.member else ''}-{found.variant or ''}"


@router.get("/campaigns/{slug}/letter")
def ask_for_postcode(slug: Slug, session: ReadSession, now: Now) -> Response:
    """The way to one's MP."""
    return _page(session, slug, forms.Form(), now)


@router.post("/campaigns/{slug}/letter")
def draft(slug: Slug, fields: Fields, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """The MP behind a postcode, and a letter to them; written afresh with the chosen points."""
    form = forms.Form(fields.model_dump())
    campaign = campaigns.public(session, slug)
    try:
        name, personal = _draft_texts(form)
        postcode = _postcode(form)
        form.finish()
        found = _situation(session, lobby, campaign, postcode, now)
    except Invalid as error:
        form.note(error)
        return _page(session, slug, form, now, status=422)
    wanted = _locale(fields.language or fields.locale)
    locale = wanted if drafts.has_welsh(found) else "en"
    offered = drafts.points_to_choose(found, locale=locale)
    points = tuple(point for point in offered if form.has("points", point))
    made = drafts.draft(found, name=name, points=points, personal=personal, locale=locale)
    form.put(
        postcode=postcode,
        subject=made.subject,
        body=made.body,
        drafted_for=drafted_for(found),
        locale=made.locale,
    )
    checked = _looked_at(session, lobby, found, form, now)
    return _page(session, slug, form, now, draft=made, checked=checked)


@router.post("/campaigns/{slug}/letter/check")
def check(slug: Slug, fields: Fields, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """The editor again, with how like the letter is to others, and links that open it as it is."""
    form = forms.Form(fields.model_dump())
    return _editor_again(session, lobby, slug, form, 200, now)


@router.post("/campaigns/{slug}/letters/opened")
def count_opened(slug: Slug, fields: Fields, lobby: TheLobby, now: Now) -> Response:
    """Count a letter that its writer opened in their own mail program."""
    form = forms.Form(fields.model_dump())
    postcode = _postcode(form)
    form.finish()
    with lobby.database.write() as writing:
        campaign = campaigns.public(writing, slug)
        intake.count_opened(writing, _situation(writing, lobby, campaign, postcode, now))
    return see_other(f"/campaigns/{slug}/letters/opened")


@router.get("/campaigns/{slug}/letters/opened")
def thank_for_opened(slug: Slug, session: ReadSession) -> Response:
    """The same for everybody: it knows nothing of who wrote."""
    return page("public/opened.html", session, campaign=campaigns.public(session, slug))


@router.get("/campaigns/{slug}/letters")
def back_to_letter(slug: Slug) -> Response:
    """Where somebody goes who opens the form's address by itself."""
    return see_other(f"/campaigns/{slug}/letter")


@router.post("/campaigns/{slug}/letters")
def take_in(
    slug: Slug, fields: Fields, lobby: TheLobby, session: ReadSession, now: Now
) -> Response:
    """Keep a letter until its writer confirms it by mail."""
    form = forms.Form(fields.model_dump())
    try:
        letter = _checked(form)
        # One connection at a time: `session` takes its own only where this fails.
        with lobby.database.write() as writing:
            campaign = campaigns.public(writing, slug)
            found = _situation(writing, lobby, campaign, letter.address.postcode, now)
            _refuse_misdirected(form, found)
            intake.take_in(writing, found, letter, keyring=lobby.keyring, now=now)
    except (Invalid, Conflict) as error:
        form.note(error, within="address.")
        return _editor_again(session, lobby, slug, form, status_of(error)[0], now)
    return see_other(f"/campaigns/{slug}/letters/check-your-mail")


@router.get("/campaigns/{slug}/letters/check-your-mail")
def check_your_mail(
    slug: Slug, request: Request, lobby: TheLobby, session: ReadSession
) -> Response:
    """The same for everybody: it knows nothing of who wrote."""
    campaign = campaigns.public(session, slug)
    return page(
        "public/check_your_mail.html",
        session,
        what="letter",
        heading=campaign.title,
        campaign=campaign,
        shows_mail=dev_mail.is_shown(request, lobby, session),
    )


def _line(name: str, longest: int, shortest: int = 1) -> Callable[[str], str]:
    return partial(texts.line, field=name, longest=longest, shortest=shortest)


def _text(name: str, longest: int, shortest: int = 0) -> Callable[[str], str]:
    return partial(texts.paragraphs, field=name, longest=longest, shortest=shortest)


def _locale(text: str) -> str:
    """Welsh where it is asked for, and else English."""
    return drafts.WELSH if text == drafts.WELSH else "en"


def _postcode(form: forms.Form) -> str:
    return form.check("postcode", directory.normalise, missing="Enter your postcode.")


def _draft_texts(form: forms.Form) -> tuple[str, str]:
    """The name, which a draft can do without, and the writer's own sentence."""
    named = form.value("name").strip()
    name = form.check("name", texts.person_name, missing="") if named else ""
    return name, form.check("personal", _text("personal", LONGEST_PERSONAL), missing="")


def _checked(form: forms.Form) -> NewLetter:
    """The letter in the form, or Invalid with all that is wrong with it."""
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
    """Of a postcode in normal form; one that nobody knows is a wrong field."""
    try:
        answer = lobby.postcodes.lookup(postcode)
        return situations.of_postcode(session, campaign, answer, keyring=lobby.keyring, now=now)
    except NotFound as error:
        raise Invalid.field("postcode", error.code, error.message) from error


def _refuse_misdirected(form: forms.Form, found: Situation) -> None:
    """The postcode may have been changed after the draft, or the MP may have signed since."""
    before = form.value("drafted_for")
    if before and found.reason is None and before != drafted_for(found):
        form.put(drafted_for=drafted_for(found))
        message = (
            "This letter was drafted for another MP, or before your MP's position changed. "
            "Check that its words fit, and send it again."
        )
        raise Conflict("letter_misdirected", message)


def _editor_again(
    session: Session, lobby: Lobby, slug: str, form: forms.Form, status: int, now: datetime
) -> Response:
    """The editor with everything typed, and whatever we can still say of the MP."""
    campaign = campaigns.public(session, slug)
    try:
        postcode = directory.normalise(form.value("postcode"))
        found = _situation(session, lobby, campaign, postcode, now)
    except LobbyError:
        return _page(session, slug, form, now, status=status)
    checked = _looked_at(session, lobby, found, form, now)
    made = Draft(found, "", "", None)
    return _page(session, slug, form, now, status=status, draft=made, checked=checked)


def _looked_at(
    session: Session, lobby: Lobby, found: Situation, form: forms.Form, now: datetime
) -> CheckedLetter | None:
    """What to say of the text in the form; None where there is none, or nobody to write to."""
    if found.reason is not None or not form.value("body"):
        return None
    home = tuple(form.value(name) for name in ("line1", "line2", "town"))
    return editor_checks.check(
        session,
        found,
        subject=form.value("subject").strip(),
        body=form.value("body"),
        writer=Writer(form.value("postcode"), form.value("name"), home),
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
    """One page from the postcode to the letter; it shows the editor once there is a text."""
    view = campaign_views.of_campaign(session, campaigns.public(session, slug), now=now)
    reason = draft.situation.reason if draft else None
    locale = _locale(form.value("locale"))
    return page(
        "public/letter.html",
        session,
        status=status,
        is_private=bool(form.value("postcode")),
        view=view,
        form=form,
        draft=draft,
        checked=checked,
        # Where we do not know the seat, those ticked before must not be lost.
        points=drafts.points_to_choose(draft.situation, locale=locale)
        if draft
        else view.campaign.letter_points,
        has_welsh=draft is not None and drafts.has_welsh(draft.situation),
        no_letter=_closed(view) or (situations.REASONS[reason] if reason else None),
        is_closed=_closed(view) is not None,
        has_text=bool(form.value("body") or form.value("subject") or form.value("drafted_for")),
    )


def _closed(view: CampaignView) -> str | None:
    """Why nobody can write about this campaign, in words."""
    if view.campaign.status is not CampaignStatus.OPEN:
        return situations.REASONS["campaign_closed"]
    if view.motion is None:
        return "This campaign has no motion to write to an MP about yet."
    is_live = view.motion.status is MotionStatus.PUBLISHED
    return None if is_live else situations.REASONS["motion_ended"]
