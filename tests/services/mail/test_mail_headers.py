"""Tests of the values of email headers."""

from email.header import Header

from services.mail import mail_headers


def test_a_subject_of_any_length_is_folded_as_the_standard_library_does() -> None:
    words = "Please sign the motion on bees in the Commons " * 5
    for length in range(1, len(words)):
        subject = words[:length].strip()
        folded = Header(subject, "us-ascii", mail_headers.FOLD_AT, "Subject").encode(linesep="\r\n")
        assert mail_headers.text("Subject", subject) == folded
