"""Writes one email of each kind to supporters and organisers, with invented people in it.

`python -m tools.mail_samples FOLDER` writes each as .eml, .txt and .html, to look at in email
programs and browsers. It needs no database.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from models import AccountEventKind, Keyring, MessageKind, OutboxMessage, Private, Role
from services.accounts import account_mails, invitation_mails
from services.alerts import alert_mails, sentences
from services.alerts.news import News, NewsKind
from services.common import times
from services.common.tokens import Purpose, Tokens
from services.letters import letter_mails
from services.mail import html_parts, mail_builder, mail_templates, supporter_mails
from services.mail.letterheads import Letterhead
from services.mail.mail_builder import Mail
from services.mail.shared_mails import SharedMail
from services.mail.supporter_mails import Enclosed, MailContext
from services.webhooks import warning_mails
from tools import settings

BASE_URL = "https://lobby.example.org"
NOW = datetime(2026, 11, 30, 15, 0, tzinfo=UTC)
ID = UUID(int=1 << 70)
UNCONFIRMED = (MessageKind.CONFIRM_SIGNATURE, MessageKind.CONFIRM_LETTER)
TO_ORGANISERS = (
    *warning_mails.KINDS,
    *account_mails.KINDS,
    *alert_mails.KINDS,
    *invitation_mails.KINDS,
)
ABOUT = News(
    NewsKind.SIGNED,
    "Keep NHS Professionals public",
    "nhs-professionals",
    "152",
    signed=168,
    seats=650,
)
NEWS = (
    replace(ABOUT, what=NewsKind.GOAL_REACHED, goal=165),
    replace(ABOUT, names=("Ann Ferncastle", "Bo Larkspur", "Cai Hartwhistle"), others=2),
    replace(ABOUT, what=NewsKind.TOOK_OFF, names=("Dee Thistlewood",)),
    replace(ABOUT, what=NewsKind.LETTERS_STUCK, since=NOW),
)
_LINKS = {
    MessageKind.CONFIRM_SIGNATURE: ("confirm_link", "disown_link", "withdraw_link"),
    MessageKind.CONFIRM_LETTER: ("letter_link", "disown_link"),
}
_SHARED_VALUES = ("action", "campaign", "member", "constituency", "last_day")
LETTERHEAD = Letterhead("Public Health Alliance", "hello@alliance.example.org", "#8a1c4a")
COPY = """Subject: Please sign Early Day Motion 152

Dear Ms Ferncastle,

I work nights at the Royal Infirmary, and our ward runs on bank staff.
Please sign the motion.

Yours sincerely,
Anna Example

