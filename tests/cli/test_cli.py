"""Tests the `lobby` command as a whole: demonstration, check, errors and PostgreSQL."""

import json
import signal
from pathlib import Path
from uuid import UUID

import pytest
from sqlmodel import select

from models import Member
from services.assembly import Lobby
from services.database import engine
from services.demonstration import invented_campaign
from services.mail import dead_addresses
from services.signatures.recording import SignatureRequest
from tests.support.cli import KEY, OF_IT, Cli, free_port, until
from tests.support.common import SECRET
from tests.support.signatures import confirm, sign_and_sort


@pytest.mark.slow
def test_help_needs_no_settings_and_makes_no_files(cli: Cli) -> None:
    done = cli("key", "create", "--help", LOBBY_BASE_URL="nonsense")
    assert (done.returncode, done.stderr) == (0, "")
    assert "campaigns:write" in done.stdout
    assert not cli.data.exists()


@pytest.mark.slow
def test_the_demonstration_tells_what_to_open_and_loads_once(demo: Cli) -> None:
    before, secret = demo.counts(), (demo.data / "secret_key").read_text()
    done = demo("demo", LOBBY_BASE_URL="http://127.0.0.1:8123")
    assert (done.returncode, done.stderr) == (0, "")
    for line in (
        "127.0.0.1:8123/campaigns/",
        invented_campaign.ORGANISER,
        invented_campaign.PASSWORD,
    ):
        assert line in done.stdout
    assert demo.counts() == before
    assert (demo.data / "secret_key").read_text() == secret
    assert before["signature"] == invented_campaign.SIGNATURES


@pytest.mark.slow
def test_the_check_finds_no_trouble_in_the_demonstration(demo: Cli) -> None:
    done = demo("check")
    assert (done.returncode, done.stdout) == (0, "No trouble found.\n")
    assert "Tallies were not recounted: --recount" in done.stderr


@pytest.mark.slow
def test_a_recount_finds_no_trouble_in_the_demonstration_and_says_what_it_counts(demo: Cli) -> None:
    done = demo("check", "--recount")
    assert (done.returncode, done.stdout) == (0, "No trouble found.\n")
    assert "Counting the signatures" in done.stderr
    assert "Counting the letters" in done.stderr
    assert "not recounted" not in done.stderr


@pytest.mark.slow
def test_the_check_finds_a_tally_that_is_not_the_count(demo: Cli) -> None:
    demo.sql(
        "UPDATE petition_tally SET confirmed = confirmed + 1 WHERE constituency_code = 'S14000078'"
    )
    done = demo("check")
    assert (done.returncode, done.stdout) == (1, "")
    assert "its seats sum up to" in done.stderr
    done = demo("check", "--recount")
    assert (done.returncode, done.stdout) == (1, "")
    assert "S14000078: the tally says" in done.stderr


@pytest.mark.slow
def test_a_recount_finds_what_the_check_says_that_it_does_not_look_at(demo: Cli) -> None:
    demo.sql("UPDATE signature SET state = 'withdrawn' WHERE constituency_code = 'S14000078'")
    done = demo("check")
    assert done.returncode == 0
    assert "Tallies were not recounted: --recount" in done.stderr
    done = demo("check", "--recount")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the signatures 0" in done.stderr


@pytest.mark.slow
def test_the_check_gives_its_findings_to_programs(demo: Cli) -> None:
    demo.sql(
        "UPDATE petition_tally SET confirmed = confirmed + 1 WHERE constituency_code = 'S14000078'"
    )
    done = demo("check", "--json", "--recount", LOBBY_MAIL_FROM="Us <us@lobby.example.com>")
    assert done.returncode == 1
    findings = json.loads(done.stdout)
    assert {tuple(sorted(finding)) for finding in findings} == {("code", "is_trouble", "text")}
    troubles = [finding["code"] for finding in findings if finding["is_trouble"]]
    assert troubles == ["tally_sums_differ", "tally_signatures_differ"]
    assert "mail_to_folder" in {finding["code"] for finding in findings}


