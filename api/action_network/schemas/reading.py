"""Parses parts of a request body. Unknown fields are ignored."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from api.http import errors
from services.errors import FieldError, Invalid

ModelT = TypeVar("ModelT", bound=BaseModel)


class Part(BaseModel):
    """A part of a body. It accepts numbers as texts, since some clients send such postcodes."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True, str_max_length=20_000)


def parsed(model: type[ModelT], value: object, field: str = "") -> ModelT:
    """Parses a part of a body. Raises Invalid with all errors and the paths of their fields."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Invalid("invalid", "Some of the input is not valid.", _fields(error, field)) from None


def _fields(error: ValidationError, field: str) -> tuple[FieldError, ...]:
    return tuple(
        FieldError(_path(field, item.field), item.code, item.message)
        for item in errors.validation_fields(error.errors())
    )


def _path(outer: str, inner: str) -> str:
    return ".".join(part for part in (outer, "" if inner == "body" else inner) if part) or "body"


def renamed(error: Invalid, names: dict[str, str]) -> Invalid:
    """Returns the error with the fields' names that the client used."""
    fields = tuple(
        FieldError(names.get(item.field, item.field), item.code, item.message)
        for item in error.fields
    )
    return Invalid(error.code, error.message, fields)


@contextmanager
def renaming(names: dict[str, str]) -> Iterator[None]:
    """Renames the fields of an Invalid that is raised within."""
    try:
        yield
    except Invalid as error:
        raise renamed(error, names) from None


def link_in(body: dict[str, Any], relation: str) -> object:
    """Returns the target of a link in a body, or None."""
    links = body.get("_links")
    link = links.get(relation) if isinstance(links, dict) else None
    return link.get("href") if isinstance(link, dict) else None


def texts_in(value: object, field: str) -> list[str]:
    """Returns a list of texts, empty for None. Raises Invalid for anything else."""
    if value is None:
        return []
    if isinstance(value, list) and len(value) <= 100 and all(isinstance(v, str) for v in value):
        return value
    raise Invalid.field(field, "list_malformed", "Give a list of at most 100 texts.")
