"""Tests `serve`, `worker`, `demo` and `check` with addresses, ports, and a file of settings."""

import re
import signal
import socket

import httpx2
import pytest

from core.settings import ROOT
from core.version import version
from services.organisations import organisations
from tests.support.cli import ORGANISATION, Cli, Running, free_port, until
from tests.support.common import PETITION, SECRET

pytestmark = pytest.mark.slow
SIGNATURE = {"name": "Anna", "email": "anna@example.org", "postcode": "EH1 1YZ"}


def lines_of(process: Running) -> list[str]:
    """Stops a command in an orderly way; returns what it told, without the log."""
    process.send_signal(signal.SIGTERM)
    _, text = process.communicate(timeout=60)
    assert process.returncode == 0, text
    return [line for line in text.splitlines() if not line.startswith("{")]


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_pages_mails_and_lines_have_the_port_of_the_server(demo: Cli) -> None:
    port = free_port()
    site = f"http://127.0.0.1:{port}"
    assert f"{site}/sign-in" in demo("demo", "--port", str(port)).stdout
    mails = demo.data / "mail"

    def is_mailed() -> bool:
        return any(f"{site}/confirm/" in file.read_text() for file in mails.glob("*.eml"))

    with demo.running("serve", "--port", str(port)) as server:
        until(lambda: is_open(port), server)
        signed = httpx2.post(f"{site}/v1/petitions/{PETITION}/signatures", json=SIGNATURE)
        assert signed.status_code == 201
        until(is_mailed, server)
        first, last = lines_of(server)
    database, folder = f"database sqlite:///{demo.database}", f"mail file:{mails}"
    assert first == (
        f"Central Lobby is open at {site} and listens on 127.0.0.1:{port}: version {version()}, "
        f"{database}, {folder}, worker inline."
    )
    assert last == f"Central Lobby has stopped listening on 127.0.0.1:{port}."


def test_a_base_url_that_is_set_stays_and_its_mismatch_is_told(demo: Cli) -> None:
    port = free_port()
    demo.settings |= {"LOBBY_BASE_URL": "http://127.0.0.1:8000", "LOBBY_WORKER": "off"}
    with demo.running("serve", "--port", str(port)) as server:
        until(lambda: is_open(port), server)
        warning, first, _ = lines_of(server)
    assert warning.startswith(
        f"LOBBY_BASE_URL is http://127.0.0.1:8000, but the service listens on 127.0.0.1:{port}:"
    )
    assert first.startswith("Central Lobby is open at http://127.0.0.1:8000 and listens on")
    assert first.endswith("worker off.")


def test_the_worker_says_when_it_starts_and_stops_and_shows_no_password(demo: Cli) -> None:
    demo.settings["LOBBY_SMTP_URL"] = f"smtp://post:hidden@127.0.0.1:{free_port()}"
    with demo.running("worker") as worker:
        first = worker.stderr.readline()
        (last,) = lines_of(worker)
    assert first.startswith(f"The worker has started: version {version()}, database sqlite:///")
    assert "mail smtp://post@127.0.0.1:" in first
    assert "hidden" not in first
    assert last == "The worker has stopped."


@pytest.mark.parametrize("port", ["0", "65536", "99999", "-1", "abc", "", "８０００"])
def test_a_port_that_is_none_is_refused_in_a_sentence(cli: Cli, port: str) -> None:
    sentence = f"--port: '{port}' is no port. Give a number from 1 to 65535."
    assert cli.refused("serve", f"--port={port}") == sentence
    assert not cli.data.exists()


