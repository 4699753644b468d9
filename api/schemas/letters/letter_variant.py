"""Bodies of a campaign's letter variants."""

from typing import Annotated, Any

from pydantic import Field

from api.schemas.campaign import Nation
from api.schemas.fields import Answer, Line100, Locale, Request
from models import LetterAct
from services.letters.drafting.previews import Preview
from services.letters.kinds.conditions import Conditions, Variant
from services.letters.kinds.variant_texts import VariantTexts
from services.letters.kinds.variants import MOST_VARIANTS, Variants
from services.parliament.standing import Eligibility, Role, Standing

MAX_MEMBER_ID = 2**31
Name = Annotated[str, Field(pattern="^[a-z0-9]+([_-][a-z0-9]+)*$", max_length=40)]
Count = Annotated[int, Field(ge=0, lt=2**31)]


class ConditionsBody(Request):
    """Conditions that must all hold for a member. A field that is left out is no condition.

    Members who withdrew their signature get a letter only if `standing` has `withdrawn`. The
    inclusive bounds are for the number of letters that constituents sent to the member about the
    motion. A `region` is one of England's, such as 'South West', as in the tally.
    """

    standing: list[Standing] = Field(default_factory=list, max_length=len(Standing))
    role: list[Role] = Field(default_factory=list, max_length=len(Role))
    eligibility: list[Eligibility] = Field(default_factory=list, max_length=len(Eligibility))
    party: list[Line100] = Field(default_factory=list, max_length=30)
    nation: list[Nation] = Field(default_factory=list, max_length=4)
    region: list[Line100] = Field(default_factory=list, max_length=30)
    signed_earlier: bool | None = None
    letters_at_least: Count | None = None
    letters_at_most: Count | None = None


class TextsBody(Request):
    """The texts in one language, as templates. Without `points`, the campaign's are offered.

    With an `introduction`, the writer's own words follow it, and the points follow the opening.
    """

    subject: str
    opening: str
    closing: str
    points: list[str] = Field(default_factory=list)
    introduction: str = ""

    def as_texts(self) -> VariantTexts:
        return VariantTexts(
            self.subject, self.opening, self.closing, tuple(self.points), self.introduction
        )


class LocalesBody(Request):
    """The texts in English, and optionally in Welsh."""

    en: TextsBody
    cy: TextsBody | None = None


class VariantBody(Request):
    """A letter variant: its conditions, what it asks for, and its texts."""

    name: Name
    act: LetterAct
    conditions: ConditionsBody = ConditionsBody()
    texts: LocalesBody

    def as_variant(self) -> Variant:
        bodies = {"en": self.texts.en, "cy": self.texts.cy}
        return Variant(
            name=self.name,
            act=self.act,
            conditions=Conditions.from_json(self.conditions.model_dump()),
            texts={locale: body.as_texts() for locale, body in bodies.items() if body},
        )


VariantList = Annotated[list[VariantBody], Field(max_length=MOST_VARIANTS)]


class VariantsBody(Request):
    """All variants in order. An empty list restores the built-in ones."""

    variants: VariantList


class PreviewRequest(Request):
    """Without `member_id`, every kind of member; without `variants`, the saved ones."""

    locale: Locale = "en"
    member_id: Annotated[int, Field(gt=0, lt=MAX_MEMBER_ID)] | None = None
    variants: VariantList | None = None


class TextsAnswer(Answer):
    """The texts in one language, as templates."""

    subject: str
    opening: str
    closing: str
    points: list[str]
    introduction: str


class VariantAnswer(Answer):
    """A letter variant. `conditions` has only the fields that are set."""

    name: str
    act: LetterAct
    conditions: dict[str, Any]
    texts: dict[str, TextsAnswer]


class VariantsAnswer(Answer):
    """The variants in the order of their use. `is_built_in`: the campaign has none of its own."""

    is_built_in: bool
    variants: list[VariantAnswer]


class PreviewAnswer(Answer):
    """A kind of member and their letter. `variant` is null where they get none.

    `locale` is that of the text: English, if the letter has none in the language of the request.
    """

    standing: Standing
    eligibility: Eligibility
    role: Role | None
    party: str | None
    nation: str | None
    region: str | None
    signed_earlier: bool
    letters: int
    variant: str | None
    act: LetterAct | None
    locale: str | None
    subject: str
    body: str


class PreviewsAnswer(Answer):
    """`unreached` names variants that no member gets, since earlier ones fit all of theirs."""

    previews: list[PreviewAnswer]
    unreached: list[str]


def variants_of(bodies: list[VariantBody]) -> list[Variant]:
    return [body.as_variant() for body in bodies]


def variants_answer(variants: Variants) -> VariantsAnswer:
    """Converts a campaign's variants."""
    return VariantsAnswer(
        is_built_in=variants.is_built_in,
        variants=[
            VariantAnswer(
                name=variant.name,
                act=variant.act,
                conditions=variant.conditions.as_json(),
                texts={
                    locale: TextsAnswer.model_validate(texts)
                    for locale, texts in variant.texts.items()
                },
            )
            for variant in variants.in_order
        ],
    )


def previews_answer(previews: list[Preview], unreached: list[str]) -> PreviewsAnswer:
    """Converts the previews."""
    return PreviewsAnswer(
        previews=[
            PreviewAnswer(
                **{name: getattr(preview.profile, name) for name in preview.profile.__slots__},
                variant=preview.variant,
                act=preview.act,
                locale=preview.locale,
                subject=preview.text.subject,
                body=preview.text.body,
            )
            for preview in previews
        ],
        unreached=unreached,
    )
