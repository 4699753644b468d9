"""Tests which function renders the email of a queued message."""

from collections import Counter

from models import MessageKind
from services.accounts import account_mails, invitation_mails
from services.alerts import alert_mails
from services.letters import letter_mails, letter_requests
from services.signatures import signature_mails
from services.webhooks import warning_mails

ALONE = (MessageKind.LETTER, MessageKind.SEAT_FILLED)


def test_every_kind_of_message_is_made_by_one_function() -> None:
    kinds = Counter(
        [
            *ALONE,
            *signature_mails.KINDS,
            *letter_mails.STATES,
            *letter_mails.SENT_KINDS,
            *letter_requests.KINDS,
            *warning_mails.KINDS,
            *account_mails.KINDS,
            *alert_mails.KINDS,
            *invitation_mails.KINDS,
        ]
    )
    assert kinds == Counter(MessageKind)
