"""One letter of a campaign: writing it beside a preview for every kind of MP, and removing it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Form, Query, Response
from sqlmodel import Session

from api.http.dependencies import Now, Slug, TheLobby
from api.http.late_routes import Router
from models import Campaign, LetterAct
from services.campaigns import campaigns
from services.errors import Conflict, FieldError, Invalid, NotFound
from services.letters.kinds import variants
from services.letters.kinds.conditions import Conditions, Variant
from services.letters.kinds.variants import MOST_VARIANTS
from web.base import forms
from web.base.desk import Desk, EditorDesk
from web.base.rendering import see_other
from web.organisers.builder import (
    frame,
    letter_fields,
    letter_list,
    letter_preview,
    letter_words,
    letters_step,
    versions,
)
from web.organisers.builder.frame import Step
from web.organisers.builder.letter_fields import NATIONS, LetterFields
from web.organisers.builder.letter_list import LetterList
from web.organisers.builder.letter_preview import Choice
from web.organisers.builder.versions import ChangedByColleague

TEMPLATE = "organisers/builder/letter.html"
REMOVE = "organisers/builder/remove_letter.html"
LONGEST_VARIANT = 40
_GONE = (
    "A colleague has removed this letter. Your text is still here: press Save to add it again, "
    "at the top of the list."
)
router = Router()
Text = Annotated[str, Query()]


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter being written: the stored one (None: it is new), and the whole list with it."""

    stored: Variant | None
    letters: tuple[Variant, ...]
    place: int

    @property
    def current(self) -> Variant:
        """The letter as written."""
        return self.letters[self.place]


@router.get(letters_step.PATH + "/new")
def start_letter(
    slug: Slug,
    desk: EditorDesk,
    lobby: TheLobby,
    now: Now,
    act: Text = "",
    preview: Text = "",
    mp: Text = "",
    lang: Text = "",
) -> Response:
    """Shows the form for a new letter, with a built-in text to begin with."""
    choice = Choice.read(preview, mp, lang)
    with lobby.database.read() as session:
        campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
        listed = letter_list.of_campaign(session, campaign, now=now)
        built_in = _built_in(act, has_motion=listed.has_motion)
        form = forms.Form(letter_fields.values_of(built_in) | {"name": ""})
        draft = _added(listed.variants, _unnamed(built_in))
        return _page(session, desk, campaign, listed, draft, form, choice, now=now)


@router.get(letters_step.PATH + "/{variant}")
def show_letter(
    slug: Slug,
    variant: str,
    desk: EditorDesk,
    lobby: TheLobby,
    now: Now,
    preview: Text = "",
    mp: Text = "",
    lang: Text = "",
    done: Text = "",
) -> Response:
    """Shows one letter with its preview."""
    with lobby.database.read() as session:
        campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
        listed = letter_list.of_campaign(session, campaign, now=now)
        stored = _own(listed.variants, variant)
        values = letter_fields.values_of(stored)
        form = forms.Form({**values, "version": versions.of(values)})
        draft = Draft(stored, listed.variants, listed.variants.index(stored))
        choice = Choice.read(preview, mp, lang)
        return _page(session, desk, campaign, listed, draft, form, choice, now=now, done=done)


