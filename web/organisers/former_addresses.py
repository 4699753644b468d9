"""Leads from former addresses of the desk's pages, in bookmarks and mails, to those of today."""

from fastapi import Request
from fastapi.responses import RedirectResponse

from api.http.dependencies import ReadSession, Slug
from api.http.late_routes import Router
from services.campaigns import campaigns
from web.base.desk import EditorDesk
from web.organisers.letter_queue import QUEUE

_CAMPAIGN = "/organiser/campaigns/{slug}"
_TODAY = {
    "post": QUEUE,
    "post/pause": f"{QUEUE}/pause",
    "post/resume": f"{QUEUE}/resume",
    "answers": f"{QUEUE}/answers",
}
router = Router()


@router.get(f"{_CAMPAIGN}/post")
@router.get(f"{_CAMPAIGN}/answers")
def redirect_page(
    slug: Slug, request: Request, desk: EditorDesk, session: ReadSession
) -> RedirectResponse:
    """Redirects for good, with the query."""
    campaigns.own(session, slug, organisation_id=desk.organisation_id)
    return RedirectResponse(_address_today(slug, request), 301)


@router.post(f"{_CAMPAIGN}/post")
@router.post(f"{_CAMPAIGN}/post/pause")
@router.post(f"{_CAMPAIGN}/post/resume")
def redirect_form(
    slug: Slug, request: Request, desk: EditorDesk, session: ReadSession
) -> RedirectResponse:
    """Redirects a form: 308 makes the browser send it again as it is."""
    campaigns.own(session, slug, organisation_id=desk.organisation_id)
    return RedirectResponse(_address_today(slug, request), 308)


def _address_today(slug: str, request: Request) -> str:
    former = request.url.path.removeprefix(_CAMPAIGN.format(slug=slug)).strip("/")
    query = f"?{request.url.query}" if request.url.query else ""
    return _TODAY[former].format(slug=slug) + query
