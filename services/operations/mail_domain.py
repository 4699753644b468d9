"""Checks the DNS records of the domain that emails come from.

They are SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489), and MX for bounces and replies. DNS is
not asked if emails do not leave this machine.
"""

import base64
import binascii
import re
from collections.abc import Iterator

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from dns.exception import DNSException
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT
from dns.resolver import NXDOMAIN, NoAnswer, Resolver

from core import relay_urls
from core.listening import is_loopback
from services.mail.dkim_signer import DkimSigner
from services.operations.findings import Finding

LIFETIME = 3.0  # seconds for each DNS query, with its retries
_PLACEHOLDER = re.compile(
    r"localhost|localdomain|(.*\.)?(localhost|localdomain|local|example|test|invalid)"
    r"|(.*\.)?example\.[a-z.]+",
    re.IGNORECASE,
)


class _NoAnswer(Exception):
    """DNS did not answer: there is no network or no server, or it did not answer in time."""


def check(
    domain: str, *, smtp_url: str, signer: DkimSigner | None, resolver: Resolver | None = None
) -> list[Finding]:
    """Returns what receivers of emails from `domain` would find wrong. Raises no network errors."""
    if not relay_urls.is_relay(smtp_url):
        text = "Mail is written to a folder, and goes to nobody (LOBBY_SMTP_URL)."
        return [_hint("mail_to_folder", text)]
    if is_loopback(smtp_url):
        text = "Mail goes to a server on this machine: the records of its domain are not looked up."
        return [_hint("mail_to_loopback", text)]
    if _PLACEHOLDER.fullmatch(domain):
        text = f"LOBBY_MAIL_FROM: {domain} is nobody's domain, and mail from it is lost."
        return [Finding(text, code="mail_domain_placeholder")]
    return _check_records(domain.lower().rstrip("."), signer, resolver)


def _check_records(
    domain: str, signer: DkimSigner | None, resolver: Resolver | None
) -> list[Finding]:
    findings: list[Finding] = []
    try:
        dns = _DnsLookup(resolver or _default_resolver())
        # One by one, so that findings before a failure are kept.
        findings += _spf(dns, domain)
        findings += _dkim(dns, domain, signer)
        findings += _dmarc(dns, domain)
        findings += _mx(dns, domain)
    except (_NoAnswer, DNSException, OSError):
        text = f"DNS did not answer for {domain}: its mail records were not checked."
        findings.append(_hint("dns_no_answer", text))
    return findings


def _default_resolver() -> Resolver:
    resolver = Resolver()
    resolver.lifetime = LIFETIME
    return resolver


