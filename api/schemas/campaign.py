"""Bodies of campaigns."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from api.schemas.campaign_motion import LinkedMotionAnswer, linked_motion_answer
from api.schemas.days import Day
from api.schemas.fields import Answer, EitherName, Slug, line, rule
from api.schemas.partner import PublicPartner
from api.schemas.petition import PetitionAnswer, petition_answer
from api.schemas.update import UpdateAnswer, update_answer
from models import CampaignStatus, MotionStatus
from services.campaigns import campaign_texts
from services.views.campaign_views import CampaignView

Nation = Literal["England", "Scotland", "Wales", "Northern Ireland"]
MotionId = Annotated[int, Field(gt=0, lt=2**31, description="Parliament's Id of a motion")]
Title = Annotated[str, rule(campaign_texts.title)]
Summary = Annotated[str, rule(campaign_texts.summary)]
Body = Annotated[str, rule(campaign_texts.body)]
Pace = Annotated[int, Field(ge=1, le=1_000_000)]
LikenessLimit = Annotated[
    int,
    Field(
        ge=1,
        le=100,
        description="In percent: letters more like earlier ones are above it",
    ),
]
HeroLine = Annotated[str, rule(campaign_texts.hero_line)]
Purpose = Annotated[
    str,
    rule(campaign_texts.purpose),
    Field(description="What the motion asks for, after 'which asks the government to'"),
]
PurposeWelsh = Annotated[str, rule(campaign_texts.purpose_welsh)]
Outcome = Annotated[str, rule(campaign_texts.outcome)]
OutcomeDay = Annotated[Day, Field(description="The day of the outcome, which needs the outcome")]
Points = Annotated[list[Annotated[str, line(300)]], Field(max_length=20)]
WelshPoints = Annotated[
    list[Annotated[str, line(300, shortest=0)]],
    Field(
        max_length=20,
        description="The translations of `letter_points`, in their order. A point without one (an "
        "empty text) is not offered for a letter in Welsh.",
    ),
]


class NewCampaign(EitherName):
    """A new campaign. A motion new to this service is fetched from Parliament."""

    slug: Slug
    title: Title
    summary: Summary
    body: Body = ""
    nations: Annotated[list[Nation], Field(min_length=1)] | None = None
    motion_id: MotionId | None = None
    status: CampaignStatus = CampaignStatus.OPEN
    hero_line: HeroLine = ""
    purpose: Purpose = ""
    purpose_welsh: PurposeWelsh = ""
    outcome: Outcome = ""
    outcome_on: OutcomeDay | None = None
    letter_points: Points = Field(default_factory=list)
    letter_points_welsh: WelshPoints = Field(default_factory=list)
    likeness_limit: LikenessLimit | None = None
    letters_per_hour: Pace | None = None
    letters_per_member_day: Pace | None = None
    likeness_is_required: bool = False
    own_words_are_required: bool = False


class CampaignChange(EitherName):
    """The fields to change. Others stay as they are."""

    title: Title | None = None
    summary: Summary | None = None
    body: Body | None = None
    nations: Annotated[list[Nation], Field(min_length=1)] | None = None
    motion_id: MotionId | None = None
    status: CampaignStatus | None = None
    hero_line: HeroLine | None = None
    purpose: Purpose | None = None
    purpose_welsh: PurposeWelsh | None = None
    outcome: Outcome | None = None
    outcome_on: OutcomeDay | None = None
    letter_points: Points | None = None
    letter_points_welsh: WelshPoints | None = None
    likeness_limit: LikenessLimit | None = None
    letters_per_hour: Pace | None = None
    letters_per_member_day: Pace | None = None
    likeness_is_required: bool | None = None
    own_words_are_required: bool | None = None


class OrganisationAnswer(Answer):
    """The organisation that runs a campaign."""

    slug: str
    name: str
    is_demonstration: bool


class MotionAnswer(Answer):
    """A motion with its number of signatories, and of those who hold a seat today.

    `sync_failed`: the last check with Parliament failed.
    """

    id: int
    number: str
    title: str
    text: str
    status: MotionStatus
    tabled_on: date
    signatories: int
    signed_in_seats: int
    synced_at: datetime | None
    sync_failed: bool


class Totals(Answer):
    """Confirmed signatures, MPs who have signed the motion, and letters sent.

    `signed_in_seats` counts the signatories who hold a seat today.
    """

    signatures: int
    signatories: int
    signed_in_seats: int
    letters_sent: int


class CampaignAnswer(Answer):
    """A campaign as the public sees it.

    `motions` are all linked motions, the current one first. `partners` are the public partners of
    the organisation, by name.
    """

    id: UUID
    slug: str
    title: str
    summary: str
    body: str
    status: CampaignStatus
    nations: list[str] | None
    hero_line: str
    purpose: str
    purpose_welsh: str
    outcome: str
    outcome_on: date | None
    letter_points: list[str]
    letter_points_welsh: list[str]
    likeness_limit: int | None
    letters_per_hour: int | None
    letters_per_member_day: int | None
    likeness_is_required: bool
    own_words_are_required: bool
    organisation: OrganisationAnswer
    petitions: list[PetitionAnswer]
    motion: MotionAnswer | None
    motions: list[LinkedMotionAnswer]
    totals: Totals
    partners: list[PublicPartner]
    updates: list[UpdateAnswer]
    created_at: datetime
    updated_at: datetime


def campaign_answer(view: CampaignView, base_url: str) -> CampaignAnswer:
    """Converts the view of a campaign. `base_url` is ours, for the addresses of its news."""
    shown = {"id", "slug", "title", "summary", "body", "status", "nations", "letter_points"}
    shown |= {"letter_points_welsh"}
    shown |= {"likeness_limit", "likeness_is_required", "letters_per_hour"}
    shown |= {"hero_line", "purpose", "purpose_welsh", "outcome", "outcome_on"}
    shown |= {"letters_per_member_day", "own_words_are_required", "created_at", "updated_at"}
    return CampaignAnswer(
        **view.campaign.model_dump(include=shown),
        organisation=OrganisationAnswer.model_validate(view.organisation),
        petitions=[petition_answer(petition) for petition in view.petitions],
        motion=_motion_answer(view),
        motions=[linked_motion_answer(motion) for motion in view.motions],
        totals=Totals(
            signatures=view.signatures,
            signatories=view.signatories,
            signed_in_seats=view.signed_in_seats,
            letters_sent=view.letters_sent,
        ),
        partners=[PublicPartner.model_validate(partner) for partner in view.partners],
        updates=[update_answer(view.campaign, update, base_url) for update in view.updates],
    )


def _motion_answer(view: CampaignView) -> MotionAnswer | None:
    motion = view.motion
    if motion is None:
        return None
    return MotionAnswer(
        **motion.model_dump(include=set(MotionAnswer.model_fields)),
        signatories=view.signatories,
        signed_in_seats=view.signed_in_seats,
        sync_failed=motion.sync_failed_at is not None,
    )
