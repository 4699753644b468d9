"""Folds the addresses of one mailbox into one, for limits alone.

People are told apart by `texts.canonical_email`, which folds less: two people may share a mailbox,
and a wrong guess here only makes their mails share a limit.
"""

import re

_GMAIL = {"gmail.com", "googlemail.com"}
_YAHOO = re.compile(r"yahoo\.(?:com|(?:com?\.)?[a-z]{2})|ymail\.com|rocketmail\.com")
_FASTMAIL_USER = re.compile(r"(?:.*\.)?(?P<user>[^.]+)\.(?P<domain>fastmail\.com)")


def mailbox_of(address: str) -> str:
    """Returns one spelling for all addresses that one mailbox is likely to receive.

    All of it is in lower case and without `+tag`. Gmail ignores dots, Yahoo has `-tag`, and
    Fastmail delivers `x@user.fastmail.com` to `user@fastmail.com`. A local part of which nothing
    would be left stays whole.
    """
    local, _, domain = address.lower().rpartition("@")
    if user := _FASTMAIL_USER.fullmatch(domain):
        return f"{user['user']}@{user['domain']}"
    folded = local.partition("+")[0]
    if _YAHOO.fullmatch(domain):
        folded = folded.partition("-")[0]
    if domain in _GMAIL:
        folded, domain = folded.replace(".", ""), "gmail.com"
    return f"{folded or local}@{domain}"
