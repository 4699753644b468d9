"""Reads the form of a letter in the builder, as a browser would send it."""

from html.parser import HTMLParser
from typing import Any


class _FormReader(HTMLParser):
    """Reads what a browser would send of the form of a letter."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, Any] = {"do": "save"}
        self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        name, value, kind = found.get("name") or "", found.get("value") or "", found.get("type")
        if tag == "textarea":
            self._area = name
            self.fields[name] = ""
        elif tag == "input" and kind == "checkbox":
            if "checked" in found:
                self.fields.setdefault(name, []).append(value)
        elif tag == "input" and (kind != "radio" or "checked" in found):
            self.fields[name] = value

    def handle_data(self, data: str) -> None:
        if self._area:
            self.fields[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            text = self.fields[self._area].replace("\r\n", "\n").removeprefix("\n")
            self.fields[self._area] = text.replace("\n", "\r\n")
            self._area = ""


def fields_on(page: Any) -> dict[str, Any]:
    """Returns what a browser would send of the form of a letter."""
    reader = _FormReader()
    reader.feed(page.text.partition(' class="side-by-side even"')[2].partition("</form>")[0])
    return reader.fields
