"""What the letter pages of signers and of everybody else share: fields, checks and advice."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from pydantic import BaseModel
from sqlmodel import Session

from models import Campaign, LetterAct
from services.assembly import Lobby
from services.common import texts
from services.errors import Invalid, NotFound
from services.letters.drafting import drafts, editor_checks, editors, situations
from services.letters.drafting.editor_checks import CheckedLetter
from services.letters.drafting.editors import EditedLetter, LetterParts
from services.letters.drafting.rules import LONGEST, LONGEST_SUBJECT, Writer
from services.letters.drafting.situations import Situation
from services.letters.intake import PostalAddress
from web.base.forms import Form

LONGEST_PERSONAL = 3000
# A browser shows the page again after 'Back', with what was typed. No other cache keeps it.
KEPT_BY_BROWSER = "private, no-cache"
MOST_POINTS, LONGEST_POINT = 60, 400
# The built-in letters of a campaign without a motion.
_WITHOUT_MOTION = frozenset(act.value for act in LetterAct if not act.is_about_motion)
ADDRESS_FIELDS = ("line1", "line2", "town")


class PartFields(BaseModel):
    """The parts of a letter as sent.

    `subject_was` is the campaign's subject as the page showed it. `drafted_for` names the MP and
    the kind of letter that the page showed. `body` and `by_hand` are in the form of a letter that
    was changed by hand. `action` is the button's, `others` are texts that must not be lost.
    """

    personal: str = ""
    points: list[str] = []
    subject: str = ""
    subject_was: str = ""
    body: str = ""
    drafted_for: str = ""
    by_hand: str = ""
    action: str = ""
    others: list[str] = []

    @property
    def is_by_hand(self) -> bool:
        """Returns whether the whole text was changed by hand."""
        return bool(self.body or self.by_hand)


def drafted_for(situation: Situation) -> str:
    """Returns the member and the kind of letter: a draft for one does not suit another."""
    return f"{situation.member.id if situation.member else ''}-{situation.variant or ''}"


def line(name: str, longest: int, shortest: int = 1) -> Callable[[str], str]:
    """Returns the rule of a field of one line."""
    return partial(texts.line, field=name, longest=longest, shortest=shortest)


def text(name: str, longest: int, shortest: int = 0) -> Callable[[str], str]:
    """Returns the rule of a field of several lines."""
    return partial(texts.paragraphs, field=name, longest=longest, shortest=shortest)


def locale_of(choice: str) -> str:
    """Returns the language of a letter: Welsh where it was chosen."""
    return drafts.WELSH if choice == drafts.WELSH else "en"


def situation_of(
    session: Session, lobby: Lobby, campaign: Campaign, postcode: str, now: datetime
) -> Situation:
    """Returns the situation of a normalised postcode. Invalid where the postcode is unknown."""
    try:
        answer = lobby.postcodes.lookup(postcode)
        return situations.of_postcode(session, campaign, answer, keyring=lobby.keyring, now=now)
    except NotFound as error:
        raise Invalid.field("postcode", error.code, error.message) from error


def check_parts(
    form: Form, *, locale: str, is_by_hand: bool, shortest_body: int = 0
) -> LetterParts:
    """Returns the parts in a form. `form.finish` raises their problems.

    A subject that the page showed is the campaign's, and follows it.
    """
    personal = form.check("personal", text("personal", LONGEST_PERSONAL), missing="")
    is_default = form.value("subject").strip() in ("", form.value("subject_was").strip())
    subject, body = "", None
    if not is_default or (is_by_hand and not form.value("subject").strip()):
        rule = line("subject", LONGEST_SUBJECT, 3)
        subject = form.check("subject", rule, missing="Enter a subject.")
    if is_by_hand:
        rule = text("body", LONGEST, shortest_body)
        body = form.check("body", rule, missing="Write your letter.")
    points = [key for key in dict.fromkeys(form.values("points")) if len(key) <= LONGEST_POINT]
    return LetterParts(personal, tuple(points[:MOST_POINTS]), subject, body, locale)


def check_address(form: Form, postcode: str) -> PostalAddress:
    """Returns the postal address in a form. `form.finish` raises its problems."""
    return PostalAddress(
        line1=form.check("line1", line("line1", 100), missing="Enter address line 1."),
        line2=form.check("line2", line("line2", 100, 0), missing=""),
        town=form.check("town", line("town", 100), missing="Enter your town or city."),
        postcode=postcode,
    )


def check_letter(
    session: Session,
    lobby: Lobby,
    letter: EditedLetter,
    *,
    writer: Writer,
    now: datetime,
) -> CheckedLetter | None:
    """Checks a letter. None where no letter can be sent."""
    if letter.situation is None or letter.situation.reason is not None:
        return None
    return editor_checks.check(
        session,
        letter.situation,
        subject=letter.subject,
        body=letter.body,
        writer=writer,
        keyring=lobby.keyring,
        now=now,
    )


def change_of(letter: EditedLetter, before: str) -> str | None:
    """Says what changed since a page showed the letter `before` (`drafted_for`); None: nothing.

    Another MP or another kind of letter needs the writer's eyes before it is sent.
    """
    situation = letter.situation
    if not before or situation is None or situation.reason or situation.member is None:
        return None
    if before == drafted_for(situation):
        return None
    member = situation.member
    ours = (
        "Check that your text still fits."
        if letter.is_by_hand
        else ("We’ve written a new letter around your words for you to check.")
    )
    if before.partition("-")[0] == str(member.id):
        return f"{_change(situation, before)} {ours}"
    return f"Your MP is now {member.name}. {ours}"


def _change(situation: Situation, before: str) -> str:
    """Says why the same MP gets another kind of letter than `before`."""
    name = situation.member.name if situation.member else ""
    if situation.motion is None:
        return f"{name} has changed office since you began."
    if before.partition("-")[2] in _WITHOUT_MOTION:
        return "There’s a motion in Parliament about this now."
    return f"{name}’s position on the motion has changed since you began."


def required_problems(letter: EditedLetter, checked: CheckedLetter | None) -> Invalid | None:
    """Returns everything for which a letter would be refused, at the fields of its page."""
    problems = [problem for problem in checked.problems if problem.is_required] if checked else []
    if not problems:
        return None
    error = texts.combined([problem.as_error() for problem in problems])
    return error if letter.is_by_hand else at_own_words(error)


def at_own_words(error: Invalid) -> Invalid:
    """Returns an error of the whole letter at the writer's own words, which alone can cause it."""
    fields = tuple(
        replace(item, field="personal") if item.field == "body" else item for item in error.fields
    )
    return Invalid(error.code, error.message, fields)


