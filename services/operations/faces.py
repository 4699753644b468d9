"""Checks what the pages of organisations and their open campaigns still lack."""

from sqlmodel import Session

from services.campaigns import still_missing
from services.campaigns.still_missing import Missing, Part
from services.operations.findings import Finding


def check(session: Session) -> list[Finding]:
    """Finds parts that are missing. Pages work without them, so none is trouble."""
    return [_finding(missing) for missing in still_missing.in_public(session)]


def _finding(missing: Missing) -> Finding:
    match missing.part:
        case Part.NOTICE:
            text = (
                f"The organisation {missing.organisation} has published no privacy notice, so its "
                "pages show a general one: run `lobby organisation notice`."
            )
            return Finding(text, is_trouble=False, code="notice_missing")
        case Part.CONTACT:
            text = (
                f"The organisation {missing.organisation} has no contact address: run `lobby "
                "organisation change` with --contact-email."
            )
            return Finding(text, is_trouble=False, code="contact_missing")
        case Part.PURPOSE:
            text = (
                f"The campaign {missing.campaign} doesn't say what its motion asks for, so its "
                "letters can't either: run `lobby campaign change` with --purpose."
            )
            return Finding(text, is_trouble=False, code="purpose_missing")
        case Part.PICTURE:
            text = (
                f"The campaign {missing.campaign} has no picture: run `lobby campaign change` with "
                "--picture."
            )
            return Finding(text, is_trouble=False, code="picture_missing")
