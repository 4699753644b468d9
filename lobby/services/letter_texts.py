"""What a letter says, for each kind of member. The texts are in `templates/letters/`.

Only the names in `LetterFacts` can be used in them.
"""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from lobby.models import LetterAct
from lobby.services import text_templates
from lobby.services.text_templates import Text


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """Everything that a template may say."""

    member: str
    constituency: str
    motion_number: str
    motion_title: str
    campaign: str
    points: tuple[str, ...]
    personal: str
    name: str


@dataclass(frozen=True, slots=True)
class Compose:
    """Links that open the letter in the writer's own mail program."""

    mailto: str
    gmail: str
    outlook: str


def write(variant: LetterAct, facts: LetterFacts) -> Text:
    """The letter of a variant."""
    values = {name: getattr(facts, name) for name in LetterFacts.__slots__}
    return text_templates.render(f"letters/{variant}.txt", values)


def compose_links(recipient: str, text: Text) -> Compose:
    """Spaces as %20 and line ends as CRLF, as RFC 6068 wants them."""
    body = text.body.replace("\n", "\r\n")
    fields = {"subject": text.subject, "body": body}
    gmail = {"view": "cm", "fs": "1", "to": recipient, "su": text.subject, "body": body}
    outlook = {"to": recipient, **fields}
    return Compose(
        mailto=f"mailto:{quote(recipient, safe='@')}?{urlencode(fields, quote_via=quote)}",
        gmail=f"https://mail.google.com/mail/?{urlencode(gmail, quote_via=quote)}",
        outlook="https://outlook.office.com/mail/deeplink/compose?"
        + urlencode(outlook, quote_via=quote),
    )
