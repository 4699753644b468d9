"""Parts of a body as clients send them: fields that we do not know are left out, not refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from api.http import errors
from services.errors import FieldError, Invalid

ModelT = TypeVar("ModelT", bound=BaseModel)


class Part(BaseModel):
    """A part of a body. Numbers are taken for texts, as some clients send postcodes."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True, str_max_length=20_000)


def parsed(model: type[ModelT], value: object, field: str = "") -> ModelT:
    """A part of a body, or Invalid with everything that is wrong, each with its place."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Invalid("invalid", "Some of the input is not valid.", _fields(error, field)) from None


def _fields(error: ValidationError, field: str) -> tuple[FieldError, ...]:
    return tuple(
        FieldError(_place(field, each.field), each.code, each.message)
        for each in errors.validation_fields(error.errors())
    )


def _place(outer: str, inner: str) -> str:
    return ".".join(part for part in (outer, "" if inner == "body" else inner) if part) or "body"


def renamed(error: Invalid, names: dict[str, str]) -> Invalid:
    """With the names that the sender used."""
    fields = tuple(
        FieldError(names.get(each.field, each.field), each.code, each.message)
        for each in error.fields
    )
    return Invalid(error.code, error.message, fields)


@contextmanager
def renaming(names: dict[str, str]) -> Iterator[None]:
    """As `renamed`, of what is wrong within."""
    try:
        yield
    except Invalid as error:
        raise renamed(error, names) from None


def link_in(body: dict[str, Any], relation: str) -> object:
    """What a body links to, or None."""
    links = body.get("_links")
    link = links.get(relation) if isinstance(links, dict) else None
    return link.get("href") if isinstance(link, dict) else None


def texts_in(value: object, field: str) -> list[str]:
    """A list of texts; nothing at all is an empty one."""
    if value is None:
        return []
    if isinstance(value, list) and len(value) <= 100 and all(isinstance(v, str) for v in value):
        return value
    raise Invalid.field(field, "list_malformed", "Give a list of at most 100 texts.")
