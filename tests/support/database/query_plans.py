"""Statements as they were sent, and what their query plans read from end to end."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlmodel import Session, select

from models import (
    DeliveryState,
    MessageState,
    Organisation,
    OutboxMessage,
    Partner,
    Scope,
    Signature,
    WebhookDelivery,
    WebhookEvent,
)
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.demonstration import invented_campaign
from services.keys import api_keys
from services.signatures import confirming, signature_states
from services.signatures.recording import Outcome, SignatureRequest
from services.submissions import sorting
from services.supporters import tags
from services.traffic import idempotency
from services.traffic.idempotency import Attempt, StoredAnswer
from services.webhooks import endpoints
from services.webhooks.endpoints import NewWebhook
from tests.support import signatures
from tests.support.common import CAMPAIGN, CAN_SIGN, MINISTER, PETITION

LARGE = (
    "signature",
    "submission",
    "refusal",
    "supporter",
    "consent",
    "letter",
    "tagging",
    "outbox_message",
    "idempotency_key",
    "webhook_delivery",
)
QUEUES = ("ix_submission_new", "ix_signature_pending")
"""Partial indexes that hold only what waits to be done: they are read from their beginning."""
Statement = tuple[str, Any]
Act = Callable[[Session, Lobby], object]


@contextmanager
def sent_statements() -> Iterator[list[Statement]]:
    """Collects the statements that are sent, with the parameters of their first row."""
    sent: list[Statement] = []

    def note(
        _connection: Any, _cursor: Any, text: str, parameters: Any, _context: Any, is_many: bool
    ) -> None:
        sent.append((text, parameters[0] if is_many else parameters))

    event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(sa.Engine, "before_cursor_execute", note)


def full_scans(connection: Connection, sent: Statement) -> list[str]:
    """Returns the parts of a plan that read a large table from end to end."""
    if connection.dialect.name == "sqlite":
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sent[0]}", sent[1])
        return [row[3] for row in plan if _is_scan(row[3])]
    plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {sent[0]}", sent[1])
    content = plan.scalar_one()
    parsed = json.loads(content) if isinstance(content, str) else content
    return list(_scans_in(parsed[0]["Plan"], ""))


def pretend_to_be_large(lobby: Lobby) -> None:
    """Tells PostgreSQL that each page of the large tables holds a million rows.

    Its planner takes the rows of a page from the catalogue, and the pages from the disk.
    """
    if lobby.database.is_sqlite:
        return
    with lobby.database.write() as session:
        connection = session.connection()
        connection.exec_driver_sql("ANALYZE")
        connection.execute(
            sa.text(
                "UPDATE pg_class SET relpages = 1, reltuples = 1000000 WHERE oid IN ("
                "SELECT indexrelid FROM pg_index WHERE indrelid::regclass::text = ANY(:large) "
                "UNION SELECT unnest(:large)::regclass)"
            ),
            {"large": list(LARGE)},
        )


def _is_scan(line: str) -> bool:
    words = line.split()
    return words[0] == "SCAN" and words[1] in LARGE and words[-1] not in QUEUES


def _scans_in(node: dict[str, Any], table: str) -> Iterator[str]:
    kind, table = node["Node Type"], node.get("Relation Name", table)
    reads_all = kind == "Seq Scan" or (
        kind in ("Index Scan", "Index Only Scan", "Bitmap Index Scan") and "Index Cond" not in node
    )
    if reads_all and table in LARGE and node.get("Index Name") not in QUEUES:
        yield f"{kind} of {table} {node.get('Index Name', '')}"
    for part in node.get("Plans", ()):
        yield from _scans_in(part, table)


def add_second_petition_with_rows(lobby: Lobby) -> None:
    """Adds a petition with as many signatures, partners, keys and webhook deliveries.

    With one petition alone, a condition on its id would select every row. Both petitions also get
    submissions in every state, and refusals.
    """
    now = lobby.clock()
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        values = {"slug": "second", "action": "A second one", "addressed_to": "Them"}
        petitions.create(session, campaign=campaign, values=values, now=now)
        owner = campaign.organisation_id
        tag = tags.create(session, organisation_id=owner, name="everybody", now=now)
        signers = [
            replace(request, tag_ids=(tag.id,))
            for request in _people("second", "p", invented_campaign.SIGNATURES)
        ]
        ids = _ids(signatures.record_in(session, lobby, signers))
        confirming.confirm_all(session, ids, keyring=lobby.keyring, now=now)
        _with_partners(session, campaign.organisation_id, lobby)
        answers = [
            (attempt_of(lobby, request.email), StoredAnswer(201, b"{}")) for request in signers
        ]
        idempotency.store(session, answers, now=now)
        add_a_listener(session, campaign.organisation_id, lobby)
        _with_submissions(session, lobby)


def _with_submissions(session: Session, lobby: Lobby) -> None:
    """Adds submissions that were sorted, so that some wait, refusals, and new submissions."""
    for _ in range(3):  # the third of an address waits
        for slug in (PETITION, "second"):
            signatures.record_in(session, lobby, _people(slug, "s", 60))
    sort(session, lobby)
    refused = signatures.record_in(session, lobby, _people("second", "r", 60))
    sort(session, lobby)
    for row_id in _ids(refused):
        signature_states.disown(session, row_id, now=lobby.clock())
    # As in any large outbox, nearly all mails have gone.
    session.connection().execute(sa.update(OutboxMessage).values(state=MessageState.ACCEPTED))
    for slug in (PETITION, "second"):
        signatures.record_in(session, lobby, _people(slug, "n", 60))


def _people(slug: str, letter: str, number: int) -> list[SignatureRequest]:
    return [
        SignatureRequest(slug, "Anna", f"{letter}{place}@example.org", CAN_SIGN)
        for place in range(number)
    ]


def _ids(outcomes: Sequence[Outcome]) -> list[UUID]:
    return [outcome.signature_id for outcome in outcomes if outcome.signature_id]


def sort(session: Session, lobby: Lobby) -> None:
    """Sorts what is new and what waits, in the transaction of the caller."""
    now = lobby.clock()
    while rows := sorting.read(session, now=now):
        sorting.sort_if_alone(session, sorting.prepare(rows, keyring=lobby.keyring), now=now)
    sorting.read(session, now=now, after=UUID(int=1))


def add_a_listener(session: Session, organisation_id: UUID, lobby: Lobby) -> None:
    """Adds a webhook endpoint for all events, with 100 deliveries."""
    owner = session.get_one(Organisation, organisation_id)
    now, scopes = lobby.clock(), [Scope.WEBHOOKS_WRITE.value]
    key = api_keys.create(session, organisation=owner, scopes=scopes, now=now)
    caller = api_keys.caller_of(session, key, now=now)
    new = NewWebhook("https://hooks.example.org/", endpoints.SUBSCRIBABLE)
    made, _ = endpoints.create(session, new, caller, to_loopback=False, now=now)
    endpoint: dict[str, Any] = {"endpoint_id": made.endpoint.id, "event": WebhookEvent.TEST}
    delivered: dict[str, Any] = {
        "state": DeliveryState.DELIVERED,
        "created_at": now,
        "due_at": now,
        "payload": "{}",
    }
    session.add_all(WebhookDelivery(**endpoint, **delivered) for _ in range(100))


def _with_partners(session: Session, organisation_id: UUID, lobby: Lobby) -> None:
    """Adds three partners, and assigns every fourth signature to each of them."""
    made = [
        Partner(
            organisation_id=organisation_id,
            slug=f"partner-{number}",
            name=f"Partner {number}",
            created_at=lobby.clock(),
        )
        for number in range(3)
    ]
    session.add_all(made)
    session.flush()
    for place, signature in enumerate(session.exec(select(Signature))):
        signature.partner_id = made[place % 4].id if place % 4 < 3 else None


def requests(*names: str) -> list[SignatureRequest]:
    return [
        SignatureRequest(PETITION, name, f"{name}@example.org", code, updates=True)
        for name, code in zip(names, (CAN_SIGN, MINISTER), strict=True)
    ]


def record(session: Session, lobby: Lobby) -> list[UUID]:
    """Records two submissions, and then two more of the same people; returns the ids of all."""
    return [
        row_id
        for _ in range(2)
        for row_id in _ids(signatures.record_in(session, lobby, requests("anna", "bertha")))
    ]


def attempt_of(lobby: Lobby, key: str) -> Attempt:
    return idempotency.attempt(
        lobby.keyring, key, key_id=None, method="POST", path="/", content=b""
    )
