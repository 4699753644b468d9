"""Tests that passwords and mail to other machines go over TLS that is verified, or not at all."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from pydantic import ValidationError

from core import relay_urls
from core.settings import Settings
from models import MessageState
from services.errors import Invalid
from services.mail.couriers import Courier, Delivery, SmtpCourier, make_courier
from services.mail.mail_builder import Envelope
from services.mail.smtp_connections import NO_TLS
from tests.support.outside import tls_relay
from tests.support.outside.tls_relay import (
    ELSEWHERE,
    HERE,
    PASSWORD,
    USER,
    AtStarttls,
    Authority,
    ScriptedRelay,
    TlsSink,
    smtp_server,
)

LOGIN = f"{USER}:{PASSWORD}@"
ENVELOPE = Envelope(
    sender="post@lobby.example.org",
    recipient="anna@example.org",
    message_id="<1@lobby.example.org>",
    content=b"From: post@lobby.example.org\r\n\r\nThe text\r\n",
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def sink() -> TlsSink:
    return TlsSink()


def deliver(url: str, authority: Authority, lines: list[str] | None = None) -> Delivery:
    """Delivers one message. A delivery that does not go must not have come near the dot."""
    report = None if lines is None else lines.append
    dots: list[str] = []

    def before_dot() -> bool:
        dots.append("about to be sent")
        return True

    with closing(make_courier(url, context=authority.trusted(), report=report)) as courier:
        delivery = courier.deliver(ENVELOPE, before_dot)
    assert bool(dots) is (delivery.state is MessageState.ACCEPTED)
    return delivery


def refused(url: str, authority: Authority) -> str:
    """Delivers one message, which must wait for the operator; returns the reason."""
    delivery = deliver(url, authority)
    assert (delivery.state, delivery.is_relay_trouble) == (MessageState.DEFERRED, True)
    assert delivery.detail.startswith(NO_TLS)
    assert PASSWORD not in delivery.detail
    assert len(delivery.detail) < 300, "it is cut off"
    return delivery.detail


# ---- what goes


@pytest.mark.parametrize(("host", "login"), [(ELSEWHERE, ""), (ELSEWHERE, LOGIN), (HERE, LOGIN)])
def test_mail_and_password_go_over_starttls(
    authority: Authority, sink: TlsSink, unused_port: int, host: str, login: str
) -> None:
    context = authority.server(host)
    with smtp_server(sink, unused_port, host=host, starttls=context):
        delivery = deliver(f"smtp://{login}{host}:{unused_port}", authority)
    assert delivery.state is MessageState.ACCEPTED, delivery
    assert sink.over_tls == [True]
    assert sink.logins == ([True] if login else [])


@pytest.mark.parametrize("login", ["", LOGIN])
def test_smtps_is_encrypted_from_the_first_byte(
    authority: Authority, sink: TlsSink, unused_port: int, login: str
) -> None:
    with smtp_server(sink, unused_port, host=ELSEWHERE, implicit=authority.server(ELSEWHERE)):
        delivery = deliver(f"smtps://{login}{ELSEWHERE}:{unused_port}", authority)
    assert delivery.state is MessageState.ACCEPTED, delivery
    assert len(sink.taken) == 1
    assert len(sink.logins) == (1 if login else 0)


def test_a_connection_with_tls_is_used_again(
    authority: Authority, sink: TlsSink, unused_port: int
) -> None:
    url = f"smtp://{LOGIN}{HERE}:{unused_port}"
    with (
        smtp_server(sink, unused_port, starttls=authority.server(HERE)),
        closing(make_courier(url, context=authority.trusted())) as courier,
    ):
        for _ in range(3):
            assert courier.deliver(ENVELOPE, lambda: True).state is MessageState.ACCEPTED
    assert sink.over_tls == [True] * 3
    assert sink.logins == [True]


@pytest.mark.parametrize("offers_tls", [False, True])
def test_to_this_machine_without_a_password_no_tls_is_needed(
    authority: Authority, sink: TlsSink, unused_port: int, offers_tls: bool
) -> None:
    """A local server often has a certificate that nobody would trust: it is not even asked."""
    context = authority.server("another.example.org", has_expired=True) if offers_tls else None
    with smtp_server(sink, unused_port, starttls=context):
        delivery = deliver(f"smtp://{HERE}:{unused_port}", authority)
    assert delivery.state is MessageState.ACCEPTED, delivery
    assert sink.over_tls == [False]


@pytest.mark.parametrize(("host", "login"), [(ELSEWHERE, ""), (HERE, ""), (HERE, LOGIN)])
def test_an_operator_who_says_insecure_gets_no_tls(
    authority: Authority, sink: TlsSink, unused_port: int, host: str, login: str
) -> None:
    with smtp_server(sink, unused_port, host=host, login_without_tls=True):
        delivery = deliver(f"smtp+insecure://{login}{host}:{unused_port}", authority)
    assert delivery.state is MessageState.ACCEPTED, delivery
    assert sink.over_tls == [False]
    assert sink.logins == ([False] if login else [])


# ---- what does not go


@pytest.mark.parametrize(("host", "login"), [(ELSEWHERE, ""), (ELSEWHERE, LOGIN), (HERE, LOGIN)])
def test_without_starttls_neither_password_nor_mail_goes(
    authority: Authority, host: str, login: str
) -> None:
    """As behind a relay, or somebody on the line, that strips STARTTLS from the answer."""
    relay = ScriptedRelay(None, ehlo=b"250-relay.example.org\r\n250 AUTH PLAIN LOGIN\r\n")
    with relay.up(host) as port:
        reason = refused(f"smtp://{login}{host}:{port}", authority)
    assert relay.commands == [b"EHLO"]
    assert "it does not offer STARTTLS" in reason
    assert "set LOBBY_SMTP_URL to smtps://" in reason


def test_what_to_set_is_never_a_way_to_show_the_password(authority: Authority) -> None:
    relay = ScriptedRelay(None, ehlo=b"250 relay.example.org\r\n")
    with relay.up(ELSEWHERE) as port:
        with_password = refused(f"smtp://{LOGIN}{ELSEWHERE}:{port}", authority)
        without = refused(f"smtp://{ELSEWHERE}:{port}", authority)
    assert "insecure" not in with_password
    assert "or to smtp+insecure:// to go without" in without


def test_a_server_that_knows_only_helo_gets_no_mail(authority: Authority) -> None:
    relay = ScriptedRelay(None, answers={b"EHLO": b"502 what?\r\n"})
    with relay.up(ELSEWHERE) as port:
        assert "does not offer STARTTLS" in refused(f"smtp://{ELSEWHERE}:{port}", authority)
    assert relay.commands == [b"EHLO", b"HELO"]


@contextmanager
def badly_certified(
    case: str, scheme: str, authority: Authority, sink: TlsSink, port: int, folder: Path
) -> Iterator[str]:
    """Runs a server with a certificate that is no good; yields the URL."""
    another = Authority(folder)
    contexts = {
        "expired": lambda: authority.server(ELSEWHERE, has_expired=True),
        "mismatch": lambda: authority.server("relay.example.org", HERE),
        "certificate": lambda: another.server(ELSEWHERE),
    }
    context = contexts[case]()
    is_implicit = scheme == "smtps"
    with smtp_server(
        sink,
        port,
        host=ELSEWHERE,
        starttls=None if is_implicit else context,
        implicit=context if is_implicit else None,
    ):
        yield f"{scheme}://{LOGIN}{ELSEWHERE}:{port}"


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize("case", ["expired", "mismatch", "certificate"])
def test_a_certificate_that_is_no_good_stops_everything(
    authority: Authority,
    sink: TlsSink,
    unused_port: int,
    tmp_path: Path,
    case: str,
    scheme: str,
) -> None:
    with badly_certified(case, scheme, authority, sink, unused_port, tmp_path) as url:
        reason = refused(url, authority)
    assert case in reason
    assert "its certificate is not good" in reason
    assert "SSL_CERT_FILE" in reason
    assert sink.logins == []
    assert sink.taken == []


@pytest.mark.parametrize("at_starttls", [tls_relay.hang_up, tls_relay.talk_nonsense])
def test_starttls_that_breaks_is_not_followed_by_anything_in_clear(
    authority: Authority, at_starttls: AtStarttls
) -> None:
    relay = ScriptedRelay(at_starttls)
    with relay.up() as port:
        assert "the handshake failed" in refused(f"smtp://{LOGIN}{HERE}:{port}", authority)
    assert relay.commands == [b"EHLO", b"STARTTLS"]


def test_starttls_that_is_put_off_is_not_followed_by_anything_in_clear(
    authority: Authority,
) -> None:
    relay = ScriptedRelay(tls_relay.put_off)
    with relay.up() as port:
        assert "454 4.7.0 TLS not available" in refused(f"smtp://{LOGIN}{HERE}:{port}", authority)
    assert relay.commands == [b"EHLO", b"STARTTLS"]


def test_text_in_front_of_the_handshake_is_not_believed(authority: Authority) -> None:
    """The server's handshake is good: only the text in clear before it gives it away."""
    context = authority.server(HERE)
    relay = ScriptedRelay(tls_relay.inject(context))
    with relay.up() as port:
        assert "text before TLS" in refused(f"smtp://{LOGIN}{HERE}:{port}", authority)
    assert relay.commands == [b"EHLO", b"STARTTLS"]
    honest = ScriptedRelay(tls_relay.begin_tls(context))
    with honest.up() as port:
        deliver(f"smtp://{LOGIN}{HERE}:{port}", authority)
    assert b"AUTH" in honest.commands, "without the text, the same relay is logged in to"


