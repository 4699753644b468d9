"""Domains of the great mail providers that people in the United Kingdom use."""

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