def test_a_port_in_use_is_refused_before_anything_is_made(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = cli.refused("serve", "--port", str(port))
    assert sentence == (
        f"127.0.0.1:{port} is in use: stop the other program, or choose another --port."
    )
    assert not cli.database.exists()


def test_a_host_that_is_not_ours_is_refused(cli: Cli) -> None:
    for host in ("203.0.113.9", "no-such-host.invalid", "[::1]"):
        sentence = cli.refused("serve", "--host", host)
        assert sentence == f"--host: '{host}' is no address of this machine."


def test_the_check_compares_addresses_with_the_options_of_serve(demo: Cli) -> None:
    done = demo("check", "--host", "0.0.0.0", "--port", "8123", LOBBY_WORKER="off")
    assert done.returncode == 0
    assert "The service listens on 0.0.0.0:8123 for other machines: set LOBBY_BASE" in done.stderr
    assert "`lobby worker` cannot know --host and --port" in done.stderr
    done = demo("check", LOBBY_BASE_URL="http://lobby.example.org")
    assert "LOBBY_BASE_URL is http://lobby.example.org, which is not encrypted" in done.stderr


def test_a_file_of_settings_is_read_and_a_wrong_one_refused(demo: Cli) -> None:
    file = demo.folder / ".env"
    file.write_text("LOBBY_BASE_URL=http://127.0.0.1:8321\nLOBBY_WORKER=off\n")
    assert "http://127.0.0.1:8321/sign-in" in demo("demo", "--port", "8123").stdout
    file.write_text("LOBBY_SMTP_UR=smtp://user:hidden@relay\n")
    sentence = ".env: LOBBY_SMTP_UR is not a setting: did you mean LOBBY_SMTP_URL?"
    assert demo.refused("check") == sentence
    file.write_bytes(b"LOBBY_MAIL_FROM=Caf\xe9 <post@lobby.example.org>\n")
    assert demo.refused("check") == f"{file} is not a text in UTF-8."


def test_a_demonstration_is_not_loaded_over_another_organisation(cli: Cli) -> None:
    created = cli("organisation", "create", "Our Union", "--slug", "our-union")
    assert created.returncode == 0, created.stderr
    before = cli.counts()
    sentence = cli.refused("demo")
    assert sentence.startswith(
        "The demonstration needs a database of its own, and this one has another organisation, "
        "'our-union': set LOBBY_DATA_DIR"
    )
    skipped = cli("demo", "--skip")
    assert (skipped.returncode, skipped.stdout) == (0, "")
    assert skipped.stderr == f"{sentence}\n"
    assert cli.counts() == before
    assert not (cli.data / "postcodes.bin").exists()


def test_a_demonstration_beside_another_organisation_is_refused_too(demo: Cli) -> None:
    assert demo("demo").returncode == 0
    with demo.lobby() as lobby, lobby.database.write() as session:
        organisations.create(session, name="Ours", slug="ours", now=lobby.clock())
    before = demo.counts()
    assert "'ours'" in demo.refused("demo")
    assert demo.counts() == before


def test_a_demonstration_does_not_replace_real_mps(demo: Cli) -> None:
    """Importing its invented members would end the memberships of all others."""
    demo.sql(f"UPDATE organisation SET slug = 'gone' WHERE slug = '{ORGANISATION}'")
    before = demo.counts()
    assert "this one has MPs: set" in demo.refused("demo")
    assert demo.counts() == before


@pytest.mark.parametrize("place", ["port", "host", "user"])
def test_a_database_that_refuses_is_told_without_its_password(
    cli: Cli, postgres: str, place: str
) -> None:
    socket_folder = postgres.partition("host=")[2]
    url = {
        "port": f"postgresql://lobby:hidden@127.0.0.1:{free_port()}/lobby",
        "host": "postgresql://lobby:hidden@no-such-host.invalid/lobby",
        "user": f"postgresql://nobody:hidden@/postgres?host={socket_folder}",
    }[place]
    error = cli.refused("check", LOBBY_DATABASE_URL=url, LOBBY_SECRET_KEY=SECRET)
    assert error.startswith("The database refused: ")
    assert "hidden" not in error


def test_make_run_serves_the_demonstration_at_its_port_and_skips_what_is_not_its_own() -> None:
    """Without its environment it would be installed first, so the commands are read, not run."""
    recipe = (ROOT / "Makefile").read_text().partition("\nrun: ")[2].partition("\n\n")[0]
    commands = re.findall(r"lobby (.+)", recipe)
    assert commands == ['demo --skip --port "$(PORT)"', 'serve --port "$(PORT)"']
