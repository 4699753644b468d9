"""Feeds in Atom (RFC 4287), as XML 1.0."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from xml.etree import ElementTree as ET

MEDIA_TYPE = "application/atom+xml"
_NAMESPACE = "http://www.w3.org/2005/Atom"
# XML 1.0 has no way to write these, escaped or not.
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """An entry. `page` links to our page about it, `related` to another site's.

    `content` is HTML. `published` is when it appeared, where that is not when it last changed.
    """

    id: UUID
    title: str
    summary: str
    updated: datetime
    page: str
    related: str | None = None
    content: str | None = None
    published: datetime | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed with the newest entry first. `address` is its own URL, `page` that of its subject."""

    id: UUID
    title: str
    author: str
    updated: datetime
    address: str
    page: str
    entries: Sequence[FeedEntry]


def atom(feed: Feed) -> bytes:
    """Returns the document, escaped, and without the characters that XML cannot hold."""
    root = ET.Element("feed", {"xmlns": _NAMESPACE, "xml:lang": "en-GB"})
    _add(root, "id", feed.id.urn)
    _add(root, "title", feed.title)
    _add(root, "updated", _moment(feed.updated))
    _add(ET.SubElement(root, "author"), "name", feed.author)
    _link(root, "self", feed.address, MEDIA_TYPE)
    _link(root, "alternate", feed.page, "text/html")
    for entry in feed.entries:
        _add_entry(root, entry)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _add_entry(root: ET.Element, entry: FeedEntry) -> None:
    element = ET.SubElement(root, "entry")
    _add(element, "id", entry.id.urn)
    _add(element, "title", entry.title)
    _add(element, "updated", _moment(entry.updated))
    if entry.published:
        _add(element, "published", _moment(entry.published))
    _add(element, "summary", entry.summary)
    if entry.content is not None:
        _add(element, "content", entry.content, type="html")
    _link(element, "alternate", entry.page, "text/html")
    if entry.related:
        _link(element, "related", entry.related)


def fit_for_xml(text: str) -> str:
    """Returns the text without the characters that XML cannot hold."""
    return _NOT_IN_XML.sub("", text)


def _add(parent: ET.Element, name: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, name, attributes).text = fit_for_xml(text)


def _link(parent: ET.Element, relation: str, address: str, media_type: str | None = None) -> None:
    kind = {"type": media_type} if media_type else {}
    ET.SubElement(parent, "link", {"rel": relation, **kind, "href": fit_for_xml(address)})


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
