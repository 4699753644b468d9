"""The worked examples of the API's documentation."""

import re

from core.settings import ROOT


def worked_example(section: str, language: str) -> str:
    """Returns the example of a section in a language."""
    text = (ROOT / "docs" / "guide" / "api.md").read_text(encoding="utf-8")
    (part,) = re.findall(rf"^### {re.escape(section)}\n(.+?)^#", text, re.MULTILINE | re.DOTALL)
    (source,) = re.findall(rf"^```{language}\n(.+?)^```$", part, re.MULTILINE | re.DOTALL)
    return str(source)
