"""Tests the lists of the command: campaigns, petitions and settings, and how lists look."""

import json
import os
import pty
import re
import struct
import subprocess
import termios
from fcntl import ioctl
from pathlib import Path

import pytest

from cli import config
from cli.config import HIDDEN
from core.settings import Settings
from services.demonstration import invented_campaign
from tests.support.cli import COMMAND, OF_IT, ORGANISATION, Cli
from tests.support.common import CAMPAIGN, PETITION

pytestmark = pytest.mark.slow


def on_terminal(cli: Cli, *arguments: str, columns: int, **settings: str) -> str:
    """Returns what a command shows on a terminal with so many columns."""
    terminal, end = pty.openpty()
    ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        [COMMAND, *arguments],
        env=cli.environment | {"TERM": "xterm-256color"} | settings,
        stdin=subprocess.DEVNULL,
        stdout=end,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(end)
        parts = []
        try:
            while part := os.read(terminal, 4096):
                parts.append(part)
        except OSError:  # the command has ended
            os.close(terminal)
    assert process.returncode == 0
    return b"".join(parts).decode().replace("\r\n", "\n")


def test_campaigns_are_listed_with_their_counts_and_motion(demo: Cli) -> None:
    demo.sql("UPDATE campaign SET status = 'draft'")
    done = demo("campaign", "list")
    count = str(invented_campaign.SIGNATURES)
    row = [CAMPAIGN, "draft", ORGANISATION, "1", count, "EDM 152", "900152"]
    assert done.stdout == "\t".join(row) + "\n"
    assert done.stderr.strip() == "Campaigns: 1."
    (found,) = json.loads(demo("campaign", "list", "--json").stdout)
    assert (found["slug"], found["status"], found["petitions"]) == (CAMPAIGN, "draft", [PETITION])
    assert (found["signatures"], found["motion"]["id"]) == (invented_campaign.SIGNATURES, 900152)


def test_petitions_are_listed_with_their_counts(demo: Cli) -> None:
    count = invented_campaign.SIGNATURES
    assert demo("petition", "list").stdout == f"{PETITION}\topen\t{CAMPAIGN}\t{count}\t1000\n"
    (found,) = json.loads(demo("petition", "list", "--json").stdout)
    assert (found["slug"], found["signatures"], found["goal"]) == (PETITION, count, 1000)


def test_a_list_is_limited_to_one_organisation(demo: Cli) -> None:
    assert demo("organisation", "create", "Others", "--slug", "others").returncode == 0
    for kind in ("campaign", "petition"):
        assert demo(kind, "list", *OF_IT).stdout == demo(kind, "list").stdout
        assert json.loads(demo(kind, "list", "--organisation", "others", "--json").stdout) == []
        error = demo.refused(kind, "list", "--organisation", "none")
        assert error == "There is no organisation 'none'."


def test_a_terminal_gets_a_table_or_blocks_if_it_is_narrow_and_loses_no_character(
    demo: Cli,
) -> None:
    wide = on_terminal(demo, "campaign", "list", columns=160)
    assert re.search(rf"^{CAMPAIGN} +open +{ORGANISATION} .* 900152 *$", wide, re.MULTILINE)
    assert "signatures" in wide, "a header"
    assert "\t" not in wide
    narrow = on_terminal(demo, "campaign", "list", columns=50, NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", narrow)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", narrow)
    assert max(map(len, plain.splitlines())) <= 50
    assert re.search(rf"^organisation  {ORGANISATION}$", plain, re.MULTILINE)


SECRETS = {
    "LOBBY_SECRET_KEY": "secret-one " * 4 + ", " + "secret-two " * 4,
    "LOBBY_METRICS_TOKEN": "secret-three-which-is-long",
    "LOBBY_SMTP_URL": "smtp://us%40example.org:secret-four@with-at@relay.example.org:587",
    "LOBBY_RATE_LIMIT_URL": "redis://:secret-five@redis.example.org/0",
    "LOBBY_DATABASE_URL": "postgresql://lobby:secret-six@db.example.org/x?sslpassword=secret-seven",
}


def test_every_setting_is_shown_with_its_source_and_no_secret(cli: Cli) -> None:
    for options in ((), ("--json",)):
        done = cli("config", "show", *options, **SECRETS, LOBBY_QUIET_HOURS="off")
        assert (done.returncode, done.stderr) == (0, "")
        assert "secret-" not in done.stdout
    rows = {row["name"]: (row["value"], row["source"]) for row in json.loads(done.stdout)}
    assert list(rows) == [f"LOBBY_{name}".upper() for name in Settings.model_fields]
    assert rows["LOBBY_QUIET_HOURS"] == ("off", "environment")
    assert rows["LOBBY_SYNC_MEMBERS"] == ("daily", "default")
    assert rows["LOBBY_SECRET_KEY"] == (HIDDEN, "environment")
    assert rows["LOBBY_SMTP_URL"][0] == f"smtp://us%40example.org:{HIDDEN}@relay.example.org:587"
    assert rows["LOBBY_RATE_LIMIT_URL"][0] == f"redis://:{HIDDEN}@redis.example.org/0"
    assert rows["LOBBY_DATABASE_URL"][0] == (
        f"postgresql+psycopg://lobby:{HIDDEN}@db.example.org/x?sslpassword={HIDDEN}"
    )
    assert not cli.data.exists()


def test_the_environment_goes_before_a_file_of_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text("LOBBY_WORKER=off\nLOBBY_QUIET_HOURS=off\nLOBBY_BASE_URL=\n")
    monkeypatch.setitem(Settings.model_config, "env_file", file)
    monkeypatch.setenv("LOBBY_WORKER", "inline")
    found = config.sources()
    assert {name: found.get(name) for name in ("worker", "quiet_hours", "base_url")} == {
        "worker": "environment",
        "quiet_hours": ".env",
        "base_url": None,
    }


def test_a_setting_that_is_not_set_is_shown_as_it_is_used(cli: Cli) -> None:
    done = cli("config", "show", LOBBY_BASE_URL="")
    rows = dict(line.split("\t", 1) for line in done.stdout.splitlines())
    assert rows["LOBBY_DATA_DIR"] == f"{cli.data}\tenvironment"
    assert rows["LOBBY_DATABASE_URL"] == f"sqlite:///{cli.data}/lobby.db\tdefault"
    assert rows["LOBBY_BASE_URL"] == "http://127.0.0.1:8000\tdefault", "empty counts as unset"
    assert done.stderr.strip() == f"The secret key is in {cli.data}/secret_key."
    assert not cli.data.exists(), "showing makes no key"
