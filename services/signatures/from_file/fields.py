"""Turns the fields of a row of a CSV file into a request, by the rules of the API."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from services.common import countries, texts
from services.common.times import LONDON
from services.errors import Invalid
from services.postcodes import directory
from services.signatures.entries import (
    HOME,
    LONGEST_COMMENT,
    LONGEST_POSTCODE,
    LONGEST_SOURCE,
    ImportOrigin,
    SignatureRequest,
)

LOCALES = {"": "en", "en": "en", "cy": "cy", "english": "en", "welsh": "cy", "cymraeg": "cy"}
YES, NO = (
    frozenset({"yes", "y", "true", "1", "x", "on"}),
    frozenset({"no", "n", "false", "0", "off"}),
)
# British dates, with the day first.
_DAY_FIRST = re.compile(
    r"(?P<day>[0-9]{1,2})[/.-](?P<month>[0-9]{1,2})[/.-](?P<year>[0-9]{4})"
    r"(?:[ T,]+(?P<hour>[0-9]{1,2})(?P<rest>:[0-9:]+))?"
)
Value = TypeVar("Value")


def read(
    values: Mapping[str, str],
    *,
    petition_slug: str,
    provenance: str,
    is_confirmed: bool,
    now: datetime,
) -> SignatureRequest:
    """Returns the request of a row; raises Invalid with all problems."""
    row = _FieldReader(values)
    country = row.take("country", _country, HOME)
    name = row.take("name", texts.person_name, "", value=_name(values))
    email = row.take("email", _email, "")
    postcode = row.take("postcode", _postcode if country == HOME else _foreign_postcode, "")
    comment = row.take("comment", _comment, None)
    source = row.take("source", _source, None)
    locale = row.take("locale", _locale, "en")
    updates = row.take("updates", _yes_or_no, None)
    signed_at = row.take("signed_at", moment_of, None)
    imported = row.check(
        lambda: ImportOrigin.of(provenance, signed_at=signed_at, is_confirmed=is_confirmed, now=now)
    )
    row.finish()
    return SignatureRequest(
        petition_slug=petition_slug,
        name=name,
        email=email,
        postcode=postcode,
        country=country,
        comment=comment,
        locale=locale,
        source=source,
        updates=updates,
        imported=imported,
    )


class _FieldReader:
    """Checks fields and collects all problems, so that they are reported together."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._problems: list[Invalid] = []

    def take(
        self, name: str, rule: Callable[[str], Value], default: Value, *, value: str | None = None
    ) -> Value:
        """Returns the result of a field's rule, or `default` if it finds a problem."""
        text = self._values.get(name, "") if value is None else value
        try:
            return rule(text)
        except Invalid as error:
            self._problems.append(Invalid.field(name, error.code, error.message))
            return default

    def check(self, make: Callable[[], Value]) -> Value | None:
        """Returns what `make` returns, or None if it finds problems; those name their fields."""
        try:
            return make()
        except Invalid as error:
            self._problems.append(error)
            return None

    def finish(self) -> None:
        if self._problems:
            raise texts.combined(self._problems)


def _name(values: Mapping[str, str]) -> str:
    parts = values.get("first_name", ""), values.get("last_name", "")
    return values.get("name", "") or " ".join(filter(None, parts))


def _email(text: str) -> str:
    if not text:
        message = (
            "Without an e-mail address nobody can tell whether this signature is here already."
        )
        raise Invalid.field("email", "missing", message)
    return texts.email_address(text)


def _country(text: str) -> str:
    """Also takes the code that our own exports have for people who only said 'abroad'."""
    is_abroad = text.strip().upper() == countries.ABROAD
    return countries.ABROAD if is_abroad else countries.code_of_written(text)


def _postcode(text: str) -> str:
    return directory.normalise(texts.line(text, "postcode", longest=LONGEST_POSTCODE, shortest=0))


def _foreign_postcode(text: str) -> str:
    return texts.line(text, "postcode", longest=LONGEST_POSTCODE, shortest=0)


def _comment(text: str) -> str | None:
    return texts.paragraphs(text, "comment", longest=LONGEST_COMMENT) if text else None


def _source(text: str) -> str | None:
    return texts.line(text, "source", longest=LONGEST_SOURCE) if text else None


def _locale(text: str) -> str:
    locale = LOCALES.get(text.casefold())
    if locale is None:
        raise Invalid.field("locale", "locale_unknown", "Give 'en' or 'cy', or leave it empty.")
    return locale


def _yes_or_no(text: str) -> bool | None:
    if not text:
        return None
    word = text.casefold()
    if word not in YES | NO:
        message = "Say yes or no, or leave it empty where it was not asked."
        raise Invalid.field("updates", "answer_unknown", message)
    return word in YES


def moment_of(text: str) -> datetime | None:
    """Returns the moment of a date, with or without a time, that begins with the year or the day.

    Without a time it is midnight, without a zone London time. Returns None for an empty text.
    """
    if not text:
        return None
    message = "Give a day such as 2026-05-03 or 03/05/2026, with or without a time."
    malformed = Invalid.field("signed_at", "moment_malformed", message)
    match = _DAY_FIRST.fullmatch(text)
    if match:
        text = f"{match['year']}-{match['month']:0>2}-{match['day']:0>2}"
        text += f"T{match['hour']:0>2}{match['rest']}" if match["hour"] else ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise malformed from error
    return moment if moment.tzinfo else moment.replace(tzinfo=LONDON)
