"""What a queued message says. Rendered at delivery, from rows as they stand then."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session

from lobby.models import (
    Campaign,
    CampaignStatus,
    Constituency,
    Keyring,
    Letter,
    LetterState,
    Member,
    MessageKind,
    Organisation,
    OutboxMessage,
    Petition,
    SeatWatch,
    Signature,
    SignatureState,
    Supporter,
)
from lobby.services import (
    letter_drafts,
    letter_receipts,
    letter_situations,
    letters,
    mail,
    seat_watches,
    seats,
    text_templates,
    texts,
    times,
)
from lobby.services.bounce_addresses import BounceAddress
from lobby.services.errors import LobbyError, NotFound
from lobby.services.letter_drafts import Draft
from lobby.services.mail import Envelope, Mail, Signer
from lobby.services.message_rows import NOTHING, Gathered
from lobby.services.standing import Standing
from lobby.services.tokens import Purpose, Tokens

HELD_REASONS = {
    "member_changed": "Your constituency has another MP now.",
    "motion_changed": "The campaign is about another motion now.",
    "standing_changed": "Since you wrote it, your MP has signed the motion, taken their name off, "
    "or changed office: the letter no longer fits.",
    "campaign_without_motion": "The campaign has no motion to write about any more.",
    "unsendable": "Its subject, a name or an address has something in it that no mail can carry.",
    **letter_situations.REASONS,
}

# Of a withdrawn name, the reason against a letter tells already.
POSITIONS = {Standing.SIGNED: "has signed", Standing.NOT_SIGNED: "has not signed"}

# The state of a letter that each mail about one is about.
_ABOUT_LETTERS = {
    MessageKind.CONFIRM_LETTER: LetterState.PENDING,
    MessageKind.LETTER_HELD: LetterState.HELD,
    MessageKind.LETTER_BOUNCED: LetterState.REJECTED,
}
# Who wants no questions and notices does not get these.
NOTICES = (MessageKind.LETTER_QUESTION, MessageKind.SEAT_FILLED)
LAST_LINE = "To choose what {organisation} sends to this address, or to stop it: {link}"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A message that has no purpose any more. With `hold`, the letter is to be held for it.

    `is_trouble`: it was wanted, but cannot be made.
    """

    reason: str
    hold: bool = False
    is_trouble: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """What rendering needs to know of the service."""

    tokens: Tokens
    base_url: str
    mail_from: str
    keyring: Keyring
    bounces: BounceAddress | None = None
    signer: Signer | None = None

    def link(self, path: str, purpose: Purpose, row_id: UUID) -> str:
        """A link for a mail."""
        return f"{self.base_url}/{path}/{self.tokens.issue(purpose, row_id)}"

    def message_id(self, row_id: UUID) -> str:
        """Of the outbox's row: the same for every attempt, so that the relay's log can settle what
        happened."""
        return f"<{row_id}@{mail.domain_of(self.mail_from)}>"

    def sender_of(self, row_id: UUID) -> str | None:
        """Where a mail server reports to that cannot deliver the outbox's row; None: to `From`."""
        return self.bounces.sender_of(row_id) if self.bounces else None


def render(
    session: Session,
    message: OutboxMessage,
    post: Post,
    *,
    now: datetime,
    gathered: Gathered = NOTHING,
) -> Envelope | Dropped:
    """The mail, or why there is none. `gathered` is what was looked up for many at once."""
    try:
        if message.kind in (MessageKind.CONFIRM_SIGNATURE, MessageKind.ALREADY_SIGNED):
            found = _about_signature(session, message, post, now)
        elif message.kind is MessageKind.LETTER:
            found = _letter(session, message, post, now, gathered)
        elif message.kind is MessageKind.SEAT_FILLED:
            found = _about_watch(session, message, post, now)
        elif message.kind in (MessageKind.LETTER_RECEIPT, MessageKind.LETTER_QUESTION):
            found = _about_sent_letter(session, message, post)
        else:
            found = _about_letter(session, message, post)
        if isinstance(found, Dropped):
            return found
        built = mail.build(found, mail_from=post.mail_from, now=now)
        sender = post.sender_of(message.id)
        return mail.sealed(built, sender=sender, signer=post.signer)
    except LobbyError as error:
        return _unmade(message, error)


