"""API keys. Their secrets are in no response."""

from datetime import datetime

from api.schemas.fields import Answer
from models import Organisation, Partner
from services.keys.key_views import KeyState, KeyView


class KeyAnswer(Answer):
    """A key of the organisation, or of the partner with the slug `partner`.

    With empty `petitions`, it covers all petitions of the organisation. `last_used_at` is to the
    minute.
    """

    prefix: str
    name: str
    partner: str | None
    scopes: list[str]
    petitions: list[str]
    state: KeyState
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class KeyOwner(Answer):
    """An organisation or a partner, by its slug."""

    slug: str
    name: str


class MeAnswer(Answer):
    """What a key is, and what it may do.

    `partner` is null for a key of the organisation itself. With empty `petitions`, the key covers
    all petitions of the organisation.
    """

    organisation: KeyOwner
    partner: KeyOwner | None
    prefix: str
    name: str
    scopes: list[str]
    petitions: list[str]
    created_at: datetime
    expires_at: datetime | None


def me_answer(view: KeyView, organisation: Organisation, partner: Partner | None) -> MeAnswer:
    """Converts a key with its owners."""
    key = view.key
    return MeAnswer(
        **key.model_dump(include={"prefix", "name", "scopes", "created_at", "expires_at"}),
        organisation=KeyOwner.model_validate(organisation),
        partner=KeyOwner.model_validate(partner) if partner else None,
        petitions=list(view.petitions),
    )


def key_answer(view: KeyView, now: datetime) -> KeyAnswer:
    """Converts the view of a key, with its state at `now`."""
    plain = {"prefix", "name", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at"}
    return KeyAnswer(
        **view.key.model_dump(include=plain),
        partner=view.partner,
        petitions=list(view.petitions),
        state=view.state(now),
    )
