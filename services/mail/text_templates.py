"""Renders the plain-text templates of emails. The first line of a template is the subject."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

_environment = SandboxedEnvironment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    auto_reload=False,  # checking the file for changes costs as much as rendering it
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class MailText:
    """The text of an email or a letter: a subject on one line, and a body."""

    subject: str
    body: str


def render(name: str, values: dict[str, Any]) -> MailText:
    """Renders a template. It is an error if `values` lacks a name that the template uses."""
    subject, _, body = _environment.get_template(name).render(values).partition("\n")
    return MailText(" ".join(subject.split()), without_gaps(body))


def without_gaps(text: str) -> str:
    """Removes repeated empty lines, which parts that a template leaves out cause."""
    paragraphs = [part.strip("\n") for part in text.strip().split("\n\n")]
    return "\n\n".join(part for part in paragraphs if part.strip())
