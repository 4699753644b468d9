"""Tests the import of signatures from a file: each row is recorded or rejected with a reason."""

import csv
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import Result
from sqlmodel import col, func, select
from typer.testing import CliRunner

from cli import app
from cli import signatures as cli_signatures
from cli.signatures import SOME_REJECTED
from models import (
    CampaignStatus,
    Consent,
    OutboxMessage,
    PetitionState,
    Signature,
    SignatureState,
    Submission,
    Supporter,
    Wording,
)
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.common import countries, texts
from services.errors import Invalid, LobbyError
from services.operations import recounts
from services.signatures import signature_states
from services.signatures.from_file.fields import moment_of
from services.signatures.from_file.importing import FileImportCounts
from services.signatures.recording import SignatureRequest
from services.supporters import supporters
from tests.support import exports
from tests.support.common import CAN_SIGN, PETITION, SECRET, SIGNED
from tests.support.signatures import confirm, sign_and_sort

STALL = "paper, Leeds stall, 3 May 2020"
HEADER = "Name,Email,Postcode"
TABLES = [
    "signature",
    "supporter",
    "consent",
    "wording",
    "outbox_message",
    "petition_tally",
    "petition_hour",
    "submission",
    "refusal",
]
Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _tallies_are_exact(lobby: Lobby) -> Iterator[None]:
    yield
    with lobby.database.read() as session:
        assert recounts.wrong_signatures(session) == []
        assert recounts.compare_sums(session) == []


@pytest.fixture
def run(lobby: Lobby, tmp_path: Path) -> Run:
    """Runs the import command on the database of `lobby`. Text is written to a file first."""

    def imported(
        content: str | bytes | Path, *options: str | Path, petition: str = PETITION
    ) -> Any:
        file = content if isinstance(content, Path) else tmp_path / "people.csv"
        if not isinstance(content, Path):
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        arguments = ["import", "signatures", str(file), "--petition", petition]
        if "--provenance" not in options:
            arguments += ["--provenance", STALL]
        environment = {
            "LOBBY_DATA_DIR": str(lobby.settings.data_dir),
            "LOBBY_DATABASE_URL": lobby.database.url,
            "LOBBY_SECRET_KEY": SECRET,
        }
        return CliRunner().invoke(app, [*arguments, *map(str, options)], env=environment)

    return imported


def stored_rows(lobby: Lobby) -> dict[str, list[Any]]:
    """Returns all rows of every table that an import writes to."""
    with lobby.database.read() as session:
        return {
            table: [
                [bytes(cell) if isinstance(cell, memoryview) else cell for cell in row]
                for row in session.connection().exec_driver_sql(
                    f"SELECT * FROM {table} ORDER BY 1, 2"
                )
            ]
            for table in TABLES
        }


def people(count: int, first: int = 0) -> list[str]:
    codes = CAN_SIGN, SIGNED, "ZZ1 1ZZ"
    return [f"Person N{n},n{n}@example.org,{codes[n % 3]}" for n in range(first, first + count)]


def text(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows, ""])


def summary_counts(result: Result) -> dict[str, int]:
    """Returns the counts of the printed summary that are not zero."""
    pairs = (line.rsplit(maxsplit=1) for line in result.stdout.splitlines())
    counts = {name.strip(): int(count.replace(",", "")) for name, count in pairs}
    return {name: count for name, count in counts.items() if count}


def refused(result: Result) -> str:
    """Returns the message of the error that refused the whole file."""
    assert isinstance(result.exception, LobbyError), result.output
    return result.exception.message


def totals(lobby: Lobby) -> tuple[int, int, int]:
    """Returns the petition's count, the number of signatures and the number of mails."""
    with lobby.database.read() as session:
        petition = petitions.public(session, PETITION)
        return (
            petitions.count(session, petition.id),
            session.exec(select(func.count()).select_from(Signature)).one(),
            session.exec(select(func.count()).select_from(OutboxMessage)).one(),
        )


def signature_of(lobby: Lobby, email: str) -> Signature:
    with lobby.database.read() as session:
        owner = petitions.public(session, PETITION).organisation_id
        index = lobby.keyring.blind_index(owner, texts.canonical_email(email))
        statement = select(Signature).join(Supporter).where(Supporter.email_index == index)
        return session.exec(statement).one()


