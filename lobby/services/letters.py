"""Letters from constituents to their MPs: drafting and taking in.

What becomes of them is in `services.letter_states`.
"""

import json
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from lobby.models import (
    Campaign,
    CampaignStatus,
    Keyring,
    Letter,
    LetterAct,
    LetterAnswer,
    LetterState,
    Member,
    MemberReply,
    MessageKind,
    Motion,
    MotionStatus,
    OutboxMessage,
    Private,
)
from lobby.models.base import new_id, table_of
from lobby.models.postcode import PostcodeAnswer, PostcodeStatus
from lobby.services import (
    campaigns,
    dead_addresses,
    letter_facts,
    letter_rules,
    letter_sketches,
    letter_texts,
    letter_variants,
    motions,
    outbox,
    seats,
    supporters,
    tallies,
    texts,
    variant_texts,
)
from lobby.services.compose import Compose, compose_links
from lobby.services.database import insert_ignore
from lobby.services.errors import Conflict, Invalid, NotFound
from lobby.services.letter_facts import Background
from lobby.services.letter_rules import Problem, Words, Writer
from lobby.services.letter_texts import LetterFacts
from lobby.services.seats import Seat
from lobby.services.standing import Eligibility, Standing
from lobby.services.variant_conditions import Variant, choose

_answer = table_of(LetterAnswer)
_letter = table_of(Letter)
_reply = table_of(MemberReply)
_outbox = table_of(OutboxMessage)
_REPLACEABLE = (
    LetterState.PENDING,
    LetterState.CANCELLED,
    LetterState.HELD,
    LetterState.REJECTED,
)
WALES, WELSH = "Wales", "cy"