def test_extensions_from_before_tls_are_forgotten(authority: Authority) -> None:
    """A relay that offers AUTH in clear alone gets no password over TLS either."""
    relay = ScriptedRelay(tls_relay.begin_tls(authority.server(HERE)))
    relay.answers = {b"EHLO": relay.ehlo}

    def stop_offering(connection: socket.socket) -> socket.socket:
        relay.answers = {b"EHLO": b"250 relay.example.org\r\n"}
        return tls_relay.begin_tls(authority.server(HERE))(connection) or connection

    relay.at_starttls = stop_offering
    with relay.up() as port:
        delivery = deliver(f"smtp://{LOGIN}{HERE}:{port}", authority)
    assert delivery.is_relay_trouble
    assert relay.commands == [b"EHLO", b"STARTTLS", b"EHLO"]


def test_smtps_at_a_port_without_tls_says_so(
    authority: Authority, sink: TlsSink, unused_port: int
) -> None:
    with smtp_server(sink, unused_port, host=ELSEWHERE):
        reason = refused(f"smtps://{LOGIN}{ELSEWHERE}:{unused_port}", authority)
    assert "the handshake failed" in reason
    assert "set LOBBY_SMTP_URL to smtp://" in reason
    assert sink.logins == []


# ---- what is not about the message


