"""Addresses in the web that organisers give as proof; pages show them as links."""

from urllib.parse import urlsplit

from lobby.services.errors import Invalid

LONGEST = 500
_SCHEMES = ("http", "https")
_NEVER = frozenset('\\<>"{}|^`')


def web_link(text: str, field: str = "link") -> str:
    """An http or https address, trimmed, at most 500 characters; Invalid with a name or password
    in it, since the public sees it."""
    text = text.strip()
    if len(text) > LONGEST:
        raise Invalid.field(field, "too_long", f"At most {LONGEST} characters, please.")
    if not _is_address(text):
        message = "Please give the address of a page, such as https://example.org/page."
        raise Invalid.field(field, "link_malformed", message)
    return text


def _is_address(text: str) -> bool:
    if not text.isprintable() or " " in text or _NEVER & set(text):
        return False
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an address in them, or a port that is none
        return False
    return has_host and parts.scheme in _SCHEMES and "@" not in parts.netloc
