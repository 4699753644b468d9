"""Plain texts with places to fill in: mails. A template's first line is its subject."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

_environment = SandboxedEnvironment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    auto_reload=False,  # to look at the file again costs as much as to fill it in
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class MailText:
    """A subject on one line, and a body."""

    subject: str
    body: str


def render(name: str, values: dict[str, Any]) -> MailText:
    """Fill in a template; a name that it uses and `values` lacks is an error."""
    subject, _, body = _environment.get_template(name).render(values).partition("\n")
    return MailText(" ".join(subject.split()), without_gaps(body))


def without_gaps(text: str) -> str:
    """At most one empty line in a row: parts of a template may have been left out."""
    paragraphs = [part.strip("\n") for part in text.strip().split("\n\n")]
    return "\n\n".join(part for part in paragraphs if part.strip())
