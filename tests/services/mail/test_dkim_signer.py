"""Tests that a receiver can verify our DKIM signatures."""

import base64
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

import dkim  # type: ignore[import-untyped]  # dkimpy has no types
import pytest
from aiosmtpd.controller import Controller
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pydantic import ValidationError

from core.settings import Settings
from services.assembly import Lobby, open_lobby
from services.errors import Invalid
from services.mail import dkim_signer, mail_builder
from services.mail.couriers import make_courier
from services.mail.dkim_signer import HEADERS, DkimSigner
from tests.support.cli import Cli
from tests.support.common import START, Clock
from tests.support.lobbies import MakeLobby
from tests.support.mail import deliver_due, sign, write_letter
from tests.support.outside.hostile_mail import (
    HostileInput,
    content_received,
    hostile_inputs,
    letter_mail,
)
from tests.support.outside.smtp_server import Sink

DOMAIN = "lobby.example.org"
KEYS: dict[str, RSAPrivateKey | Ed25519PrivateKey] = {
    "rsa": generate_private_key(65537, 2048),
    "ed25519": Ed25519PrivateKey.generate(),
}


def signer_of(kind: str) -> DkimSigner:
    return DkimSigner(KEYS[kind], selector="lobby1", domain=DOMAIN, clock=Clock())


def pem(key: Any, password: bytes | None = None) -> bytes:
    secrecy = BestAvailableEncryption(password) if password else NoEncryption()
    data: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secrecy)
    return data


@dataclass
class PublicKey:
    """Replaces the key class of dkimpy's Ed25519 library, which is not installed.

    A bad signature raises that library's own error, so this class records the result instead.
    """

    key: Ed25519PublicKey
    is_right: bool = False

    def verify(self, digest: bytes, signature: bytes) -> None:
        try:
            self.key.verify(signature, digest)
            self.is_right = True
        except InvalidSignature:
            self.is_right = False


class Verifier(dkim.DKIM):  # type: ignore[misc]  # dkimpy has no types
    """dkimpy's verifier, with support for both kinds of keys."""

    def verify_sig(self, sig: Any, include_headers: Any, sig_header: Any, dnsfunc: Any) -> bool:
        if sig[b"a"] != b"ed25519-sha256":
            return bool(super().verify_sig(sig, include_headers, sig_header, dnsfunc))
        name = sig[b"s"] + b"._domainkey." + sig[b"d"] + b"."
        tags = dkim.util.parse_tag_value(dnsfunc(name, timeout=5))
        assert tags[b"k"] == b"ed25519"
        raw = base64.b64decode(tags[b"p"])
        self.pk = PublicKey(Ed25519PublicKey.from_public_bytes(raw))
        self.keysize, self.ktag = 256, b"ed25519"
        done = self.verify_sig_process(sig, include_headers, sig_header, dnsfunc)
        return bool(done and self.pk.is_right)


def is_verified(content: bytes, signer: DkimSigner) -> bool:
    """Verifies as a receiver whose DNS has only our record."""

    def ask(name: bytes, timeout: int = 5) -> bytes | None:
        assert timeout
        is_ours = name == f"{signer.selector}._domainkey.{signer.domain}.".encode()
        return signer.record.encode() if is_ours else None

    quiet = logging.getLogger("dkim-test")
    quiet.disabled = True
    try:
        return bool(Verifier(content, logger=quiet).verify(dnsfunc=ask))
    except dkim.ValidationError:  # a changed body
        return False


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture(params=["rsa", "ed25519"])
def signer(request: pytest.FixtureRequest) -> DkimSigner:
    return signer_of(request.param)


@pytest.fixture
def lobby(
    make_lobby: MakeLobby, sink: Sink, unused_port: int, signer: DkimSigner
) -> Iterator[Lobby]:
    controller = Controller(sink, hostname="127.0.0.1", port=unused_port)
    controller.start()
    made = make_lobby(courier=make_courier(f"smtp://127.0.0.1:{unused_port}"))
    yield replace(made, signer=signer)
    controller.stop()


def sent_contents(sink: Sink) -> list[bytes]:
    return [envelope.content for envelope in sink.taken if isinstance(envelope.content, bytes)]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_receiver_verifies_what_went_through_a_real_server(
    lobby: Lobby, sink: Sink, signer: DkimSigner
) -> None:
    write_letter(lobby)
    sign(lobby, "bob@example.org")
    deliver_due(lobby)
    contents = sent_contents(sink)
    assert len(contents) == 2
    for content in contents:
        assert is_verified(content, signer)
        message = BytesParser(policy=default).parsebytes(content)
        signature = message["DKIM-Signature"]
        assert f"d={DOMAIN}" in signature
        assert "c=relaxed/relaxed" in signature
        signed = signature.partition("h=")[2].partition(";")[0].split(":")
        there = {name.lower() for name in message} - {"dkim-signature"}
        assert {name.strip() for name in signed} == there <= {name.decode() for name in HEADERS}
        assert [name.strip() for name in signed].count("from") == 2
    assert b"Reply-To" in next(mail for mail in contents if b"To: morag" in mail)