def sign(lobby: Lobby, email: str) -> UUID:
    """Records and sorts a signature that is not confirmed yet; returns its id."""
    (row_id,) = sign_and_sort(lobby, SignatureRequest(PETITION, "Own Name", email, CAN_SIGN))
    return row_id


def submission_count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return session.exec(select(func.count()).select_from(Submission)).one()


# ---- taking rows


def test_rows_count_at_once_with_where_they_were_signed_and_without_a_mail(
    lobby: Lobby, run: Run
) -> None:
    counted, rows, mails = totals(lobby)
    content = text(
        *("Anna Example,anna@example.org,eh11yz,03/05/2020", "Ben,ben@example.org,M1 1AE,"),
        header="Name,E-mail,Post code,Signed at",
    )
    result = run(content)
    assert (result.exit_code, result.exception) == (0, None), result.output
    assert summary_counts(result) == {"rows read": 2, "recorded as confirmed": 2}
    assert totals(lobby) == (counted + 2, rows + 2, mails)
    anna = signature_of(lobby, "anna@example.org")
    assert (anna.state, anna.provenance) == (SignatureState.CONFIRMED, STALL)
    assert (anna.name.text, anna.postcode.text) == ("Anna Example", "EH1 1YZ")
    assert anna.signed_at == datetime(2020, 5, 2, 23, 0, tzinfo=UTC), "midnight in London"
    assert "Taking name from 'Name', email from 'E-mail'" in result.stderr


def test_the_same_again_adds_nothing_and_says_so(lobby: Lobby, run: Run) -> None:
    content = text(*people(40), header=HEADER)
    run(content)
    before = stored_rows(lobby)
    result = run(content)
    assert result.exit_code == 0
    assert summary_counts(result) == {"rows read": 40, "here already": 40}
    assert stored_rows(lobby) == before


@pytest.mark.slow
def test_many_rows_are_taken_in_batches_and_repeats_are_told_across_them(
    lobby: Lobby, run: Run
) -> None:
    counted, rows, mails = totals(lobby)
    content = text(*people(4100), *people(100, first=50), *people(1, first=4099))
    result = run(content)
    expected = {"rows read": 4201, "recorded as confirmed": 4100, "twice in the file": 101}
    assert summary_counts(result) == expected
    assert totals(lobby) == (counted + 4100, rows + 4100, mails)


@pytest.mark.slow
def test_a_rehearsal_tells_the_same_and_writes_nothing(lobby: Lobby, run: Run) -> None:
    sign(lobby, "n3@example.org")
    withdrawn = confirm(lobby, sign(lobby, "n4@example.org"))
    with lobby.database.write() as session:
        signature_states.withdraw(session, withdrawn.id, now=lobby.clock())
    content = text(*people(2100), *people(10), "Ben,bad,M1 1AE", header=HEADER)
    before = stored_rows(lobby)
    rehearsed = run(content, "--dry-run")
    assert stored_rows(lobby) == before
    assert "nothing has changed" in rehearsed.stderr
    imported = run(content)
    assert summary_counts(rehearsed) == summary_counts(imported)
    assert rehearsed.exit_code == imported.exit_code == SOME_REJECTED
    assert summary_counts(imported) == {
        "rows read": 2111,
        "recorded as confirmed": 2099,
        "twice in the file": 10,
        "taken back by their signers": 1,
        "rejected": 1,
    }


def test_a_persons_own_word_is_left_and_told(lobby: Lobby, run: Run) -> None:
    ids = [confirm(lobby, sign(lobby, f"n{n}@example.org")).id for n in range(3)]
    with lobby.database.write() as session:
        signature_states.withdraw(session, ids[1], now=lobby.clock())
        signature_states.disown(session, ids[2], now=lobby.clock())
    before = stored_rows(lobby)
    result = run(text(*people(3)))
    assert summary_counts(result) == {
        "rows read": 3,
        "here already": 1,
        "taken back by their signers": 2,
    }
    assert stored_rows(lobby) == before


def test_people_may_be_asked_by_mail_instead_and_are_asked_once(lobby: Lobby, run: Run) -> None:
    counted, rows, mails = totals(lobby)
    result = run(text(*people(30)), "--pending")
    assert summary_counts(result) == {"rows read": 30, "to be asked by mail": 30}
    assert totals(lobby) == (counted, rows, mails + 30)
    assert submission_count(lobby) == 30
    again = run(text(*people(30)), "--pending")
    assert summary_counts(again) == {"rows read": 30, "here already": 30}
    assert totals(lobby) == (counted, rows, mails + 30)
    assert submission_count(lobby) == 30
    with lobby.database.read() as session:
        first = session.exec(select(Submission.id).order_by(col(Submission.id))).first()
    assert first is not None
    assert confirm(lobby, first).provenance == STALL
    on_paper = run(text(*people(30)))
    expected = {"rows read": 30, "recorded as confirmed": 29, "here already": 1}
    assert summary_counts(on_paper) == expected
    assert totals(lobby) == (counted + 30, rows + 30, mails + 30)


