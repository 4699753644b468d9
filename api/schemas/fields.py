"""Fields that requests share: the rules of `services.common.texts`, as pydantic sees them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from services.common import texts
from services.errors import Invalid
from services.postcodes import directory


class Request(BaseModel):
    """A body: a field that we do not know is refused, not dropped."""

    model_config = ConfigDict(extra="forbid", str_max_length=20_000)


class Answer(BaseModel):
    """An answer, filled from models and views."""

    model_config = ConfigDict(from_attributes=True)


def rule(check: Callable[[str], str]) -> AfterValidator:
    """A rule of the services as a validator, so that every wrong field is told at once."""

    def validate(value: str) -> str:
        try:
            return check(value)
        except Invalid as error:
            # Braces would be taken for places to fill in.
            message = error.message.replace("{", "(").replace("}", ")")
            raise PydanticCustomError(_code(error.code), message) from error

    return AfterValidator(validate)


def _code(code: str) -> Any:
    """Pydantic wants a literal; ours comes from a service."""
    return code


def line(longest: int, shortest: int = 1) -> AfterValidator:
    """One line of text."""
    return rule(lambda text: texts.line(text, "text", longest=longest, shortest=shortest))


def paragraphs(longest: int, shortest: int = 0) -> AfterValidator:
    """Several lines of text."""
    return rule(lambda text: texts.paragraphs(text, "text", longest=longest, shortest=shortest))


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise PydanticCustomError("time_out_of_range", "No calendar has this time.") from error


# A time in a query: with its zone, and still one in UTC.
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
PersonName = Annotated[str, rule(texts.person_name)]
EmailAddress = Annotated[str, rule(texts.email_address)]
Postcode = Annotated[str, rule(directory.normalise)]
Slug = Annotated[str, rule(texts.slug)]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
Locale = Annotated[str, Field(pattern="^(en|cy)$")]
Token = Annotated[str, Field(min_length=1, max_length=300)]
Line100 = Annotated[str, line(100)]
Line200 = Annotated[str, line(200)]
Text = Annotated[str, paragraphs(20_000)]
