"""Checks of the addresses: where links lead, and where the service listens."""

from urllib.parse import urlsplit

from core.listening import Listening, is_loopback
from core.settings import Settings
from services.operations.findings import Finding


def check(settings: Settings, listening: Listening | None) -> list[Finding]:
    """Finds links that lead nowhere or are not encrypted. All findings are hints.

    `settings` are those of the environment. If they have no base URL, links begin with where the
    service listens. `listening` is None if that is not known.
    """
    is_set = "base_url" in settings.model_fields_set
    base = settings.base_url if is_set else (listening or Listening()).url
    name = "LOBBY_BASE_URL is" if is_set else "LOBBY_BASE_URL is not set: links begin with"
    start = f"{name} {base}"
    hints = [
        _hint("base_url_unencrypted", start, _unencrypted(base)),
        _hint("base_url_loopback", start, _unreachable(base, settings, listening)),
    ]
    if is_set:
        hints.append(_hint("base_url_elsewhere", start, _elsewhere(base, listening)))
    else:
        text = _unknown_to_worker(settings, listening)
        hints.append(_hint("base_url_unknown_to_worker", start, text))
    return [hint for hint in hints if hint]


def _hint(code: str, start: str, text: str | None) -> Finding | None:
    return Finding(start + text, is_trouble=False, code=code) if text else None


def _unencrypted(base: str) -> str | None:
    if is_loopback(base) or not base.startswith("http:"):
        return None
    secure = base.replace("http:", "https:", 1)
    return (
        ", which is not encrypted: everybody on the way can read passwords and personal data. Put "
        f"a proxy with TLS in front of the service, and set LOBBY_BASE_URL to https, as {secure}."
    )


def _unreachable(base: str, settings: Settings, listening: Listening | None) -> str | None:
    if not is_loopback(base):
        return None
    if listening is not None and listening.is_public:
        reason = f"The service listens on {listening} for other machines"
    elif not settings.smtp_url.lower().startswith("file:"):
        reason = "Emails leave through a mail server"
    else:
        return None
    return (
        f", which works on this machine only. {reason}: set LOBBY_BASE_URL to the public address, "
        "such as https://lobby.example.org."
    )


def _elsewhere(base: str, listening: Listening | None) -> str | None:
    # https on this machine means that a proxy is in front.
    if listening is None or not is_loopback(base) or base.startswith("https:"):
        return None
    if listening.is_public and not listening.is_everywhere:
        return None  # `_unreachable` says more
    parts = urlsplit(base)
    is_port = (parts.port or 80) == listening.port
    if is_port and (listening.is_everywhere or _is_same_host(parts.hostname, listening.host)):
        return None
    return (
        f", but the service listens on {listening}: links lead elsewhere. Unset LOBBY_BASE_URL, or "
        f"set it to {listening.url}."
    )


def _is_same_host(one: str | None, other: str) -> bool:
    return one == other.lower() or "localhost" in (one, other.lower())


def _unknown_to_worker(settings: Settings, listening: Listening | None) -> str | None:
    if settings.worker != "off" or (listening or Listening(port=0)).url == Listening().url:
        return None
    text = ", and `lobby worker` cannot know --host and --port of `lobby serve`: set LOBBY_BASE_URL"
    return f"{text} for both." if listening else f"{text} if the port is not 8000."
