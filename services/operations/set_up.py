"""Checks of how an installation is set up: addresses, and the file of settings."""

import stat

from dotenv import dotenv_values

from core import setting_names
from core.listening import Listening
from core.settings import ENV_FILE, Settings
from services.operations import addresses
from services.operations.findings import Finding

_SECRETS = {"LOBBY_SECRET_KEY", "LOBBY_METRICS_TOKEN"}


def check(settings: Settings, listening: Listening | None) -> list[Finding]:
    """Finds what is wrong with addresses and `.env`. `listening` is None if it is not known."""
    return addresses.check(settings, listening) + _env_file()


def _env_file() -> list[Finding]:
    if not ENV_FILE.is_file() or not ENV_FILE.stat().st_mode & stat.S_IROTH:
        return []
    values = dotenv_values(ENV_FILE, encoding=setting_names.ENCODING)
    names = sorted(name for name, value in values.items() if value and _is_secret(name, value))
    if not names:
        return []
    text = (
        f"{ENV_FILE} holds {', '.join(names)}, and everybody on this machine can read it: run "
        f"`chmod 600 {ENV_FILE}`, and think of changing what it holds."
    )
    return [Finding(text, is_trouble=False, code="env_file_open_to_others")]


def _is_secret(name: str, value: str) -> bool:
    # A login in a URL, or a password in its query.
    has_login = "://" in value and ("@" in value or "password=" in value)
    return name.upper() in _SECRETS or has_login
