"""Encodes and folds the values of email headers, and decodes each again as a receiver does.

The standard library's own encoder fails for names with quotes, commas and long words. A value that
would not be decoded to the same text is Invalid, so that no text can add a header or an address.
"""

import re
from collections.abc import Callable
from email.errors import HeaderParseError
from email.header import Header, decode_header, make_header
from email.utils import getaddresses
from functools import lru_cache

from services.common import texts
from services.errors import Invalid

FOLD_AT = 76
# An address without quoted strings, comments, groups and routes (RFC 5321, 4.1.2).
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
LONGEST_ADDRESS = 254
_PLAIN_PHRASE = re.compile(rf"{_ATOM}(?: {_ATOM})*")
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9._-]+@[A-Za-z0-9.-]+>")
_LINK = re.compile(r"https?://[!-;=?-~]{1,900}")  # printable ASCII without angle brackets


def mailbox(header: str, name: str, address: str) -> str:
    """Returns `Name <address>`, or only the address if there is no name."""
    if not name:
        return bare_address(address)
    bare = _bare(address)  # it is read back below, together with the name
    safe = _safe("name", name)
    quoted = safe.replace("\\", r"\\").replace('"', r"\"")
    phrase = safe if _PLAIN_PHRASE.fullmatch(safe) else f'"{quoted}"'
    if not safe.isascii() or len(phrase) > FOLD_AT - len(header) - 2:
        phrase = _encoded(header, safe)
    # The address gets a line of its own if it does not fit behind the name.
    gap = " " if len(header) + len(phrase) + len(bare) + 5 <= FOLD_AT else "\r\n "
    return _read_back(f"{phrase}{gap}<{bare}>", _only, bare)


def text(header: str, text: str) -> str:
    """Returns a text of any length for a header, encoded by RFC 2047 if necessary."""
    safe = _safe(header.lower(), text)
    is_regular = safe.isascii() and safe == " ".join(safe.split(" ")).strip()
    folded = _folded(header, safe) if is_regular else ""
    lines = folded.split("\r\n ")
    is_whole = " ".join(lines) == safe and all(len(part) < FOLD_AT and part for part in lines)
    return _read_back(folded if is_whole else _encoded(header, safe), _decoded, _unfolded(safe))


def bare_address(address: str) -> str:
    """Returns one address in ASCII, as mail servers accept it. Other domains become Punycode."""
    bare = _bare(address)
    return _read_back(bare, _only, bare)


# For texts of organisers and addresses of MPs, which many emails share. Never for a supporter's,
# which would stay in memory.
shared_mailbox = lru_cache(maxsize=100)(mailbox)
shared_text = lru_cache(maxsize=100)(text)
shared_address = lru_cache(maxsize=1000)(bare_address)


def _bare(address: str) -> str:
    if not address.isascii():
        address = texts.email_address(address)
    is_one = _ADDRESS.fullmatch(address) and len(address) <= LONGEST_ADDRESS
    if not is_one or "=?" in address:
        raise Invalid.field("address", "header_unsafe", "This is not one mail address.")
    return address


def link(link: str) -> str:
    """Returns a link on one line: mail programs do not find folded or encoded links."""
    if not _LINK.fullmatch(link) or "=?" in link:
        raise Invalid.field("unsubscribe", "header_unsafe", "This is not one link.")
    return f"<{link}>"


def message_id(text: str) -> str:
    """Returns a Message-ID unchanged, with its angle brackets."""
    if not _MESSAGE_ID.fullmatch(text):
        raise Invalid.field("message_id", "header_unsafe", "This is no name of a message.")
    return text


def _safe(field: str, text: str) -> str:
    """Refuses line breaks, and anything that a mail program would decode."""
    if not texts.is_fit_for_header(text):
        raise Invalid.field(field, "header_unsafe", "This text cannot stand in a mail's header.")
    return text


def _folded(header: str, text: str) -> str:
    """Folds regular ASCII. One line stays as it is, also by the library, which takes longer."""
    if len(header) + len(": ") + len(text) <= FOLD_AT:
        return text
    return Header(text, "us-ascii", FOLD_AT, header).encode(linesep="\r\n")


def _encoded(header: str, text: str) -> str:
    return Header(text, "utf-8", FOLD_AT, header).encode(linesep="\r\n")


def _read_back(value: str, read: Callable[[str], str], meant: str) -> str:
    if read(value) != meant:
        raise Invalid("mail_unsafe", "This mail would not arrive as it was meant.")
    return value


def _only(value: str) -> str:
    """Returns the address in a header; an empty string if there is not exactly one."""
    addresses = getaddresses([value])
    return addresses[0][1] if len(addresses) == 1 else ""


def _decoded(value: str) -> str:
    try:
        return _unfolded(str(make_header(decode_header(value))))
    except (HeaderParseError, UnicodeError, LookupError):
        return ""


def _unfolded(text: str) -> str:
    """Normalises spaces: a header may be folded at any of them."""
    return " ".join(text.split())
