"""Settings and data of the services that tests open."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import InitSettingsSource
from sqlmodel import select

from core.settings import Settings
from models import Organiser
from services.assembly import Lobby, open_lobby
from services.database import secret_keys
from services.demonstration import invented_campaign
from tests.support.common import METRICS_TOKEN, ORGANISERS_PASSWORD, SECRET, Clock, Mailbox

MakeLobby = Callable[..., Lobby]


def settings_for(url: str, folder: Path) -> Settings:
    values = {
        "data_dir": folder,
        "database_url": url,
        "secret_key": SecretStr(SECRET),
        "metrics_token": SecretStr(METRICS_TOKEN),
        "base_url": "http://testserver",
        "mail_from": "Central Lobby <post@lobby.example.org>",
        "worker": "off",
        "sync_members": "off",
    }
    # Checked as always, but not looked up in the environment, which took a tenth of a short test.
    return Settings(_build_sources=((InitSettingsSource(Settings, values),), values))


def prepare(settings: Settings, postcode_file: Path, *, with_demonstration: bool) -> None:
    """Migrates a database unless it is, and loads the demonstration, whose mails it delivers."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(postcode_file, settings.postcode_file)
    lobby = open_lobby(settings, clock=Clock())
    secret_keys.prepare(lobby.database, lobby.keyring, now=lobby.clock())
    if with_demonstration:
        with lobby.database.write() as session:
            lookup, now = lobby.postcodes.lookup, lobby.clock()
            invented_campaign.load(
                session,
                postcodes=lookup,
                keyring=lobby.keyring,
                now=now,
                password=ORGANISERS_PASSWORD,
            )
            # Tests of other things need no second step, although they are not on loopback.
            for organiser in session.exec(select(Organiser)):
                organiser.second_step_due_at = now + timedelta(days=3650)
        Mailbox(lobby).deliver()
    lobby.close()
