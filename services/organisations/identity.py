"""Who an organisation is: what its pages say of it besides its name."""

from collections.abc import Callable, Mapping

from sqlmodel import Session

from models import Organisation
from services.common import texts, urls
from services.errors import Invalid
from services.organisations import brand_colours

LONGEST_NAME, LONGEST_NUMBER, LONGEST_ADDRESS = 120, 60, 300


def name(text: str) -> str:
    """Returns the name of an organisation. Raises Invalid."""
    return texts.line(text, "name", longest=LONGEST_NAME)


def website(text: str) -> str:
    """Returns the address of a website. Raises Invalid."""
    return urls.web_link(text, "website")


def charity_number(text: str) -> str:
    """Returns a charity number, of any register. Raises Invalid."""
    return texts.line(text, "charity_number", longest=LONGEST_NUMBER)


def company_number(text: str) -> str:
    """Returns a company number. Raises Invalid."""
    return texts.line(text, "company_number", longest=LONGEST_NUMBER)


def postal_address(text: str) -> str:
    """Returns a postal address of some lines. Raises Invalid."""
    return texts.paragraphs(text, "postal_address", longest=LONGEST_ADDRESS, shortest=1)


def contact_email(text: str) -> str:
    """Returns the public address for questions and replies. Raises Invalid."""
    return texts.email_address(text, "contact_email")


CHECKS: dict[str, Callable[[str], str]] = {
    "website": website,
    "charity_number": charity_number,
    "company_number": company_number,
    "postal_address": postal_address,
    "contact_email": contact_email,
    "brand_colour": brand_colours.checked,
}
"""The fields, with what checks and normalises each."""


def change(
    session: Session, organisation: Organisation, values: Mapping[str, str | None]
) -> Organisation:
    """Changes the given fields. None and an empty text remove a field.

    :raises Invalid: some values are wrong; it names each of them
    """
    checked: dict[str, str | None] = {}
    problems: list[Invalid] = []
    for name, text in values.items():
        try:
            checked[name] = CHECKS[name](text) if text and text.strip() else None
        except Invalid as error:
            problems.append(error)
    if problems:
        raise problems[0] if len(problems) == 1 else texts.combined(problems)
    organisation.sqlmodel_update(checked)
    session.add(organisation)
    session.flush()
    return organisation
