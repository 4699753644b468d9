"""Settings of services that are thrown away afterwards, and how a child process gets them."""

import os
from pathlib import Path

from pydantic import SecretStr

from core.settings import Settings

SECRET = "the secret of a drill in which everybody is invented"
METRICS_TOKEN = "the-token-of-a-drill"
NO_LIMIT = 10**9  # requests a minute: all requests come from one address, to one petition
UNREACHABLE = "http://127.0.0.1:9"  # stands for Parliament's APIs


def throwaway_settings(folder: Path, database_url: str = "") -> Settings:
    """Returns settings without rate limits, sync or a worker; on SQLite unless there is a URL."""
    return Settings(
        data_dir=folder,
        database_url=database_url,
        secret_key=SecretStr(SECRET),
        metrics_token=SecretStr(METRICS_TOKEN),
        mail_from="Central Lobby <post@lobby.example.org>",
        motions_api_url=UNREACHABLE,
        members_api_url=UNREACHABLE,
        worker="off",
        sync_members="off",
        gets_per_address=NO_LIMIT,
        posts_per_address=NO_LIMIT,
        posts_per_petition=NO_LIMIT,
    )


def environment(settings: Settings) -> dict[str, str]:
    """Returns the environment of a child process that has exactly these settings."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("LOBBY_")}
    token = settings.metrics_token
    values = settings.model_dump(mode="json") | {
        "secret_key": ",".join(settings.secrets()),
        "metrics_token": token and token.get_secret_value(),
    }
    return others | {
        f"LOBBY_{name.upper()}": str(value) for name, value in values.items() if value is not None
    }
