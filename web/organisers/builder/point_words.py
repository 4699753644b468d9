"""Says what a campaign still lacks: the words, and the page on which to do it."""

from dataclasses import dataclass

from models import Campaign
from services.building.readiness import Part


@dataclass(frozen=True, slots=True)
class PointWords:
    """A part in words: what to do, why, the word on its button, and the words once it is done.

    `step` is the builder's step, or empty for a page outside it (`path`).
    """

    task: str
    why: str
    button: str
    done: str
    step: str
    path: str = ""

    def address(self, campaign: Campaign) -> str:
        """Returns the page on which to do it."""
        return self.path or f"/organiser/campaigns/{campaign.slug}/edit/{self.step}"


WORDS = {
    Part.TEXTS: PointWords(
        "Write the summary",
        "People read it first, on your page and wherever it’s shared.",
        "Write",
        "Title and summary",
        "campaign",
    ),
    Part.PETITION: PointWords(
        "Write a petition",
        "Say what you ask for, and whom you ask.",
        "Write",
        "Petition",
        "petition",
    ),
    Part.MOTION: PointWords(
        "Choose a motion",
        "Letters ask MPs to sign it. Or say that there is none: they then ask MPs to write to the "
        "minister.",
        "Choose",
        "Motion",
        "motion",
    ),
    Part.PURPOSE: PointWords(
        "Say what the motion asks for",
        "Letters use these words. Without them, MPs can’t see what you want.",
        "Write",
        "What the motion asks for",
        "motion",
    ),
    Part.LETTERS: PointWords(
        "Add the missing letters",
        "Some MPs would get no letter.",
        "Write",
        "Letters for every kind of MP",
        "letters",
    ),
    Part.WELSH_POINTS: PointWords(
        "Translate your points into Welsh",
        "People in Wales can write in Welsh. We offer them only points in Welsh.",
        "Translate",
        "Points in Welsh",
        "letters",
    ),
    Part.PICTURE: PointWords(
        "Add a picture",
        "It shows on your page and wherever it’s shared. Skip it if you have none.",
        "Add",
        "Picture",
        "look",
    ),
    Part.CONTACT: PointWords(
        "Add a contact address",
        "People can then write to you, and replies to your emails reach you.",
        "Add",
        "Contact address",
        "look",
        "/organiser/look#contact_email",
    ),
    Part.NOTICE: PointWords(
        "Publish your privacy notice",
        "The law asks for it wherever people sign.",
        "Publish",
        "Privacy notice",
        "look",
        "/organiser/look#notice",
    ),
    Part.PARLIAMENT: PointWords(
        "Load the MPs and constituencies",
        "Ask the people who run this service to do it.",
        "",
        "MPs and constituencies",
        "open",
    ),
    Part.SECOND_OWNER: PointWords(
        "Invite a second owner",
        "If you’re ill or lose your password, somebody else can still act.",
        "Invite",
        "Second owner",
        "open",
        "/organiser/people",
    ),
}
