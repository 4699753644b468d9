"""Compares the answers that clients got with the rows in the database and with the API.

A post that was acknowledged is found as a submission, or as the signature that it became.
"""

import json
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from drills.clients import Workload
from models import (
    Campaign,
    MessageKind,
    OutboxMessage,
    Petition,
    PetitionHour,
    PetitionTally,
    Signature,
    SignatureState,
    Submission,
    Supporter,
)
from models.base import table_of
from services.assembly import Lobby
from services.campaigns import petitions
from services.demonstration import invented_campaign
from services.mail import dead_addresses
from services.operations import recounts
from services.submissions import mail_shares, payload
from services.submissions.payload import Unreadable
from services.supporters.supporters import EmailAddress

_signature, _supporter, _outbox = table_of(Signature), table_of(Supporter), table_of(OutboxMessage)
_tally, _hour, _petition = table_of(PetitionTally), table_of(PetitionHour), table_of(Petition)
_campaign, _submission = table_of(Campaign), table_of(Submission)


@dataclass(frozen=True, slots=True)
class SignatureRow:
    """A signature or a submission, with the blind index of its email address and its name.

    The state of a submission is `pending`; `index` and `name` are empty if it does not open.
    """

    id: UUID
    index: bytes
    state: SignatureState
    name: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """A petition before the drill: its rows, and the sums of its tally and hours."""

    rows: frozenset[UUID]
    tally: int
    hours: int


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """Counts at the end of a drill. Every field from `doubled` on must be 0.

    `rows` counts the people who have a signature or a submission. Of the clients that gave up when
    their connection broke, `unacknowledged_rows` had a row and `unacknowledged_confirmed` were
    confirmed before they came back. `doubled` counts people with two signatures, or with more rows
    than posts.
    """

    signatures: int
    acknowledged: int
    unacknowledged_rows: int
    rows: int
    unacknowledged_confirmed: int
    confirmed: int
    tally: int
    doubled: int
    lost: int
    unasked: int
    without_mail: int
    mails_too_many: int
    not_counted: int
    miscounted: int
    sorted_twice: int
    forged: int
    told_otherwise: int
    wrong_answers: int

    @property
    def faults(self) -> dict[str, int]:
        """Returns the counts that should be 0 and are not, by name."""
        names = [field.name for field in fields(self)]
        must_be_zero = names[names.index("doubled") :]
        return {name: getattr(self, name) for name in must_be_zero if getattr(self, name)}


def baseline(lobby: Lobby, slug: str) -> Baseline:
    """Reads the state of a petition before the drill signs it."""
    with lobby.database.read() as session:
        petition_id = petitions.public(session, slug).id
    rows = frozenset(row.id for row in _rows(lobby, petition_id))
    return Baseline(rows, _sum(lobby, _tally, "confirmed", petition_id), _hours(lobby, petition_id))


