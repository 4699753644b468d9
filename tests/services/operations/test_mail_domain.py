"""Tests the checks of the mail domain in `lobby check`, with a real DNS server."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from dns.resolver import Resolver

from services.assembly import Lobby
from services.mail.dkim_signer import DkimSigner
from services.operations import checks, mail_domain
from services.operations.findings import Finding
from tests.support.common import Clock
from tests.support.outside.dns_server import Zone, name_server, resolver_at

DOMAIN = "post.campaign-house.org.uk"
RELAY = "smtp://user:password@relay.campaign-house.org.uk:587"
RSA = generate_private_key(65537, 2048)
SIGNER = DkimSigner(RSA, selector="lobby1", domain=DOMAIN, clock=Clock())
KEY_AT = f"lobby1._domainkey.{DOMAIN}"


def quoted(text: str) -> str:
    """Quotes a text as in a zone file, where a string has at most 255 characters."""
    return " ".join(f'"{text[start : start + 200]}"' for start in range(0, len(text), 200))


GOOD: dict[tuple[str, str], list[str]] = {
    (DOMAIN, "TXT"): ['"v=spf1 mx include:relay.example.net -all"', '"another=record"'],
    (KEY_AT, "TXT"): [quoted(SIGNER.record)],
    (f"_dmarc.{DOMAIN}", "TXT"): ['"v=DMARC1; p=reject; rua=mailto:reports@example.net"'],
    (DOMAIN, "MX"): ["10 mx.example.net."],
}


def check_zone(zone: Zone, *, signer: DkimSigner | None = SIGNER) -> list[Finding]:
    with name_server(zone) as resolver:
        return mail_domain.check(DOMAIN, smtp_url=RELAY, signer=signer, resolver=resolver)


def trouble(zone: Zone, *, signer: DkimSigner | None = SIGNER) -> str:
    """Returns the text of the only finding that is trouble."""
    findings = check_zone(zone, signer=signer)
    (text,) = [finding.text for finding in findings if finding.is_trouble]
    return text


def hints(zone: Zone, *, signer: DkimSigner | None = SIGNER) -> list[str]:
    findings = check_zone(zone, signer=signer)
    assert not any(finding.is_trouble for finding in findings), findings
    return [finding.text for finding in findings]


def without(name: str, kind: str) -> Zone:
    return {place: records for place, records in GOOD.items() if place != (name, kind)}


def with_text(name: str, *texts: str) -> Zone:
    return {**GOOD, (name, "TXT"): [quoted(text) for text in texts]}


def test_a_domain_with_all_its_records_is_in_no_trouble() -> None:
    (hint,) = hints(GOOD)
    assert "p=reject" in hint


@pytest.mark.parametrize("ending", ["-all", "~all"])
def test_an_spf_record_that_ends_well_is_good(ending: str) -> None:
    assert len(hints(with_text(DOMAIN, f"v=spf1 ip4:192.0.2.1 {ending}"))) == 1
    assert len(hints(with_text(DOMAIN, f"V=SPF1 ip4:192.0.2.1 {ending.upper()}"))) == 1


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["other"], "no SPF record"),
        (["v=spf10 -all"], "no SPF record"),
        (["v=spf1 -all", "v=spf1 ~all"], "2 SPF records"),
        (["v=spf1 +all"], "lets anybody send"),
        (["v=spf1 mx all"], "lets anybody send"),
    ],
)
def test_an_spf_record_that_is_none_or_lets_all_in_is_trouble(
    texts: list[str], message: str
) -> None:
    assert message in trouble(with_text(DOMAIN, *texts))


def test_an_spf_record_without_an_end_is_a_hint() -> None:
    assert "forbids nobody" in " ".join(hints(with_text(DOMAIN, "v=spf1 mx ?all")))
    assert len(hints(with_text(DOMAIN, "v=spf1 redirect=_spf.example.net"))) == 1


@pytest.mark.slow
def test_the_dkim_record_must_be_there_and_have_our_key() -> None:
    missing = trouble(without(KEY_AT, "TXT"))
    assert KEY_AT in missing
    assert SIGNER.record in missing, "it can be copied"
    other = DkimSigner(
        generate_private_key(65537, 2048), selector="lobby1", domain=DOMAIN, clock=Clock()
    )
    assert "another key" in trouble(with_text(KEY_AT, other.record))
    assert "another key" in trouble(with_text(KEY_AT, SIGNER.record.replace("k=rsa", "k=ed25519")))
    assert "another key" in trouble(with_text(KEY_AT, "v=DKIM1; p=no*base64"))
    assert "withdrawn" in trouble(with_text(KEY_AT, "v=DKIM1; k=rsa; p="))
    assert "2 records" in trouble(with_text(KEY_AT, SIGNER.record, SIGNER.record + ";"))
    assert "a test" in " ".join(hints(with_text(KEY_AT, f"{SIGNER.record}; t=y")))


def test_the_key_in_dns_may_have_either_form_and_spaces() -> None:
    der = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    text = base64.b64encode(der).decode()
    assert len(hints(with_text(KEY_AT, f"v=DKIM1;p={text[:50]} {text[50:]}"))) == 1
    ed25519 = DkimSigner(
        Ed25519PrivateKey.generate(), selector="lobby1", domain=DOMAIN, clock=Clock()
    )
    assert len(hints(with_text(KEY_AT, ed25519.record), signer=ed25519)) == 1


def test_without_a_key_of_our_own_the_relay_has_to_sign() -> None:
    all_hints = hints(without(KEY_AT, "TXT"), signer=None)
    assert any("LOBBY_DKIM_KEY is not set" in text and f"d={DOMAIN}" in text for text in all_hints)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["other"], "no DMARC record"),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "2 DMARC records"),
        (["v=DMARC1; rua=mailto:x@example.net"], "has no policy"),
        (["v=DMARC1; p=maybe"], "has no policy"),
    ],
)
def test_a_dmarc_record_that_is_none_is_trouble(texts: list[str], message: str) -> None:
    assert message in trouble(with_text(f"_dmarc.{DOMAIN}", *texts))


def test_a_policy_that_lets_forged_mail_through_is_a_hint() -> None:
    assert "p=none" in " ".join(hints(with_text(f"_dmarc.{DOMAIN}", "v=DMARC1; p=none")))


def test_the_policy_of_the_domain_above_counts_where_there_is_none() -> None:
    above = {**without(f"_dmarc.{DOMAIN}", "TXT")}
    place = ("_dmarc.campaign-house.org.uk", "TXT")
    assert "p=reject" in " ".join(hints({**above, place: ['"v=DMARC1; p=reject"']}))
    all_hints = hints({**above, place: ['"v=DMARC1; p=reject; sp=quarantine"']})
    assert "p=quarantine" in " ".join(all_hints)


def test_a_domain_that_takes_no_mail_loses_what_bounces() -> None:
    assert "no mail server" in trouble(without(DOMAIN, "MX"))
    assert "no mail server" in trouble({**GOOD, (DOMAIN, "MX"): ["0 ."]})
    for kind, address in (("A", "192.0.2.1"), ("AAAA", "2001:db8::1")):
        assert len(hints({**without(DOMAIN, "MX"), (DOMAIN, kind): [address]})) == 1


@pytest.mark.parametrize(
    "domain",
    ["localhost.localdomain", "localhost", "example.org", "lobby.example.com", "lobby.test"],
)
def test_a_domain_that_is_nobodys_is_trouble_without_asking(domain: str, unused_port: int) -> None:
    nobody = resolver_at(unused_port, lifetime=0.2)
    (finding,) = mail_domain.check(domain, smtp_url=RELAY, signer=None, resolver=nobody)
    assert finding.is_trouble
    assert domain in finding.text


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_one_hint(unused_port: int) -> None:
    nobody = resolver_at(unused_port, lifetime=0.2)
    (finding,) = mail_domain.check(DOMAIN, smtp_url=RELAY, signer=SIGNER, resolver=nobody)
    assert not finding.is_trouble
    assert "did not answer" in finding.text


def test_a_machine_without_a_resolver_is_one_hint() -> None:
    empty = Resolver(configure=False)
    empty.nameservers = []
    (finding,) = mail_domain.check(DOMAIN, smtp_url=RELAY, signer=SIGNER, resolver=empty)
    assert not finding.is_trouble


@pytest.mark.parametrize(
    ("url", "message"),
    [("file:/var/mail", "folder"), ("smtp://127.0.0.1:25", "this machine")],
)
def test_where_mail_does_not_leave_nothing_is_asked(
    url: str, message: str, unused_port: int
) -> None:
    nobody = resolver_at(unused_port, lifetime=0.2)
    (finding,) = mail_domain.check(DOMAIN, smtp_url=url, signer=None, resolver=nobody)
    assert not finding.is_trouble
    assert message in finding.text


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_whole_check_tells_of_the_domain(lobby: Lobby, tmp_path: Path) -> None:
    change = {"smtp_url": RELAY, "mail_from": f"Lobby <post@{DOMAIN}>"}
    settings = lobby.settings.model_copy(update=change)
    with name_server(without(f"_dmarc.{DOMAIN}", "TXT")) as resolver:
        findings = checks.run(replace(lobby, settings=settings), resolver=resolver)
    assert [finding.text for finding in findings if finding.is_trouble] == [
        f"{DOMAIN} has no DMARC record; it must have one, at _dmarc.{DOMAIN}."
    ]
