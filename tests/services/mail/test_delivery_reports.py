"""Tests the parsing of delivery reports in several formats; parsing never raises."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import Keyring
from services.mail import delivery_reports, mail_builder, smtp_answers
from services.mail.bounce_addresses import BounceAddress
from services.mail.delivery_reports import DeliveryReport, ReportedOutcome
from tests.support.common import SECRET, START
from tests.support.outside.bounce_reports import (
    MORAG,
    OURS,
    Failure,
    by_hand,
    exchange,
    exim,
    postfix,
    read_receipt,
    strange,
    vacation,
)
from tools import mail_samples

ADDRESS = f"bounces@{OURS}"
BOUNCES = BounceAddress(ADDRESS, Keyring([SECRET]))
OTHER = "another secret that is quite long enough to be one"
MESSAGE = UUID("0197c3a1-0000-7000-8000-000000000001")
TAGGED = Failure(to=BOUNCES.sender_of(MESSAGE))
WRITERS = [postfix, exchange, exim]
Writer = Callable[[Failure], bytes]


def read(content: bytes) -> DeliveryReport:
    return delivery_reports.read(content, bounces=BOUNCES, domain=OURS)


# ---- the address


@given(st.uuids())
def test_a_sender_names_its_message_in_any_case_and_is_short_enough(message_id: UUID) -> None:
    longest = BounceAddress(f"{'b' * 23}@{OURS}", Keyring([SECRET]))
    for bounces in (BOUNCES, longest):
        sender = bounces.sender_of(message_id)
        assert len(sender.partition("@")[0]) <= 64
        assert sender == sender.lower()
        for written_sender in (
            sender,
            sender.upper(),
            f"  Somebody <{sender.title()}>, x@example.org",
        ):
            assert bounces.message_in(written_sender) == message_id


def test_a_tag_that_was_not_made_by_us_names_nothing() -> None:
    forged = BounceAddress(ADDRESS, Keyring([OTHER])).sender_of(MESSAGE)
    sender = BOUNCES.sender_of(MESSAGE)
    local, _, domain = sender.partition("@")
    last = "a" if local[-1] != "a" else "b"
    for address in (
        forged,
        f"{local[:-1]}{last}@{domain}",
        f"{local}@other.example.org",
        f"{local}x@{domain}",
        f"x{sender}",
        f"{sender}.example.com",
        sender.replace("+", "-"),
        ADDRESS,
        "",
    ):
        assert BOUNCES.message_in(address) is None, address
    assert BOUNCES.message_in(f"{forged}, {sender}") == MESSAGE


def test_a_sender_outlives_a_new_secret_but_not_the_loss_of_its_own() -> None:
    sender = BOUNCES.sender_of(MESSAGE)
    assert BounceAddress(ADDRESS, Keyring([OTHER, SECRET])).message_in(sender) == MESSAGE
    assert BounceAddress(ADDRESS, Keyring([OTHER])).message_in(sender) is None


# ---- outcomes


@pytest.mark.parametrize("writer", WRITERS)
def test_a_report_of_a_dead_address_is_understood(writer: Writer) -> None:
    report = read(writer(TAGGED))
    assert (report.verdict, report.message_id) == (ReportedOutcome.FAILED, MESSAGE)
    assert (report.status, report.is_dead) == ("5.1.1", True)
    assert report.recipients == {MORAG}
    assert report.server_text == "550 5.1.1 No mailbox of this name"


@pytest.mark.parametrize("writer", WRITERS)
def test_without_a_tag_the_message_that_is_returned_names_itself(writer: Writer) -> None:
    failure = Failure(returned_id=f"<{MESSAGE}@{OURS}>")
    assert read(writer(failure)).message_id == MESSAGE
    for other in (f"<{MESSAGE}@other.example.org>", f"<x{MESSAGE}@{OURS}>"):
        assert read(writer(failure.but(returned_id=other))).message_id is None


@pytest.mark.parametrize("name", ["Delivered-To", "X-Original-To", "Envelope-To"])
def test_the_tag_is_looked_for_where_a_mail_server_writes_it_down(name: str) -> None:
    failure = Failure(to="undisclosed-recipients:;", headers={name: BOUNCES.sender_of(MESSAGE)})
    assert read(postfix(failure)).message_id == MESSAGE


def test_the_tag_comes_before_what_a_report_returns() -> None:
    failure = TAGGED.but(returned_id=f"<{uuid4()}@{OURS}>")
    assert read(postfix(failure)).message_id == MESSAGE


@pytest.mark.parametrize("writer", [postfix, exchange])
@pytest.mark.parametrize(
    ("status", "diagnostic", "is_dead"),
    [
        ("5.1.1", "550 5.1.1 unknown", True),
        ("5.1.2", "no such domain", True),
        ("5.1.3", "501 5.1.3 bad address", True),
        ("5.1.6", "550 5.1.6 moved", True),
        ("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound", True),
        ("5.2.1", "550 5.2.1 switched off", True),
        ("5.0.0", "550 5.1.1 unknown", True),  # Exim gives only this status
        ("5.2.2", "552 5.2.2 mailbox full", False),
        ("5.7.1", "550 5.7.1 refused by a rule", False),
        ("5.7.26", "550 5.7.26 not authenticated", False),
        ("5.1.1", "550 5.7.1 we do not like you", False),  # the two codes disagree
        ("5.0.0", "550 no", False),
        ("5.1.11", "550 5.1.11 something else", False),
        ("4.4.7", "message expired after five days", False),  # the server has given up
    ],
)
def test_only_some_failures_say_that_an_address_is_dead(
    writer: Writer, status: str, diagnostic: str, is_dead: bool
) -> None:
    report = read(writer(TAGGED.but(status=status, diagnostic=diagnostic)))
    assert (report.verdict, report.is_dead) == (ReportedOutcome.FAILED, is_dead)


@pytest.mark.parametrize("writer", [postfix, exchange])
@pytest.mark.parametrize(
    ("action", "status"),
    [
        ("delayed", "4.4.1"),
        ("delayed", "5.1.1"),
        ("delivered", "2.1.5"),
        ("relayed", "2.1.9"),
        ("expanded", "2.1.5"),
    ],
)
def test_delays_and_deliveries_are_no_failures(writer: Writer, action: str, status: str) -> None:
    failure = TAGGED.but(action=action, status=status, diagnostic=f"450 {status} wait")
    assert read(writer(failure)).verdict is ReportedOutcome.NO_FAILURE


@pytest.mark.parametrize("writer", [vacation, read_receipt])
def test_answers_of_machines_are_no_failures(writer: Writer) -> None:
    for failure in (TAGGED, Failure(returned_id=f"<{MESSAGE}@{OURS}>")):
        assert read(writer(failure)).verdict is ReportedOutcome.NO_FAILURE


def test_mail_of_people_is_no_failure_unless_it_answers_one_of_our_messages() -> None:
    assert read(by_hand(Failure())).verdict is ReportedOutcome.NO_FAILURE
    assert read(by_hand(TAGGED)).verdict is ReportedOutcome.UNCLEAR


def test_what_a_server_says_in_its_own_way_is_unclear() -> None:
    for failure in (Failure(), TAGGED):
        assert read(strange(failure)).verdict is ReportedOutcome.UNCLEAR


@pytest.mark.parametrize("writer", WRITERS)
def test_words_are_kept_short_and_without_addresses(writer: Writer) -> None:
    words = f"550 5.1.1 <{MORAG}>:\x07 unknown, ask anna@example.org " + "x" * 999
    report = read(writer(TAGGED.but(diagnostic=words)))
    assert report.server_text.startswith("550 5.1.1 <[address]>: unknown, ask [address] xxx")
    assert len(report.server_text) <= 300
    assert report.server_text.isprintable()


@pytest.mark.parametrize("writer", WRITERS)
def test_nothing_of_the_letter_gets_into_the_words(writer: Writer) -> None:
    report = read(writer(TAGGED.but(diagnostic="unknown")))
    assert report.verdict is ReportedOutcome.FAILED
    for private in ("secret", "reasons", "Dear", "Anna"):
        assert private not in report.server_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('550 "anna smith"@example.org is gone', "550 [address] is gone"),
        ("550 rfc822;anna@example.org", "550 rfc822;[address]"),
        ("two\r\n  lines", "two lines"),
        ("@ alone", "@ alone"),
    ],
)
def test_addresses_are_taken_out_of_words(text: str, shown: str) -> None:
    assert smtp_answers.safe_text(text) == shown


# ---- malformed reports


@given(st.binary(max_size=3000))
def test_no_bytes_raise(content: bytes) -> None:
    assert read(content).verdict in ReportedOutcome


@pytest.mark.slow
@given(st.data())
def test_no_change_to_a_report_raises(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(WRITERS))(TAGGED))
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(content) - 1))
        patch = data.draw(st.binary(max_size=12))
        content[place : place + data.draw(st.integers(0, 40))] = patch
    report = read(bytes(content))
    assert len(report.server_text) <= 300
    assert report.server_text.isprintable()


@pytest.mark.parametrize(
    "content",
    [
        b"".join(
            b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (depth, depth)
            for depth in range(3000)
        ),
        b"Content-Type: message/rfc822\n\n" * 5000,
        b"To: " + b"bounces+" * 30_000,
        b"To: bounces+" + b"a" * 200_000 + b"@lobby.example.org\n\n",
        b"Content-Type: text/plain\n\n" + b"550 " * 100_000,
        b"From: mailer-daemon@x\n\n" + b"a@" * 200_000,
        b"Received: x\n" * 100_000,
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"
        b"Content-Type: message/delivery-status\n\n" + b"Action: failed\n\n" * 50_000,
        b"Final-Recipient: \xff\xfe\nAction: \xe9\nTo: \xff\n\n\xff",
    ],
)
def test_what_was_made_to_be_a_burden_is_read_soon_and_changes_nothing(content: bytes) -> None:
    assert read(content).message_id is None


def test_only_the_beginning_of_a_huge_mail_is_read() -> None:
    content = postfix(TAGGED) + b"x" * 10_000_000
    assert read(content).message_id == MESSAGE
    late = b"X: y\n" * 100_000 + postfix(TAGGED)
    assert read(late).verdict is ReportedOutcome.NO_FAILURE


# ---- emails of two parts that come back


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("name", ["confirm_signature", "letter_receipt"])
def test_a_whole_email_of_two_parts_that_comes_back_is_recognised(write: Writer, name: str) -> None:
    mail = next(mail for each, _, mail in mail_samples.mails() if each == name)
    built = mail_builder.build(mail, mail_from=f"Lobby <post@{OURS}>", now=START)
    returned = built.content.decode("ascii").replace("\r\n", "\n")
    assert "multipart/alternative" in returned
    failure = Failure(recipient="anna@example.org", returned=returned)
    report = read(write(failure))
    assert report.verdict is ReportedOutcome.FAILED
    assert report.message_id == mail_samples.ID
    assert report.is_dead
    assert report.recipients == {"anna@example.org"}
    assert report.server_text.startswith("550 5.1.1 No mailbox")
