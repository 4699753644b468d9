"""The letters to MPs as emails, and the emails to their writers about them.

Each function makes one email from the database as it is now. It returns a `DroppedMessage` if the
email has lost its purpose since it was queued, for example because the letter was cancelled.
"""

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
from services.letters import copies, intake
from services.letters.drafting import drafts, situations
from services.letters.drafting.drafts import Draft
from services.letters.drafting.situations import Situation
from services.mail import letterheads, supporter_mails
from services.mail.letterheads import Letterhead
from services.mail.mail_builder import Mail
from services.mail.supporter_mails import DroppedMessage, Enclosed, MailContext
from services.parliament import seats
from services.parliament.standing import Eligibility, Standing
from services.supporters import seat_watches

HELD_REASONS = {
    "member_changed": "Your constituency has a new MP.",
    "motion_changed": "The campaign is about a different motion now.",
    "motion_linked": "There is a motion in Parliament about this now, so there is a new letter.",
    "standing_changed": "Since you wrote it, your MP has signed the motion, removed their name or "
    "changed office, so the letter doesn't fit any more.",
    "unsendable": "The subject, a name or an address has a character that can't be emailed.",
    **situations.REASONS,
}
# A withdrawn name is not among them: the reason not to write says it already.
_POSITIONS = {Standing.SIGNED: "has signed", Standing.NOT_SIGNED: "hasn't signed"}
# Why a letter was held, where no other letter can be written either.
_NO_LETTERS = ("vacant", "withdrawn", "motion_ended", "campaign_closed")
# With an address that is missing or dead, the page offers a text to send by paper mail.
_WRITABLE_REASONS = (None, "no_address", "address_dead")
# The state that a letter must have for an email of each kind.
STATES = {
    MessageKind.LETTER_HELD: LetterState.HELD,
    MessageKind.LETTER_BOUNCED: LetterState.REJECTED,
}
SENT_KINDS = (MessageKind.LETTER_RECEIPT, MessageKind.LETTER_QUESTION)


def held_reason(letter: Letter, reason: str | None) -> str:
    """Says why a letter is held; empty if the reason is not known."""
    if reason == "standing_changed" and not letter.act.is_about_motion:
        return "Your MP has changed office since you wrote it, so it doesn't fit any more."
    return HELD_REASONS.get(reason or "", "")


def make_letter(
    session: Session,
    message: OutboxMessage,
    context: MailContext,
    *,
    now: datetime,
    situation: Situation | None,
) -> Mail | DroppedMessage:
    """Makes the letter itself, to today's member. It is to be held if it no longer fits.

    `situation` is that of the letter's seat; None looks it up. Its errors reach the caller.
    """
    letter = session.get(Letter, message.subject_id)
    if letter is None:
        return DroppedMessage("the letter was replaced")
    if letter.state is not LetterState.QUEUED:
        return DroppedMessage(f"the letter is {letter.state}")
    if situation is None:
        situation = situations.of_letter(session, letter, keyring=context.keyring, now=now)
    reason = situations.reason_to_hold(letter, situation)
    member = situation.seat.member
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
        campaign=texts.fit_for_header(situation.campaign.title),
        is_automatic=False,
    )


def make_state_mail(
    session: Session, message: OutboxMessage, context: MailContext
) -> Mail | DroppedMessage:
    """Makes the news that a letter was held back or bounced."""
    letter = session.get(Letter, message.subject_id)
    if letter is None:
        return DroppedMessage("the letter was replaced")
    if letter.state is not STATES[message.kind]:
        return DroppedMessage(f"the letter is {letter.state}")
    campaign = session.get_one(Campaign, letter.campaign_id)
    supporter = session.get_one(Supporter, letter.supporter_id)
    values = _values_of(session, letter, campaign) | {
        "name": letter.name.text,
        "reason": held_reason(letter, letter.reason),
        "letter_link": _new_letter_page(campaign, context),
        "can_write": letter.reason not in _NO_LETTERS,
        "campaign_link": _campaign_page(campaign, context),
    }
    letterhead = _letterhead(session, campaign)
    return supporter_mails.to_supporter(
        message, supporter, campaign.title, values, context, letterhead=letterhead
    )


