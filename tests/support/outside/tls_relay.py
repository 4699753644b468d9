"""SMTP servers on loopback with TLS, good and bad, and the certificates for them."""

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.outside.smtp_server import Sink

# An address of this machine that the service does not count as loopback: as if it were elsewhere.
ELSEWHERE = "127.0.0.2"
HERE = "127.0.0.1"
USER, PASSWORD = "lobby", "a-password-of-tests"
DAY = timedelta(days=1)


class Authority:
    """A certificate authority of its own, with files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("Authority of tests")
        certificate = (
            self._begun(self._name, self._key.public_key(), ends=datetime.now(UTC) + 365 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(certificate.public_bytes(Encoding.PEM))

    def trusted(self) -> ssl.SSLContext:
        """Returns a client's context that trusts this authority alone."""
        return ssl.create_default_context(cafile=str(self.file))

    def server(self, *hosts: str, has_expired: bool = False) -> ssl.SSLContext:
        """Returns a server's context with a certificate for names or addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        ends = datetime.now(UTC) + (-1 if has_expired else 30) * DAY
        certificate = (
            self._begun(_named(hosts[0]), key.public_key(), ends=ends)
            .add_extension(x509.SubjectAlternativeName(map(_general, hosts)), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        file = self._folder / f"{certificate.serial_number}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _begun(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, ends: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(ends - 400 * DAY)
            .not_valid_after(ends)
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@dataclass
class TlsSink(Sink):
    """Also notes whether each login and each message came over TLS."""

    logins: list[bool] = field(default_factory=list)
    over_tls: list[bool] = field(default_factory=list)
    login_answer: str | None = None

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.over_tls.append(session.ssl is not None)
        return await super().handle_DATA(server, session, envelope)

    def check(
        self, _server: SMTP, session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        self.logins.append(session.ssl is not None)
        is_right = data == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=is_right and self.login_answer is None, handled=True)


@dataclass(frozen=True)
class TlsServer:
    """An aiosmtpd that runs."""

    host: str
    port: int


@contextmanager
def smtp_server(
    sink: TlsSink,
    port: int,
    *,
    host: str = HERE,
    starttls: ssl.SSLContext | None = None,
    implicit: ssl.SSLContext | None = None,
    login_without_tls: bool = False,
) -> Iterator[TlsServer]:
    """Runs a server with STARTTLS, with TLS from the first byte, or with neither."""
    controller = Controller(
        sink,
        hostname=host,
        port=port,
        ssl_context=implicit,
        tls_context=starttls,
        authenticator=sink.check,
        auth_require_tls=starttls is not None and not login_without_tls,
    )
    controller.start()
    try:
        yield TlsServer(host, port)
    finally:
        controller.stop()


Connection = socket.socket
AtStarttls = Callable[[Connection], Connection | None]
"""What happens at STARTTLS: answers, and returns the connection to go on with, or None."""


@dataclass
class ScriptedRelay:
    """A relay that misbehaves at STARTTLS. It keeps the lines that it gets, also those over TLS."""

    at_starttls: AtStarttls | None
    greeting: bytes = b"220 relay.example.org ESMTP\r\n"
    ehlo: bytes = b"250-relay.example.org\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n"
    answers: dict[bytes, bytes] = field(default_factory=dict)
    lines: list[bytes] = field(default_factory=list)

    @property
    def commands(self) -> list[bytes]:
        """The first word of each line."""
        return [line.split(b" ")[0].upper() for line in self.lines]

    @contextmanager
    def up(self, host: str = HERE) -> Iterator[int]:
        """Runs it, and yields its port."""
        with socket.create_server((host, 0)) as listener:
            thread = threading.Thread(target=self._accept, args=(listener,), daemon=True)
            thread.start()
            yield listener.getsockname()[1]
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                connection.sendall(self.greeting)
                self._serve(connection)

    def _serve(self, connection: Connection) -> None:
        while line := _read_line(connection):
            self.lines.append(line)
            command = line.split(b" ")[0].upper()
            if command == b"STARTTLS" and self.at_starttls is not None:
                if (encrypted := self.at_starttls(connection)) is not None:
                    with encrypted:
                        self._serve(encrypted)
                return
            answer = self.answers.get(command, self._answer(command))
            connection.sendall(answer)
            if command == b"DATA" and answer.startswith(b"354"):
                while _read_line(connection) != b".":
                    """Passes over the message."""
                connection.sendall(b"250 taken\r\n")

    def _answer(self, command: bytes) -> bytes:
        usual = {b"EHLO": self.ehlo, b"AUTH": b"235 welcome\r\n", b"DATA": b"354 go on\r\n"}
        return usual.get(command, b"250 OK\r\n")


def _read_line(connection: Connection) -> bytes:
    """Returns a line without its end; an empty line is a space, so that b"" is the end."""
    line = b""
    while not line.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte:
            return b""
        line += byte
    return line.strip() or b" "


def hang_up(connection: Connection) -> None:
    """Says that it is ready for TLS, and closes the connection."""
    connection.sendall(b"220 ready\r\n")
    connection.close()


def talk_nonsense(connection: Connection) -> None:
    """Answers the first message of TLS with something else."""
    connection.sendall(b"220 ready\r\n")
    connection.recv(10_000)
    connection.sendall(b"500 what was that?\r\n" * 10)


def put_off(connection: Connection) -> Connection:
    """Has no TLS at the moment (RFC 3207, 4)."""
    connection.sendall(b"454 4.7.0 TLS not available\r\n")
    return connection


def inject(context: ssl.SSLContext) -> AtStarttls:
    """Sends an answer to the EHLO after TLS in clear, in front of a good handshake."""

    def at_starttls(connection: Connection) -> Connection:
        connection.sendall(b"220 ready\r\n250-injected\r\n250 AUTH PLAIN\r\n")
        return context.wrap_socket(connection, server_side=True)

    return at_starttls


def begin_tls(context: ssl.SSLContext) -> AtStarttls:
    """Begins TLS as it should."""

    def at_starttls(connection: Connection) -> Connection:
        connection.sendall(b"220 ready\r\n")
        return context.wrap_socket(connection, server_side=True)

    return at_starttls