1 Example Street
Edinburgh
EH1 1YZ
"""
_VALUES: dict[str, Any] = {
    "name": "Anna Example",
    "action": "Stop the sale of NHS Professionals",
    "campaign": "Keep NHS Professionals public",
    "member": "Morag Ferncastle",
    "party": "Labour",
    "constituency": "Edinburgh East and Musselburgh",
    "last_day": times.day(date(2026, 12, 13)),
    "sent_on": times.day(NOW),
    "sent_at": times.moment(NOW),
    "server_answer": "250 2.0.0 Ok: queued as 4F2A91C04B",
    "has_vacant_seat": False,
    "reason": "",
    "can_write": True,
    "position": "hasn't signed",
    "motion_number": 152,
    "motion_title": "Sale of NHS Professionals",
    "host": "crm.example.org",
    "description": "Our CRM",
    "since": times.moment(NOW),
    "why": "No delivery had succeeded for three days.",
    "what_to_do": "Once the endpoint works, enable the webhook.",
    "waiting": 3,
    "most": 1000,
    "others": 2,
    "page": f"{BASE_URL}/organiser/webhooks/{ID}",
    "pages": f"{BASE_URL}/organiser/webhooks",
    "inviter": "priya@alliance.example.org",
    "has_account": False,
    "role": "editor",
    "what_role_does": invitation_mails.WHAT_ROLES_DO[Role.EDITOR],
    "works_until": times.moment(NOW),
    "sign_in_link": f"{BASE_URL}/sign-in",
    "email": "priya@alliance.example.org",
    "reset_link": f"{BASE_URL}/forgotten/{'x' * 75}",
    "forgotten_link": f"{BASE_URL}/forgotten",
    "change": account_mails.CHANGES[AccountEventKind.SIGNED_IN][0],
    "sentence": account_mails.CHANGES[AccountEventKind.SIGNED_IN][1],
    "when": times.moment(NOW),
    "device": "Firefox on Windows",
    "campaign_link": f"{BASE_URL}/campaigns/nhs-professionals",
    "subject": sentences.subject(NEWS),
    "sentences": sentences.paragraphs(NEWS),
    "overview_link": f"{BASE_URL}{alert_mails.overview_path(NEWS)}",
    "alerts_link": f"{BASE_URL}/organiser/alerts",
}
# What only one kind has.
_OF_KIND: dict[MessageKind, dict[str, Any]] = {
    MessageKind.LETTER_HELD: {"reason": letter_mails.HELD_REASONS["standing_changed"]},
}
# An email of a kind that says something else in another case.
_OTHER_CASES: dict[str, tuple[MessageKind, dict[str, Any]]] = {
    "already_signed_vacant": (MessageKind.ALREADY_SIGNED, {"has_vacant_seat": True}),
    "letter_held_without_reason": (MessageKind.LETTER_HELD, {"reason": ""}),
    "letter_held_for_good": (
        MessageKind.LETTER_HELD,
        {"reason": letter_mails.HELD_REASONS["motion_ended"], "can_write": False},
    ),
    "letter_receipt_uncertain": (MessageKind.LETTER_RECEIPT, {"server_answer": None}),
    "seat_filled_without_letter": (
        MessageKind.SEAT_FILLED,
        {"letter_link": "", "position": "", "reason": letter_mails.HELD_REASONS["no_variant"]},
    ),
    "invitation_has_account": (MessageKind.INVITATION, {"has_account": True, "role": "viewer"}),
    "account_changed_by_operator": (MessageKind.ACCOUNT_CHANGED, {"device": ""}),
    "alert_digest_of_one_name": (
        MessageKind.ALERT_DIGEST,
        {
            "subject": sentences.subject([replace(ABOUT, names=("Ann Ferncastle",))]),
            "sentences": sentences.paragraphs([replace(ABOUT, names=("Ann Ferncastle",))]),
        },
    ),
    "webhook_stopped_alone": (MessageKind.WEBHOOK_STOPPED, {"others": 0, "waiting": 0}),
}


@dataclass(frozen=True, slots=True)
class _Supporter:
    """A person, as a `supporter_mails.Recipient`; without an id for one who is unknown."""

    id: UUID | None
    email: Private
    questions_off_at: None = None
    mail_off_at: None = None


def mails(
    *, letterhead: Letterhead = LETTERHEAD, values: Mapping[str, Any] | None = None
) -> Iterator[tuple[str, MessageKind, Mail]]:
    """Makes an email of each kind and case: its name, its kind, and the email."""
    cases: dict[str, tuple[MessageKind, dict[str, Any]]] = {
        str(kind): (kind, {}) for kind in MessageKind if kind is not MessageKind.LETTER
    }
    context = _context()
    for name, (kind, changes) in (cases | _OTHER_CASES).items():
        own = sample_values() | _OF_KIND.get(kind, {}) | dict(values or {}) | changes
        if kind is MessageKind.CONFIRM_LETTER:
            own["letter_link"] = own["letter_confirm_link"]
        make = _to_organiser if kind in TO_ORGANISERS else _to_supporter
        yield name, kind, make(kind, own, letterhead, context)


def sample_values(row_id: UUID = ID) -> dict[str, Any]:
    """Returns a value for every name that a template uses, with links for a row."""
    return _VALUES | {"organisation": LETTERHEAD.name} | _links(_context(), row_id)


def _context() -> MailContext:
    keyring = Keyring([settings.SECRET])
    return MailContext(
        tokens=Tokens(keyring, lambda: NOW),
        base_url=BASE_URL,
        mail_from="Central Lobby <post@lobby.example.org>",
        keyring=keyring,
    )


def _links(context: MailContext, row_id: UUID) -> dict[str, str]:
    return {
        "confirm_link": context.link("confirm", Purpose.CONFIRM, row_id),
        "disown_link": context.link("disown", Purpose.DISOWN, row_id),
        "withdraw_link": context.link("withdraw", Purpose.WITHDRAW, row_id),
        "answer_link": context.link("letters/answer", Purpose.LETTER_ANSWER, row_id),
        "letter_confirm_link": context.link("letters/confirm", Purpose.LETTER, row_id),
        "invitation_link": context.link("invitation", Purpose.INVITATION, row_id),
        "letter_link": f"{BASE_URL}/campaigns/nhs-professionals/letter",
    }


def _to_supporter(
    kind: MessageKind, values: dict[str, Any], letterhead: Letterhead, context: MailContext
) -> Mail:
    if kind in UNCONFIRMED:
        shared = shared_mail(kind, values, letterhead=letterhead)
        return shared.make(shared.shared, shared.personal)
    mail = supporter_mails.to_supporter(
        _message(kind),
        _Supporter(ID, Private(ID, "anna@example.org")),
        values["campaign"],
        values,
        context,
        letterhead=letterhead,
        enclosed=Enclosed(COPY, "en") if kind is MessageKind.LETTER_RECEIPT else None,
    )
    assert isinstance(mail, Mail)
    return mail


def shared_mail(
    kind: MessageKind,
    values: Mapping[str, Any],
    *,
    letterhead: Letterhead = LETTERHEAD,
    row_id: UUID = ID,
    email: str = "anna@example.org",
    is_known: bool = False,
) -> SharedMail[Any]:
    """Makes the email of one of many who are asked to confirm, a supporter or a stranger."""
    mail = supporter_mails.to_one_of_many(
        _message(kind, row_id),
        _Supporter(row_id if is_known else None, Private(ID, email)),
        values["campaign"],
        {name: values[name] for name in _SHARED_VALUES},
        {name: values[name] for name in _LINKS[kind]},
        _context(),
        letterhead=letterhead,
        opt_out="disown_link",
    )
    assert isinstance(mail, SharedMail)
    return mail


def _message(kind: MessageKind, row_id: UUID = ID) -> OutboxMessage:
    return OutboxMessage(id=row_id, kind=kind, subject_id=row_id, created_at=NOW, due_at=NOW)


def _to_organiser(
    kind: MessageKind, values: dict[str, Any], letterhead: Letterhead, context: MailContext
) -> Mail:
    content = mail_templates.render(f"{kind}.txt", values | {"organisation": letterhead.name})
    return Mail(
        recipient="organiser@example.org",
        subject=content.subject,
        body=content.plain,
        message_id=context.message_id(ID),
        html=html_parts.render(
            content, sender=letterhead.name, brand_colour=letterhead.brand_colour
        ),
    )


def main() -> None:
    """Writes the files."""
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m tools.mail_samples FOLDER")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, _, mail in mails():
        envelope = mail_builder.build(mail, mail_from=_context().mail_from, now=NOW)
        (folder / f"{name}.eml").write_bytes(envelope.content)
        (folder / f"{name}.txt").write_text(f"Subject: {mail.subject}\n\n{mail.body}")
        (folder / f"{name}.html").write_text(mail.html or "")
        size = len(mail.html or "")
        print(f"{name}: HTML {size:,} bytes, whole email {len(envelope.content):,} bytes")


if __name__ == "__main__":
    main()