REASONS = {
    "vacant": "This seat is vacant. After the by-election there will be somebody to write to.",
    "withdrawn": "This MP took their name off the motion. The campaign writes no letters to them.",
    "no_variant": "This campaign has no letter for this MP yet.",
    "no_address": "We have no e-mail address for this MP.",
    "address_dead": "Mail to this MP's address comes back to us. You can write by post: House of "
    "Commons, London SW1A 0AA.",
    "motion_ended": "This motion is no longer before Parliament.",
    "campaign_closed": "This campaign takes no more letters.",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a writer lives: MPs' offices answer only constituents."""

    line1: str
    town: str
    postcode: str
    line2: str = ""

    def lines(self) -> list[str]:
        """As on an envelope."""
        return [part for part in (self.line1, self.line2, self.town, self.postcode) if part]


@dataclass(frozen=True, slots=True)
class Situation:
    """Whom a letter would go to today, which kind of letter suits, and what it may say."""

    campaign: Campaign
    motion: Motion
    seat: Seat
    standing: Standing
    eligibility: Eligibility
    chosen: Variant | None
    told: Background
    reason: str | None

    @property
    def member(self) -> Member | None:
        """The recipient."""
        return self.seat.member

    @property
    def email(self) -> str | None:
        """Where mail reaches the recipient; None where we know of no such address."""
        is_dead = self.reason == dead_addresses.REASON
        return self.member.email if self.member and not is_dead else None

    @property
    def act(self) -> LetterAct | None:
        """What the letter asks."""
        return self.chosen.act if self.chosen else None

    @property
    def variant(self) -> str | None:
        """The name of the kind of letter that suits."""
        return self.chosen.name if self.chosen else None


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter to make one's own, and the points to choose from. With a `reason` it cannot be sent.

    `locale` is that of the words found: English where there are none in the one asked for.
    """

    situation: Situation
    subject: str
    body: str
    compose: Compose | None
    locale: str = "en"
    points: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewLetter:
    """A letter as its writer sends it in, already checked for form."""

    name: str
    email: str
    address: Address
    subject: str
    body: str
    updates: bool | None = None
    locale: str = "en"
    wants_copy: bool = False


def situation(
    session: Session,
    campaign: Campaign,
    answer: PostcodeAnswer,
    *,
    keyring: Keyring,
    now: datetime,
) -> Situation:
    """Resolve a postcode to today's member and standing. NotFound where we cannot tell the seat."""
    if answer.status is PostcodeStatus.NOT_IN_UK_PARLIAMENT:
        message = "This place has no MP in the UK Parliament."
        raise Invalid.field("postcode", "postcode_not_in_uk_parliament", message)
    return _situation(session, campaign, answer.constituency_code, keyring, now)


def draft(
    found: Situation,
    *,
    name: str = "",
    points: tuple[str, ...] = (),
    personal: str = "",
    locale: str = "en",
) -> Draft:
    """The letter that suits. Where none does, an empty one with a reason."""
    member, variant = found.seat.member, found.chosen
    if member is None or variant is None:
        return Draft(found, "", "", None)
    words = letter_texts.worded(variant.texts, locale)
    facts = replace(_facts(found, words.locale), points=points, personal=personal, name=name)
    text = letter_texts.write(words, facts)
    compose = compose_links(found.email, text) if found.email else None
    offered = points_to_choose(found, locale=words.locale)
    return Draft(found, text.subject, text.body, compose, words.locale, offered)


def points_to_choose(found: Situation, *, locale: str = "en") -> tuple[str, ...]:
    """Sentences that the letter offers: its own, or else the campaign's that suit what it asks."""
    variant = found.chosen
    if variant is None:
        return ()
    words = letter_texts.worded(variant.texts, locale)
    own = letter_texts.points(words, _facts(found, words.locale))
    return own or tuple(
        point
        for point in found.campaign.letter_points
        if not variant_texts.asks_to_sign(point, variant.act)
    )


def given(found: Situation, *, name: str) -> Words:
    """All that the organiser wrote for this member: the draft with every point, in each language,
    with the writer's name and without one, as it may have been drafted."""
    made, in_all = [], found.chosen.texts if found.chosen else {}
    for locale in in_all:
        words = letter_texts.worded(in_all, locale)
        points = points_to_choose(found, locale=locale)
        facts = replace(_facts(found, locale), points=points)
        made += [letter_texts.write(words, replace(facts, name=each)) for each in {name, ""}]
    return Words("\n".join(each.subject for each in made), "\n".join(each.body for each in made))


def problems_of(
    session: Session, found: Situation, words: Words, *, writer: Writer, today: date
) -> list[Problem]:
    """What is wrong with the words of a letter (`letter_rules`)."""
    own = found.member.id if found.member else 0
    problems = letter_rules.find(
        words,
        given(found, name=writer.name),
        writer=writer,
        other_members=[
            name for member_id, name in seats.members_today(session, today) if member_id != own
        ],
        own_words_are_required=found.campaign.own_words_are_required,
    )
    return list(problems)


def has_welsh(found: Situation) -> bool:
    """Whether the letter that suits has words in Welsh, and its seat is in Wales."""
    in_wales = found.seat.constituency.nation == WALES
    return in_wales and found.chosen is not None and WELSH in found.chosen.texts


def _facts(found: Situation, locale: str) -> LetterFacts:
    return letter_facts.facts_of(
        found.campaign, found.motion, found.seat, found.told, locale=locale
    )


def draft_for_seat(
    session: Session, campaign: Campaign, code: str, *, name: str, keyring: Keyring, now: datetime
) -> Draft | None:
    """The letter for somebody whose seat is known already; None where there is nothing to write."""
    try:
        return draft(_situation(session, campaign, code, keyring, now), name=name)
    except (Conflict, NotFound):
        return None


def take_in(
    session: Session, found: Situation, letter: NewLetter, *, keyring: Keyring, now: datetime
) -> UUID:
    """Keep a letter until its writer confirms it by mail; the id of what was asked for.

    One letter a supporter, member and motion: an unconfirmed one is replaced by the newer words.
    Where one has gone already, nothing is kept and an id is returned all the same, so that the
    answer does not tell a stranger who has written. Invalid with all that is wrong with its words.
    """
    member = found.seat.member
    if found.reason is not None or member is None or found.act is None:
        reason = found.reason or "vacant"
        raise Conflict(f"letter_{reason}", REASONS[reason])
    _refuse_wrong_words(session, found, letter, keyring=keyring, today=now.date())
    organisation_id = found.campaign.organisation_id
    address = supporters.Address.of(organisation_id, letter.email, keyring)
    supporter_id = supporters.meet(session, [address], now=now)[organisation_id, address.index]
    _remove_replaceable(session, supporter_id, member.id, found.motion.id)
    row = _row(found, letter, supporter_id, member.id, now)
    insert_ignore(session, _letter, [row])
    if session.get(Letter, row["id"]):
        _note_answer(session, organisation_id, supporter_id, row["id"], letter.updates, now)
        recipient = keyring.everywhere_index(address.canonical)
        note = outbox.Note(MessageKind.CONFIRM_LETTER, row["id"], recipient)
        outbox.queue(session, [note], now=now)
    return UUID(str(row["id"]))


def _refuse_wrong_words(
    session: Session, found: Situation, letter: NewLetter, *, keyring: Keyring, today: date
) -> None:
    """Invalid with everything that is wrong, all at once."""
    words, home = Words(letter.subject, letter.body), letter.address
    writer = Writer(home.postcode, letter.name, (home.line1, home.line2, home.town))
    details = {
        "name": letter.name,
        "address.line1": home.line1,
        "address.line2": home.line2,
        "address.town": home.town,
    }
    problems = [
        *letter_rules.find_in_details(details),
        *problems_of(session, found, words, writer=writer, today=today),
    ]
    errors = [each.as_error() for each in problems if each.is_required]
    if found.member is not None:
        try:
            letter_sketches.refuse_too_alike(
                session, found.campaign, found.member.id, letter.body, keyring=keyring
            )
        except Invalid as error:
            errors.append(error)
    if errors:
        raise texts.together(errors) if len(errors) > 1 else errors[0]


def address_of(letter: Letter) -> Address:
    """The writer's postal address."""
    return Address(**json.loads(letter.address.text))


def text_as_sent(letter: Letter) -> str:
    """The letter, its writer's name and full postal address: offices ask for them first."""
    body: str = letter.body.text.rstrip()
    name = [] if body.endswith(letter.name.text) else ["", letter.name.text]
    return "\n".join([body, *name, *address_of(letter).lines(), ""])


def situation_of(session: Session, letter: Letter, *, keyring: Keyring, now: datetime) -> Situation:
    """Whom a letter would go to now: resolved again at the moment of sending."""
    campaign = session.get_one(Campaign, letter.campaign_id)
    return _situation(session, campaign, letter.constituency_code, keyring, now)


def reason_to_hold(letter: Letter, found: Situation) -> str | None:
    """Why a letter must not go as it is; None where it may."""
    member = found.seat.member
    if found.reason is not None:
        return "standing_changed" if found.reason == "no_variant" else found.reason
    if member is None or member.id != letter.member_id:
        return "member_changed"
    if found.motion.id != letter.motion_id:
        return "motion_changed"
    return None if found.act is letter.act else "standing_changed"


def _situation(
    session: Session, campaign: Campaign, code: str | None, keyring: Keyring, now: datetime
) -> Situation:
    motion = campaigns.motion_of(session, campaign.id)
    if motion is None:
        raise Conflict("campaign_without_motion", "This campaign has no motion to write about yet.")
    organisation_id = campaign.organisation_id
    seat = seats.seat_of(session, code, today=now.date(), organisation_id=organisation_id)
    if seat is None:
        message = "We do not know this postcode. Please check it, or try that of a neighbour."
        raise NotFound("postcode_unknown", message)
    member_id = seat.member.id if seat.member else 0
    position = motions.position_of_member(session, motion.id, member_id)
    eligibility = tallies.seat_eligibility(seat, position.standing)
    told = letter_facts.background(session, campaign, motion, seat)
    reader = letter_facts.reader_of(seat, position, eligibility, told)
    chosen = choose(letter_variants.of_campaign(session, campaign.id).found, reader)
    reason = _reason_against(campaign, motion, seat, position.standing, chosen)
    email = seat.member.email if seat.member and reason is None else None
    if email and dead_addresses.is_dead(session, email, keyring=keyring):
        reason = dead_addresses.REASON
    return Situation(campaign, motion, seat, position.standing, eligibility, chosen, told, reason)


def _reason_against(
    campaign: Campaign, motion: Motion, seat: Seat, standing: Standing, chosen: Variant | None
) -> str | None:
    if campaign.status is not CampaignStatus.OPEN:
        return "campaign_closed"
    if motion.status is not MotionStatus.PUBLISHED:
        return "motion_ended"
    if seat.member is None:
        return "vacant"
    if chosen is None:
        return "withdrawn" if standing is Standing.WITHDRAWN else "no_variant"
    return None if seat.member.email else "no_address"


def _remove_replaceable(
    session: Session, supporter_id: UUID, member_id: int, motion_id: int
) -> None:
    """Clear the way for a newer letter; its links in earlier mails then lead nowhere.

    One that came back late stays where something was said of it already.
    """
    answered = sa.exists().where(_answer.c.letter_id == _letter.c.id)
    replied = sa.exists().where(_reply.c.letter_id == _letter.c.id)
    statement = (
        select(Letter.id)
        .where(
            Letter.supporter_id == supporter_id,
            Letter.member_id == member_id,
            Letter.motion_id == motion_id,
            col(Letter.state).in_(_REPLACEABLE),
            ~answered,
            ~replied,
        )
        .with_for_update()
    )
    for letter_id in list(session.exec(statement)):
        supporters.forget_letter(session, letter_id)
        session.connection().execute(
            sa.delete(_outbox).where(
                _outbox.c.subject_id == letter_id, _outbox.c.kind == MessageKind.LETTER
            )
        )
        session.connection().execute(sa.delete(_letter).where(_letter.c.id == letter_id))


def _row(
    found: Situation, letter: NewLetter, supporter_id: UUID, member_id: int, now: datetime
) -> dict[str, Any]:
    organisation_id = found.campaign.organisation_id

    def private(text: str) -> Private:
        return Private(organisation_id, text)

    address = {name: getattr(letter.address, name) for name in Address.__slots__}
    return {
        "id": new_id(),
        "campaign_id": found.campaign.id,
        "motion_id": found.motion.id,
        "member_id": member_id,
        "supporter_id": supporter_id,
        "constituency_code": found.seat.constituency.code,
        "state": LetterState.PENDING,
        "act": found.act,
        "variant": found.variant,
        "locale": letter.locale,
        "name": private(letter.name),
        "address": private(json.dumps(address)),
        "subject": private(letter.subject),
        "body": private(letter.body),
        "wants_copy": letter.wants_copy,
        "created_at": now,
    }


def _note_answer(
    session: Session,
    organisation_id: UUID,
    supporter_id: UUID,
    letter_id: UUID,
    granted: bool | None,
    now: datetime,
) -> None:
    if granted is not None:
        answer = supporters.Answer(organisation_id, supporter_id, granted, letter_id=letter_id)
        supporters.note_answers(session, [answer], now=now)
