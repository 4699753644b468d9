"""What a whole run makes, for every client: more of everything than a page holds."""

import sys
from collections.abc import Iterable
from typing import Any

PEOPLE, OTHERS = 32, 27
PHASE, ADDRESS, KEY, *MORE = sys.argv[1:]
"""The first phase makes everything. The second one reads it, with what the first one has told."""


def email_of(number: int) -> str:
    """Returns the address of the person with a number."""
    return f"whole{number}@example.org"


def person(number: int) -> dict[str, Any]:
    """Returns a person. Every third one has an email address alone."""
    known: dict[str, Any] = {"email_addresses": [{"address": email_of(number)}]}
    if number % 3 == 2:
        return known
    address = {"postal_code": "EH1 1YZ", "country": "GB"}
    return known | {
        "given_name": "Anna",
        "family_name": f"Number{number}",
        "postal_addresses": [address],
    }


def signature(number: int) -> dict[str, Any]:
    """Returns a body of the helper that records a signature with its signer, and tags them."""
    return {
        "person": person(number),
        "comments": f"Because {number}",
        "add_tags": ["tag 0", "no such tag"],
    }


def ids_of(rows: Iterable[Any]) -> list[str]:
    """Returns the rows' own ids: the second identifier, or the first one of what is public."""
    return [row["identifiers"][-1].partition(":")[2] for row in rows]


def id_of(row: Any) -> str:
    """Returns the id in the form that clients take."""
    return str(row["identifiers"][0].partition(":")[2])
