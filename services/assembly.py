"""Puts the service together from its settings: database, keys, clients and clock.

Tests pass their own parts to `open_lobby`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import httpx2

from core.settings import Settings
from models import Keyring
from models.encryption import use_keyring
from services.common.tokens import Tokens
from services.database import secret_keys
from services.database.engine import Database
from services.mail import dkim_signer, mail_builder
from services.mail.bounce_addresses import BounceAddress
from services.mail.couriers import Courier, FileCourier, make_courier
from services.mail.dkim_signer import DkimSigner
from services.mail.pacing import Pace, QuietHours
from services.mail.supporter_mails import MailContext
from services.parliament.official import backoff, http
from services.parliament.official.motion_lists import MotionLists
from services.postcodes.directory import CurrentDirectory
from services.traffic.minute_cache import MinuteCache
from services.webhooks.sender import WebhookSender

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Returns the current time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Lobby:
    """The parts of the service that routes, the worker and commands use."""

    settings: Settings
    database: Database
    keyring: Keyring
    tokens: Tokens
    postcodes: CurrentDirectory
    courier: Courier
    motions_api: httpx2.Client
    members_api: httpx2.Client
    webhooks: WebhookSender
    clock: Clock
    signer: DkimSigner | None = None

    @cached_property
    def mail_context(self) -> MailContext:
        """The settings and keys with which emails are rendered."""
        settings = self.settings
        return MailContext(
            tokens=self.tokens,
            base_url=settings.base_url,
            mail_from=settings.mail_from,
            keyring=self.keyring,
            bounces=self.bounces,
            signer=self.signer,
        )

    @cached_property
    def bounces(self) -> BounceAddress | None:
        """The address for bounces, None if none is set."""
        address = self.settings.bounce_address
        return BounceAddress(address, self.keyring) if address else None

    @cached_property
    def motion_lists(self) -> MotionLists:
        """Searches of Parliament's list of motions, whose answers this process keeps."""
        return MotionLists(self.motions_api, self.database, clock=self.clock)

    @cached_property
    def minute_counts(self) -> MinuteCache:
        """Counts for pages of the desk that this process keeps for a minute."""
        return MinuteCache(self.clock)

    @cached_property
    def pace(self) -> Pace:
        """The pace of letters to MPs, with the quiet hours."""
        return Pace(QuietHours.from_text(self.settings.quiet_hours))

    @property
    def mail_folder(self) -> FileCourier | None:
        """The courier that writes emails to files, None if emails are sent."""
        return self.courier if isinstance(self.courier, FileCourier) else None

    def parliament_request(self, name: str) -> AbstractContextManager[None]:
        """Wraps a request to one of Parliament's APIs: see `backoff.request`.

        `name` is `backoff.MOTIONS` or `backoff.MEMBERS`.
        """
        return backoff.request(self.database, name, clock=self.clock)

    def close(self) -> None:
        """Closes all connections."""
        self.courier.close()
        self.motions_api.close()
        self.members_api.close()
        self.database.close()


def open_lobby(
    settings: Settings,
    *,
    database: Database | None = None,
    courier: Courier | None = None,
    motions_api: httpx2.Client | None = None,
    members_api: httpx2.Client | None = None,
    webhooks: WebhookSender | None = None,
    clock: Clock = utc_now,
) -> Lobby:
    """Puts the service together. Opens no connection yet.

    A part that is passed replaces the one from the settings.

    :raises Unavailable: the database exists, but not the file with its secret key
    """
    keyring = secret_keys.keyring_of(settings)
    use_keyring(keyring)
    return Lobby(
        settings=settings,
        keyring=keyring,
        tokens=Tokens(keyring, clock),
        postcodes=CurrentDirectory(settings.postcode_file),
        courier=courier or make_courier(settings.smtp_url),
        motions_api=motions_api or http.make_client(settings.motions_api_url),
        members_api=members_api or http.make_client(settings.members_api_url),
        webhooks=webhooks or WebhookSender(to_loopback=settings.webhooks_to_loopback),
        clock=clock,
        signer=_signer(settings, clock),
        # Last, because it makes a file: a wrong setting must leave none.
        database=database or Database(settings.database_url),
    )


def _signer(settings: Settings, clock: Clock) -> DkimSigner | None:
    if settings.dkim_key is None:
        return None
    domain, selector = mail_builder.domain_of(settings.mail_from).lower(), settings.dkim_selector
    return dkim_signer.load(settings.dkim_key, selector=selector, domain=domain, clock=clock)