def test_nobody_who_is_here_or_has_left_is_asked_by_mail(lobby: Lobby, run: Run) -> None:
    ids = [sign(lobby, f"n{n}@example.org") for n in range(4)]
    for row_id in ids[1:]:
        confirm(lobby, row_id)
    with lobby.database.write() as session:
        signature_states.withdraw(session, ids[2], now=lobby.clock())
        signature_states.disown(session, ids[3], now=lobby.clock())
    before = stored_rows(lobby)
    result = run(text(*people(4)), "--pending")
    assert summary_counts(result) == {
        "rows read": 4,
        "here already": 2,
        "taken back by their signers": 2,
    }
    assert stored_rows(lobby) == before


def test_a_rehearsal_asks_nobody_by_mail(lobby: Lobby, run: Run) -> None:
    sign(lobby, "n3@example.org")
    content = text(*people(20), *people(5))
    before = stored_rows(lobby)
    rehearsed = run(content, "--pending", "--dry-run")
    assert stored_rows(lobby) == before
    imported = run(content, "--pending")
    assert summary_counts(rehearsed) == summary_counts(imported)
    assert summary_counts(imported) == {
        "rows read": 25,
        "to be asked by mail": 19,
        "here already": 1,
        "twice in the file": 5,
    }


def test_the_strongest_of_a_persons_rows_is_told(lobby: Lobby, run: Run) -> None:
    """Somebody who withdrew and signed again is here."""
    for email, has_returned in (("n0@example.org", True), ("n1@example.org", False)):
        for _ in range(2):
            signature = confirm(lobby, sign(lobby, email))
            with lobby.database.write() as session:
                signature_states.withdraw(session, signature.id, now=lobby.clock())
        if has_returned:
            confirm(lobby, sign(lobby, email))
    before = stored_rows(lobby)
    for options in ((), ("--pending",)):
        assert summary_counts(run(text(*people(2)), *options)) == {
            "rows read": 2,
            "here already": 1,
            "taken back by their signers": 1,
        }
    assert stored_rows(lobby) == before


def test_every_column_that_we_know_is_taken(lobby: Lobby, run: Run) -> None:
    header = "Forename;Surname;E-Mail;Zip/Postal Code;Country;Comments;Language;Source;Updates"
    result = run(
        text(
            'Anna;Example;anna@example.org;EH1 1YZ;Scotland;"Two\nlines";Welsh;stall;yes',
            "Ben;;ben@example.org;75001;fr;;;;no",
            header=header,
        )
    )
    assert summary_counts(result) == {"rows read": 2, "recorded as confirmed": 2}
    anna, ben = (signature_of(lobby, f"{name}@example.org") for name in ("anna", "ben"))
    assert (anna.name.text, anna.country, anna.locale) == ("Anna Example", "GB", "cy")
    assert anna.comment.text == "Two\nlines"
    assert anna.source == "stall"
    assert (ben.name.text, ben.country, ben.constituency_code) == ("Ben", "FR", "overseas")
    with lobby.database.read() as session:
        wishes = [
            supporters.wants_updates(session, signature.supporter_id) for signature in (anna, ben)
        ]
        wording = session.exec(
            select(Wording).join(Consent).where(Consent.signature_id == anna.id)
        ).one()
    assert wishes == [True, False]
    assert STALL in wording.text


# ---- rejecting rows


