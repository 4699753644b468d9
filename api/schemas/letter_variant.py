"""A campaign's kinds of letter."""

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
    """All must hold; what is left out is no condition. `withdrawn` must be named to be written to.

    The bounds are of letters that constituents sent to the member about the motion, inclusive.
    """

    standing: list[Standing] = Field(default_factory=list, max_length=len(Standing))
    role: list[Role] = Field(default_factory=list, max_length=len(Role))
    eligibility: list[Eligibility] = Field(default_factory=list, max_length=len(Eligibility))
    party: list[Line100] = Field(default_factory=list, max_length=30)
    nation: list[Nation] = Field(default_factory=list, max_length=4)
    signed_earlier: bool | None = None
    letters_at_least: Count | None = None
    letters_at_most: Count | None = None


class TextsBody(Request):
    """The words in one language, as templates. Without `points`, the campaign's are offered."""

    subject: str
    opening: str
    closing: str
    points: list[str] = Field(default_factory=list)

    def as_texts(self) -> VariantTexts:
        """As the services take it."""
        return VariantTexts(self.subject, self.opening, self.closing, tuple(self.points))


class LocalesBody(Request):
    """English, and Welsh where there is any."""

    en: TextsBody
    cy: TextsBody | None = None


class VariantBody(Request):
    """A kind of letter: for whom, what it asks, and its words."""

    name: Name
    act: LetterAct
    conditions: ConditionsBody = ConditionsBody()
    texts: LocalesBody

    def as_variant(self) -> Variant:
        """As the services take it."""
        given = {"en": self.texts.en, "cy": self.texts.cy}
        return Variant(
            name=self.name,
            act=self.act,
            conditions=Conditions.from_json(self.conditions.model_dump()),
            texts={locale: body.as_texts() for locale, body in given.items() if body},
        )


VariantList = Annotated[list[VariantBody], Field(max_length=MOST_VARIANTS)]


class VariantsBody(Request):
    """The whole list in order; an empty one goes back to the built-in letters."""

    variants: VariantList


class PreviewRequest(Request):
    """For every kind of member, or for `member_id`; of `variants`, or of what is kept."""

    locale: Locale = "en"
    member_id: Annotated[int, Field(gt=0, lt=MAX_MEMBER_ID)] | None = None
    variants: VariantList | None = None


class TextsAnswer(Answer):
    """The words in one language, as templates."""

    subject: str
    opening: str
    closing: str
    points: list[str]


class VariantAnswer(Answer):
    """A kind of letter. `conditions` has only what is a condition."""

    name: str
    act: LetterAct
    conditions: dict[str, Any]
    texts: dict[str, TextsAnswer]


class VariantsAnswer(Answer):
    """In the order in which they are tried. `is_built_in`: the campaign has none of its own."""

    is_built_in: bool
    variants: list[VariantAnswer]


class PreviewAnswer(Answer):
    """A kind of member and their letter; `variant` is null where none is written.

    `locale` is that of the words found: English where a letter has none in the one asked for.
    """

    standing: Standing
    eligibility: Eligibility
    role: Role | None
    party: str | None
    nation: str | None
    signed_earlier: bool
    letters: int
    variant: str | None
    act: LetterAct | None
    locale: str | None
    subject: str
    body: str


class PreviewsAnswer(Answer):
    """`unreached` names the letters that earlier ones leave nobody for."""

    previews: list[PreviewAnswer]
    unreached: list[str]


def variants_of(bodies: list[VariantBody]) -> list[Variant]:
    """As the services take them."""
    return [body.as_variant() for body in bodies]


def variants_answer(variants: Variants) -> VariantsAnswer:
    """From a campaign's variants."""
    return VariantsAnswer(
        is_built_in=variants.is_built_in,
        variants=[
            VariantAnswer(
                name=each.name,
                act=each.act,
                conditions=each.conditions.as_json(),
                texts={
                    locale: TextsAnswer.model_validate(texts)
                    for locale, texts in each.texts.items()
                },
            )
            for each in variants.in_order
        ],
    )


def previews_answer(previews: list[Preview], unreached: list[str]) -> PreviewsAnswer:
    """From what the services show."""
    return PreviewsAnswer(
        previews=[
            PreviewAnswer(
                **{name: getattr(each.profile, name) for name in each.profile.__slots__},
                variant=each.variant,
                act=each.act,
                locale=each.locale,
                subject=each.text.subject,
                body=each.text.body,
            )
            for each in previews
        ],
        unreached=unreached,
    )
