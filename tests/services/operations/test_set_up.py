"""Tests what is found about addresses that do not fit, and about `.env`."""

from pathlib import Path
from typing import Any

import pytest

from core.listening import Listening
from core.settings import Settings
from services.operations import set_up

HERE = Listening()
EVERYWHERE = Listening("0.0.0.0", 8000)
UNENCRYPTED = "which is not encrypted"
UNREACHABLE = "which works on this machine only"
ELSEWHERE = "links lead elsewhere"
UNKNOWN = "`lobby worker` cannot know"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(listening: Listening | None, **settings: Any) -> list[str]:
    findings = set_up.check(Settings(**settings), listening)
    assert not any(finding.is_trouble for finding in findings)
    return [finding.text for finding in findings]


@pytest.mark.parametrize(
    ("listening", "settings"),
    [
        (HERE, {}),
        (None, {}),
        (Listening("127.0.0.1", 8123), {}),
        (Listening("::1", 8123), {}),
        (HERE, {"base_url": "http://127.0.0.1:8000"}),
        (HERE, {"base_url": "http://localhost:8000"}),
        (Listening("localhost", 80), {"base_url": "http://127.0.0.1"}),
        (HERE, {"base_url": "https://localhost"}),  # a proxy on this machine
        (HERE, {"base_url": "https://lobby.example.org"}),
        (EVERYWHERE, {"base_url": "https://lobby.example.org"}),
        (None, {"base_url": "https://lobby.example.org", "smtp_url": "smtp://relay"}),
        (Listening("0.0.0.0", 9000), {"base_url": "https://lobby.example.org", "worker": "off"}),
        (HERE, {"worker": "off"}),
    ],
)
def test_addresses_that_fit_are_no_finding(
    listening: Listening | None, settings: dict[str, Any]
) -> None:
    assert found(listening, **settings) == []


@pytest.mark.parametrize(
    ("listening", "settings", "text"),
    [
        (None, {"base_url": "http://lobby.example.org"}, UNENCRYPTED),
        (HERE, {"base_url": "http://lobby.example.org"}, UNENCRYPTED),
        (Listening("192.168.1.5", 8000), {}, UNENCRYPTED),
        (EVERYWHERE, {}, UNREACHABLE),
        (Listening("::", 8000), {}, UNREACHABLE),
        (EVERYWHERE, {"base_url": "http://127.0.0.1:8000"}, UNREACHABLE),
        (Listening("192.168.1.5", 8000), {"base_url": "http://127.0.0.1:8000"}, UNREACHABLE),
        (None, {"smtp_url": "smtp://127.0.0.1"}, UNREACHABLE),
        (Listening("127.0.0.1", 8123), {"base_url": "http://127.0.0.1:8000"}, ELSEWHERE),
        (Listening("127.0.0.1", 8000), {"base_url": "http://localhost"}, ELSEWHERE),
        (Listening("::1", 8000), {"base_url": "http://127.0.0.1:8000"}, ELSEWHERE),
        (Listening("127.0.0.1", 8123), {"worker": "off"}, UNKNOWN),
        (None, {"worker": "off"}, UNKNOWN),
    ],
)
def test_addresses_that_do_not_fit_are_one_finding(
    listening: Listening | None, settings: dict[str, Any], text: str
) -> None:
    (finding,) = found(listening, **settings)
    assert text in finding
    assert "LOBBY_BASE_URL" in finding


def test_a_finding_says_what_to_set() -> None:
    (text,) = found(Listening("127.0.0.1", 8123), base_url="http://127.0.0.1:8000")
    assert text == (
        "LOBBY_BASE_URL is http://127.0.0.1:8000, but the service listens on 127.0.0.1:8123: links "
        "lead elsewhere. Unset LOBBY_BASE_URL, or set it to http://127.0.0.1:8123."
    )


@pytest.mark.parametrize(
    "line",
    [
        "LOBBY_SECRET_KEY=a secret that is long enough to be one",
        "LOBBY_METRICS_TOKEN=a-token-for-the-metrics",
        "LOBBY_SMTP_URL=smtp://user:hidden@relay",
        "LOBBY_DATABASE_URL=postgresql:///lobby?password=hidden",
    ],
)
def test_a_file_with_a_secret_that_everybody_can_read_is_found(folder: Path, line: str) -> None:
    file = folder / ".env"
    file.write_text(line + "\n")
    file.chmod(0o644)
    (text,) = found(None)
    assert text.startswith(f".env holds {line.partition('=')[0]}, and everybody")
    assert "`chmod 600 .env`" in text
    assert "hidden" not in text
    for mode in (0o600, 0o640):
        file.chmod(mode)
        assert found(None) == []


def test_a_file_without_a_secret_may_be_read(folder: Path) -> None:
    (folder / ".env").write_text("LOBBY_WORKER=off\nLOBBY_SECRET_KEY=\nLOBBY_SMTP_URL=smtp://r\n")
    (folder / ".env").chmod(0o644)
    assert found(None) == []