def _unmade(message: OutboxMessage, error: LobbyError) -> Dropped:
    """Why a message cannot be made. A letter is held for it, so that its writer learns of it."""
    if isinstance(error, NotFound):
        return Dropped(error.code)
    hold = message.kind is MessageKind.LETTER
    reason = error.code if error.code in HELD_REASONS or not hold else "unsendable"
    return Dropped(reason, hold=hold, is_trouble=True)


def _about_signature(
    session: Session, message: OutboxMessage, post: Post, now: datetime
) -> Mail | Dropped:
    signature = session.get(Signature, message.subject_id)
    if signature is None:
        return Dropped("the signature was erased")
    asks = message.kind is MessageKind.CONFIRM_SIGNATURE
    wanted = SignatureState.PENDING if asks else SignatureState.CONFIRMED
    if signature.state is not wanted:
        return Dropped(f"the signature is {signature.state}")
    petition = session.get_one(Petition, signature.petition_id)
    supporter = session.get_one(Supporter, signature.supporter_id)
    campaign = session.get_one(Campaign, petition.campaign_id)
    seat = seats.seat_of(session, signature.constituency_code, today=now.date())
    values = {
        "name": signature.name.text,
        "has_vacant_seat": seat is not None and seat.member is None,
        "action": petition.action,
        "organisation": session.get_one(Organisation, petition.organisation_id).name,
        "confirm_link": post.link("confirm", Purpose.CONFIRM, signature.id),
        "disown_link": post.link("disown", Purpose.DISOWN, signature.id),
        "withdraw_link": post.link("withdraw", Purpose.WITHDRAW, signature.id),
        "letter_link": f"{post.base_url}/campaigns/{campaign.slug}/letter",
    }
    return _to_supporter(message, supporter, campaign, values, post)


def _about_letter(session: Session, message: OutboxMessage, post: Post) -> Mail | Dropped:
    letter = session.get(Letter, message.subject_id)
    if letter is None:
        return Dropped("the letter was replaced")
    asks = message.kind is MessageKind.CONFIRM_LETTER
    wanted = _ABOUT_LETTERS[message.kind]
    if letter.state is not wanted:
        return Dropped(f"the letter is {letter.state}")
    campaign = session.get_one(Campaign, letter.campaign_id)
    new_letter = f"{post.base_url}/campaigns/{campaign.slug}/letter"
    values = {
        "name": letter.name.text,
        "member": session.get_one(Member, letter.member_id).name,
        "constituency": session.get_one(Constituency, letter.constituency_code).name,
        "organisation": session.get_one(Organisation, campaign.organisation_id).name,
        "reason": HELD_REASONS.get(letter.reason or "", ""),
        "letter_link": post.link("letters/confirm", Purpose.LETTER, letter.id)
        if asks
        else new_letter,
    }
    supporter = session.get_one(Supporter, letter.supporter_id)
    return _to_supporter(message, supporter, campaign, values, post)


def _about_sent_letter(session: Session, message: OutboxMessage, post: Post) -> Mail | Dropped:
    """Its copy, or the question what came back."""
    letter = session.get(Letter, message.subject_id)
    if letter is None:
        return Dropped("the letter was erased")
    if letter.state is not LetterState.SENT or letter.sent_at is None:
        return Dropped(f"the letter is {letter.state}")
    campaign = session.get_one(Campaign, letter.campaign_id)
    values = {
        "name": letter.name.text,
        "member": session.get_one(Member, letter.member_id).name,
        "constituency": session.get_one(Constituency, letter.constituency_code).name,
        "organisation": session.get_one(Organisation, campaign.organisation_id).name,
        "campaign": campaign.title,
        "sent_at": times.moment(letter.sent_at),
        "sent_on": times.day(letter.sent_at),
        "server_answer": letter_receipts.server_answer(session, letter.id),
        "answer_link": post.link("letters/answer", Purpose.LETTER_ANSWER, letter.id),
    }
    supporter = session.get_one(Supporter, letter.supporter_id)
    is_copy = message.kind is MessageKind.LETTER_RECEIPT
    enclosed = f"Subject: {letter.subject.text}\n\n{letters.text_as_sent(letter)}"
    return _to_supporter(
        message, supporter, campaign, values, post, enclosed=enclosed if is_copy else ""
    )


