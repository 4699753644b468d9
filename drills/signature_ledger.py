"""What people remember of signing, against what the database and the API say."""

import json
import urllib.request
from collections import Counter
from collections.abc import Callable, Set
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from drills.crowd import Errand
from models import (
    Campaign,
    MessageKind,
    OutboxMessage,
    Petition,
    PetitionHour,
    PetitionTally,
    Signature,
    SignatureState,
    Supporter,
)
from models.base import table_of
from services.assembly import Lobby
from services.campaigns import petitions
from services.demonstration import invented_campaign
from services.mail import outbox
from services.operations import recounts
from services.supporters import supporters

_signature, _supporter, _outbox = table_of(Signature), table_of(Supporter), table_of(OutboxMessage)
_tally, _hour, _petition = table_of(PetitionTally), table_of(PetitionHour), table_of(Petition)
_campaign = table_of(Campaign)


@dataclass(frozen=True, slots=True)
class Row:
    """A signature, by whose address it is."""

    id: UUID
    index: bytes
    state: SignatureState


@dataclass(frozen=True, slots=True)
class Before:
    """What a petition had before the drill: signatures, and sums of its tally and of its hours."""

    rows: frozenset[UUID]
    tally: int
    hours: int


@dataclass(frozen=True, slots=True)
class Found:
    """How a drill ended. Of those who gave up when their connection broke, `unacknowledged_rows`
    had a row and `unacknowledged_confirmed` were confirmed; then they came back. Everything from
    `doubled` on has to be 0."""

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
    told_otherwise: int
    wrong_answers: int

    @property
    def faults(self) -> dict[str, int]:
        """The promises that were broken, with how often."""
        names = [field.name for field in fields(self)]
        wrong = names[names.index("doubled") :]
        return {name: getattr(self, name) for name in wrong if getattr(self, name)}


def before(lobby: Lobby, slug: str) -> Before:
    """To be asked for when nobody of the drill has signed yet."""
    with lobby.database.read() as session:
        petition_id = petitions.public(session, slug).id
    rows = frozenset(row.id for row in _rows(lobby, petition_id))
    return Before(rows, _sum(lobby, _tally, "confirmed", petition_id), _hours(lobby, petition_id))


