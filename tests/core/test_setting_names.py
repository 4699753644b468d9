"""Tests that a name that is no setting is refused, in the environment and in `.env`."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from core import settings
from core.settings import Settings, sentences


class WithFile(Settings):
    """Settings that read `.env` in the current folder, as all do outside the tests."""

    model_config = SettingsConfigDict(env_file=settings.ENV_FILE)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused() -> list[str]:
    with pytest.raises(ValidationError) as error:
        WithFile()
    return sentences(error.value)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("LOBBY_SMTP_UR", "did you mean LOBBY_SMTP_URL?"),
        ("LOBBY_SECRET", "did you mean LOBBY_SECRET_KEY?"),
        ("LOBBY_DATABASEURL", "did you mean LOBBY_DATABASE_URL?"),
        ("LOBBY_POSTS_PER_ADRESS", "did you mean LOBBY_POSTS_PER_ADDRESS?"),
        ("LOBBY_PORT", "use `lobby serve --port`."),
        ("LOBBY_XYZZY", "docs/operators/settings.md lists all settings."),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, advice: str
) -> None:
    monkeypatch.setenv(name, "a secret value")
    assert refused() == [f"{name} is not a setting: {advice}"]
    monkeypatch.delenv(name)
    (folder / ".env").write_text(f"{name}='a secret value'\n")
    assert refused() == [f".env: {name} is not a setting: {advice}"]


def test_every_unknown_name_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOBBY_SMTP_UR", "x")
    monkeypatch.setenv("lobby_base_ur", "x")
    assert sorted(refused()) == [
        "LOBBY_SMTP_UR is not a setting: did you mean LOBBY_SMTP_URL?",
        "lobby_base_ur is not a setting: did you mean LOBBY_BASE_URL?",
    ]


def test_empty_and_foreign_names_are_let_be(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("LOBBY_SMTP_UR", "")
    monkeypatch.setenv("LOBBYIST", "x")
    monkeypatch.setenv("PORT", "8123")
    (folder / ".env").write_text("PORT=8123\nBASE_URL=https://other.example.org\n\n# LOBBY_X=1\n")
    assert WithFile().base_url == "http://127.0.0.1:8000"


def test_what_kubernetes_sets_for_a_service_called_lobby_is_let_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "LOBBY_SERVICE_HOST": "10.0.0.11",
        "LOBBY_SERVICE_PORT": "8000",
        "LOBBY_SERVICE_PORT_HTTP": "8000",
        "LOBBY_PORT": "tcp://10.0.0.11:8000",
        "LOBBY_PORT_8000_TCP": "tcp://10.0.0.11:8000",
        "LOBBY_PORT_8000_TCP_PROTO": "tcp",
        "LOBBY_DB_SERVICE_HOST": "10.0.0.12",
        "LOBBY_DB_PORT": "tcp://10.0.0.12:5432",
    }.items():
        monkeypatch.setenv(name, value)
    assert WithFile().worker == "inline"


def test_the_file_is_read_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    text = "\ufeffLOBBY_BASE_URL=https://file.example.org\nexport LOBBY_WORKER='off'\n"
    (folder / ".env").write_text(text, encoding="utf-8")
    assert (WithFile().base_url, WithFile().worker) == ("https://file.example.org", "off")
    assert "base_url" in WithFile().model_fields_set
    monkeypatch.setenv("LOBBY_BASE_URL", "https://environment.example.org")
    assert (WithFile().base_url, WithFile().worker) == ("https://environment.example.org", "off")
    monkeypatch.setenv("LOBBY_BASE_URL", "")
    assert WithFile().base_url == "https://file.example.org"


def test_a_line_of_the_file_that_is_none_is_named_without_what_it_holds(folder: Path) -> None:
    (folder / ".env").write_text("LOBBY_WORKER=off\nLOBBY_SECRET_KEY\n'hidden\n")
    assert refused() == [
        ".env, line 2: write it as NAME=value.",
        ".env, line 3: write it as NAME=value.",
    ]


@pytest.mark.slow
def test_no_error_shows_the_value_of_any_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not a JSON parser's, if a setting should ever be a list."""
    values: tuple[Any, ...] = (
        "{hidden",
        "[hidden",
        "hidden",
        "hidden://x y",
        '{"a": hidden}',
        "-1",
    )
    for name in Settings.model_fields:
        for value in values:
            monkeypatch.setenv(f"LOBBY_{name.upper()}", value)
            try:
                Settings()
            except ValidationError as error:
                shown = "\n".join([str(error), *sentences(error)])
                assert "hidden" not in shown, name
            monkeypatch.delenv(f"LOBBY_{name.upper()}")