@pytest.mark.parametrize(
    "relay",
    [
        ScriptedRelay(None, greeting=b"554 5.7.1 no service for you\r\n"),
        ScriptedRelay(
            None, answers={b"MAIL": b"530 5.7.0 Must issue a STARTTLS command first\r\n"}
        ),
        ScriptedRelay(None, answers={b"MAIL": b"530 5.7.1 Authentication required\r\n"}),
        ScriptedRelay(None, answers={b"RCPT": b"530 5.7.1 Client was not authenticated\r\n"}),
    ],
    ids=["greeting", "tls", "login", "login at RCPT"],
)
def test_a_relay_that_refuses_us_refuses_no_message(
    authority: Authority, relay: ScriptedRelay
) -> None:
    with relay.up() as port:
        delivery = deliver(f"smtp://{HERE}:{port}", authority)
    assert (delivery.state, delivery.is_relay_trouble) == (MessageState.DEFERRED, True)


def test_a_wrong_password_is_trouble_with_the_relay_and_is_not_repeated_to_anybody(
    authority: Authority,
) -> None:
    relay = ScriptedRelay(
        tls_relay.begin_tls(authority.server(HERE)),
        ehlo=b"250-relay.example.org\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n",
        answers={b"AUTH": f"535 5.7.8 {PASSWORD} is wrong\r\n".encode()},
    )
    lines: list[str] = []
    with relay.up() as port:
        delivery = deliver(f"smtp://{LOGIN}{HERE}:{port}", authority, lines)
    assert (delivery.state, delivery.is_relay_trouble) == (MessageState.DEFERRED, True)
    assert "535 5.7.8 *** is wrong" in delivery.detail
    assert PASSWORD not in "\n".join(lines)


# ---- what a courier is made of


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("smtp+insecure://lobby:hunter2@relay.example.org:25", "would show the password"),
        ("SMTP+INSECURE://hunter2@relay.example.org:25", "would show the password"),
        ("smtp+insecure://lobby:hunter2@localhost.example.org:25", "would show the password"),
        ("smtp://lobby:hunter2/x@relay.example.org:25", "needs a number as its port"),
        ("smtp://lobby:2/hunter2@relay.example.org", "must end after the host and the port"),
        ("smtp://lobby:2#hunter2@relay.example.org", "must end after the host and the port"),
        ("smtp://[hunter2@relay", "must be a URL such as"),
        ("smtp://lobby:hunter2\N{ACCOUNT OF}@relay", "must be a URL such as"),
        ("smtp://lobby:hunter2ü@relay.example.org", "must have a user and a password in ASCII"),
        ("smtps://lobby:hunter2@", "must name a host"),
        ("smtp://lobby:hunter2@relay:0", "port 0 is none"),
    ],
)
def test_a_url_that_is_wrong_or_shows_the_password_is_refused_without_the_password(
    url: str, sentence: str
) -> None:
    with pytest.raises(ValidationError, match=sentence) as refused:
        Settings(smtp_url=url)
    assert "hunter2" not in str(refused.value)
    with pytest.raises(Invalid, match=sentence) as caught:
        make_courier(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("smtp://relay.example.org", ("relay.example.org", 25, "", "")),
        ("smtp://relay.example.org/", ("relay.example.org", 25, "", "")),
        ("smtps://a%40b:c%2Fd%23e@relay.example.org", ("relay.example.org", 465, "a@b", "c/d#e")),
        ("smtp+insecure://u:hunter2@[::1]:2525", ("::1", 2525, "u", "hunter2")),
    ],
)
def test_a_url_that_is_right_is_taken_apart(url: str, parts: tuple[str, int, str, str]) -> None:
    relay = relay_urls.parse(Settings(smtp_url=url).smtp_url)
    assert (relay.host, relay.port, relay.user, relay.password) == parts
    assert "hunter2" not in repr(relay)


