"""Checks the mail server that takes our emails, and says in words what its outage means."""

from collections.abc import Iterator

from sqlmodel import Session

from core import relay_urls
from core.relay_urls import RelayUrl
from services.mail import relays
from services.mail.couriers import Courier, SmtpCourier
from services.mail.smtp_connections import NO_TLS
from services.operations.findings import Finding

OUTAGE = "The mail server is left alone after trouble. Emails wait, and none is lost."
OUTAGE_OF_TLS = (
    "There is no TLS with the mail server that can be trusted. Emails wait, and none is lost. "
    "Set LOBBY_SMTP_URL as `lobby check` says."
)


def check(courier: Courier, *, smtp_url: str) -> Iterator[Finding]:
    """Connects to the mail server and logs in. It sends no email, and asks nothing of a folder."""
    if relay_urls.is_relay(smtp_url) and _is_insecure(relay_urls.parse(smtp_url)):
        text = "LOBBY_SMTP_URL is smtp+insecure://: everybody on the way can read and change emails"
        yield Finding(f"{text}.", is_trouble=False, code="mail_insecure")
    problem = courier.problem() if isinstance(courier, SmtpCourier) else None
    if problem is not None:
        text = f"The mail server {courier.relay} does not take emails. {problem}"
        yield Finding(text, code="mail_server_unusable")


def _is_insecure(relay: RelayUrl) -> bool:
    return relay.scheme == relay_urls.INSECURE and relay.host not in relay_urls.LOOPBACK


def outage_in_words(session: Session, relay: str) -> str | None:
    """Returns what an outage means, for everybody: without the server's own words."""
    error = relays.outage(session, relay)
    if error is None:
        return None
    return OUTAGE_OF_TLS if error.startswith(NO_TLS) else OUTAGE