def make_sent_mail(
    session: Session, message: OutboxMessage, context: MailContext
) -> Mail | DroppedMessage:
    """Makes the copy of a letter that was sent, or the question whether the MP answered it."""
    letter = session.get(Letter, message.subject_id)
    if letter is None:
        return DroppedMessage("the letter was erased")
    if letter.state is not LetterState.SENT or letter.sent_at is None:
        return DroppedMessage(f"the letter is {letter.state}")
    campaign = session.get_one(Campaign, letter.campaign_id)
    values = _values_of(session, letter, campaign) | {
        "name": letter.name.text,
        "campaign_link": _campaign_page(campaign, context),
        "sent_at": times.moment(letter.sent_at),
        "sent_on": times.day(letter.sent_at),
        "server_answer": copies.server_answer(session, letter.id),
        "answer_link": context.link("letters/answer", Purpose.LETTER_ANSWER, letter.id),
    }
    supporter = session.get_one(Supporter, letter.supporter_id)
    is_copy = message.kind is MessageKind.LETTER_RECEIPT
    text = f"Subject: {letter.subject.text}\n\n{intake.text_as_sent(letter)}"
    return supporter_mails.to_supporter(
        message,
        supporter,
        campaign.title,
        values,
        context,
        letterhead=_letterhead(session, campaign),
        enclosed=Enclosed(text, letter.locale) if is_copy else None,
    )


def make_seat_filled_mail(
    session: Session, message: OutboxMessage, context: MailContext, *, now: datetime
) -> Mail | DroppedMessage:
    """Tells a supporter that the vacant seat they watch has an MP, with a link to write to them."""
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
        "withdraw_link": context.link("withdraw", Purpose.WITHDRAW, signature.id),
        **_values_of_draft(draft, context),
    }
    supporter = session.get_one(Supporter, watch.supporter_id)
    letterhead = _letterhead(session, campaign)
    return supporter_mails.to_supporter(
        message, supporter, campaign.title, values, context, letterhead=letterhead
    )


def _letterhead(session: Session, campaign: Campaign) -> Letterhead:
    return letterheads.of_organisation(session.get_one(Organisation, campaign.organisation_id))


def _values_of(session: Session, letter: Letter, campaign: Campaign) -> dict[str, Any]:
    return {
        "campaign": campaign.title,
        "member": session.get_one(Member, letter.member_id).name,
        "constituency": session.get_one(Constituency, letter.constituency_code).name,
    }


def _values_of_draft(draft: Draft | None, context: MailContext) -> dict[str, str]:
    """The member's position towards the motion, and where to write to them. None: no letters."""
    if draft is None:
        return {"position": "", "reason": "", "letter_link": ""}
    situation = draft.situation
    reason = situation.reason
    page = _new_letter_page(situation.campaign, context) if reason in _WRITABLE_REASONS else ""
    return {
        "position": _position(situation),
        "motion_number": situation.motion.number if situation.motion else "",
        "motion_title": situation.motion.title if situation.motion else "",
        "reason": situations.REASONS[reason] if reason else "",
        "letter_link": page,
    }


def _new_letter_page(campaign: Campaign, context: MailContext) -> str:
    return f"{_campaign_page(campaign, context)}/letter"


def _campaign_page(campaign: Campaign, context: MailContext) -> str:
    return f"{context.base_url}/campaigns/{campaign.slug}"


def _position(situation: Situation) -> str:
    """Returns nothing for members who sign no motions: that they have not signed says nothing.

    Nor does it without a motion.
    """
    if situation.motion is None:
        return ""
    can_sign = situation.eligibility is Eligibility.CAN_SIGN
    if situation.standing is Standing.SIGNED or can_sign:
        return _POSITIONS.get(situation.standing, "")
    return ""
