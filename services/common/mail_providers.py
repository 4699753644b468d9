"""The great mail providers that people in the United Kingdom use: their domains and inboxes."""

from typing import NamedTuple

GREAT_PROVIDERS = frozenset(
    {
        # of the world
        "aol.com",
        "gmail.com",
        "gmx.com",
        "googlemail.com",
        "hotmail.com",
        "icloud.com",
        "live.com",
        "mac.com",
        "mail.com",
        "me.com",
        "msn.com",
        "outlook.com",
        "rocketmail.com",
        "yahoo.com",
        "ymail.com",
        "zoho.com",
        # of the world, for the United Kingdom
        "aol.co.uk",
        "gmx.co.uk",
        "hotmail.co.uk",
        "live.co.uk",
        "yahoo.co.uk",
        # chosen for privacy
        "fastmail.com",
        "fastmail.fm",
        "hey.com",
        "pm.me",
        "proton.me",
        "protonmail.com",
        "tuta.io",
        "tutanota.com",
        # access providers and shops
        "blueyonder.co.uk",
        "btconnect.com",
        "btinternet.com",
        "btopenworld.com",
        "fsmail.net",
        "lineone.net",
        "ntlworld.com",
        "o2.co.uk",
        "onetel.com",
        "orange.net",
        "sky.com",
        "supanet.com",
        "talk21.com",
        "talktalk.net",
        "tesco.net",
        "tiscali.co.uk",
        "virgin.net",
        "virginmedia.com",
        "waitrose.com",
        "wanadoo.co.uk",
        # at work
        "doctors.org.uk",
        "nhs.net",
        "nhs.scot",
    }
)
"""In the form that `services.common.texts.email_address` returns: email_validator accepts them.

The list is fixed. A list that grew with the addresses people type would show by the time of an
answer that somebody at a rare domain has signed.
"""


class Inbox(NamedTuple):
    """A provider's inbox on the web."""

    provider: str
    address: str


_GMAIL = Inbox("Gmail", "https://mail.google.com/mail/")
_OUTLOOK = Inbox("Outlook", "https://outlook.live.com/mail/")
_YAHOO = Inbox("Yahoo Mail", "https://mail.yahoo.com/")
_ICLOUD = Inbox("iCloud Mail", "https://www.icloud.com/mail/")
_AOL = Inbox("AOL Mail", "https://mail.aol.com/")
_PROTON = Inbox("Proton Mail", "https://mail.proton.me/")
_INBOXES = {
    "gmail.com": _GMAIL,
    "googlemail.com": _GMAIL,
    "outlook.com": _OUTLOOK,
    "hotmail.com": _OUTLOOK,
    "hotmail.co.uk": _OUTLOOK,
    "live.com": _OUTLOOK,
    "live.co.uk": _OUTLOOK,
    "msn.com": _OUTLOOK,
    "yahoo.com": _YAHOO,
    "yahoo.co.uk": _YAHOO,
    "ymail.com": _YAHOO,
    "rocketmail.com": _YAHOO,
    "icloud.com": _ICLOUD,
    "me.com": _ICLOUD,
    "mac.com": _ICLOUD,
    "aol.com": _AOL,
    "aol.co.uk": _AOL,
    "proton.me": _PROTON,
    "protonmail.com": _PROTON,
    "pm.me": _PROTON,
}


def inbox_of(domain: str) -> Inbox | None:
    """Returns the inbox of an address by its domain; None if its provider is not known here."""
    return _INBOXES.get(domain.lower())