def test_a_broken_row_never_stops_the_others_and_every_fault_is_told(
    lobby: Lobby, run: Run, tmp_path: Path
) -> None:
    counted, rows, mails = totals(lobby)
    header = "Name,Email,Postcode,Signed at,Country,Updates,Comment,Language,Source"
    faults = {
        ",x@example.org,M1 1AE,,,,,,": "name",
        "http://spam.example,x@example.org,M1 1AE,,,,,,": "name",
        "Anna,,M1 1AE,,,,,,": "email",
        "Anna,no address,M1 1AE,,,,,,": "email",
        "Anna,x@example.org,,,,,,,": "postcode",
        "Anna,x@example.org,nonsense,,,,,,": "postcode",
        "Anna,x@example.org,M1 1AE,yesterday,,,,,": "signed_at",
        "Anna,x@example.org,M1 1AE,31/02/2020,,,,,": "signed_at",
        "Anna,x@example.org,M1 1AE,03/05/20,,,,,": "signed_at",
        "Anna,x@example.org,M1 1AE,1999-12-31,,,,,": "signed_at",
        "Anna,x@example.org,M1 1AE,9999-01-01,,,,,": "signed_at",
        "Anna,x@example.org,M1 1AE,0001-01-01,,,,,": "signed_at",
        "Anna,x@example.org,M1 1AE,,Atlantis,,,,": "country",
        "Anna,x@example.org,M1 1AE,,,maybe,,,": "updates",
        f"Anna,x@example.org,M1 1AE,,,,{'x' * 1001},,": "comment",
        "Anna,x@example.org,M1 1AE,,,,,Klingon,": "locale",
        f"Anna,x@example.org,M1 1AE,,,,,,{'x' * 101}": "source",
        ",,nonsense,never,,,,,": "name, email, postcode, signed_at",
        "Anna,x@example.org": "row",
        "Anna,x@example.org,M1 1AE,,,,,,,too,many": "row",
        '"Anna,x@example.org,M1 1AE,,,,,,': "row",
        '"Anna"x,x@example.org,M1 1AE,,,,,,': "row",
    }
    good = [f"{person},,,,,," for person in people(len(faults))]
    mixed = [row for pair in zip(faults, good, strict=True) for row in pair]
    report = tmp_path / "rejected.csv"
    result = run(text(*mixed, header=header), "--report", report)
    assert result.exit_code == SOME_REJECTED
    assert totals(lobby) == (counted + len(faults), rows + len(faults), mails)
    assert summary_counts(result) == {
        "rows read": 2 * len(faults),
        "recorded as confirmed": len(faults),
        "rejected": len(faults),
    }
    with report.open(encoding="utf-8-sig", newline="") as stream:
        report_rows = list(csv.reader(stream))
    assert report_rows[0] == ["line", "field", "reason", *header.split(",")]
    assert [int(row[0]) for row in report_rows[1:]] == list(range(2, 2 + 2 * len(faults), 2))
    assert [row[1] for row in report_rows[1:]] == list(faults.values())
    assert all(row[2] for row in report_rows[1:])
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


def test_a_file_gives_countries_by_the_rule_of_the_api(lobby: Lobby, run: Run) -> None:
    good = {"UK": "GB", "uk": "GB", "GB": "GB", "": "GB", "ie": "IE", "JE": "JE", "XK": "XK"}
    good |= {"ZZ": "ZZ", "zz": "ZZ"}  # only a file may say that a country abroad is unknown
    bad = ["XX", "G1", "EU", "France"]
    written = [*good, *bad]
    rows = [f"P,n{n}@example.org,{SIGNED},{country}" for n, country in enumerate(written)]
    result = run(text(*rows, header="Name,Email,Postcode,Country"))
    assert summary_counts(result) == {
        "rows read": len(written),
        "recorded as confirmed": len(good),
        "rejected": len(bad),
    }
    for number, country in enumerate(good.values()):
        signature = signature_of(lobby, f"n{number}@example.org")
        assert signature.country == country
        assert (signature.constituency_code == "overseas") is (country != "GB")


@pytest.mark.parametrize("country", ["GB", "IE", countries.ABROAD])
def test_a_row_of_an_export_can_be_imported_wherever_its_signer_lives(
    lobby: Lobby, run: Run, country: str
) -> None:
    exports.sign(lobby, "here@example.org", country=country, comment="Over there")
    content = exports.file_of(lobby, exports.signatures_export(lobby)).decode()
    moved = content.replace("here@example.org", "moved@example.org")
    others = moved.count("\r\n") - 2
    result = run(moved)
    assert summary_counts(result)["recorded as confirmed"] == 1
    assert summary_counts(result)["here already"] == others
    here, there = (signature_of(lobby, f"{name}@example.org") for name in ("here", "moved"))
    for field in ("name", "postcode", "country", "comment", "constituency_code", "signed_at"):
        assert getattr(there, field) == getattr(here, field)