def test_no_courier_is_made_that_would_show_a_password() -> None:
    with pytest.raises(ValueError, match="would show the password"):
        SmtpCourier(host=ELSEWHERE, port=25, user=USER, scheme="smtp+insecure")


def test_the_system_says_which_authorities_are_trusted(
    authority: Authority, sink: TlsSink, unused_port: int
) -> None:
    """Without a context of its own a courier trusts no authority of tests."""
    url = f"smtp://{ELSEWHERE}:{unused_port}"
    with (
        smtp_server(sink, unused_port, host=ELSEWHERE, starttls=authority.server(ELSEWHERE)),
        closing(make_courier(url)) as courier,
    ):
        assert "certificate" in courier.deliver(ENVELOPE, lambda: True).detail
    assert sink.taken == []


def test_a_probe_logs_in_and_sends_nothing(
    authority: Authority, sink: TlsSink, unused_port: int
) -> None:
    url = f"smtp://{LOGIN}{HERE}:{unused_port}"
    courier: Courier = make_courier(url, context=authority.trusted())
    assert isinstance(courier, SmtpCourier)
    assert "refused" in (courier.problem() or ""), "nobody listens yet"
    with smtp_server(sink, unused_port, starttls=authority.server(HERE)):
        assert courier.problem() is None
    assert sink.logins == [True]
    assert sink.taken == []


# ---- the conversation as an operator sees it


def test_a_transcript_shows_the_conversation_without_the_password(
    authority: Authority, sink: TlsSink, unused_port: int
) -> None:
    lines: list[str] = []
    with smtp_server(sink, unused_port, starttls=authority.server(HERE)):
        deliver(f"smtp://{LOGIN}{HERE}:{unused_port}", authority, lines)
    text = "\n".join(lines)
    assert lines[0].startswith("< 220 ")
    assert "> STARTTLS" in lines
    assert any(line.startswith("= TLSv1.") for line in lines)
    assert any(
        line.startswith(f"= certificate of commonName={HERE}, valid until") for line in lines
    )
    assert any(line.startswith("> AUTH ") and line.endswith(" ***") for line in lines)
    assert f"> MAIL FROM:<{ENVELOPE.sender}>" in lines
    assert f"> (the message, {len(ENVELOPE.content)} bytes)" in lines
    assert lines[-1].startswith("< 250 ")
    assert "The text" not in text
    for secret in (PASSWORD, "bG9iYnk", "YS1wYXNzd29yZ"):  # the last two begin the same in base64
        assert secret not in text
    assert lines.index("> STARTTLS") < next(n for n, line in enumerate(lines) if "AUTH P" in line)


def test_no_answer_to_a_challenge_is_shown(authority: Authority) -> None:
    """As AUTH LOGIN and CRAM-MD5 work, and as a hostile relay may ask for more."""
    relay = ScriptedRelay(
        tls_relay.begin_tls(authority.server(HERE)),
        ehlo=b"250-relay.example.org\r\n250-AUTH LOGIN\r\n250 STARTTLS\r\n",
        answers={b"AUTH": b"334 UGFzc3dvcmQ6\r\n", b"YS1WYXNZD29YZC1VZI10ZXN0CW==": b"235 OK\r\n"},
    )
    lines: list[str] = []
    with relay.up() as port:
        deliver(f"smtp://{LOGIN}{HERE}:{port}", authority, lines)
    assert "YS1wYXNzd29yZC1vZi10ZXN0cw==" in [line.decode() for line in relay.lines]
    assert "> ***" in lines
    assert "YS1wYXNz" not in "\n".join(lines)