def parts_as_typed(fields: PartFields, locale: str) -> LetterParts:
    """Returns the parts of a form with mistakes in it, to show them again."""
    is_default = fields.subject.strip() == fields.subject_was.strip()
    return LetterParts(
        fields.personal,
        tuple(fields.points),
        "" if is_default else fields.subject,
        fields.body if fields.is_by_hand else None,
        locale,
    )


def after_action(
    letter: EditedLetter, form: Form, fields: PartFields, *, name: str
) -> EditedLetter:
    """Returns the letter after its writer began to change it by hand, or to start again.

    A text that was changed by hand is shown below the letter that replaces it.
    """
    parts = letter.parts
    if fields.action == "by_hand" and not letter.is_by_hand:
        return editors.edit(letter.situation, replace(parts, body=letter.body), name=name)
    if fields.action == "start_again" and letter.is_by_hand:
        new = editors.edit(letter.situation, replace(parts, subject="", body=None), name=name)
        if new.body != letter.body:
            form.put_all(others=[*form.values("others"), letter.body])
        return new
    return letter


def put_letter(form: Form, letter: EditedLetter) -> None:
    """Puts the letter into the fields of its editor."""
    form.put(
        subject=letter.subject,
        body=letter.body if letter.is_by_hand else "",
        drafted_for=drafted_for(letter.situation) if letter.situation else "",
    )
