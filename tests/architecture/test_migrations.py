"""Tests that migrations and models make the same schema, in both directions."""

from collections.abc import Set
from datetime import date, datetime
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Inspector
from sqlmodel import Session, SQLModel, select

from core.settings import ROOT
from models import (
    ApiKey,
    ApiKeyPetition,
    Consent,
    DeadAddress,
    Job,
    Letter,
    LetterAct,
    LetterAnswer,
    LetterOutcome,
    LetterPace,
    LetterVariant,
    MemberReply,
    OfficialApi,
    Organiser,
    Partner,
    Petition,
    Private,
    Relay,
    ReplyKind,
    Scope,
    Signature,
    Supporter,
    Tag,
    Tagging,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    Wording,
)
from services.assembly import Lobby
from services.database import engine
from services.traffic import idempotency
from services.traffic.idempotency import Attempt, StoredAnswer


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "alembic"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def revisions() -> list[str]:
    """Returns the revisions, oldest first."""
    return [script.revision for script in reversed(list(scripts().walk_revisions()))]


def test_migrations_are_numbered_from_0001_without_gaps() -> None:
    assert revisions() == [f"{number:04}" for number in range(1, len(revisions()) + 1)]
    files = sorted((ROOT / "alembic" / "versions").glob("*.py"))
    assert [file.name[:5] for file in files] == [f"{number}_" for number in revisions()]
    assert scripts().get_heads() == [revisions()[-1]]
    assert scripts().get_bases() == ["0001"]


def test_the_folder_of_migrations_does_not_shadow_the_library() -> None:
    assert not list((ROOT / "alembic").rglob("__init__.py"))


def current(lobby: Lobby) -> str | None:
    with lobby.database.connection() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def test_a_migrated_schema_is_at_head(empty_lobby: Lobby) -> None:
    assert current(empty_lobby) == revisions()[-1] == engine.head_revision()
    engine.check_schema(empty_lobby.database)


def test_models_and_migrations_make_the_same_schema(empty_lobby: Lobby) -> None:
    with empty_lobby.database.connection() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_models_and_migrations_have_the_same_checks_and_conditions(empty_lobby: Lobby) -> None:
    """Alembic's comparison leaves these out."""
    with empty_lobby.database.connection() as connection:
        inspector = sa.inspect(connection)
        for table in SQLModel.metadata.sorted_tables:
            assert checks_of(inspector, table.name) == {
                str(check.name)
                for check in table.constraints
                if isinstance(check, sa.CheckConstraint)
            }, table.name
            assert conditions_of(inspector, table.name) == {
                str(index.name): bool(index.dialect_options["sqlite"]["where"] is not None)
                for index in table.indexes
            }, table.name


def checks_of(inspector: Inspector, table: str) -> Set[str]:
    return {str(check["name"]) for check in inspector.get_check_constraints(table)}


def conditions_of(inspector: Inspector, table: str) -> dict[str, bool]:
    """Returns whether each index has a condition, without the indexes of UNIQUE constraints."""
    return {
        str(index["name"]): any(
            option.endswith("_where") for option in index.get("dialect_options", {})
        )
        for index in inspector.get_indexes(table)
        if not index.get("duplicates_constraint")
    }


def rows(lobby: Lobby) -> dict[str, int]:
    with lobby.database.connection() as connection:
        return {
            table.name: connection.execute(
                sa.select(sa.func.count()).select_from(table)
            ).scalar_one()
            for table in SQLModel.metadata.sorted_tables
        }


def tables(lobby: Lobby) -> Set[str]:
    with lobby.database.connection() as connection:
        return set(sa.inspect(connection).get_table_names())


def add_letters_relations(session: Session, now: datetime) -> None:
    """Adds rows that refer to a letter and its campaign. The demonstration has none."""
    letter = session.exec(select(Letter)).first()
    wording = session.exec(select(Wording)).first()
    assert letter is not None
    assert wording is not None
    campaign_id = letter.campaign_id
    session.add(
        LetterVariant(
            campaign_id=campaign_id, position=0, name="ask", act=LetterAct.ASK, updated_at=now
        )
    )
    session.add(
        Consent(
            supporter_id=letter.supporter_id,
            wording_id=wording.id,
            kind=wording.kind,
            granted=True,
            given_at=now,
            letter_id=letter.id,
        )
    )
    session.add(LetterPace(campaign_id=campaign_id, member_id=0, begins_at=now, reserved=1))
    letter_answer = LetterAnswer(
        letter_id=letter.id, outcome=LetterOutcome.ACKNOWLEDGED, given_at=now
    )
    session.add(letter_answer)
    session.add(Relay(name="127.0.0.1:25", failed_at=now, failures=1, error="no answer"))
    dead = DeadAddress(
        address_index=b"1", member_id=letter.member_id, detail="550 5.1.1", found_at=now
    )
    session.add(dead)
    reply_date = date(2026, 7, 1)
    reply = MemberReply(
        campaign_id=campaign_id,
        member_id=letter.member_id,
        letter_id=letter.id,
        kind=ReplyKind.UNDECIDED,
        said_on=reply_date,
        recorded_at=now,
        updated_at=now,
    )
    session.add(reply)


