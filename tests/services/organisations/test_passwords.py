"""Tests which hasher the service uses for passwords. Tests in this process use a cheap one."""

import subprocess
import sys

import pytest

from core.settings import ROOT
from services.organisations import passwords
from tests.support.desk import CHEAP_HASHER
from tests.support.our_files import modules

# Argon2id with 64 MiB, three passes and four lanes: what RFC 9106 recommends where memory is short.
REAL = "$argon2id$v=19$m=65536,t=3,p=4$"
PASSWORD = "correct horse battery"


@pytest.mark.slow
def test_a_process_of_the_service_hashes_at_full_cost() -> None:
    program = "from services.organisations import passwords as o; "
    program += f"print(o.hashed({PASSWORD!r}))"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(REAL), done
    assert passwords.fits(PASSWORD, done.stdout.strip())
    assert not passwords.fits("another password", done.stdout.strip())


def test_nothing_but_tests_replaces_the_hasher() -> None:
    users = [file.name for file in modules() if "passwords.use(" in file.read_text("utf-8")]
    assert users == []


def test_another_hasher_makes_the_hashes_until_the_next_one() -> None:
    try:
        passwords.use(passwords.RECOMMENDED)
        assert passwords.hashed(PASSWORD).startswith(REAL)
        assert not passwords.fits(PASSWORD, None)
    finally:
        passwords.use(CHEAP_HASHER)
    assert not passwords.hashed(PASSWORD).startswith(REAL)
