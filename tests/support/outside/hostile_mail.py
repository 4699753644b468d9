"""Hostile input for mails, random but always the same, and mail as a server reads it."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from services.common import texts
from services.mail.couriers import _stuffed
from services.mail.mail_builder import Mail

INPUTS = 10_000
SEED = 152
SMUGGLED = "Bcc: victim@example.net"
TRICKS: list[str] = [
    # line ends, and characters that some programs take for one
    *(f"{end}{SMUGGLED}" for end in ("\r\n", "\n", "\r", "\n\n", "\r\n\r\n", "\r\n ", "\n\t")),
    *(f"{end}{SMUGGLED}" for end in ("\x00", "\x0b", "\x0c", "\x1c", "\x1e", "\x85")),
    *(f"{end}{SMUGGLED}" for end in ("\u2028", "\u2029", "\u560a\u560d", "%0d%0a", "\\r\\n")),
    "\r\n.\r\n",
    "\n.\n",
    "\r\n.\r\nMAIL FROM:<evil@example.net>\r\n",
    "\n..\n...",
    ".",
    "\r",
    "\n",
    "\t",
    "\x7f",
    "\x1b[31m",
    "\x08",
    # encoded words: whole, split, folded, nested, with other charsets, in other letters
    f"=?utf-8?q?=0D=0A{SMUGGLED.replace(' ', '_')}?=",
    "=?utf-8?b?DQpCY2M6IHZpY3RpbUBleGFtcGxlLm5ldA==?=",
    "=?utf-8?q?=0D=0ABcc:?= =?utf-8?q?_victim@example.net?=",
    "=?utf-8?q?=0D=0A\r\n Bcc:?=",
    "=?iso-2022-jp?b?GyRC?=",
    "=?x-unknown?q?a?=",
    "=? utf-8?q?a? =",
    "= ?utf-8?q?a?=",
    "=\u200b?utf-8?q?=0D=0ABcc:x?=",
    "\uff1d\uff1futf-8\uff1fq\uff1f=0D=0ABcc:x\uff1f\uff1d",
    "\ufe66\ufe56utf-8?q?a?=",
    "=",
    "?=",
    # addresses: several, groups, comments, quotes, routes, percent, domains of all kinds
    "a@example.net, b@example.net",
    "a@example.net; b@example.net",
    "victims: a@example.net, b@example.net;",
    "a:b@c;",
    "(comment) a@example.net (another)",
    '"a b"@example.net',
    '"a@example.net"@example.org',
    "@relay.example.net:a@example.org",
    "a%example.net@example.org",
    "a!b@example.org",
    "a@[127.0.0.1]",
    "a@example.org\x00@example.net",
    "a@example.org>\r\nRCPT TO:<victim@example.net",
    "a@example.org> ORCPT=rfc822;victim@example.net",
    "<a@example.net>",
    "Anna <a@example.net>",
    "anna@münchen.example.org",
    "anna@xn--mnchen-3ya.example.org",
    "anna@例え.jp",
    "änna@example.org",
    "a@example.org.",
    "a@-example.org",
    "a..b@example.org",
    "a=?b@example.org",
    ".a@example.org",
    # signs that headers and mail programs have a use for
    *'",;:<>()[]\\@',
    '"',
    '\\"',
    '" <evil@example.net>, "',
    "\\",
    "''",
    "Bcc:",
    SMUGGLED,
    "From: evil@example.net",
    "Content-Type: text/html",
    "--===============123==\r\nContent-Type: text/html\r\n\r\n<b>",
    "--\r\n",
    "-- \n",
    "From evil@example.net Thu Jan  1 00:00:00 1970\n",
    "begin 644 evil.exe\n",
    # letters that break, turn, join or hide
    "\ud800",
    "\udcff",
    "\u202eevil",
    "\u2066evil\u2069",
    "\u200f",
    "\u200b",
    "\u200d",
    "\ufeff",
    "\xad",
    "\xa0",
    "\u3000",
    "\u0301",
    "\u0345" * 20,
    "\ufffe",
    "\U000e0041",
    "\U0001f469\u200d\u2695\ufe0f",
    "李小龙",
    "Siân",
    "é\xff",
    "=E9=0D=0A",
    "\ufdfa",
    # length
    "x" * 77,
    "x" * 998,
    "x " * 499,
    "y" * 10_000,
    "é" * 300,
    '"' * 90,
    "a, " * 40,
    "\U0001f469" * 60,
    " " * 80,
]
PLAIN = ["Anna", "Please sign EDM 152", "the motion", "Save the NHS", "my ward", " ", " "]


@dataclass(frozen=True)
class HostileInput:
    """Every text that a supporter, an organiser or Parliament's data can put into a mail."""

    name: str
    email: str
    subject: str
    body: str
    title: str
    organisation: str
    member: str
    action: str

    @classmethod
    def by_chance(cls, chance: random.Random) -> "HostileInput":
        """Returns random input. Most fields are harmless, so that every hostile one is reached."""

        def text(good: str) -> str:
            if chance.random() < 0.6:
                return good
            parts = [chance.choice(TRICKS if chance.random() < 0.5 else PLAIN) for _ in range(4)]
            return "".join(parts[: chance.randint(1, 4)])

        def address(good: str) -> str:
            kind = chance.random()
            if kind < 0.8:
                return good
            return chance.choice(TRICKS) if kind < 0.9 else good + chance.choice(TRICKS)

        return cls(
            name=text("Anna Example"),
            email=address("anna@example.org"),
            subject=text("Please sign EDM 152"),
            body=text("Dear MP,\n\nPlease sign.\n") + " My ward depends on it, and I with it. " * 2,
            title=text("Keep NHS Professionals public"),
            organisation=text("NHS Professionals campaign"),
            member=address("mp@example.org"),
            action=text("Keep NHS Professionals public"),
        )


def letter_mail(hostile: HostileInput) -> Mail:
    """Returns a letter to an MP as `delivery.rendering` makes it."""
    return Mail(
        recipient=hostile.member,
        sender_name=hostile.name,
        reply_to=(hostile.name, hostile.email),
        subject=hostile.subject,
        body=hostile.body,
        message_id="<1@lobby.example.org>",
        campaign=texts.fit_for_header(hostile.title),
        is_automatic=False,
    )


def content_received(content: bytes) -> bytes:
    """Returns what a server reads of the bytes that a courier sends.

    It reads up to the first line with a single dot (RFC 5321, 4.5.2), which must be the last line.
    """
    wire = _stuffed(content) + b".\r\n"
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", wire), "a bare CR or LF"
    lines = wire.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert lines.index(b".") == len(lines) - 2
    return b"\r\n".join(line[1:] if line[:1] == b"." else line for line in lines[:-2]) + b"\r\n"


def hostile_inputs() -> Iterator[tuple[int, HostileInput]]:
    chance = random.Random(SEED)
    for number in range(INPUTS):
        yield number, HostileInput.by_chance(chance)