def add_a_partners_key(session: Session, now: datetime) -> None:
    """Adds a partner with a site and a key for one petition."""
    petition = session.exec(select(Petition)).one()
    partner = Partner(
        organisation_id=petition.organisation_id,
        slug="them",
        name="Them",
        website="https://example.org",
        allowed_origins=["https://example.org"],
        is_public=True,
        created_at=now,
    )
    key = ApiKey(
        organisation_id=petition.organisation_id,
        partner_id=partner.id,
        name="their form",
        prefix="0" * 12,
        secret_hash=bytes(32),
        scopes=[Scope.SIGNATURES_WRITE],
        created_at=now,
        expires_at=now,
        last_used_at=now,
    )
    session.add(partner)
    session.flush()
    session.add(key)
    session.flush()
    session.add(ApiKeyPetition(api_key_id=key.id, petition_id=petition.id))


def add_a_webhook(session: Session, now: datetime) -> None:
    """Adds an endpoint of the existing key and one of an organiser, with a delivery for each."""
    key = session.exec(select(ApiKey)).first()
    organiser = session.exec(select(Organiser)).first()
    assert key is not None
    assert organiser is not None
    who: tuple[dict[str, Any], ...] = ({"api_key_id": key.id}, {"organiser_id": organiser.id})
    for answers in who:
        endpoint = WebhookEndpoint(
            organisation_id=key.organisation_id,
            url=Private(key.organisation_id, "https://example.org/hook"),
            events=[WebhookEvent.LETTER_SENT],
            secret=Private(key.organisation_id, "whsec_AAAA"),
            created_at=now,
            updated_at=now,
            **answers,
        )
        session.add(endpoint)
        session.flush()
        delivery = WebhookDelivery(
            endpoint_id=endpoint.id,
            event=WebhookEvent.LETTER_SENT,
            payload="{}",
            created_at=now,
            due_at=now,
        )
        session.add(delivery)


def add_a_tag(session: Session, now: datetime) -> None:
    """Adds a tag to a supporter."""
    supporter = session.exec(select(Supporter)).first()
    assert supporter is not None
    supporter.changed_at = now
    tag = Tag(organisation_id=supporter.organisation_id, name="volunteer", created_at=now)
    session.add(tag)
    session.flush()
    session.add(Tagging(tag_id=tag.id, supporter_id=supporter.id, created_at=now))


@pytest.mark.slow
def test_migrations_go_down_and_up_again_on_filled_tables(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        add_a_partners_key(session, lobby.clock())
        add_a_webhook(session, lobby.clock())
        session.add(Job(name="motions", due_at=lobby.clock()))
        session.add(OfficialApi(name="motions", wait_until=lobby.clock()))
        attempt, answer = Attempt(b"index", b"fingerprint"), StoredAnswer(201, b"{}")
        idempotency.store(session, [(attempt, answer)], now=lobby.clock())
        add_letters_relations(session, lobby.clock())
        add_a_tag(session, lobby.clock())
        imported = session.exec(select(Signature)).first()
        assert imported is not None
        imported.provenance = "paper, Leeds stall, 3 May 2026"
    filled = rows(lobby)
    assert [name for name, count in filled.items() if not count] == []
    for later, earlier in pairwise([*reversed(revisions()), "base"]):
        engine.migrate(lobby.database, earlier)
        engine.migrate(lobby.database, later)
        assert current(lobby) == later
        engine.migrate(lobby.database, earlier)
    assert tables(lobby) == {"alembic_version"}
    engine.migrate(lobby.database)
    assert current(lobby) == revisions()[-1]
    assert set(rows(lobby).values()) == {0}


def test_migrating_at_head_changes_nothing(lobby: Lobby) -> None:
    before = rows(lobby)
    engine.migrate(lobby.database)
    assert rows(lobby) == before
