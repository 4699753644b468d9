"""Checks what the pages of organisations and their open campaigns still lack."""

from collections.abc import Iterator
from datetime import datetime

from sqlmodel import Session

from services.building import readiness
from services.building.readiness import Part
from services.campaigns import campaigns
from services.operations.findings import Finding


def check(session: Session, *, now: datetime) -> list[Finding]:
    """Finds parts that are missing in public, except those of the demonstration.

    Pages work without them, so none is trouble.
    """
    shown = campaigns.open_outside_demonstration(session)
    owners = campaigns.organisations_of(session, shown)
    found = readiness.of_campaigns(session, shown, now=now)
    lacking = {each.id: (*found[each.id].missing, *found[each.id].advised) for each in shown}
    findings: list[Finding] = []
    for owner in sorted(owners.values(), key=lambda organisation: organisation.slug):
        # What an organisation lacks, all its campaigns lack.
        one = next(each for each in shown if each.organisation_id == owner.id)
        findings += _of_organisation(owner.slug, lacking[one.id])
    for campaign in shown:
        findings += _of_campaign(campaign.slug, lacking[campaign.id])
    return findings


def _of_organisation(slug: str, lacking: tuple[Part, ...]) -> Iterator[Finding]:
    if Part.NOTICE in lacking:
        text = (
            f"The organisation {slug} has published no privacy notice, so its pages show a general "
            "one: run `lobby organisation notice`."
        )
        yield Finding(text, is_trouble=False, code="notice_missing")
    if Part.CONTACT in lacking:
        text = (
            f"The organisation {slug} has no contact address: run `lobby organisation change` with "
            "--contact-email."
        )
        yield Finding(text, is_trouble=False, code="contact_missing")


def _of_campaign(slug: str, lacking: tuple[Part, ...]) -> Iterator[Finding]:
    if Part.PURPOSE in lacking:
        text = (
            f"The campaign {slug} doesn't say what its motion asks for, so its letters can't "
            "either: run `lobby campaign change` with --purpose."
        )
        yield Finding(text, is_trouble=False, code="purpose_missing")
    if Part.PICTURE in lacking:
        text = f"The campaign {slug} has no picture: run `lobby campaign change` with --picture."
        yield Finding(text, is_trouble=False, code="picture_missing")
