"""Values of a mail's headers, encoded and folded by us, each read back as a receiver will.

The standard library's own encoder trips over names with quotes, commas and long words. What a value
could become but what was meant is Invalid: no text becomes another header or another address.
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
# The address itself, without quoted strings, comments, groups and routes (RFC 5321, 4.1.2).
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
LONGEST_ADDRESS = 254
_PLAIN_PHRASE = re.compile(rf"{_ATOM}(?: {_ATOM})*")
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9._-]+@[A-Za-z0-9.-]+>")
_LINK = re.compile(r"https?://[!-;=?-~]{1,900}")  # printable ASCII without angle brackets


def mailbox(header: str, name: str, address: str) -> str:
    """`Name <address>`, or the address alone where there is no name."""
    bare = bare_address(address)
    if not name:
        return bare
    safe = _safe("name", name)
    quoted = safe.replace("\\", r"\\").replace('"', r"\"")
    phrase = safe if _PLAIN_PHRASE.fullmatch(safe) else f'"{quoted}"'
    if not safe.isascii() or len(phrase) > FOLD_AT - len(header) - 2:
        phrase = _encoded(header, safe)
    # On a line of its own where it would make the last one of the name too long.
    gap = " " if len(header) + len(phrase) + len(bare) + 5 <= FOLD_AT else "\r\n "
    return _read_back(f"{phrase}{gap}<{bare}>", _only, bare)


def text(header: str, text: str) -> str:
    """A text of any length for a header, as RFC 2047 encodes it where it has to."""
    safe = _safe(header.lower(), text)
    is_regular = safe.isascii() and safe == " ".join(safe.split(" ")).strip()
    folded = Header(safe, "us-ascii", FOLD_AT, header).encode(linesep="\r\n") if is_regular else ""
    lines = folded.split("\r\n ")
    is_whole = " ".join(lines) == safe and all(len(part) < FOLD_AT and part for part in lines)
    return _read_back(folded if is_whole else _encoded(header, safe), _decoded, _unfolded(safe))


# For the words of organisers, which the mails of a round share: never for those of a supporter,
# which would stay in memory.
shared_mailbox = lru_cache(maxsize=100)(mailbox)
shared_text = lru_cache(maxsize=100)(text)


def bare_address(address: str) -> str:
    """As mail servers take it: one address, in ASCII. A domain in other letters is spelt anew."""
    if not address.isascii():
        address = texts.email_address(address)
    is_one = _ADDRESS.fullmatch(address) and len(address) <= LONGEST_ADDRESS
    if not is_one or "=?" in address:
        raise Invalid.field("address", "header_unsafe", "This is not one mail address.")
    return _read_back(address, _only, address)


def link(link: str) -> str:
    """On one line: folded or encoded, no mail program would find a link in it."""
    if not _LINK.fullmatch(link) or "=?" in link:
        raise Invalid.field("unsubscribe", "header_unsafe", "This is not one link.")
    return f"<{link}>"


def message_id(text: str) -> str:
    """As it is, with its angle brackets."""
    if not _MESSAGE_ID.fullmatch(text):
        raise Invalid.field("message_id", "header_unsafe", "This is no name of a message.")
    return text


def _safe(field: str, text: str) -> str:
    """Text for a header: on one line, and nothing that a mail program would decode."""
    if not texts.is_fit_for_header(text):
        raise Invalid.field(field, "header_unsafe", "This text cannot stand in a mail's header.")
    return text


def _encoded(header: str, text: str) -> str:
    return Header(text, "utf-8", FOLD_AT, header).encode(linesep="\r\n")


def _read_back(value: str, read: Callable[[str], str], meant: str) -> str:
    if read(value) != meant:
        raise Invalid("mail_unsafe", "This mail would not arrive as it was meant.")
    return value


def _only(value: str) -> str:
    """The one address in a header; nothing where there are more."""
    found = getaddresses([value])
    return found[0][1] if len(found) == 1 else ""


def _decoded(value: str) -> str:
    try:
        return _unfolded(str(make_header(decode_header(value))))
    except (HeaderParseError, UnicodeError, LookupError):
        return ""


def _unfolded(text: str) -> str:
    """Spaces do not matter: a header may be folded at any of them."""
    return " ".join(text.split())