class Ledger:
    """One petition, and the people of a drill by the address that each number has; who of them
    `have_keys` gets one mail, however often they send."""

    def __init__(
        self,
        lobby: Lobby,
        slug: str,
        before: Before,
        addresses: dict[int, str],
        *,
        have_keys: Set[int] = frozenset(),
    ) -> None:
        self._lobby, self._before, self._have_keys = lobby, before, have_keys
        with lobby.database.read() as session:
            petition = petitions.public(session, slug)
        self._petition_id, self._slug = petition.id, slug
        owner = petition.organisation_id
        self._indexes = {
            number: supporters.EmailAddress.of(owner, address, lobby.keyring).index
            for number, address in addresses.items()
        }

    def rows(self) -> dict[int, Row]:
        """The row of everybody who has one."""
        by_index = {row.index: row for row in self._all()}
        return {
            number: by_index[index] for number, index in self._indexes.items() if index in by_index
        }

    def having_row(self, numbers: Set[int]) -> int:
        """How many of some people have a row."""
        return len(self.rows().keys() & numbers)

    def having_confirmed(self, numbers: Set[int]) -> int:
        """How many of some people have a confirmed one."""
        return len(_confirmed(self.rows()) & numbers)

    def compare(
        self,
        signed: Errand,
        confirmed: Errand,
        *,
        unacknowledged_rows: int = 0,
        unacknowledged_confirmed: int = 0,
        told: Callable[[str], Any] | None = None,
    ) -> Found:
        """Hold each signature against what its signer remembers. `told` gets from the API."""
        rows, everything = self.rows(), self._all()
        times = Counter(row.index for row in everything)
        known = {self._indexes[number] for number in signed.sent}
        ours = [row for row in everything if row.id not in self._before.rows]
        counted = _confirmed(rows)
        mails = self._mails()
        return Found(
            signatures=len(signed.sent),
            acknowledged=len(signed.acknowledged),
            unacknowledged_rows=unacknowledged_rows,
            rows=len(ours),
            unacknowledged_confirmed=unacknowledged_confirmed,
            confirmed=len(counted),
            tally=_sum(self._lobby, _tally, "confirmed", self._petition_id) - self._before.tally,
            doubled=sum(total > 1 for total in times.values()) + self._doubled_supporters(),
            lost=len(signed.acknowledged.keys() - rows.keys()),
            unasked=sum(row.index not in known for row in ours)
            + len(counted - confirmed.sent.keys()),
            without_mail=sum(not mails[row.id] for row in rows.values()),
            mails_too_many=sum(
                mails[row.id] > self._most_mails(number, signed) for number, row in rows.items()
            ),
            not_counted=len(confirmed.acknowledged.keys() - counted),
            miscounted=self._miscounted(len(counted)),
            told_otherwise=self._told_otherwise(told) if told else 0,
            wrong_answers=signed.wrong.total() + confirmed.wrong.total(),
        )

    def _most_mails(self, number: int, signed: Errand) -> int:
        return 1 if number in self._have_keys else min(signed.sent[number], outbox.MAILS_A_DAY)

    def _all(self) -> list[Row]:
        return _rows(self._lobby, self._petition_id)

    def _mails(self) -> Counter[UUID]:
        statement = (
            sa.select(_outbox.c.subject_id, sa.func.count())
            .where(_outbox.c.kind == MessageKind.CONFIRM_SIGNATURE)
            .group_by(_outbox.c.subject_id)
        )
        with self._lobby.database.read() as session:
            return Counter(dict(map(tuple, session.connection().execute(statement))))

    def _doubled_supporters(self) -> int:
        one = (
            sa.select(_supporter.c.email_index)
            .group_by(_supporter.c.organisation_id, _supporter.c.email_index)
            .having(sa.func.count() > 1)
        )
        statement = sa.select(sa.func.count()).select_from(one.subquery())
        with self._lobby.database.read() as session:
            return int(session.connection().execute(statement).scalar_one())

    def _miscounted(self, confirmed: int) -> int:
        """By how much the tally is wrong in seats and in sum, and the hours in sum."""
        with self._lobby.database.read() as session:
            seats = recounts.wrong_signatures(session)
        tally = _sum(self._lobby, _tally, "confirmed", self._petition_id) - self._before.tally
        hours = _hours(self._lobby, self._petition_id) - self._before.hours
        by_seat = sum(abs(kept - real) for _, _, kept, real in seats)
        return by_seat + abs(tally - confirmed) + abs(hours - confirmed)

    def _told_otherwise(self, told: Callable[[str], Any]) -> int:
        """By how much the API differs from the rows: petition, campaign, and the campaign's tally,
        in sum and seat by seat."""
        campaign = invented_campaign.about().campaign
        seats = self._confirmed_by_seat()
        mine = sum(row.state is SignatureState.CONFIRMED for row in self._all())
        tally = told(f"/v1/campaigns/{campaign}/tally")
        shown = {row["constituency"]["code"]: row["signatures"] for row in tally["rows"]}
        differences = (
            abs(told(f"/v1/petitions/{self._slug}")["signature_count"] - mine)
            + abs(told(f"/v1/campaigns/{campaign}")["totals"]["signatures"] - seats.total())
            + abs(tally["signatures"]["confirmed"] - seats.total())
            + sum(abs(count - seats[code]) for code, count in shown.items())
        )
        return int(differences)

    def _confirmed_by_seat(self) -> Counter[str]:
        """Of the campaign, counted from the rows."""
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
    """Gets JSON from a server on this machine."""

    def get(path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return json.load(answer)

    return get


def _confirmed(rows: dict[int, Row]) -> set[int]:
    return {number for number, row in rows.items() if row.state is SignatureState.CONFIRMED}


def _rows(lobby: Lobby, petition_id: UUID) -> list[Row]:
    statement = (
        sa.select(_signature.c.id, _supporter.c.email_index, _signature.c.state)
        .join(_supporter, _supporter.c.id == _signature.c.supporter_id)
        .where(_signature.c.petition_id == petition_id)
    )
    with lobby.database.read() as session:
        found = session.connection().execute(statement)
        return [Row(row[0], bytes(row[1]), row[2]) for row in found]


def _hours(lobby: Lobby, petition_id: UUID) -> int:
    return _sum(lobby, _hour, "change", petition_id)


def _sum(lobby: Lobby, table: sa.Table, column: str, petition_id: UUID) -> int:
    statement = sa.select(sa.func.sum(table.c[column])).where(table.c.petition_id == petition_id)
    with lobby.database.read() as session:
        return int(session.connection().execute(statement).scalar() or 0)
