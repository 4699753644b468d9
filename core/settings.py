"""The settings of the service: environment variables with the prefix `LOBBY_`.

`docs/operators/settings.md` describes each setting for operators. A test compares its table with
the fields of `Settings`.
"""

import os
import re
from datetime import date
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core import relay_urls, secret_file, setting_names, urls
from core.listening import Listening, is_loopback, is_loopback_host

ROOT = Path(__file__).resolve().parents[1]
# In the current folder. The environment overrides it.
ENV_FILE = Path(".env")
MINIMUM_SECRET_LENGTH = 32
MINIMUM_TOKEN_LENGTH = 16
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"
_QUIET_HOURS = re.compile(f"{_TIME}-{_TIME}|off")
_SELECTOR = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|")
_ADDRESS = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_CONTACT = re.compile(r"(mailto:[^\s@]+@|https://|tel:\+)[^\s@]+")
# With a plus sign and a tag of 40 letters, the local part has at most 64 characters (RFC 5321).
_BOUNCE_ADDRESS = re.compile(r"\w(?:[\w.-]{0,21}\w)?@[A-Za-z0-9.-]{1,253}", re.ASCII)
_TOKEN = re.compile("[!-~]+")  # what the header Authorization can carry everywhere
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
# An origin as browsers send it: lower case, no path. Plain http is for development on this machine.
_ORIGIN = re.compile(
    rf"(https://({_LABEL}\.)*{_LABEL}|http://(localhost|127\.0\.0\.1))(:[1-9][0-9]{{0,4}})?"
)


