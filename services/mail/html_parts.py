"""Makes the HTML part of an email from the content of its text part.

It is one column of at most 600 px, and holds all that it shows: nothing is loaded from elsewhere,
so that nobody learns whether an email was opened.
"""

from dataclasses import dataclass
from functools import lru_cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.errors import Invalid
from services.mail.mail_templates import FOLDER, BlockKind, MailContent
from services.organisations import brand_colours
from services.organisations.brand_colours import Palette

_environment = Environment(
    loader=FileSystemLoader(FOLDER),
    undefined=StrictUndefined,
    autoescape=True,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)
_template = _environment.get_template("mail.html")


@dataclass(frozen=True, slots=True)
class _Colours:
    light: Palette
    dark: Palette


def render(content: MailContent, *, sender: str, brand_colour: str | None) -> str:
    """Returns the HTML part. `sender` is the name of the organisation.

    The preview that email programs show beside the subject is the first paragraph after the
    greeting. A colour that is unfit for buttons is replaced by the default.
    """
    paragraphs = [block.text for block in content.blocks if block.kind is BlockKind.PARAGRAPH]
    return _template.render(
        subject=content.subject,
        blocks=content.blocks,
        sender=sender,
        preview=paragraphs[1] if len(paragraphs) > 1 else content.subject,
        colours=_colours(brand_colour),
    )


@lru_cache(maxsize=100)
def _colours(brand_colour: str | None) -> _Colours:
    try:
        colour = brand_colours.checked(brand_colour or brand_colours.DEFAULT)
    except Invalid:
        colour = brand_colours.DEFAULT
    return _Colours(brand_colours.light(colour), brand_colours.dark(colour))