def _about_watch(
    session: Session, message: OutboxMessage, post: Post, now: datetime
) -> Mail | Dropped:
    watch = session.get(SeatWatch, message.subject_id)
    signature = seat_watches.signature_of(session, watch) if watch else None
    if watch is None or signature is None:
        return Dropped("the signature was taken back")
    campaign = session.get_one(Campaign, watch.campaign_id)
    if campaign.status is not CampaignStatus.OPEN:
        return Dropped(f"the campaign is {campaign.status}")
    code = watch.constituency_code
    seat = seats.seat_of(session, code, today=now.date())
    if seat is None or seat.member is None:
        return Dropped("the seat is vacant again")
    draft = letter_drafts.draft_for_seat(
        session, campaign, code, name="", keyring=post.keyring, now=now
    )
    values = {
        "name": signature.name.text,
        "member": seat.member.name,
        "party": seat.member.party,
        "constituency": seat.constituency.name,
        "action": session.get_one(Petition, signature.petition_id).action,
        "organisation": session.get_one(Organisation, campaign.organisation_id).name,
        "withdraw_link": post.link("withdraw", Purpose.WITHDRAW, signature.id),
        **_what_to_do(draft, post),
    }
    supporter = session.get_one(Supporter, watch.supporter_id)
    return _to_supporter(message, supporter, campaign, values, post)


def _what_to_do(draft: Draft | None, post: Post) -> dict[str, Any]:
    """What a new member did with the motion, and where to write: with no address of theirs yet,
    the page has a text to send by post."""
    if draft is None:
        return {"position": "", "reason": "", "letter_link": ""}
    found = draft.situation
    can_write = found.reason in (None, "no_address", "address_dead")
    page = f"{post.base_url}/campaigns/{found.campaign.slug}/letter"
    return {
        "position": POSITIONS.get(found.standing, ""),
        "motion_number": found.motion.number,
        "motion_title": found.motion.title,
        "reason": letter_situations.REASONS[found.reason] if found.reason else "",
        "letter_link": page if can_write else "",
    }


def _to_supporter(
    message: OutboxMessage,
    supporter: Supporter,
    campaign: Campaign,
    values: dict[str, Any],
    post: Post,
    *,
    enclosed: str = "",
) -> Mail | Dropped:
    """What every mail to a supporter has, and who gets none. `enclosed` stands below, as it is.

    A title or a name from before it was refused loses the mail nothing but what was unfit.
    """
    if supporter.mail_off_at is not None:
        return Dropped("the supporter wants no mail")
    if supporter.questions_off_at is not None and message.kind in NOTICES:
        return Dropped("the supporter wants no questions and notices")
    text = text_templates.render(f"mails/{message.kind}.txt", values)
    link = post.link("unsubscribe", Purpose.UNSUBSCRIBE, supporter.id)
    last_line = LAST_LINE.format(organisation=values["organisation"], link=link)
    parts = (text.body, enclosed.rstrip(), last_line)
    return Mail(
        recipient=supporter.email.text,
        sender_name=texts.fit_for_header(values["organisation"]),
        subject=texts.fit_for_header(text.subject),
        body="\n\n".join(part for part in parts if part) + "\n",
        message_id=post.message_id(message.id),
        campaign=texts.fit_for_header(campaign.title),
        unsubscribe=link,
    )


def _letter(
    session: Session, message: OutboxMessage, post: Post, now: datetime, gathered: Gathered
) -> Mail | Dropped:
    """The letter itself: to the member of today, if it still fits."""
    letter = session.get(Letter, message.subject_id)
    if letter is None:
        return Dropped("the letter was replaced")
    if letter.state is not LetterState.QUEUED:
        return Dropped(f"the letter is {letter.state}")
    found = gathered.situations.get((letter.campaign_id, letter.constituency_code))
    if found is None:
        found = letter_situations.of_letter(session, letter, keyring=post.keyring, now=now)
    reason = letter_situations.reason_to_hold(letter, found)
    member = found.seat.member
    if reason is not None or member is None or member.email is None:
        return Dropped(reason or "no_address", hold=True)
    name = letter.name.text
    supporter = session.get_one(Supporter, letter.supporter_id)
    return Mail(
        recipient=member.email,
        sender_name=name,
        reply_to=(name, supporter.email.text),
        subject=letter.subject.text,
        body=letters.text_as_sent(letter),
        message_id=post.message_id(message.id),
        campaign=texts.fit_for_header(found.campaign.title),
        is_automatic=False,
    )
