"""Tests that one letter or email can be followed through the log, and that nobody is named in it."""

from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage
from uuid import UUID

import pytest
from sqlmodel import select
from structlog.testing import capture_logs
from structlog.typing import EventDict

import worker
from models import MessageKind, OutboxMessage
from services.assembly import Lobby
from services.letters import letter_states
from services.mail import outbox
from services.mail.couriers import SmtpCourier
from tests.support.common import CAMPAIGN, PETITION, SIGNED, Clock
from tests.support.mail import confirm_letter, sign, submit_letter, write_letter
from tests.support.webhooks import made_endpoint

Deliver = Callable[[], list[EmailMessage]]