class SignatureAudit:
    """The signatures of a drill under one petition.

    `addresses` has the email address of each number, and `name` the name that each signs with;
    rows with another name are a stranger's. The numbers in `have_keys` send an Idempotency-Key, and
    get one mail at most, unless they are among the `forged`, whose addresses strangers post too.
    """

    def __init__(
        self,
        lobby: Lobby,
        slug: str,
        baseline: Baseline,
        addresses: dict[int, str],
        *,
        name: Callable[[int], str],
        have_keys: Set[int] = frozenset(),
        forged: Set[int] = frozenset(),
    ) -> None:
        self._lobby, self._baseline, self._have_keys = lobby, baseline, have_keys
        self._name, self._forged = name, forged
        with lobby.database.read() as session:
            petition = petitions.public(session, slug)
        self._petition_id, self._slug = petition.id, slug
        owner = petition.organisation_id
        self._indexes = {
            number: EmailAddress.of(owner, address, lobby.keyring).index
            for number, address in addresses.items()
        }
        self._recipients = {
            number: dead_addresses.index_of(address, lobby.keyring)
            for number, address in addresses.items()
        }

    def rows(self) -> dict[int, SignatureRow]:
        """Returns by number its own signature, or else its oldest submission."""
        by_owner: dict[tuple[bytes, str], SignatureRow] = {}
        for row in self._all():
            by_owner.setdefault((row.index, row.name), row)
        return {
            number: by_owner[index, self._name(number)]
            for number, index in self._indexes.items()
            if (index, self._name(number)) in by_owner
        }

    def having_row(self, numbers: Set[int]) -> int:
        """Returns how many of these numbers have a signature or a submission."""
        return len(self.rows().keys() & numbers)

    def having_confirmed(self, numbers: Set[int]) -> int:
        """Returns how many of these numbers have a confirmed signature."""
        return len(_confirmed(self.rows()) & numbers)

    def compare(
        self,
        signed: Workload,
        confirmed: Workload,
        *,
        unacknowledged_rows: int = 0,
        unacknowledged_confirmed: int = 0,
        get_json: Callable[[str], Any] | None = None,
    ) -> SignatureReport:
        """Compares the rows with the clients' answers, and with the API by `get_json`.

        Everything must be sorted, so that all mails are queued.
        """
        rows, everything = self.rows(), self._all()
        sent_indexes = {self._indexes[number] for number in signed.sent}
        ours = [row for row in everything if row.id not in self._baseline.rows]
        counted = _confirmed(rows)
        mails = self._mails()
        return SignatureReport(
            signatures=len(signed.sent),
            acknowledged=len(signed.acknowledged),
            unacknowledged_rows=unacknowledged_rows,
            rows=len(rows),
            unacknowledged_confirmed=unacknowledged_confirmed,
            confirmed=len(counted),
            tally=_sum(self._lobby, _tally, "confirmed", self._petition_id) - self._baseline.tally,
            doubled=self._doubled(everything, signed) + self._doubled_supporters(),
            lost=len(signed.acknowledged.keys() - rows.keys()),
            unasked=sum(row.index not in sent_indexes for row in ours)
            + len(counted - confirmed.sent.keys()),
            without_mail=sum(not mails[self._recipients[number]] for number in rows),
            mails_too_many=sum(
                mails[self._recipients[number]] > self._most_mails(number, signed)
                for number in rows
            ),
            not_counted=len(confirmed.acknowledged.keys() - counted),
            miscounted=self._miscounted(len(counted)),
            sorted_twice=self._sorted_twice(),
            forged=self._forged_signatures(everything),
            told_otherwise=self._api_differences(get_json) if get_json else 0,
            wrong_answers=signed.wrong.total() + confirmed.wrong.total(),
        )

    def _most_rows(self, number: int, signed: Workload) -> int:
        return 1 if number in self._have_keys else signed.sent[number]

    def _most_mails(self, number: int, signed: Workload) -> int:
        """All posts come from one network."""
        most = mail_shares.MOST_OF_SENDER_AND_SUBJECT
        if number in self._forged:
            return most
        return min(self._most_rows(number, signed), most)

    def _sorted_twice(self) -> int:
        """Returns how many submissions were asked to confirm more than once."""
        twice = (
            sa.select(_outbox.c.subject_id)
            .where(_outbox.c.kind == MessageKind.CONFIRM_SIGNATURE)
            .group_by(_outbox.c.subject_id)
            .having(sa.func.count() > 1)
        )
        statement = sa.select(sa.func.count()).select_from(twice.subquery())
        with self._lobby.database.read() as session:
            return int(session.connection().execute(statement).scalar_one())

    def _forged_signatures(self, everything: Sequence[SignatureRow]) -> int:
        """Returns how many signatures have a name that the owner of the address never sent."""
        names = {index: self._name(number) for number, index in self._indexes.items()}
        return sum(
            row.index in names and row.name != names[row.index]
            for row in everything
            if row.state is not SignatureState.PENDING
        )

    def _doubled(self, everything: Sequence[SignatureRow], signed: Workload) -> int:
        names = {index: self._name(number) for number, index in self._indexes.items()}
        rows = Counter(row.index for row in everything if row.name == names.get(row.index))
        standing = Counter(row.index for row in everything if row.state is SignatureState.CONFIRMED)
        too_many = {
            self._indexes[number]
            for number in signed.sent
            if rows[self._indexes[number]] > self._most_rows(number, signed)
        }
        return len(too_many | {index for index, total in standing.items() if total > 1})

    def _all(self) -> list[SignatureRow]:
        return _rows(self._lobby, self._petition_id)

    def _mails(self) -> Counter[bytes]:
        """Counts the mails that ask to confirm a signature, by address."""
        statement = (
            sa.select(_outbox.c.recipient_index, sa.func.count())
            .where(
                _outbox.c.kind == MessageKind.CONFIRM_SIGNATURE,
                _outbox.c.recipient_index.is_not(None),
            )
            .group_by(_outbox.c.recipient_index)
        )
        with self._lobby.database.read() as session:
            rows = session.connection().execute(statement)
            return Counter({bytes(index): total for index, total in rows})

    def _doubled_supporters(self) -> int:
        duplicates = (
            sa.select(_supporter.c.email_index)
            .group_by(_supporter.c.organisation_id, _supporter.c.email_index)
            .having(sa.func.count() > 1)
        )
        statement = sa.select(sa.func.count()).select_from(duplicates.subquery())
        with self._lobby.database.read() as session:
            return int(session.connection().execute(statement).scalar_one())

    def _miscounted(self, confirmed: int) -> int:
        """Returns the errors of the tally, by seat and in sum, and of the hours in sum."""
        with self._lobby.database.read() as session:
            seats = recounts.wrong_signatures(session)
        tally = _sum(self._lobby, _tally, "confirmed", self._petition_id) - self._baseline.tally
        hours = _hours(self._lobby, self._petition_id) - self._baseline.hours
        by_seat = sum(abs(counted - real) for _, _, counted, real in seats)
        return by_seat + abs(tally - confirmed) + abs(hours - confirmed)

    def _api_differences(self, get_json: Callable[[str], Any]) -> int:
        """Returns by how much the counts in the API differ from the rows.

        It compares the petition, the campaign, and the campaign's tally in sum and by seat.
        """
        campaign = invented_campaign.about().campaign
        seats = self._confirmed_by_seat()
        mine = sum(row.state is SignatureState.CONFIRMED for row in self._all())
        tally = get_json(f"/v1/campaigns/{campaign}/tally")
        shown = {row["constituency"]["code"]: row["signatures"] for row in tally["rows"]}
        differences = (
            abs(get_json(f"/v1/petitions/{self._slug}")["signature_count"] - mine)
            + abs(get_json(f"/v1/campaigns/{campaign}")["totals"]["signatures"] - seats.total())
            + abs(tally["signatures"]["confirmed"] - seats.total())
            + sum(abs(count - seats[code]) for code, count in shown.items())
        )
        return int(differences)

    def _confirmed_by_seat(self) -> Counter[str]:
        """Counts the confirmed rows of the campaign by seat."""
        of_campaign = sa.select(_petition.c.id).where(
            _petition.c.campaign_id
            == sa.select(_petition.c.campaign_id)
            .where(_petition.c.id == self._petition_id)
            .scalar_subquery()
        )
        statement = (
            sa.select(_signature.c.constituency_code, sa.func.count())
            .where(
                _signature.c.petition_id.in_(of_campaign),
                _signature.c.state == SignatureState.CONFIRMED,
            )
            .group_by(_signature.c.constituency_code)
        )
        with self._lobby.database.read() as session:
            return Counter(dict(map(tuple, session.connection().execute(statement))))


