"""What an operator can set: environment variables with the prefix `LOBBY_`.

Every field is described in `docs/operators/settings.md`; a test compares the two.
"""

import contextlib
import os
import re
import secrets
from datetime import date
from email.utils import parseaddr
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[1]
MINIMUM_SECRET_LENGTH = 32
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"
_QUIET_HOURS = re.compile(f"{_TIME}-{_TIME}|off")
_SELECTOR = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|")
_ADDRESS = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_CONTACT = re.compile(r"(mailto:[^\s@]+@|https://|tel:\+)[^\s@]+")
# With a plus sign and a tag of 40 letters, the local part stays within its 64 characters.
_BOUNCE_ADDRESS = re.compile(r"\w(?:[\w.-]{0,21}\w)?@[A-Za-z0-9.-]{1,253}", re.ASCII)
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
# As browsers send it: small letters, no path. Plain http is for trying things out on this machine.
_ORIGIN = re.compile(
    rf"(https://({_LABEL}\.)*{_LABEL}|http://(localhost|127\.0\.0\.1))(:[1-9][0-9]{{0,4}})?"
)


class Settings(BaseSettings):
    """The settings of one process. Refuses to start with unsafe ones."""

    model_config = SettingsConfigDict(env_prefix="LOBBY_", extra="ignore", env_ignore_empty=True)

    data_dir: Path = Path("var")
    database_url: str = ""
    secret_key: SecretStr | None = None
    base_url: str = "http://127.0.0.1:8000"
    smtp_url: str = ""
    smtp_connections: int = Field(default=4, ge=1, le=50)
    mail_from: str = "Central Lobby <lobby@localhost.localdomain>"
    dkim_key: Path | None = None
    dkim_selector: str = ""
    bounce_address: str = ""
    bounce_folder: Path | None = None
    members_api_url: str = "https://members-api.parliament.uk/api"
    motions_api_url: str = "https://oralquestionsandmotions-api.parliament.uk"
    worker: Literal["inline", "off"] = "inline"
    quiet_hours: str = "22:00-07:00"
    sync_members: Literal["daily", "off"] = "daily"
    posts_per_address: int = Field(default=300, ge=0)
    posts_per_key: int = Field(default=6000, ge=0)
    posts_per_petition: int = Field(default=20_000, ge=0)
    rate_limit_url: str = "memory"
    webhooks_to_loopback: bool = False
    embed_origins: str = ""
    security_contact: str = ""
    security_expires: date | None = None

    @field_validator("quiet_hours")
    @classmethod
    def _are_two_times(cls, value: str) -> str:
        if not _QUIET_HOURS.fullmatch(value):
            raise ValueError("must be two times such as 22:00-07:00, or off")
        return value

    @field_validator("bounce_address")
    @classmethod
    def _has_room_for_a_tag(cls, value: str) -> str:
        if value and not _BOUNCE_ADDRESS.fullmatch(value):
            example = "must be an address such as bounces@lobby.example.org"
            raise ValueError(f"{example}, at most 23 characters before the @ and no plus sign")
        return value

    @field_validator("rate_limit_url")
    @classmethod
    def _is_memory_or_redis(cls, value: str) -> str:
        if value != "memory" and not value.startswith(("redis://", "rediss://")):
            raise ValueError("must be memory, or an address such as redis://127.0.0.1:6379/0")
        return value

    @field_validator("base_url", "members_api_url", "motions_api_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError("must be an address such as https://lobby.example.org")
        return value.rstrip("/")

    @field_validator("smtp_url")
    @classmethod
    def _has_a_port(cls, value: str) -> str:
        if urlsplit(value).port == 0:  # asking refuses what is no number
            raise ValueError("port 0 is none")
        return value

    @field_validator("mail_from")
    @classmethod
    def _has_an_address(cls, value: str) -> str:
        if not value.isprintable() or "=?" in value or not _ADDRESS.fullmatch(parseaddr(value)[1]):
            raise ValueError("must be an address such as Our Name <post@lobby.example.org>")
        return value

    @field_validator("embed_origins")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        for origin in value.split():
            if origin != "*" and not is_origin(origin):
                raise ValueError("must be origins such as https://example.org, or *")
        return value

    @field_validator("dkim_selector")
    @classmethod
    def _is_a_name_in_dns(cls, value: str) -> str:
        if not _SELECTOR.fullmatch(value) or len(value) > 63:
            raise ValueError("must be small letters, digits and hyphens, such as lobby2026")
        return value

    @field_validator("security_contact")
    @classmethod
    def _can_be_reached(cls, value: str) -> str:
        if value and not _CONTACT.fullmatch(value):
            example = "must be an address such as mailto:security@lobby.example.org"
            raise ValueError(f"{example} or https://lobby.example.org/security")
        return value

    @field_validator("secret_key")
    @classmethod
    def _is_long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        for secret in value.get_secret_value().split(",") if value else ():
            if len(secret.strip()) < MINIMUM_SECRET_LENGTH:
                raise ValueError(f"each secret needs at least {MINIMUM_SECRET_LENGTH} characters")
        return value

    @model_validator(mode="after")
    def _fill_in(self) -> "Settings":
        self.data_dir = self.data_dir.resolve()
        self.database_url = _with_driver(self.database_url or f"sqlite:///{self.data_dir}/lobby.db")
        self.smtp_url = self.smtp_url or f"file:{self.data_dir}/mail"
        if not self.is_sqlite and self.secret_key is None:
            raise ValueError("LOBBY_SECRET_KEY is required with PostgreSQL")
        if (self.dkim_key is None) != (not self.dkim_selector):
            raise ValueError(
                "LOBBY_DKIM_KEY and LOBBY_DKIM_SELECTOR are set together or not at all"
            )
        if bool(self.security_contact) != (self.security_expires is not None):
            raise ValueError(
                "LOBBY_SECURITY_CONTACT and LOBBY_SECURITY_EXPIRES are set together or not at all"
            )
        self._check_bounces()
        if self.webhooks_to_loopback and not self.is_on_loopback:
            raise ValueError(
                "LOBBY_WEBHOOKS_TO_LOOPBACK is for development: LOBBY_BASE_URL is not on loopback"
            )
        return self

    @property
    def is_sqlite(self) -> bool:
        """True for the embedded database."""
        return self.database_url.startswith("sqlite")

    @property
    def postcode_file(self) -> Path:
        """Where the postcode directory lies."""
        return self.data_dir / "postcodes.bin"

    @property
    def embedders(self) -> tuple[str, ...]:
        """Sites that may show forms without being a partner's; `*` is all."""
        return tuple(self.embed_origins.split())

    @property
    def is_on_loopback(self) -> bool:
        """True where the public address is this machine's own."""
        return is_loopback(self.base_url)

    def _check_bounces(self) -> None:
        """Where reports are read, what is none is deleted: no mail of people may come there."""
        if self.bounce_folder is not None and not self.bounce_address:
            raise ValueError("LOBBY_BOUNCE_FOLDER needs LOBBY_BOUNCE_ADDRESS")
        if self.bounce_address.lower() == parseaddr(self.mail_from)[1].lower():
            raise ValueError("LOBBY_BOUNCE_ADDRESS must not be the address of LOBBY_MAIL_FROM")

    def secrets(self) -> tuple[str, ...]:
        """The secrets, newest first; makes and keeps one where the embedded database has none."""
        if self.secret_key is None:
            return (_kept_secret(self.data_dir / "secret_key"),)
        return tuple(part.strip() for part in self.secret_key.get_secret_value().split(","))


def is_origin(text: str) -> bool:
    """True for the address of a whole site, as browsers name it: scheme, host, perhaps a port."""
    return _ORIGIN.fullmatch(text) is not None


def is_loopback(url: str) -> bool:
    """True for an address on this machine."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def _with_driver(url: str) -> str:
    """`postgres://` and `postgresql://`, as hosting services write them, mean psycopg 3."""
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("LOBBY_DATABASE_URL must start with sqlite:/// or postgresql://")
    return url


def _kept_secret(file: Path) -> str:
    """Read the secret of a data folder, or make it.

    It is whole or not there: of two processes at once, one `link` succeeds and both read that one.
    """
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_urlsafe(32) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        draft.unlink()
    return file.read_text().strip()