@pytest.mark.slow
def test_a_check_without_trouble_is_json_too_and_ends_well(demo: Cli) -> None:
    done = demo("check", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert not any(finding["is_trouble"] for finding in json.loads(done.stdout))


@pytest.mark.slow
def test_a_check_of_a_database_of_a_newer_version_is_json_too(demo: Cli) -> None:
    demo.sql("UPDATE alembic_version SET version_num = '9999'")
    done = demo("check", "--json")
    assert (done.returncode, done.stderr) == (1, "")
    (finding,) = json.loads(done.stdout)
    assert (finding["code"], finding["is_trouble"]) == ("schema_not_at_head", True)


@pytest.mark.slow
def test_the_check_misses_the_postcodes(cli: Cli) -> None:
    done = cli("check")
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no postcode directory" in done.stderr
    assert "Run `lobby import postcodes`." in done.stderr


@pytest.mark.slow
def test_the_schema_goes_down_to_nothing_and_up_again(demo: Cli) -> None:
    assert demo("migrate", "base").returncode == 0
    assert demo.counts() == {"alembic_version": 0}
    assert demo("migrate").returncode == 0
    assert set(demo.counts().values()) == {0, 1}, "a version, and nothing else"


@pytest.mark.slow
def test_a_version_that_does_not_exist_is_refused(demo: Cli) -> None:
    before = demo.counts()
    assert "9999" in demo.refused("migrate", "9999")
    assert demo.counts() == before


@pytest.mark.slow
def test_a_database_of_another_version_is_not_worked_on(demo: Cli) -> None:
    demo.sql("UPDATE alembic_version SET version_num = '0000'")
    sentence = demo.refused("check")
    assert "run `lobby migrate`" in sentence


@pytest.mark.slow
def test_the_worker_delivers_what_is_due_and_stops_when_told(demo: Cli) -> None:
    mails = demo.data / "mail"
    with demo.running("worker") as worker:
        until(lambda: any(mails.glob("*.eml")), worker)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=20) == 0
        assert "Traceback" not in worker.stderr.read()


@pytest.mark.slow
def test_dead_addresses_are_listed_without_supporters_and_lifted(demo: Cli) -> None:
    morag = "morag.ferncastle@example.org"
    with demo.lobby() as lobby, lobby.database.write() as session:
        member = session.exec(select(Member).where(Member.email == morag)).one()
        for email, member_id in ((morag, member.id), ("anna@example.org", None)):
            index, now = dead_addresses.index_of(email, lobby.keyring), lobby.clock()
            dead_addresses.note(session, index, member_id=member_id, detail="550 5.1.1", now=now)
    done = demo("mail", "dead")
    assert done.stdout.split("\t")[1::2] == ["Morag Ferncastle", "550 5.1.1\n"]
    assert done.stderr.strip() == "Members: 1. Supporters: 1."
    assert "anna" not in done.stdout + done.stderr
    for email in ("ANNA@example.org", "nobody@example.org"):
        assert demo.refused("mail", "revive", email) == "Mail to this address is not left out."
    for email in ("anna@EXAMPLE.org", morag):
        assert demo("mail", "revive", email).returncode == 0
    done = demo("mail", "dead")
    assert (done.stdout, done.stderr.strip()) == ("", "Members: 0. Supporters: 0.")


@pytest.mark.slow
def test_the_command_works_on_postgresql(on_postgres: Cli, tmp_path: Path) -> None:
    done = on_postgres("demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert on_postgres("check").stdout == "No trouble found.\n"
    assert KEY.fullmatch(on_postgres("key", "create", *OF_IT, "--scope", "tallies:read").stdout)
    assert "pg_dump" in on_postgres.refused("backup", tmp_path / "copy.db")
    assert not (on_postgres.data / "secret_key").exists()
    assert not (on_postgres.data / "lobby.db").exists()


def submit(lobby: Lobby) -> UUID:
    """Makes a submission; returns its id."""
    slug = invented_campaign.about().petition
    request = SignatureRequest(slug, "Anna", "anna@example.org", "EH1 1YZ", updates=False)
    (row_id,) = sign_and_sort(lobby, request)
    return row_id


@pytest.mark.slow
def test_the_way_down_turns_submissions_into_unconfirmed_signatures(demo: Cli) -> None:
    with demo.lobby() as lobby:
        row_id = submit(lobby)
    done = demo("migrate", "0015")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.strip().splitlines() == [
        "Submissions turned back into what waits for confirmation: 1.",
        "The schema is at 0015.",
    ]
    assert demo.sql(f"SELECT state FROM signature WHERE id = '{row_id.hex}'") == [("pending",)]
    assert demo("migrate").returncode == 0
    with demo.lobby() as lobby:
        assert confirm(lobby, row_id).id == row_id
    assert demo("check", "--recount").returncode == 0


@pytest.mark.slow
def test_the_way_down_is_refused_without_the_secret_key_and_loses_nothing(demo: Cli) -> None:
    with demo.lobby() as lobby:
        row_id = submit(lobby)
    error = demo.refused("migrate", "0015", LOBBY_SECRET_KEY=f"not {SECRET}")
    assert error.startswith("LOBBY_SECRET_KEY is not the secret key of this database")
    assert demo.sql(f"SELECT state FROM submission WHERE id = '{row_id.hex}'") == [("asked",)]
    assert demo.sql("SELECT version_num FROM alembic_version") == [(engine.head_revision(),)]


@pytest.mark.slow
def test_a_postgresql_that_does_not_answer_is_told(cli: Cli) -> None:
    url = f"postgresql://127.0.0.1:{free_port()}/lobby"
    error = cli.refused("check", LOBBY_DATABASE_URL=url, LOBBY_SECRET_KEY=SECRET)
    assert error.startswith("The database refused: ")