class Settings(BaseSettings):
    """The settings of one process.

    Wrong or unsafe settings raise pydantic's ValidationError, so that nothing starts with them. An
    empty variable counts as unset.
    """

    model_config = SettingsConfigDict(
        env_prefix=setting_names.PREFIX,
        env_file=ENV_FILE,
        env_file_encoding=setting_names.ENCODING,
        extra="ignore",
        env_ignore_empty=True,
        # An error's text can reach a log, and its input can be a secret.
        hide_input_in_errors=True,
    )

    # Folder of the embedded database, the secret key, the postcode directory and emails in files.
    data_dir: Path = Path("var")
    # `sqlite:///` or `postgresql://`. If unset, SQLite in the data folder.
    database_url: str = ""
    # Encrypts personal data and signs links. Several secrets are separated by commas, the newest
    # first. If unset, one is generated in the data folder with SQLite; PostgreSQL needs one.
    secret_key: SecretStr | None = None
    # Public address of the service, with which links begin. If unset, `lobby serve` sets it to the
    # address and port on which it listens.
    base_url: str = Listening().url

    # Mail server (`smtp://`, `smtps://`, `smtp+insecure://`: see `relay_urls`), or a folder for
    # emails (`file:`). If unset or `file:` without a folder, `mail` in the data folder.
    smtp_url: str = ""
    # Number of SMTP connections that a worker uses at once.
    smtp_connections: int = Field(default=4, ge=1, le=50)
    # Sender of all emails, including letters to MPs.
    mail_from: str = "Central Lobby <lobby@localhost.localdomain>"
    # File with the private DKIM key, and its name in DNS. If unset, the mail server has to sign.
    dkim_key: Path | None = None
    dkim_selector: str = ""
    # Address to which mail servers send bounces, and the Maildir where they arrive.
    bounce_address: str = ""
    bounce_folder: Path | None = None

    # Parliament's APIs.
    members_api_url: str = "https://members-api.parliament.uk/api"
    motions_api_url: str = "https://oralquestionsandmotions-api.parliament.uk"

    # Whether `lobby serve` also runs the worker.
    worker: Literal["inline", "off"] = "inline"
    # Hours in London in which the worker sends no letters to MPs, or `off`.
    quiet_hours: str = "22:00-07:00"
    # Whether the worker updates members from Parliament's API each day.
    sync_members: Literal["daily", "off"] = "daily"

    # Rate limits: reading requests a minute per client address, writing requests a minute per
    # client address without a key, and per API key, and signatures a minute per petition before a
    # proof of work is needed. 0 means no limit.
    gets_per_address: int = Field(default=3000, ge=0)
    posts_per_address: int = Field(default=300, ge=0)
    posts_per_key: int = Field(default=6000, ge=0)
    posts_per_petition: int = Field(default=20_000, ge=0)
    # Where requests are counted: `memory` (per process), or a Redis for all processes.
    rate_limit_url: str = "memory"

    # The secret with which /metrics can be read. If unset, there is no /metrics.
    metrics_token: SecretStr | None = None
    # A port and an address for /metrics alone. With a port, the main port has no /metrics.
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    metrics_host: str = "127.0.0.1"

    # For development: webhooks may go to this machine.
    webhooks_to_loopback: bool = False
    # Sites other than partners' that may show petition forms, separated by spaces; `*` means all.
    embed_origins: str = ""
    # Contact in /.well-known/security.txt (RFC 9116), and the day from which it is out of date.
    security_contact: str = ""
    security_expires: date | None = None

    @model_validator(mode="before")
    @classmethod
    def _are_settings(cls, values: Any) -> Any:
        file = cls.model_config.get("env_file")
        setting_names.check(cls.model_fields, os.environ, file if isinstance(file, Path) else None)
        return values

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
        example = "redis://127.0.0.1:6379/0"
        if value != "memory" and not value.startswith(("redis://", "rediss://")):
            raise ValueError(f"must be memory, or an address such as {example}")
        if value != "memory":
            urls.check_server(value, example)
        return value

    @field_validator("base_url")
    @classmethod
    def _is_a_public_address(cls, value: str) -> str:
        urls.check_public(value)
        return value.rstrip("/")

    @field_validator("members_api_url", "motions_api_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        urls.check_web(value)
        return value.rstrip("/")

    @field_validator("smtp_url")
    @classmethod
    def _is_a_place_for_mail(cls, value: str) -> str:
        if relay_urls.is_relay(value):
            relay_urls.parse(value)
        elif value:
            urls.check_mail(value)
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
        for secret in secret_file.split(value.get_secret_value()) if value else ():
            if len(secret) < MINIMUM_SECRET_LENGTH:
                raise ValueError(f"each secret needs at least {MINIMUM_SECRET_LENGTH} characters")
        return value

    @field_validator("metrics_token")
    @classmethod
    def _fits_into_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        token = value.get_secret_value().strip() if value else None
        if token is None:
            return None
        if len(token) < MINIMUM_TOKEN_LENGTH or not _TOKEN.fullmatch(token):
            needed = f"at least {MINIMUM_TOKEN_LENGTH} characters"
            raise ValueError(f"needs {needed}: letters, digits and ASCII punctuation, no spaces")
        return SecretStr(token)

    @model_validator(mode="after")
    def _complete_and_check(self) -> "Settings":
        self.data_dir = self.data_dir.resolve()
        self.database_url = _with_driver(self.database_url or f"sqlite:///{self.data_dir}/lobby.db")
        if self.smtp_url.lower() in ("", "file:", "file://"):
            self.smtp_url = f"file:{quote(str(self.data_dir / 'mail'))}"
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
        is_open = self.metrics_port is not None and not is_loopback_host(self.metrics_host)
        if is_open and self.metrics_token is None:
            raise ValueError("LOBBY_METRICS_HOST off loopback needs LOBBY_METRICS_TOKEN")
        if self.webhooks_to_loopback and not self.is_on_loopback:
            raise ValueError(
                "LOBBY_WEBHOOKS_TO_LOOPBACK is for development: LOBBY_BASE_URL is not on loopback"
            )
        return self

    @property
    def is_sqlite(self) -> bool:
        """Returns whether the database is the embedded one."""
        return self.database_url.startswith("sqlite")

    @property
    def postcode_file(self) -> Path:
        """The file of the postcode directory."""
        return self.data_dir / "postcodes.bin"

    @property
    def embedders(self) -> tuple[str, ...]:
        """The origins in `embed_origins`."""
        return tuple(self.embed_origins.split())

    @property
    def is_on_loopback(self) -> bool:
        """Returns whether the public address is this machine's own."""
        return is_loopback(self.base_url)

    def _check_bounces(self) -> None:
        # The worker deletes all messages in the folder, so no replies of people may arrive there.
        if self.bounce_folder is not None and not self.bounce_address:
            raise ValueError("LOBBY_BOUNCE_FOLDER needs LOBBY_BOUNCE_ADDRESS")
        if self.bounce_address.lower() == parseaddr(self.mail_from)[1].lower():
            raise ValueError("LOBBY_BOUNCE_ADDRESS must not be the address of LOBBY_MAIL_FROM")

    @property
    def secret_file(self) -> Path:
        """The file with the secrets, if `secret_key` is not set."""
        return self.data_dir / "secret_key"

    @property
    def secret_source(self) -> str:
        """Where the secrets come from, for messages."""
        return str(self.secret_file) if self.secret_key is None else "LOBBY_SECRET_KEY"

    def secrets(self) -> tuple[str, ...]:
        """Returns the secrets, the newest first.

        Without `secret_key`, reads those in the data folder. For a new database it generates one.

        :raises SecretMissing: of `core.secret_file`; the database has content, and there is no file
        """
        if self.secret_key is None:
            database = Path(self.database_url.removeprefix("sqlite:///"))
            return secret_file.read_or_generate(self.secret_file, database)
        return secret_file.split(self.secret_key.get_secret_value())


def is_origin(text: str) -> bool:
    """Returns whether a text is an origin as browsers write it: scheme, host, optional port."""
    return _ORIGIN.fullmatch(text) is not None


def sentences(error: ValidationError) -> list[str]:
    """Returns a line for each wrong setting, which names its variable and never its value."""
    return [
        "".join(f"{setting_names.PREFIX}{part}: ".upper() for part in item["loc"]) + line
        for item in error.errors(include_input=False, include_context=False)
        for line in item["msg"].removeprefix("Value error, ").splitlines()
    ]


def _with_driver(url: str) -> str:
    # Hosting services write `postgres://` or `postgresql://`. The driver is psycopg 3.
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            url = "postgresql+psycopg://" + url.removeprefix(scheme)
    if url.startswith("postgresql+psycopg://"):
        urls.check_postgresql(url)
    elif not url.startswith("sqlite:///"):
        raise ValueError("LOBBY_DATABASE_URL must start with sqlite:/// or postgresql://")
    return url
