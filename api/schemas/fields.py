"""Types of fields in requests: the rules of `services.common.texts` as pydantic validators."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    computed_field,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from services.common import countries, texts
from services.common.times import begin_of_day, end_of_day
from services.errors import FieldError, Invalid
from services.postcodes import directory


class Request(BaseModel):
    """A request body. An unknown field is an error, and is not ignored."""

    model_config = ConfigDict(extra="forbid", str_max_length=20_000)


class EitherName(Request):
    """A request that takes `status` for `state`, and `state` for `status`.

    People mix up the two, since campaigns have the one and petitions the other. Raises Invalid
    where both are there and differ.
    """

    @model_validator(mode="before")
    @classmethod
    def _take_either(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        own, other = ("status", "state") if "status" in cls.model_fields else ("state", "status")
        if other not in values:
            return values
        rest = {name: value for name, value in values.items() if name != other}
        return rest | {own: same_of(values.get(own), values[other])}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describes both names."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        own, other = ("status", "state") if "status" in cls.model_fields else ("state", "status")
        same = {"description": f"Another name of `{own}`."}
        schema["properties"][other] = schema["properties"][own] | same
        return schema


def same_of(status: Any, state: Any) -> Any:
    """Returns the one that was given. Raises Invalid, naming both, where they differ."""
    if None not in (status, state) and status != state:
        message = "These are two names of one thing. Give one of them, or both alike."
        code = "status_and_state_differ"
        faults = [FieldError(name, code, message) for name in ("status", "state")]
        raise Invalid(code, message, tuple(faults))
    return state if status is None else status


class Answer(BaseModel):
    """A response body, which can be filled from the attributes of models and views.

    An answer with a `status` has the same as its `state`, and the other way round: campaigns have
    the one name and petitions the other, and nobody remembers which.
    """

    model_config = ConfigDict(from_attributes=True)

    def __init_subclass__(cls, **config: Any) -> None:
        """Adds the other name."""
        super().__init_subclass__(**config)
        names = cls.__annotations__
        for name, other in (("status", "state"), ("state", "status")):
            if name in names and other not in names:
                setattr(cls, other, _alias_of(name, names[name]))


class ForeignAnswer(BaseModel):
    """A response body in the format of another service, which has its own names alone."""

    model_config = ConfigDict(from_attributes=True)


def _alias_of(name: str, kind: Any) -> Any:
    def value(answer: Any) -> Any:
        return getattr(answer, name)

    value.__doc__ = f"Another name of `{name}`."
    return computed_field(return_type=kind)(property(value))


def rule(check: Callable[[str], str]) -> AfterValidator:
    """Makes a validator of a rule, so that a response lists all invalid fields at once."""

    def validate(value: str) -> str:
        try:
            return check(value)
        except Invalid as error:
            # Pydantic would take braces for placeholders.
            message = error.message.replace("{", "(").replace("}", ")")
            raise PydanticCustomError(_code(error.code), message) from error

    return AfterValidator(validate)


def _code(code: str) -> Any:
    """Returns the code as Any: pydantic's type demands a literal."""
    return code


def line(longest: int, shortest: int = 1) -> AfterValidator:
    """Makes a validator of one line of text, with its length in characters."""
    return rule(lambda text: texts.line(text, "text", longest=longest, shortest=shortest))


def paragraphs(longest: int, shortest: int = 0) -> AfterValidator:
    """Makes a validator of a text of several lines, with its length in characters."""
    return rule(lambda text: texts.paragraphs(text, "text", longest=longest, shortest=shortest))


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise PydanticCustomError("time_out_of_range", "No calendar has this time.") from error


# A time in a query. It needs a time zone, and its UTC time must exist too.
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


_NUMBER = re.compile(r"\s*[+-]?[\d._]+\s*")


def _begin(value: Any) -> Any:
    """Reads a plain day as the midnight in London with which it begins."""
    return _midnight(value, begin_of_day)


def _end(value: Any) -> Any:
    """Reads a plain day as the midnight in London with which it ends."""
    return _midnight(value, end_of_day)


def _midnight(value: Any, of_day: Callable[[date], datetime]) -> Any:
    """Refuses a number too: pydantic would take '20260601' for a second of the year 1970."""
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        message = "Give a day such as 2026-06-01, or a moment with its offset."
        raise PydanticCustomError("moment_malformed", message)
    try:
        day = date.fromisoformat(value)
        return of_day(day) if day.isoformat() == value else value
    except ValueError:
        return value
    except OverflowError as error:
        raise PydanticCustomError("time_out_of_range", "No calendar has this time.") from error


_OR_DAY = WithJsonSchema(
    {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
)
# A time from which or until which a query selects. A plain day counts in London, and whole.
Since = Annotated[Moment, BeforeValidator(_begin), _OR_DAY]
# Those of a history, which takes moments that no clock of UTC shows for too long ago.
HistoryFrom = Annotated[AwareDatetime, BeforeValidator(_begin), _OR_DAY]
HistoryTo = Annotated[AwareDatetime, BeforeValidator(_end), _OR_DAY]
PersonName = Annotated[str, rule(texts.person_name)]
EmailAddress = Annotated[str, rule(texts.email_address)]
Postcode = Annotated[str, rule(directory.normalise)]
Slug = Annotated[str, rule(texts.slug)]
Country = Annotated[
    str,
    rule(countries.code_of),
    Field(
        description="ISO 3166-1 alpha-2, or UK for GB, or XK",
        json_schema_extra={"pattern": "^[A-Za-z]{2}$"},
    ),
]
Locale = Annotated[str, Field(pattern="^(en|cy)$")]
Token = Annotated[str, Field(min_length=1, max_length=300)]
Line100 = Annotated[str, line(100)]
Line200 = Annotated[str, line(200)]
Text = Annotated[str, paragraphs(20_000)]
