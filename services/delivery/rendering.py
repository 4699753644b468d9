"""What a queued message says. Rendered at delivery, from rows as they stand then."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from models import (
    Campaign,
    CampaignStatus,
    Constituency,
    Letter,
    LetterState,
    Member,
    MessageKind,
    Organisation,
    OutboxMessage,
    Petition,
    SeatWatch,
    Supporter,
)
from services.common import texts, times
from services.common.tokens import Purpose
from services.delivery.lookups import NOTHING, Gathered
from services.errors import LobbyError, NotFound
from services.letters import copies, intake
from services.letters.drafting import drafts, situations
from services.letters.drafting.drafts import Draft
from services.mail import mail_builder, supporter_mails
from services.mail.mail_builder import Envelope, Mail
from services.mail.supporter_mails import DroppedMessage, MailContext
from services.parliament import seats
from services.parliament.standing import Standing
from services.signatures import signature_mails
from services.supporters import seat_watches
from services.webhooks import warning_mails

HELD_REASONS = {
    "member_changed": "Your constituency has another MP now.",
    "motion_changed": "The campaign is about another motion now.",
    "standing_changed": "Since you wrote it, your MP has signed the motion, taken their name off, "
    "or changed office: the letter no longer fits.",
    "campaign_without_motion": "The campaign has no motion to write about any more.",
    "unsendable": "Its subject, a name or an address has something in it that no mail can carry.",
    **situations.REASONS,
}

# Of a withdrawn name, the reason against a letter tells already.
POSITIONS = {Standing.SIGNED: "has signed", Standing.NOT_SIGNED: "has not signed"}

# The state of a letter that each mail about one is about.
_ABOUT_LETTERS = {
    MessageKind.CONFIRM_LETTER: LetterState.PENDING,
    MessageKind.LETTER_HELD: LetterState.HELD,
    MessageKind.LETTER_BOUNCED: LetterState.REJECTED,
}


def render(
    session: Session,
    message: OutboxMessage,
    context: MailContext,
    *,
    now: datetime,
    gathered: Gathered = NOTHING,
) -> Envelope | DroppedMessage:
    """The mail, or why there is none. `gathered` is what was looked up for many at once."""
    try:
        if message.kind in signature_mails.KINDS:
            found = _about_signature(session, message, context, now, gathered)
        elif message.kind is MessageKind.LETTER:
            found = _letter(session, message, context, now, gathered)
        elif message.kind is MessageKind.SEAT_FILLED:
            found = _about_watch(session, message, context, now)
        elif message.kind in (MessageKind.LETTER_RECEIPT, MessageKind.LETTER_QUESTION):
            found = _about_sent_letter(session, message, context)
        elif message.kind in warning_mails.KINDS:
            found = warning_mails.make(session, message, context)
        else:
            found = _about_letter(session, message, context)
        if isinstance(found, DroppedMessage):
            return found
        built = mail_builder.build(found, mail_from=context.mail_from, now=now)
        sender = context.sender_of(message.id)
        return mail_builder.sealed(built, sender=sender, signer=context.signer)
    except LobbyError as error:
        return _unmade(message, error)


def _unmade(message: OutboxMessage, error: LobbyError) -> DroppedMessage:
    """Why a message cannot be made. A letter is held for it, so that its writer learns of it."""
    if isinstance(error, NotFound):
        return DroppedMessage(error.code)
    hold = message.kind is MessageKind.LETTER
    reason = error.code if error.code in HELD_REASONS or not hold else "unsendable"
    return DroppedMessage(reason, hold=hold, is_trouble=True)


def _about_signature(
    session: Session,
    message: OutboxMessage,
    context: MailContext,
    now: datetime,
    gathered: Gathered,
) -> Mail | DroppedMessage:
    signed = gathered.signatures
    if signed is None:
        signed = signature_mails.gather(session, [message.subject_id], today=now.date())
    return signature_mails.make(message, signed.get(message.subject_id), context)


def _about_letter(
    session: Session, message: OutboxMessage, context: MailContext
) -> Mail | DroppedMessage:
    letter = session.get(Letter, message.subject_id)
    if letter is None:
        return DroppedMessage("the letter was replaced")
    asks = message.kind is MessageKind.CONFIRM_LETTER
    wanted = _ABOUT_LETTERS[message.kind]
    if letter.state is not wanted:
        return DroppedMessage(f"the letter is {letter.state}")
    campaign = session.get_one(Campaign, letter.campaign_id)
    new_letter = f"{context.base_url}/campaigns/{campaign.slug}/letter"
    values = {
        "name": letter.name.text,
        "member": session.get_one(Member, letter.member_id).name,
        "constituency": session.get_one(Constituency, letter.constituency_code).name,
        "organisation": session.get_one(Organisation, campaign.organisation_id).name,
        "reason": HELD_REASONS.get(letter.reason or "", ""),
        "letter_link": context.link("letters/confirm", Purpose.LETTER, letter.id)
        if asks
        else new_letter,
    }
    supporter = session.get_one(Supporter, letter.supporter_id)
    return supporter_mails.to_supporter(message, supporter, campaign.title, values, context)


def _about_sent_letter(
    session: Session, message: OutboxMessage, context: MailContext
) -> Mail | DroppedMessage:
    """Its copy, or the question what came back."""
    letter = session.get(Letter, message.subject_id)
    if letter is None:
        return DroppedMessage("the letter was erased")
    if letter.state is not LetterState.SENT or letter.sent_at is None:
        return DroppedMessage(f"the letter is {letter.state}")
    campaign = session.get_one(Campaign, letter.campaign_id)
    values = {
        "name": letter.name.text,
        "member": session.get_one(Member, letter.member_id).name,
        "constituency": session.get_one(Constituency, letter.constituency_code).name,
        "organisation": session.get_one(Organisation, campaign.organisation_id).name,
        "campaign": campaign.title,
        "sent_at": times.moment(letter.sent_at),
        "sent_on": times.day(letter.sent_at),
        "server_answer": copies.server_answer(session, letter.id),
        "answer_link": context.link("letters/answer", Purpose.LETTER_ANSWER, letter.id),
    }
    supporter = session.get_one(Supporter, letter.supporter_id)
    is_copy = message.kind is MessageKind.LETTER_RECEIPT
    enclosed = f"Subject: {letter.subject.text}\n\n{intake.text_as_sent(letter)}"
    return supporter_mails.to_supporter(
        message, supporter, campaign.title, values, context, enclosed=enclosed if is_copy else ""
    )


def _about_watch(
    session: Session, message: OutboxMessage, context: MailContext, now: datetime
) -> Mail | DroppedMessage:
    watch = session.get(SeatWatch, message.subject_id)
    signature = seat_watches.signature_of(session, watch) if watch else None
    if watch is None or signature is None:
        return DroppedMessage("the signature was taken back")
    campaign = session.get_one(Campaign, watch.campaign_id)
    if campaign.status is not CampaignStatus.OPEN:
        return DroppedMessage(f"the campaign is {campaign.status}")
    code = watch.constituency_code
    seat = seats.seat_of(session, code, today=now.date())
    if seat is None or seat.member is None:
        return DroppedMessage("the seat is vacant again")
    draft = drafts.draft_for_seat(
        session, campaign, code, name="", keyring=context.keyring, now=now
    )
    values = {
        "name": signature.name.text,
        "member": seat.member.name,
        "party": seat.member.party,
        "constituency": seat.constituency.name,
        "action": session.get_one(Petition, signature.petition_id).action,
        "organisation": session.get_one(Organisation, campaign.organisation_id).name,
        "withdraw_link": context.link("withdraw", Purpose.WITHDRAW, signature.id),
        **_what_to_do(draft, context),
    }
    supporter = session.get_one(Supporter, watch.supporter_id)
    return supporter_mails.to_supporter(message, supporter, campaign.title, values, context)


def _what_to_do(draft: Draft | None, context: MailContext) -> dict[str, Any]:
    """What a new member did with the motion, and where to write: with no address of theirs yet,
    the page has a text to send by post."""
    if draft is None:
        return {"position": "", "reason": "", "letter_link": ""}
    found = draft.situation
    can_write = found.reason in (None, "no_address", "address_dead")
    page = f"{context.base_url}/campaigns/{found.campaign.slug}/letter"
    return {
        "position": POSITIONS.get(found.standing, ""),
        "motion_number": found.motion.number,
        "motion_title": found.motion.title,
        "reason": situations.REASONS[found.reason] if found.reason else "",
        "letter_link": page if can_write else "",
    }


def _letter(
    session: Session,
    message: OutboxMessage,
    context: MailContext,
    now: datetime,
    gathered: Gathered,
) -> Mail | DroppedMessage:
    """The letter itself: to the member of today, if it still fits."""
    letter = session.get(Letter, message.subject_id)
    if letter is None:
        return DroppedMessage("the letter was replaced")
    if letter.state is not LetterState.QUEUED:
        return DroppedMessage(f"the letter is {letter.state}")
    found = gathered.situations.get((letter.campaign_id, letter.constituency_code))
    if found is None:
        found = situations.of_letter(session, letter, keyring=context.keyring, now=now)
    reason = situations.reason_to_hold(letter, found)
    member = found.seat.member
    if reason is not None or member is None or member.email is None:
        return DroppedMessage(reason or "no_address", hold=True)
    name = letter.name.text
    supporter = session.get_one(Supporter, letter.supporter_id)
    return Mail(
        recipient=member.email,
        sender_name=name,
        reply_to=(name, supporter.email.text),
        subject=letter.subject.text,
        body=intake.text_as_sent(letter),
        message_id=context.message_id(message.id),
        campaign=texts.fit_for_header(found.campaign.title),
        is_automatic=False,
    )
