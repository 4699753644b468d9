"""How the outbox knows an address: by keyed hashes, never by the address itself."""

from typing import NamedTuple

from models import Keyring
from services.common import texts
from services.common.mailboxes import mailbox_of

_INDEX_BYTES = 16


class Recipient(NamedTuple):
    """Keyed hashes of an address.

    `address_index` is equal for all spellings that are surely one mailbox, across organisations: it
    recognises dead addresses. `mailbox_index` folds harder and is for the daily limit alone.
    """

    address_index: bytes
    mailbox_index: bytes


def recipient_of(email: str, keyring: Keyring) -> Recipient:
    """Returns the recipient of an address that `texts.email_address` has accepted."""
    canonical = texts.canonical_email(email)
    return Recipient(keyring.everywhere_index(canonical), mailbox_index(email, keyring))


def mailbox_index(email: str, keyring: Keyring) -> bytes:
    """Returns the keyed hash of the mailbox of an address, however the address is spelt."""
    return keyring.request_index(b"mailbox", mailbox_of(email).encode())[:_INDEX_BYTES]


def sender_index(sender: str, keyring: Keyring) -> bytes:
    """Returns the keyed hash of a network or an API key that causes mails."""
    return keyring.request_index(b"sender of mails", sender.encode())[:_INDEX_BYTES]
