"""oEmbed 1.0 (https://oembed.com): lets a site show the form of a petition whose URL is pasted."""

import re
from dataclasses import dataclass
from html import escape
from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

from fastapi import Query, Request, Response
from starlette.exceptions import HTTPException

from api.answers.state import state_of
from api.http.atom import fit_for_xml
from api.http.dependencies import TheLobby
from api.http.late_routes import Router
from api.http.problem import problems
from api.schemas.fields import ForeignAnswer
from services.errors import NotFound
from services.views.embeds import Embed, EmbedPlace

WIDTH, HEIGHT = 480, 900  # pixels: all of the form on a phone, without scrolling
PROVIDER = "Central Lobby"
_PATH = re.compile(r"/petitions/([a-z0-9-]{1,80})/?")
_KINDS = {"json": "application/json", "xml": "text/xml"}
_PORTS = {"http": 80, "https": 443}
router = Router(tags=["petitions"])


class OEmbedAnswer(ForeignAnswer):
    """`rich` has the HTML of a frame. `link` is for a form that no other site may show."""

    version: Literal["1.0"] = "1.0"
    type: Literal["rich", "link"]
    title: str
    author_name: str
    provider_name: str = PROVIDER
    provider_url: str
    cache_age: int = 3600
    html: str | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class FrameSize:
    """The size of the frame, in pixels."""

    width: int
    height: int


@router.get(
    "/oembed",
    response_model=OEmbedAnswer,
    responses={
        200: {"content": {"text/xml": {"schema": {"type": "string"}}}},
        501: {"description": "Another format", "content": problems()[404]["content"]},
    },
)
def read_oembed(
    request: Request,
    lobby: TheLobby,
    url: str,
    format: str = "json",  # noqa: A002 - the specification names it
    maxwidth: Annotated[int, Query(ge=1)] = WIDTH,
    maxheight: Annotated[int, Query(ge=1)] = HEIGHT,
) -> Response:
    """Read how to show the petition at `url`, as JSON or XML.

    Other addresses get 404, other formats 501. The frame keeps `partner` and `source` of the
    address.
    """
    if format not in _KINDS:
        raise HTTPException(501, "This answers in the formats json and xml only.")
    base_url = lobby.settings.base_url
    slug, place = _petition_at(url, base_url)
    embed = state_of(request).public_answers.embeds.get((slug, place.partner))
    size = FrameSize(min(WIDTH, maxwidth), min(HEIGHT, maxheight))
    answer = _answer(embed, place, base_url, size)
    values = answer.model_dump(exclude_none=True)
    content = _xml(values) if format == "xml" else answer.model_dump_json(exclude_none=True)
    headers = {"Access-Control-Allow-Origin": "*"}
    return Response(content, media_type=_KINDS[format], headers=headers)


def _petition_at(url: str, base_url: str) -> tuple[str, EmbedPlace]:
    """Returns the slug and the place in one of our addresses. Raises NotFound for others."""
    try:
        parts = urlsplit(url)
        is_ours = _site(url) == _site(base_url)
    except ValueError:  # malformed brackets or port
        raise _foreign() from None
    match = _PATH.fullmatch(parts.path)
    if not is_ours or match is None:
        raise _foreign()
    query = parse_qs(parts.query)
    return match[1], EmbedPlace.of(query.get("partner", [""])[0], query.get("source", [""])[0])


def _site(url: str) -> tuple[str | None, int | None]:
    """Returns the host and the port. Treats http and https as the same site."""
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme)
    return parts.hostname, _PORTS["https"] if port == _PORTS["http"] else port


def _foreign() -> NotFound:
    return NotFound("url_unknown", "This is not the address of a petition here.")


def _answer(embed: Embed, place: EmbedPlace, base_url: str, size: FrameSize) -> OEmbedAnswer:
    petition = embed.petition_view.petition
    answer = OEmbedAnswer(
        type="rich" if embed.origins else "link",
        title=petition.action,
        author_name=embed.view.organisation.name,
        provider_url=base_url,
    )
    if embed.origins:
        answer.html = _frame(
            f"{base_url}/embed/{petition.slug}{place.query}", petition.action, size
        )
        answer.width, answer.height = size.width, size.height
    return answer


def _frame(address: str, title: str, size: FrameSize) -> str:
    return (
        f'<iframe src="{escape(address)}" title="{escape(title)}" width="{size.width}" '
        f'height="{size.height}" loading="lazy" referrerpolicy="no-referrer" '
        'style="border:0;max-width:100%"></iframe>'
    )


def _xml(values: dict[str, object]) -> bytes:
    root = ET.Element("oembed")
    for name, value in values.items():
        ET.SubElement(root, name).text = fit_for_xml(str(value))
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document
