"""The demonstration's picture and logo, which were drawn for it and cut in advance.

`tools/demonstration_pictures.py` makes the files from the drawings beside them.
"""

from datetime import datetime
from pathlib import Path

from sqlmodel import Session

from models import Campaign, Organisation
from services.pictures import cutting, pictures

FOLDER = Path(__file__).parent
ALT = (
    "A drawing of four hospital workers, side by side and smiling, in front of a brick hospital at "
    "sunrise."
)
CREDIT = "Drawing made for this demonstration"


def load(session: Session, organisation: Organisation, campaign: Campaign, now: datetime) -> None:
    """Loads both without decoding them."""
    logo = cutting.ready_made((FOLDER / "logo.webp").read_bytes())
    pictures.keep_logo(session, organisation, [logo], now=now)
    files = [
        cutting.ready_made((FOLDER / f"picture-{width}.webp").read_bytes())
        for width in cutting.WIDTHS
    ]
    pictures.keep_for_campaign(session, campaign, files, alt=ALT, credit=CREDIT, now=now)