def test_a_mended_report_can_be_brought_in_as_it_is(lobby: Lobby, run: Run, tmp_path: Path) -> None:
    counted, rows, mails = totals(lobby)
    report = tmp_path / "rejected.csv"
    content = text('"Siân ""S"" Example",sian@example,M1 1AE', *people(3), header=HEADER)
    run(content, "--report", report)
    mended = report.read_text(encoding="utf-8-sig").replace("sian@example", "sian@example.org")
    result = run(mended.replace('""S"" ', ""))
    assert summary_counts(result) == {"rows read": 1, "recorded as confirmed": 1}
    assert "Leaving out line, field, reason." in result.stderr
    assert totals(lobby) == (counted + 4, rows + 4, mails)
    assert signature_of(lobby, "sian@example.org").name.text == "Siân Example"


def test_a_spreadsheet_takes_nothing_of_a_report_for_a_formula_and_nothing_is_lost_by_it(
    lobby: Lobby, run: Run, tmp_path: Path
) -> None:
    report = tmp_path / "rejected.csv"
    header = f"{HEADER},Comment"
    run(text("=1+1,@ben,M1 1AE,- stop it", header=header), "--report", report)
    with report.open(encoding="utf-8-sig", newline="") as stream:
        row = list(csv.reader(stream))[1]
    assert row[3:] == ["'=1+1", "'@ben", "M1 1AE", "'- stop it"]
    mended = report.read_text(encoding="utf-8-sig").replace("'@ben", "ben@example.org")
    assert summary_counts(run(mended.replace("'=1+1", "Ben")))["recorded as confirmed"] == 1
    assert signature_of(lobby, "ben@example.org").comment.text == "- stop it"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_who_stops_before_a_batch_is_counted_is_told_that_it_may_be_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        cli_signatures._explain_interruption(FileImportCounts()),
    ):
        raise KeyboardInterrupt
    assert "Stopped behind 0 rows. Run the same again" in capsys.readouterr().err


def test_a_report_never_writes_over_a_file_and_is_refused_before_anything_is_written(
    lobby: Lobby, run: Run, tmp_path: Path
) -> None:
    before = stored_rows(lobby)
    (tmp_path / "mine.csv").write_text("precious")
    result = run(text(*people(3)), "--report", tmp_path / "mine.csv")
    assert refused(result) == f"{tmp_path}/mine.csv exists already."
    assert (tmp_path / "mine.csv").read_text() == "precious"
    assert stored_rows(lobby) == before


def test_without_rejected_rows_a_report_has_a_header_alone(run: Run, tmp_path: Path) -> None:
    report = tmp_path / "rejected.csv"
    assert run(text(*people(3)), "--report", report).exit_code == 0
    assert report.read_text(encoding="utf-8-sig") == "line,field,reason,Name,Email,Postcode\n"


