"""A proxy that answers for Action Network's address, and hands requests on to our server."""

import http.client
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "actionnetwork.org"
_HOP_BY_HOP = {"connection", "host", "transfer-encoding", "content-length", "date", "server"}


@contextmanager
def proxy(upstream: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yields the URL of a proxy to the server at `upstream`, and the certificate to trust."""
    certificate, key = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    handler = type("Handler", (_Front,), {"tls": context, "upstream": urlsplit(upstream).netloc})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", certificate
        server.shutdown()


class _Front(BaseHTTPRequestHandler):
    """A connection: CONNECT, then TLS with our certificate, then requests."""

    tls: ssl.SSLContext
    upstream: str
    protocol_version = "HTTP/1.1"

    def do_CONNECT(self) -> None:
        """Refuses any other host: n8n must talk to nobody else."""
        if self.path != f"{HOST}:443":
            self.send_error(403)
            return
        self.send_response_only(200)
        self.end_headers()
        self.request = self.tls.wrap_socket(self.connection, server_side=True)
        self.setup()  # makes the files of the connection again, over TLS
        self.close_connection = False

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP
        }
        upstream = http.client.HTTPConnection(self.upstream, timeout=60)
        upstream.request(self.command, self.path, body or None, headers)
        answer = upstream.getresponse()
        content = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        upstream.close()

    do_GET = do_POST = do_PUT = do_DELETE = _forward  # noqa: N815 - the names of the methods

    def finish(self) -> None:
        """Closes the connection over TLS too, which the server does not know."""
        super().finish()
        self.request.close()

    def log_message(self, *_: object) -> None:
        """Writes no log."""


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Writes a certificate for Action Network's host that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "front.pem", folder / "front.key"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file
