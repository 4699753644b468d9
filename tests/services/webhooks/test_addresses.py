"""Tests that webhooks reach only public addresses, also if a name changes its address."""

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpcore2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from services.errors import Invalid
from services.webhooks import addresses, sender
from services.webhooks.sender import Reply, WebhookSender
from tests.support.outside.dns_server import name_server
from tests.support.outside.webhook_receiver import Answer, receiving

HOST = "hooks.example.org"
URL = f"https://{HOST}/lobby"
PUBLIC = "93.184.216.34"
PUBLIC_6 = "2606:2800:220:1:248:1893:25c8:1946"
NOT_PUBLIC = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.8.9.10",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:93.184.216.34",
    "64:ff9b::7f00:1",
    "64:ff9b::5db8:d822",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    f"{PUBLIC_6}%eth0",
    "",
    "localhost",
    "1",
    "0x7f000001",
]


class FakeConnector:
    """Records the addresses of attempted connections."""

    def __init__(self) -> None:
        self.addresses: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int, **_: object) -> httpcore2.NetworkStream:
        self.addresses.append((host, port))
        raise httpcore2.ConnectError("nobody is there")


class FakeResolver:
    """A resolver that returns its answers in turn and repeats the last one."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, name: str) -> Sequence[str]:
        self.asked.append(name)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


CONTENT = b"{}"


def post(webhook_sender: WebhookSender, url: str = URL) -> Reply:
    return webhook_sender.post(url, CONTENT, {"Content-Type": "application/json"})


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_none(address: str) -> None:
    assert not addresses.is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, PUBLIC_6, "1.1.1.1", "2a00:1450:4009::1"])
def test_an_address_in_the_open_internet_is_public(address: str) -> None:
    assert addresses.is_public(address)


@given(st.ip_addresses())
def test_what_python_takes_for_private_is_never_public(address: object) -> None:
    is_special = getattr(address, "is_private", None) or getattr(address, "is_multicast", None)
    assert not (is_special and addresses.is_public(str(address)))


@pytest.mark.parametrize("address", [address for address in NOT_PUBLIC if address])
def test_a_name_that_stands_for_another_address_is_not_connected_to(address: str) -> None:
    connector = FakeConnector()
    reply = post(WebhookSender(resolve=FakeResolver([address]), connect=connector))
    assert reply == Reply(error="the name stands for an address that is not public")
    assert connector.addresses == []


def test_a_name_with_one_private_address_among_public_ones_is_not_connected_to() -> None:
    connector = FakeConnector()
    for mixed in ([PUBLIC, "10.0.0.1"], ["::1", PUBLIC_6]):
        assert post(WebhookSender(resolve=FakeResolver(mixed), connect=connector)).error
    assert connector.addresses == []


def test_a_connection_goes_to_the_address_that_was_looked_at() -> None:
    """The name resolves to a public address first and to loopback on every later lookup."""
    resolver, connector = FakeResolver([PUBLIC], ["127.0.0.1"]), FakeConnector()
    webhook_sender = WebhookSender(resolve=resolver, connect=connector)
    assert post(webhook_sender) == Reply(error="no connection")
    assert resolver.asked == [HOST]
    assert connector.addresses == [(PUBLIC, 443)]
    assert post(webhook_sender).error == "the name stands for an address that is not public"
    assert resolver.asked == [HOST, HOST]
    assert connector.addresses == [(PUBLIC, 443)]


def test_every_address_of_a_name_is_tried_up_to_a_bound() -> None:
    connector = FakeConnector()
    many = [f"93.184.216.{number}" for number in range(9)]
    post(WebhookSender(resolve=FakeResolver(many), connect=connector))
    assert connector.addresses == [(address, 443) for address in many[: sender.MOST_ADDRESSES]]


def test_a_name_that_nobody_knows_is_no_connection() -> None:
    connector = FakeConnector()
    assert post(WebhookSender(resolve=FakeResolver([]), connect=connector)) == Reply(
        error="no connection"
    )
    assert connector.addresses == []


def test_an_address_that_became_wrong_is_not_asked_for() -> None:
    """For example a loopback address after the setting that allowed it was removed."""
    resolver, connector = FakeResolver([PUBLIC]), FakeConnector()
    webhook_sender = WebhookSender(resolve=resolver, connect=connector)
    for url in ("http://127.0.0.1:8080/", "https://localhost/", f"http://{HOST}/"):
        assert post(webhook_sender, url) == Reply(error="this address is not allowed")
    assert (resolver.asked, connector.addresses) == ([], [])


def test_names_are_asked_of_dns_alone() -> None:
    with name_server({(HOST, "A"): ["192.0.2.7"], (HOST, "AAAA"): ["2001:db8::7"]}) as resolver:
        resolved = sender.look_up(HOST, resolver=resolver)
        assert set(resolved) == {"192.0.2.7", "2001:db8::7"}
        for unknown in ("unknown.example.org", "localhost"):
            assert sender.look_up(unknown, resolver=resolver) == ()


# ---- valid URLs

BAD_URLS = {
    "": "url_malformed",
    "hooks": "url_malformed",
    "https://": "url_malformed",
    "https:///path": "url_malformed",
    "https://hooks example.org/": "url_malformed",
    "https://hooks.example.org/\n": "ok",
    "https://hooks.example.org/\r\nX: y": "url_malformed",
    "https://hooks.exämple.org/": "url_malformed",
    "https://hooks.example.org\\@10.0.0.1/": "url_malformed",
    "https://[::1/": "url_malformed",
    "https://hooks.example.org:0/": "url_malformed",
    "https://hooks.example.org:99999/": "url_malformed",
    "ftp://hooks.example.org/": "not_https",
    "http://hooks.example.org/": "not_https",
    "http://127.0.0.1:8080/": "not_https",
    "file:///etc/passwd": "url_malformed",
    "https://name@hooks.example.org/": "url_has_credentials",
    "https://name:word@hooks.example.org/": "url_has_credentials",
    "https://@hooks.example.org/": "url_has_credentials",
    "https://hooks.example.org/#part": "url_has_fragment",
    "https://hooks.example.org:8443/": "port_not_allowed",
    "https://hooks.example.org:22/": "port_not_allowed",
    "https://localhost/": "host_not_public",
    "https://hooks.localhost/": "host_not_public",
    "https://printer.local/": "host_not_public",
    "https://metadata.google.internal/": "host_not_public",
    "https://intranet/": "host_not_public",
    "https://hooks.example.org./": "host_not_public",
    "https://127.0.0.1/": "host_not_public",
    "https://127.1/": "host_not_public",
    "https://2130706433/": "host_not_public",
    "https://0x7f000001/": "host_not_public",
    "https://0x7f.0.0.0x1/": "host_not_public",
    "https://0177.0.0.1/": "host_not_public",
    "https://10.0.0.1/": "host_not_public",
    "https://169.254.169.254/latest/meta-data/": "host_not_public",
    "https://[::1]/": "host_not_public",
    "https://[::ffff:127.0.0.1]/": "host_not_public",
    "https://[64:ff9b::a00:1]/": "host_not_public",
    f"https://hooks.example.org/{'x' * 500}": "too_long",
}
BAD_URLS.pop("https://hooks.example.org/\n")  # trimmed, as every field is


@pytest.mark.parametrize("url", list(BAD_URLS))
def test_an_address_that_webhooks_must_not_go_to_is_refused(url: str) -> None:
    with pytest.raises(Invalid) as refusal:
        addresses.url(url)
    assert refusal.value.fields[0].field == "url"
    assert refusal.value.code == BAD_URLS[url]


GOOD_URLS = [
    URL,
    f"https://{HOST}:443/lobby?key=1",
    f"https://{PUBLIC}/",
    f"https://[{PUBLIC_6}]/",
    "https://HOOKS.Example.ORG/",
    "https://xn--hks-rna.example/",
    "https://hooks_eu.example.org/",
]


@pytest.mark.parametrize("url", GOOD_URLS)
def test_an_address_in_the_open_internet_is_taken_as_it_is(url: str) -> None:
    assert addresses.url(f" {url}\n") == url


@pytest.mark.parametrize("port", ["", ":80", ":443", ":8000", ":54321"])
def test_this_machine_is_only_taken_where_a_setting_says_so(port: str) -> None:
    url = f"http://localhost{port}/"
    assert addresses.url(url, to_loopback=True) == url
    with pytest.raises(Invalid):
        addresses.url(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:5432/", "http://127.0.0.2:8080/", "http://10.0.0.1:8080/"]
)
def test_the_setting_opens_no_other_port_nor_network(url: str) -> None:
    with pytest.raises(Invalid):
        addresses.url(url, to_loopback=True)


# ---- the connection


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with receiving() as receiver:
        receiver.answers.append(Answer(307, {"Location": f"{receiver.url}/elsewhere"}))
        assert post(WebhookSender(to_loopback=True), receiver.url) == Reply(status=307)
        assert [taken.path for taken in receiver.taken] == ["/hook"]


@pytest.mark.slow
def test_a_receiver_that_drips_keeps_nobody() -> None:
    with receiving() as receiver:
        receiver.answers.append(Answer(drips=True))
        reply = post(WebhookSender(to_loopback=True, seconds=0.3), receiver.url)
        assert reply == Reply(error="no answer in time")


def test_of_a_long_answer_only_the_beginning_is_read() -> None:
    with receiving() as receiver:
        receiver.answers.append(Answer(200, body=b"x" * 5_000_000))
        assert post(WebhookSender(to_loopback=True), receiver.url).is_good


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("Wed, 01 Jul 2026 12:10:00 GMT", 600.0),
        ("Wed, 01 Jul 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("9" * 30, None),
        ("Wed, 01 Jul 99999999999 12:10:00 GMT", None),
    ],
)
def test_what_a_receiver_asks_us_to_wait_is_understood(text: str, seconds: float | None) -> None:
    response = httpcore2.Response(
        503,
        headers=[(b"Retry-After", text.encode()), (b"Date", b"Wed, 01 Jul 2026 12:00:00 GMT")],
        content=b"",
    )
    assert sender._reply(response) == Reply(status=503, retry_after=seconds)


# ---- TLS: the name's certificate at the resolved address


def certificate(folder: Path, name: str) -> Path:
    """Writes a key and a self-signed certificate for a name into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / f"{name}.pem"
    file.write_bytes(private + made.public_bytes(encoding))
    return file