# ---- refusing files


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "people.csv is empty."),
        (
            "Name,Email\nAnna,a@example.org\n",
            "No column for postcode. The columns are: Name, Email.",
        ),
        ("Dear all,\nhere is the list\n", "No column for name, email, postcode."),
        ("Name,Email,Postcode,e-mail\n", "The column 'Email' stands there twice."),
        (text(*people(2500), "Siân,s@example.org,M1 1AE").encode("cp1252"), "line 2502: not UTF-8"),
        (b"PK\x03\x04\0\0", "people.csv is not CSV. If it is a spreadsheet"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_and_nothing_is_written(
    lobby: Lobby, run: Run, content: str | bytes, complaint: str
) -> None:
    before = stored_rows(lobby)
    assert complaint in refused(run(content))
    assert stored_rows(lobby) == before


def test_a_file_of_an_older_spreadsheet_is_taken_when_that_is_said(lobby: Lobby, run: Run) -> None:
    content = text("Siân,s@example.org,M1 1AE").encode("cp1252")
    assert run(content, "--encoding", "cp1252").exit_code == 0
    assert signature_of(lobby, "s@example.org").name.text == "Siân"


def test_a_file_with_a_header_alone_has_no_rows(run: Run) -> None:
    result = run(HEADER)
    assert (result.exit_code, summary_counts(result)) == (0, {})


@pytest.mark.parametrize(
    ("state", "status", "complaint"),
    [
        (PetitionState.CLOSED, CampaignStatus.OPEN, "This petition is closed"),
        (PetitionState.DRAFT, CampaignStatus.OPEN, "There is no petition 'other'."),
        (PetitionState.OPEN, CampaignStatus.DRAFT, "There is no petition 'other'."),
        (PetitionState.OPEN, CampaignStatus.CLOSED, "This petition is closed"),
        (None, None, "There is no petition 'other'."),
    ],
)
def test_a_petition_that_takes_no_signatures_is_told_at_once(
    lobby: Lobby,
    run: Run,
    state: PetitionState | None,
    status: CampaignStatus | None,
    complaint: str,
) -> None:
    if state is not None:
        with lobby.database.write() as session:
            owner = petitions.public(session, PETITION).organisation_id
            campaign_values = {"slug": "other", "title": "Other", "summary": "", "status": status}
            now = lobby.clock()
            campaign = campaigns.create(
                session, organisation_id=owner, values=campaign_values, now=now
            )
            values = {"slug": "other", "action": "Other", "addressed_to": "Them", "state": state}
            petitions.create(session, campaign=campaign, values=values, now=now)
    before = stored_rows(lobby)
    assert complaint in refused(run(text(*people(3)), petition="other"))
    assert stored_rows(lobby) == before


@pytest.mark.parametrize("provenance", ["", " ", "x" * 201, "two\nlines"])
def test_where_they_were_signed_must_be_said(lobby: Lobby, run: Run, provenance: str) -> None:
    before = stored_rows(lobby)
    result = run(text(*people(3)), "--provenance", provenance)
    assert isinstance(result.exception, Invalid)
    assert [problem.field for problem in result.exception.fields] == ["provenance"]
    assert stored_rows(lobby) == before


# ---- columns


def test_columns_can_be_named_and_left_out(lobby: Lobby, run: Run) -> None:
    header = "Name,Who,Contact,Email,Where,Date"
    row = "x,Anna Example,anna@example.org,old@example.org,M1 1AE,not a day"
    columns = ["name=Who", "email = contact", "postcode=Where", "signed_at="]
    options = [option for column in columns for option in ("--column", column)]
    result = run(text(row, header=header), *options)
    assert summary_counts(result) == {"rows read": 1, "recorded as confirmed": 1}
    assert signature_of(lobby, "anna@example.org").name.text == "Anna Example"


@pytest.mark.parametrize(
    ("column", "complaint"),
    [
        ("name", "A column is FIELD=HEADER"),
        ("nonsense=Name", "FIELD is one of name, first_name,"),
        ("name=Nowhere", "There is no column 'Nowhere'. The columns are: Name, Email, Postcode."),
        ("email=", "No column for email."),
    ],
)
def test_a_column_that_cannot_be_is_told(run: Run, column: str, complaint: str) -> None:
    assert complaint in refused(run(text(*people(1)), "--column", column))


# ---- what people write


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2020-05-03", datetime(2020, 5, 2, 23, 0, tzinfo=UTC)),
        ("2020-12-03", datetime(2020, 12, 3, 0, 0, tzinfo=UTC)),
        ("03/05/2020", datetime(2020, 5, 2, 23, 0, tzinfo=UTC)),
        ("3/5/2020 9:05", datetime(2020, 5, 3, 8, 5, tzinfo=UTC)),
        ("3.5.2020, 19:05:30", datetime(2020, 5, 3, 18, 5, 30, tzinfo=UTC)),
        ("31-12-2020", datetime(2020, 12, 31, tzinfo=UTC)),
        ("2020-05-03 12:00", datetime(2020, 5, 3, 11, 0, tzinfo=UTC)),
        ("2020-05-03T12:00:00Z", datetime(2020, 5, 3, 12, 0, tzinfo=UTC)),
        ("2020-05-03T12:00:00.5+02:00", datetime(2020, 5, 3, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("", None),
    ],
)
def test_days_and_moments_are_read_as_they_are_written_here(
    written: str, moment: datetime | None
) -> None:
    assert moment_of(written) == moment


@pytest.mark.parametrize(
    "written", ["13/13/2020", "05/31/2020", "3 May", "2020", "3/5/20", "٣/٥/2020", "1/1/2020 25:00"]
)
def test_what_is_no_day_is_refused(written: str) -> None:
    with pytest.raises(Invalid):
        moment_of(written)


@pytest.mark.parametrize(
    ("written", "country"),
    [("", "GB"), ("uk", "GB"), ("England", "GB"), ("CYMRU", "GB"), ("gb", "GB"), ("ie", "IE")],
)
def test_countries_are_read_as_they_are_written_here(written: str, country: str) -> None:
    assert countries.code_of_written(written) == country
