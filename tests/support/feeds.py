"""Reading Atom feeds."""

from xml.etree import ElementTree as ET

ATOM = "{http://www.w3.org/2005/Atom}"


def text_in(element: ET.Element, name: str) -> str:
    child = element.find(ATOM + name)
    assert child is not None, f"no {name}"
    return child.text or ""
