"""`lobby config`: the settings, and where each comes from."""

import re
from typing import Any

import typer
from pydantic import SecretStr
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

from cli.examples import examples
from cli.output import tell
from cli.tables import AsJson, show, show_json
from core.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    help="Settings of this installation.",
    epilog=examples("lobby config show"),
)
HIDDEN = "********"
# Up to the last '@': a password may contain any character, even where it should be escaped.
_PASSWORD = re.compile(r"(?<=://)([^:@/?#]*):.*@", re.DOTALL)
_SECRET_PARAMETER = re.compile(r"([?&][^=&]*(?:pass|secret|token|key)[^=&]*=)[^&]*", re.IGNORECASE)


@app.command("show", epilog=examples("lobby config show", "lobby config show --json"))
def show_settings(as_json: AsJson = False) -> None:
    """Show every setting, its value, and where it comes from: environment, .env or default.

    Secrets, and passwords in addresses, are hidden. A setting that is not set has the value that
    the service uses for it.
    """
    settings = Settings()
    found = sources()
    rows = [
        (f"LOBBY_{name}".upper(), _shown(getattr(settings, name)), found.get(name, "default"))
        for name in Settings.model_fields
    ]
    if as_json:
        show_json([dict(zip(("name", "value", "source"), row, strict=True)) for row in rows])
        return
    show(("setting", "value", "from"), rows)
    if settings.secret_key is None:
        tell(f"The secret key is in {settings.data_dir / 'secret_key'}.")


def sources() -> dict[str, str]:
    """Returns where each setting that is set comes from. The environment goes first."""
    from_file: dict[str, Any] = DotEnvSettingsSource(Settings)()
    from_environment: dict[str, Any] = EnvSettingsSource(Settings)()
    return dict.fromkeys(from_file, ".env") | dict.fromkeys(from_environment, "environment")


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, bool):
        return str(value).lower()
    text = _PASSWORD.sub(rf"\1:{HIDDEN}@", str(value))
    return _SECRET_PARAMETER.sub(rf"\1{HIDDEN}", text)
