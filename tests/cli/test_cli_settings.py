"""Tests how the `lobby` command reports wrong settings."""

import socket
from pathlib import Path

import pytest

from tests.support.cli import Cli

pytestmark = pytest.mark.slow


def test_the_secret_that_is_made_is_the_operators_alone(demo: Cli) -> None:
    file = demo.data / "secret_key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text().strip()) >= 32


def test_every_setting_that_is_wrong_is_named(cli: Cli) -> None:
    wrong = {
        "LOBBY_SECRET_KEY": "too short, but not to be shown",
        "LOBBY_BASE_URL": "lobby.example.org",
        "LOBBY_MOTIONS_API_URL": "http://[parliament",
        "LOBBY_SMTP_URL": "smtp://user:password@relay:post",
        "LOBBY_WORKER": "sometimes",
        "LOBBY_BOUNCE_ADDRESS": "bounces+tag@lobby.example.org",
    }
    done = cli("check", **wrong)
    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert sorted(line.partition(":")[0] for line in lines) == sorted(wrong)
    assert "not to be shown" not in done.stderr
    assert "password" not in done.stderr
    assert not cli.data.exists()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"LOBBY_DATABASE_URL": "postgresql://localhost/lobby"},
            "LOBBY_SECRET_KEY is required with PostgreSQL",
        ),
        (
            {"LOBBY_DATABASE_URL": "mysql://localhost/lobby"},
            "LOBBY_DATABASE_URL must start with sqlite:/// or postgresql://",
        ),
        (
            {"LOBBY_BOUNCE_FOLDER": "/srv/returned"},
            "LOBBY_BOUNCE_FOLDER needs LOBBY_BOUNCE_ADDRESS",
        ),
        (
            {"LOBBY_SMTP_URL": "pigeon://loft"},
            "LOBBY_SMTP_URL must be smtp://, smtps:// or file:FOLDER.",
        ),
        (
            {"LOBBY_METRICS_PORT": "9100", "LOBBY_METRICS_HOST": "0.0.0.0"},
            "LOBBY_METRICS_HOST off loopback needs LOBBY_METRICS_TOKEN",
        ),
        (
            {"LOBBY_METRICS_TOKEN": "too short"},
            "LOBBY_METRICS_TOKEN: needs at least 16 characters: letters, digits and ASCII "
            "punctuation, no spaces",
        ),
    ],
    ids=["no secret", "database", "bounces", "post", "metrics port", "metrics"],
)
def test_a_setting_that_does_not_fit_is_named(
    cli: Cli, settings: dict[str, str], sentence: str
) -> None:
    assert cli.refused("check", **settings) == sentence
    assert not cli.database.exists()


def test_a_data_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    assert "Not a directory" in Cli(file / "data").refused("check")


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_metrics_port_that_is_taken_is_refused_before_anything_runs(
    cli: Cli, unused_port: int, command: str
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", unused_port))
        other.listen()
        sentence = cli.refused(command, LOBBY_METRICS_PORT=str(unused_port))
    assert sentence == (
        f"The metrics cannot be served on 127.0.0.1:{unused_port} (Address already in use): set "
        "LOBBY_METRICS_PORT to another port, in each process to one of its own."
    )