def api(port: int) -> Callable[[str], Any]:
    """Returns a function that gets JSON from a server on this machine."""

    def get(path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return json.load(answer)

    return get


def _confirmed(rows: dict[int, SignatureRow]) -> set[int]:
    return {number for number, row in rows.items() if row.state is SignatureState.CONFIRMED}


def _rows(lobby: Lobby, petition_id: UUID) -> list[SignatureRow]:
    """Returns confirmed signatures first, then submissions, the oldest first, then the others."""
    statement = (
        sa.select(_signature.c.id, _supporter.c.email_index, _signature.c.state, _signature.c.name)
        .join(_supporter, _supporter.c.id == _signature.c.supporter_id)
        .where(_signature.c.petition_id == petition_id)
    )
    with lobby.database.read() as session:
        rows = session.connection().execute(statement)
        signatures = [SignatureRow(row[0], bytes(row[1]), row[2], row[3].text) for row in rows]
    standing = [row for row in signatures if row.state is SignatureState.CONFIRMED]
    ended = [row for row in signatures if row.state is not SignatureState.CONFIRMED]
    return [*standing, *_submissions(lobby, petition_id), *ended]


def _submissions(lobby: Lobby, petition_id: UUID) -> list[SignatureRow]:
    sealed = sa.type_coerce(_submission.c.payload, sa.LargeBinary)
    statement = (
        sa.select(_submission.c.id, sealed)
        .where(_submission.c.petition_id == petition_id)
        .order_by(_submission.c.id)
    )
    with lobby.database.read() as session:
        rows = session.connection().execute(statement).all()
    signers = [(row_id, *_signer_of(bytes(content), lobby)) for row_id, content in rows]
    return [
        SignatureRow(row_id, index, SignatureState.PENDING, name) for row_id, index, name in signers
    ]


def _signer_of(sealed: bytes, lobby: Lobby) -> tuple[bytes, str]:
    """Returns the blind index of the address in a payload, and the name, also if not sorted yet."""
    try:
        owner, contents = payload.open_sealed(sealed, lobby.keyring)
    except Unreadable:
        return b"", ""
    return EmailAddress.of(owner, contents.email, lobby.keyring).index, contents.name


def _hours(lobby: Lobby, petition_id: UUID) -> int:
    return _sum(lobby, _hour, "change", petition_id)


def _sum(lobby: Lobby, table: sa.Table, column: str, petition_id: UUID) -> int:
    statement = sa.select(sa.func.sum(table.c[column])).where(table.c.petition_id == petition_id)
    with lobby.database.read() as session:
        return int(session.connection().execute(statement).scalar() or 0)
