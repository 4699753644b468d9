"""Recovery codes: each replaces the second step once, for somebody without their phone."""

import base64
import secrets
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, delete

from models import Keyring, RecoveryCode
from services.errors import Invalid

COUNT = 10
_BYTES = 10  # 16 digits of base 32
_GROUP = 4


def make(session: Session, keyring: Keyring, organiser_id: UUID) -> list[str]:
    """Replaces an organiser's recovery codes. Returns the new ones, which nobody can read again."""
    session.exec(delete(RecoveryCode).where(col(RecoveryCode.organiser_id) == organiser_id))
    codes = [_new() for _ in range(COUNT)]
    for code in codes:
        index = _index(keyring, organiser_id, code)
        session.add(RecoveryCode(organiser_id=organiser_id, code_index=index))
    session.flush()
    return codes


def count(session: Session, organiser_id: UUID) -> int:
    """Returns how many codes an organiser has left."""
    rows = sa.select(sa.func.count()).select_from(RecoveryCode)
    statement = rows.where(col(RecoveryCode.organiser_id) == organiser_id)
    return int(session.connection().execute(statement).scalar_one())


def use(session: Session, keyring: Keyring, organiser_id: UUID, code: str) -> None:
    """Uses a code up. Raises Invalid if it is wrong or was used."""
    statement = sa.delete(RecoveryCode).where(
        col(RecoveryCode.organiser_id) == organiser_id,
        col(RecoveryCode.code_index) == _index(keyring, organiser_id, code),
    )
    if not session.connection().execute(statement).rowcount:
        message = "That isn’t one of your recovery codes, or you’ve used it before."
        raise Invalid.field("code", "code_wrong", message)


def _new() -> str:
    digits = base64.b32encode(secrets.token_bytes(_BYTES)).decode().lower()
    return "-".join(digits[place : place + _GROUP] for place in range(0, len(digits), _GROUP))


def _index(keyring: Keyring, organiser_id: UUID, code: str) -> bytes:
    plain = "".join(digit for digit in code.lower() if digit.isalnum())
    return keyring.request_index(b"recovery code", organiser_id.bytes, plain.encode())