class _DnsLookup:
    """Queries DNS. A name or record that does not exist is an empty list."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def texts(self, name: str) -> list[str]:
        """Returns the TXT records, each with its strings joined."""
        records = self._records(name, RdataType.TXT)
        return [
            b"".join(record.strings).decode("utf-8", "replace")
            for record in records
            if isinstance(record, TXT)
        ]

    def mail_servers(self, name: str) -> list[str]:
        """Returns the hosts of the MX records. '.' means that there is no server (RFC 7505)."""
        records = self._records(name, RdataType.MX)
        return [record.exchange.to_text() for record in records if isinstance(record, MX)]

    def has_address(self, name: str) -> bool:
        """Returns whether there is an A or AAAA record."""
        return any(self._records(name, kind) for kind in (RdataType.A, RdataType.AAAA))

    def _records(self, name: str, kind: RdataType) -> list[object]:
        try:
            return list(self._resolver.resolve(f"{name}.", kind, search=False))
        except (NXDOMAIN, NoAnswer):
            return []
        except (DNSException, OSError) as error:
            raise _NoAnswer from error


def _spf(dns: _DnsLookup, domain: str) -> Iterator[Finding]:
    records = [text for text in dns.texts(domain) if re.match(r"v=spf1( |$)", text, re.I)]
    if len(records) != 1:
        many = "no SPF record" if not records else f"{len(records)} SPF records, and must have one"
        text = f"{domain} has {many}: receivers cannot tell who may send its mail."
        yield Finding(text, code="spf_missing")
        return
    terms = records[0].lower().split()
    if "+all" in terms or "all" in terms:
        text = f"The SPF record of {domain} lets anybody send its mail: end it in -all."
        yield Finding(text, code="spf_open")
    elif not {"-all", "~all"} & set(terms) and "redirect=" not in records[0].lower():
        text = f"The SPF record of {domain} ends in neither -all nor ~all: it forbids nobody."
        yield _hint("spf_weak", text)


def _dkim(dns: _DnsLookup, domain: str, signer: DkimSigner | None) -> Iterator[Finding]:
    if signer is None:
        text = f"LOBBY_DKIM_KEY is not set: the mail server has to sign for {domain} (d={domain})."
        yield _hint("dkim_unset", text)
        return
    place = f"{signer.selector}._domainkey.{domain}"
    records = dns.texts(place)
    if len(records) != 1:
        many = "There is no DKIM record" if not records else f"There are {len(records)} records"
        text = f"{many} at {place}. Publish this one: {signer.record}"
        yield Finding(text, code="dkim_missing")
        return
    tags = _tags(records[0])
    if not tags.get("p"):
        text = f"The DKIM record at {place} has no key: it says that the key is withdrawn."
        yield Finding(text, code="dkim_withdrawn")
    elif not _is_same_key(tags, signer):
        text = f"The DKIM record at {place} has another key. It must be: {signer.record}"
        yield Finding(text, code="dkim_differs")
    elif "y" in tags.get("t", "").split(":"):
        text = f"The DKIM record at {place} is marked as a test (t=y): take the mark away."
        yield _hint("dkim_test", text)


def _dmarc(dns: _DnsLookup, domain: str) -> Iterator[Finding]:
    place, records = _dmarc_records(dns, domain)
    if len(records) != 1:
        many = "no DMARC record" if not records else f"{len(records)} DMARC records at {place}"
        text = f"{domain} has {many}; it must have one, at _dmarc.{domain}."
        yield Finding(text, code="dmarc_missing")
        return
    tags = _tags(records[0])
    is_own = place == f"_dmarc.{domain}"
    policy = (tags.get("p") if is_own else tags.get("sp") or tags.get("p", "")) or ""
    if policy.lower() not in ("none", "quarantine", "reject"):
        text = f"The DMARC record at {place} has no policy (p=): receivers pass over it."
        yield Finding(text, code="dmarc_no_policy")
    elif policy.lower() == "none":
        text = f"DMARC of {domain} is p=none: mail that others forge in its name is let through."
        yield _hint("dmarc_none", text)
    else:
        text = f"DMARC of {domain} is p={policy.lower()}: only aligned mail gets through."
        yield _hint("dmarc_enforced", text)


def _dmarc_records(dns: _DnsLookup, domain: str) -> tuple[str, list[str]]:
    """Returns the DMARC records of the domain or its nearest parent, and the name where they are.

    A top-level domain is never asked.
    """
    labels = domain.split(".")
    for start in range(max(1, len(labels) - 1)):
        place = f"_dmarc.{'.'.join(labels[start:])}"
        records = [text for text in dns.texts(place) if re.match(r"v=DMARC1\s*(;|$)", text, re.I)]
        if records:
            return place, records
    return f"_dmarc.{domain}", []


def _mx(dns: _DnsLookup, domain: str) -> Iterator[Finding]:
    servers = dns.mail_servers(domain)
    accepts_no_mail = servers == ["."] or (not servers and not dns.has_address(domain))
    if accepts_no_mail:
        text = f"{domain} has no mail server (MX): reports of mail that bounced are lost."
        yield Finding(text, code="mx_missing")


def _is_same_key(tags: dict[str, str], signer: DkimSigner) -> bool:
    # A record may have an RSA key in either of two forms: SubjectPublicKeyInfo or PKCS #1.
    try:
        published = base64.b64decode("".join(tags["p"].split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    forms = {signer.public_key}
    if signer.kind == "rsa":
        public = signer.key.public_key()
        forms.add(public.public_bytes(Encoding.DER, PublicFormat.PKCS1))
    return tags.get("k", "rsa").lower() == signer.kind and published in forms


def _tags(record: str) -> dict[str, str]:
    """Parses `a=b; c=d`. Names are lower-cased."""
    pairs = (part.partition("=") for part in record.split(";") if "=" in part)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _hint(code: str, text: str) -> Finding:
    return Finding(text, is_trouble=False, code=code)