@router.post(letters_step.PATH + "/{variant}")
def write_letter(
    slug: Slug,
    variant: str,
    fields: Annotated[LetterFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
    now: Now,
) -> Response:
    """Saves a letter, or shows it again with another preview; `new` is one to add."""
    with lobby.database.read() as session:
        campaigns.own(session, slug, organisation_id=desk.organisation_id)
    problem: Conflict | Invalid | NotFound | None = None
    if fields.do in ("", "save"):
        try:
            with lobby.database.write() as session:
                campaign = campaigns.own_locked(session, slug, organisation_id=desk.organisation_id)
                saved = _save(session, campaign, variant, fields, now)
            path = f"{frame.path_of(slug, Step.LETTERS)}/{saved.name}"
            return see_other(f"{path}?done=saved")
        except (Conflict, Invalid, NotFound) as error:
            problem = error
    with lobby.database.read() as session:
        campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
        return _again(session, desk, campaign, variant, fields, problem, now=now)


@router.get(letters_step.PATH + "/{variant}/remove")
def ask_to_remove(
    slug: Slug, variant: str, desk: EditorDesk, lobby: TheLobby, now: Now
) -> Response:
    """Asks whether to remove a letter, and says who would get nothing without it."""
    with lobby.database.read() as session:
        campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
        listed = letter_list.of_campaign(session, campaign, now=now)
        stored = _own(() if listed.is_built_in else listed.variants, variant)
        is_only = len(listed.variants) == 1
        return frame.show(
            desk,
            session,
            campaign,
            Step.LETTERS,
            REMOVE,
            now=now,
            form=forms.Form(),
            variant=stored,
            title=letter_words.title(stored.name),
            count=len(listed.coverage.by_variant[stored.name]),
            left_out=0 if is_only else len(listed.without(stored.name).left_out),
            is_only=is_only,
        )


@router.post(letters_step.PATH + "/{variant}/remove")
def remove_letter(
    slug: Slug, variant: str, desk: EditorDesk, lobby: TheLobby, now: Now
) -> Response:
    """Removes a letter. Without any of its own, the campaign uses the built-in ones again."""
    done = "letter-removed"
    try:
        with lobby.database.write() as session:
            campaign = campaigns.own_locked(session, slug, organisation_id=desk.organisation_id)
            found = variants.in_use(session, campaign)
            rest = tuple(each for each in found.in_order if each.name != variant)
            if not found.is_built_in and rest != found.in_order:
                letters_step.save(session, campaign, rest, now=now)
                done = done if rest else "letters-built-in"
    except (Conflict, Invalid) as error:
        return letters_step.refused(lobby, desk, slug, error, now=now)
    return see_other(f"{frame.path_of(slug, Step.LETTERS)}?done={done}")


def _save(
    session: Session, campaign: Campaign, name: str, fields: LetterFields, now: datetime
) -> Variant:
    stored = variants.in_use(session, campaign).in_order
    has_motion = variants.uses_motion(session, campaign)
    taken = _names_of_others(session, campaign, has_motion=has_motion)
    draft = _draft(stored, name, fields, has_motion=has_motion, taken=taken)
    if draft.stored is not None:
        values = letter_fields.values_of(draft.stored)
        versions.require(fields.version, values, fields.values())
    letters_step.save(session, campaign, draft.letters, now=now)
    return draft.current


def _names_of_others(session: Session, campaign: Campaign, *, has_motion: bool) -> list[str]:
    """Returns the names of the letters that the campaign does not use today.

    They are about a motion if it has none, and the other way round.
    """
    own = variants.own(session, campaign.id)
    return [letter.name for letter in own if letter.act.is_about_motion is not has_motion]


def _draft(
    stored: tuple[Variant, ...],
    name: str,
    fields: LetterFields,
    *,
    has_motion: bool,
    taken: Sequence[str] = (),
) -> Draft:
    """Returns the list with the letter as typed. Raises Invalid, with problems at its fields.

    `taken` are names of letters that are not in the list.
    """
    before = None if name in variants.RESERVED_NAMES else _own(stored, name)
    if before is None and len(stored) >= MOST_VARIANTS:
        message = f"A campaign has at most {MOST_VARIANTS} letters. Remove one first."
        raise Invalid("too_many", message)
    others = [*(letter.name for letter in stored if letter is not before), *taken]
    typed = letter_fields.variant_of(fields, before, others, has_motion=has_motion)
    if before is None:
        draft = _added(stored, typed)
    else:
        place = stored.index(before)
        draft = Draft(before, (*stored[:place], typed, *stored[place + 1 :]), place)
    try:
        checked = variants.checked(draft.letters, is_unfinished=True)
    except Invalid as error:
        raise letter_fields.at_its_fields(error, draft.place, has_motion=has_motion) from error
    return Draft(before, checked, draft.place)


def _added(stored: tuple[Variant, ...], letter: Variant) -> Draft:
    """Puts a new letter at the top, where it is tried first."""
    return Draft(None, (letter, *stored), 0)


def _built_in(act: str, *, has_motion: bool) -> Variant:
    """Returns the built-in letter with an act, or the commonest."""
    found = {variant.act.value: variant for variant in variants.built_in(has_motion=has_motion)}
    return found.get(act) or found[LetterAct.ASK if has_motion else LetterAct.WRITE_TO_MINISTER]


def _unnamed(built_in: Variant) -> Variant:
    return Variant("new-letter", built_in.act, Conditions(), built_in.texts)


def _own(letters: Sequence[Variant], name: str) -> Variant:
    found = next((letter for letter in letters if letter.name == name), None)
    if found is None:
        raise NotFound("letter_unknown", f"There is no letter “{name[:LONGEST_VARIANT]}”.")
    return found


def _again(
    session: Session,
    desk: Desk,
    campaign: Campaign,
    name: str,
    fields: LetterFields,
    problem: Conflict | Invalid | NotFound | None,
    *,
    now: datetime,
) -> Response:
    """Shows the form again with everything that was typed, and with the preview it asks for."""
    listed = letter_list.of_campaign(session, campaign, now=now)
    form = forms.Form({**fields.values(), "version": fields.version})
    is_gone = name not in variants.RESERVED_NAMES and name not in {
        letter.name for letter in listed.variants
    }
    if is_gone:
        name, problem = "new", Conflict("letter_removed", _GONE)
    shown = fields.model_copy(update={"name": fields.name or "New letter"})
    try:
        draft = _draft(listed.variants, name, shown, has_motion=listed.has_motion)
    except Invalid as error:
        draft, problem = _stored_draft(listed, name), problem or error
    status = _note(form, problem, fields, has_motion=listed.has_motion)
    choice = Choice.read(fields.preview, fields.mp, fields.lang).after(fields.do)
    return _page(session, desk, campaign, listed, draft, form, choice, now=now, status=status)


def _stored_draft(listed: LetterList, name: str) -> Draft:
    """Returns what to preview where the typed letter has mistakes: what is stored."""
    if name in variants.RESERVED_NAMES:
        return _added(listed.variants, _unnamed(_built_in("", has_motion=listed.has_motion)))
    stored = _own(listed.variants, name)
    return Draft(stored, listed.variants, listed.variants.index(stored))


def _note(
    form: forms.Form,
    problem: Conflict | Invalid | NotFound | None,
    fields: LetterFields,
    *,
    has_motion: bool,
) -> int:
    """Puts a problem into the form; returns the status of the page."""
    if problem is None:
        return 200
    if isinstance(problem, ChangedByColleague):
        versions.note(form, problem, fields.values())
        return 409
    if isinstance(problem, NotFound):
        form.problems = (FieldError("", problem.code, problem.message),)
        return 409
    form.note(letters_step.in_words(problem, has_motion=has_motion))
    return 409 if isinstance(problem, Conflict) else 422


def _page(
    session: Session,
    desk: Desk,
    campaign: Campaign,
    listed: LetterList,
    draft: Draft,
    form: forms.Form,
    choice: Choice,
    *,
    now: datetime,
    status: int = 200,
    done: str = "",
) -> Response:
    stored = draft.stored.conditions if draft.stored else Conditions()
    choices = letter_fields.party_choices(listed.members, stored.party)
    regions = letter_fields.region_choices(listed.members, stored.region)
    return frame.show(
        desk,
        session,
        campaign,
        Step.LETTERS,
        TEMPLATE,
        now=now,
        status=status,
        done=done,
        form=form,
        listed=listed,
        stored=draft.stored,
        action=f"{frame.path_of(campaign.slug, Step.LETTERS)}/"
        + (draft.stored.name if draft.stored else "new"),
        title=letter_words.title(draft.stored.name) if draft.stored else "New letter",
        further=letter_words.further(draft.current.conditions),
        shown=letter_preview.of_letter(
            session,
            desk.organisation,
            campaign,
            listed,
            draft.letters,
            draft.current.name,
            choice,
        ),
        acts=letter_words.acts(has_motion=listed.has_motion),
        ticks=letter_words.ticks(has_motion=listed.has_motion),
        parties={each.value: each.label for each in choices},
        nations={nation: nation for nation in NATIONS},
        regions={region: region for region in regions},
        blanks=letter_words.blanks(has_motion=listed.has_motion),
        example=letter_words.EXAMPLE,
    )