@contextmanager
def tls_server(certificate: Path) -> Iterator[tuple[int, list[str]]]:
    """Yields the port of the server and the SNI names that it received."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    names: list[str] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer_once, args=(server, context))
        thread.start()
        yield server.getsockname()[1], names
        thread.join()


def _answer_once(server: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = server.accept()
    try:
        with context.wrap_socket(connection, server_side=True) as secure:
            request = b""
            while not request.endswith(CONTENT):  # closing too early would lose the response
                request += secure.recv(65536)
            secure.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
    except ssl.SSLError:
        connection.close()


@pytest.mark.parametrize(
    ("certified", "reply"),
    [
        (HOST, Reply(status=204)),
        ("others.example.org", Reply(error="no secure connection: is the certificate good?")),
    ],
)
def test_the_certificate_must_be_the_names_though_the_connection_is_to_an_address(
    tmp_path: Path, certified: str, reply: Reply
) -> None:
    file = certificate(tmp_path, certified)
    with tls_server(file) as (port, names):

        def connect(host: str, _port: int, **rest: float) -> httpcore2.NetworkStream:
            assert host == PUBLIC
            plain = httpcore2.SyncBackend()
            return plain.connect_tcp("127.0.0.1", port, timeout=rest["timeout"])

        webhook_sender = WebhookSender(
            resolve=FakeResolver([PUBLIC]),
            connect=connect,
            tls=ssl.create_default_context(cafile=str(file)),
        )
        assert post(webhook_sender) == reply
        assert names == [HOST]