def signed_letter(signer: DkimSigner) -> bytes:
    letter_input = HostileInput(
        "Siân O'Neill",
        "anna@example.org",
        "Please sign EDM 152",
        "Dear MP,\n\nPlease sign.\n\n.\n..dots  and spaces  \n\n\n",
        "Cadwch y GIG",
        "Us",
        "mp@example.org",
        "Act",
    )
    built = mail_builder.build(
        letter_mail(letter_input), mail_from=f"Lobby <post@{DOMAIN}>", now=START
    )
    return mail_builder.sealed(built, signer=signer).content


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<anna@example.org>", b"<evil@example.net>"),
        (b"To: mp@", b"To: other@"),
        (b"Please sign EDM 152", b"Please sign EDM 153"),
        (b"Please sign.", b"Please resign."),
        (b"MIME-Version: 1.0", b"MIME-Version: 1.1"),
        (b"\r\nFrom: ", b"\r\nFrom: evil@example.net\r\nFrom: "),
        (b"X-Campaign: ", b"X-Campaign: Not "),
        (b"<post@lobby", b"<host@lobby"),
        (b"<1@lobby", b"<2@lobby"),
    ],
)
def test_whatever_is_changed_on_the_way_is_noticed(
    signer: DkimSigner, old: bytes, new: bytes
) -> None:
    content = signed_letter(signer)
    assert is_verified(content, signer)
    assert old in content
    assert not is_verified(content.replace(old, new, 1), signer)


def test_another_key_does_not_verify_and_spaces_at_the_ends_do_not_matter(
    signer: DkimSigner,
) -> None:
    content = signed_letter(signer)
    other = (
        Ed25519PrivateKey.generate()
        if signer.kind == "ed25519"
        else generate_private_key(65537, 2048)
    )
    forged = DkimSigner(other, selector="lobby1", domain=DOMAIN, clock=Clock())
    assert not is_verified(content, forged)
    assert is_verified(content + b"\r\n\r\n", signer)
    assert is_verified(content.replace(b"Subject: ", b"subject:   "), signer)


@pytest.mark.slow
def test_hostile_texts_are_signed_and_verified_too() -> None:
    signers = [signer_of(kind) for kind in KEYS]
    verified = 0
    for number, hostile_input in hostile_inputs():
        signer = signers[number % 2]
        try:
            built = mail_builder.build(
                letter_mail(hostile_input), mail_from=f"Lobby <post@{DOMAIN}>", now=START
            )
        except Invalid:
            continue
        content = content_received(mail_builder.sealed(built, signer=signer).content)
        assert is_verified(content, signer)
        verified += 1
        if verified == 400:
            break
    assert verified == 400


# ---- the settings


def settings(folder: Path, **changes: Any) -> Settings:
    mail_from = f"Central Lobby <post@{DOMAIN}>"
    return Settings(data_dir=folder, mail_from=mail_from, worker="off", **changes)


def test_the_key_and_the_selector_of_the_settings_sign(tmp_path: Path, signer: DkimSigner) -> None:
    file = tmp_path / "dkim.pem"
    file.write_bytes(pem(signer.key))
    lobby = open_lobby(settings(tmp_path, dkim_key=file, dkim_selector="lobby1"))
    assert lobby.mail_context.signer is lobby.signer
    assert lobby.signer is not None
    assert lobby.signer.record == signer.record
    assert is_verified(signed_letter(lobby.signer), signer)
    lobby.close()
    lobby = open_lobby(settings(tmp_path))
    assert lobby.mail_context.signer is None
    lobby.close()


@pytest.mark.parametrize("given", [{"dkim_key": "x.pem"}, {"dkim_selector": "lobby1"}])
def test_the_key_and_the_selector_come_together(tmp_path: Path, given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="LOBBY_DKIM_KEY and LOBBY_DKIM_SELECTOR"):
        settings(tmp_path, **given)


@pytest.mark.parametrize("selector", ["A", "a b", "a.", ".a", "-a", "a" * 64, "a;b=c", "é"])
def test_a_selector_that_no_dns_has_is_refused(tmp_path: Path, selector: str) -> None:
    with pytest.raises(ValidationError, match="dkim_selector"):
        settings(tmp_path, dkim_key="x.pem", dkim_selector=selector)


@pytest.mark.parametrize(
    "value", ["Lobby", "Lobby <lobby>", "=?utf-8?q?x?= <a@b.org>", "a\n@b.org"]
)
def test_a_sender_without_an_address_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(ValidationError, match="mail_from"):
        Settings(data_dir=tmp_path, mail_from=value)


def bad_keys() -> dict[str, tuple[bytes | None, str]]:
    return {
        "missing": (None, "cannot be read: No such file or directory."),
        "nonsense": (b"not a key", "holds no private key"),
        "locked": (pem(KEYS["rsa"], b"password"), "without a password"),
        "short": (pem(generate_private_key(65537, 1024)), "has 1024 bits; 2048 are needed."),
        "other": (pem(ec.generate_private_key(ec.SECP256R1())), "an RSA or an Ed25519 key."),
    }


@pytest.mark.parametrize("name", bad_keys())
def test_a_key_that_cannot_sign_is_told_at_the_start(tmp_path: Path, name: str) -> None:
    content, complaint = bad_keys()[name]
    file = tmp_path / "dkim.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Invalid) as refused:
        dkim_signer.load(file, selector="lobby1", domain=DOMAIN, clock=Clock())
    assert refused.value.message.startswith(f"LOBBY_DKIM_KEY: {file}")
    assert refused.value.message.endswith(complaint) or complaint in refused.value.message


@pytest.mark.slow
def test_the_command_tells_of_a_key_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "none.pem"
    error_text = Cli(tmp_path / "data").refused(
        "check", LOBBY_DKIM_KEY=str(file), LOBBY_DKIM_SELECTOR="lobby1"
    )
    assert error_text == f"LOBBY_DKIM_KEY: {file} cannot be read: No such file or directory."
