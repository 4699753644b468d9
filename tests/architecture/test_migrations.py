"""Tests that migrations and models make the same schema, in both directions."""

import sys
from collections.abc import Set
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Inspector
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, col, select

import worker
from core.settings import ROOT
from models import (
    ApiKey,
    ApiKeyPetition,
    Campaign,
    CampaignEvent,
    CampaignUpdate,
    Consent,
    DeadAddress,
    EventKind,
    InstallationText,
    InstallationTextName,
    Job,
    Letter,
    LetterAct,
    LetterAnswer,
    LetterDraft,
    LetterHour,
    LetterOutcome,
    LetterPace,
    LetterTally,
    LetterVariant,
    MemberOverride,
    MemberReply,
    OfficialApi,
    Organiser,
    Partner,
    Petition,
    PictureFile,
    PrivacyNotice,
    Private,
    Refusal,
    Relay,
    ReplyKind,
    RequestKind,
    Scope,
    Signature,
    SignatureState,
    Submission,
    SubmissionRequest,
    SubmissionState,
    Supporter,
    Tag,
    Tagging,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    Wording,
)
from models.base import new_id, table_of
from services.assembly import Lobby
from services.campaigns import petitions
from services.database import engine
from services.errors import Conflict
from services.signatures.recording import SignatureRequest
from services.tallies import counts
from services.traffic import idempotency
from services.traffic.idempotency import Attempt, StoredAnswer
from tests.support import our_files
from tests.support.common import CAN_SIGN, PETITION, START
from tests.support.signatures import sign_and_confirm, sign_and_sort
from tools import account_rows, earlier_signatures, team_rows
from tools.earlier_signatures import EarlierSignature


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


def test_migrations_import_none_of_our_code() -> None:
    allowed = sys.stdlib_module_names | {"alembic", "sqlalchemy"}
    wrong = [
        f"{our_files.name_of(file)} imports {name}"
        for file in (ROOT / "alembic" / "versions").glob("*.py")
        for name in our_files.facts_of(file).imports
        if name.split(".")[0] not in allowed
    ]
    assert wrong == []


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


def test_models_and_migrations_have_the_same_texts_of_checks_and_conditions(
    empty_lobby: Lobby,
) -> None:
    """The database itself writes both texts, so that they can be compared word for word."""
    if empty_lobby.database.is_sqlite:
        with empty_lobby.database.connection() as connection:
            migrated = texts_of(connection)
        with sa.create_engine("sqlite://").begin() as connection:
            SQLModel.metadata.create_all(connection)
            assert texts_of(connection) == migrated
    else:
        with empty_lobby.database.connection() as connection:
            migrated = texts_of(connection)
            connection.exec_driver_sql("CREATE SCHEMA models; SET search_path TO models")
            SQLModel.metadata.create_all(connection)
            assert texts_of(connection) == migrated


def texts_of(connection: Connection) -> dict[str, Any]:
    """Returns by table the checks, the indexes with their conditions, and PostgreSQL's options."""
    inspector = sa.inspect(connection)
    texts: dict[str, Any] = {}
    for table in SQLModel.metadata.tables:
        checks = {
            check["name"]: check["sqltext"] for check in inspector.get_check_constraints(table)
        }
        indexes = {
            index["name"]: (
                index["column_names"],
                index["unique"],
                [
                    " ".join(str(value).split())
                    for name, value in sorted(index.get("dialect_options", {}).items())
                    if name.endswith("_where")
                ],
            )
            for index in inspector.get_indexes(table)
        }
        options = None
        if connection.dialect.name == "postgresql":
            statement = sa.text("SELECT reloptions FROM pg_class WHERE oid = to_regclass(:name)")
            options = connection.execute(statement, {"name": table}).scalar_one()
        texts[table] = (checks, indexes, options)
    return texts


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


def add_a_face(session: Session, now: datetime) -> None:
    """Adds a notice, a statement, a date and the draft of a letter.

    The demonstration has a picture and a logo.
    """
    campaign = session.exec(select(Campaign)).one()
    signature = session.exec(select(Signature)).first()
    assert signature is not None
    organisation_id = campaign.organisation_id
    campaign.letter_points_welsh = ["Mae'n arbed arian."]
    text = "We keep your name for a year."
    session.add(
        PrivacyNotice(organisation_id=organisation_id, version=1, text=text, published_at=now)
    )
    session.add(
        InstallationText(name=InstallationTextName.ACCESSIBILITY, text="It works.", updated_at=now)
    )
    session.add(
        CampaignEvent(
            campaign_id=campaign.id,
            kind=EventKind.DEBATE,
            title="Debate",
            day=now.date(),
            created_at=now,
            updated_at=now,
        )
    )
    session.add(
        LetterDraft(
            signature_id=signature.id,
            version=1,
            content=Private(organisation_id, "{}"),
            updated_at=now,
            expires_at=now,
        )
    )
    assert session.exec(select(PictureFile)).first() is not None


def add_submissions(lobby: Lobby) -> list[UUID]:
    """Adds a submission in each state, and a refusal; returns the ids."""
    requests = [
        SignatureRequest(PETITION, "Anna", f"anna{number}@example.org", CAN_SIGN, updates=False)
        for number in range(3)
    ]
    ids = sign_and_sort(lobby, *requests)
    with lobby.database.write() as session:
        waiting, new = (session.get_one(Submission, row_id) for row_id in ids[1:])
        waiting.state, waiting.due_at = SubmissionState.WAITING, lobby.clock()
        new.state, new.address_index = SubmissionState.NEW, None
        subject_id = petitions.by_slug(session, PETITION).id
        session.add(Refusal(subject_id=subject_id, address_index=b"1", refused_at=lobby.clock()))
        session.add(
            SubmissionRequest(
                submission_id=new.id, kind=RequestKind.SEND_AGAIN, asked_at=lobby.clock()
            )
        )
    return ids


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
        add_a_face(session, lobby.clock())
        account_rows.add_one_of_each(session, lobby.clock())
        team_rows.add_one_of_each(session, lobby.clock())
        imported = session.exec(select(Signature)).first()
        assert imported is not None
        imported.provenance = "paper, Leeds stall, 3 May 2026"
    add_submissions(lobby)
    filled = rows(lobby)
    assert [name for name, count in filled.items() if not count] == []
    worker.give_back_submissions(lobby)
    for later, earlier in pairwise([*reversed(revisions()), "base"]):
        engine.migrate(lobby.database, earlier)
        engine.migrate(lobby.database, later)
        assert current(lobby) == later
        engine.migrate(lobby.database, earlier)
    assert tables(lobby) == {"alembic_version"}
    engine.migrate(lobby.database)
    assert current(lobby) == revisions()[-1]
    empty = rows(lobby)
    assert empty.pop("parliament_version") == 1
    assert set(empty.values()) == {0}


def test_migrating_at_head_changes_nothing(lobby: Lobby) -> None:
    before = rows(lobby)
    engine.migrate(lobby.database)
    assert rows(lobby) == before


def test_submissions_stop_the_way_down_and_are_lost_by_nobody(lobby: Lobby) -> None:
    ids = add_submissions(lobby)
    with pytest.raises(Conflict, match="database: 3"):
        engine.migrate(lobby.database, "0015")
    assert current(lobby) == engine.head_revision()
    with lobby.database.read() as session:
        assert set(session.exec(select(Submission.id))) == set(ids)


def raw_rows(lobby: Lobby, table: str) -> list[dict[str, Any]]:
    """Returns the stored values of a table, as the database's driver returns them."""
    with lobby.database.connection() as connection:
        rows = connection.exec_driver_sql(f"SELECT * FROM {table}").mappings()
        return sorted((dict(row) for row in rows), key=str)


@pytest.mark.slow
def test_the_way_down_and_up_keeps_every_signature_and_consent_as_it_was(lobby: Lobby) -> None:
    request = SignatureRequest(PETITION, "Anna", "anna@example.org", CAN_SIGN, updates=False)
    sign_and_confirm(lobby, request)
    with lobby.database.write() as session:
        petition = petitions.by_slug(session, PETITION)
        earlier = [
            EarlierSignature(f"{state}@example.org", state, lobby.clock(), updates=True)
            for state in SignatureState
        ]
        earlier_signatures.add(session, petition, earlier, keyring=lobby.keyring)
    kept = ("supporter", "signature", "consent", "wording", "petition_tally", "letter")
    before = {table: raw_rows(lobby, table) for table in kept}
    assert all(before.values())
    engine.migrate(lobby.database, "0015")
    earlier_rows = {table: raw_rows(lobby, table) for table in kept}
    later_columns = {"confirmed_by_signer", "changed_at", "partner_changed_at"}
    assert earlier_rows == before | {
        "signature": [
            {name: value for name, value in row.items() if name not in later_columns}
            for row in before["signature"]
        ]
    }
    engine.migrate(lobby.database)
    assert {table: raw_rows(lobby, table) for table in kept} == before


@pytest.mark.parametrize("change", ["mail_off", "later answer", None])
def test_the_way_up_dates_signatures_whose_signers_have_changed_an_answer(
    lobby: Lobby, change: str | None
) -> None:
    request = SignatureRequest(PETITION, "Anna", "anna@example.org", CAN_SIGN, updates=True)
    (row_id,) = sign_and_confirm(lobby, request)
    engine.migrate(lobby.database, "0021")
    later = START + timedelta(days=1)
    with lobby.database.write() as session:
        consents = table_of(Consent)
        statement = sa.select(consents).where(consents.c.signature_id == row_id)
        answer = dict(session.connection().execute(statement).mappings().one())
        if change == "mail_off":
            person = table_of(Supporter).c.id == answer["supporter_id"]
            values = {"mail_off_at": later}
            session.execute(sa.update(table_of(Supporter)).where(person).values(values))
        elif change:
            answer |= {"id": new_id(), "granted": False, "effective_at": later}
            session.execute(sa.insert(consents).values(answer))
    before = datetime.now(UTC)
    engine.migrate(lobby.database)
    with lobby.database.read() as session:
        rows = session.exec(select(Signature)).all()
    moved = {row.id for row in rows if row.changed_at >= before}
    assert moved == ({row_id} if change else set()), "copies get it with their next look"
    assert all(row.changed_at == row.confirmed_at for row in rows if row.id not in moved)


@pytest.mark.slow
def test_what_was_disowned_lately_is_asked_about_no_more_after_the_way_up(lobby: Lobby) -> None:
    engine.migrate(lobby.database, "0015")
    with lobby.database.write() as session:
        petition = petitions.by_slug(session, PETITION)
        rejected = EarlierSignature("a@example.org", SignatureState.REJECTED, lobby.clock())
        earlier_signatures.add(session, petition, [rejected], keyring=lobby.keyring)
        # The migration has only the database's own clock.
        session.connection().execute(
            sa.text("UPDATE signature SET ended_at = CURRENT_TIMESTAMP WHERE state = 'rejected'")
        )
    engine.migrate(lobby.database)
    with lobby.database.read() as session:
        refusal = session.exec(select(Refusal)).one()
        index = session.exec(
            select(Supporter.email_index)
            .join(Signature, col(Signature.supporter_id) == Supporter.id)
            .where(Signature.state == SignatureState.REJECTED)
        ).one()
    assert (refusal.subject_id, refusal.address_index) == (petition.id, index)


def test_on_the_way_down_a_person_keeps_the_standing_signature_or_the_newest(
    lobby: Lobby,
) -> None:
    withdrawn, rejected = SignatureState.WITHDRAWN, SignatureState.REJECTED
    states = {
        "stands@example.org": (withdrawn, SignatureState.CONFIRMED, rejected),
        "ended@example.org": (rejected, withdrawn),
    }
    ids = {}
    with lobby.database.write() as session:
        petition = petitions.by_slug(session, PETITION)
        for email, of_person in states.items():
            earlier = [
                EarlierSignature(email, state, lobby.clock(), updates=True) for state in of_person
            ]
            ids[email] = [
                earlier_signatures.add(session, petition, [each], keyring=lobby.keyring)[0]
                for each in earlier
            ]
        consents = len(session.exec(select(Consent)).all())
    engine.migrate(lobby.database, "0015")
    kept = {row["id"] for row in raw_rows(lobby, "signature")}
    every = [row_id for of_person in ids.values() for row_id in of_person]
    wanted = {ids["stands@example.org"][1], ids["ended@example.org"][1]}
    is_kept = {row_id for row_id in every if kept & {row_id, row_id.hex}}
    assert is_kept == wanted
    assert len(raw_rows(lobby, "consent")) == consents


def test_the_way_down_takes_letters_without_a_motion_and_keeps_all_others(lobby: Lobby) -> None:
    table, tally, hours = table_of(Letter), table_of(LetterTally), table_of(LetterHour)
    before, without = set(_all(lobby, hours)), new_id()
    with lobby.database.write() as session:
        add_letters_relations(session, lobby.clock())
        session.flush()
        kept = session.exec(select(LetterAnswer.letter_id)).one()
        first = session.get_one(Letter, kept)
        values = {column.name: getattr(first, column.name) for column in table.columns}
        changed = {"id": without, "motion_id": None, "act": LetterAct.WRITE_TO_MINISTER}
        session.execute(sa.insert(table).values(values | changed))
        session.add(LetterAnswer(letter_id=without, outcome=LetterOutcome.ANSWERED, given_at=START))
        session.add(
            MemberReply(
                campaign_id=first.campaign_id,
                member_id=first.member_id,
                letter_id=without,
                kind=ReplyKind.OTHER,
                said_on=START.date(),
                recorded_at=START,
                updated_at=START,
            )
        )
        sent_at = first.sent_at
        assert sent_at is not None
        code = first.constituency_code
        counts.add_letter(session, first.campaign_id, None, code, sent_at=sent_at)
        session.add(
            LetterVariant(
                campaign_id=first.campaign_id,
                position=1,
                name="ours",
                act=LetterAct.WRITE_TO_MINISTER,
                updated_at=START,
            )
        )
    letters = {row.id for row in _all(lobby, table)} - {without}
    tallied = {row for row in _all(lobby, tally) if row.motion_id is not None}
    assert len(tallied) == len(_all(lobby, tally)) - 1
    engine.migrate(lobby.database, "0020")
    engine.migrate(lobby.database)
    assert {row.id for row in _all(lobby, table)} == letters
    assert set(_all(lobby, tally)) == tallied
    assert set(_all(lobby, hours)) == before != set()
    with lobby.database.read() as session:
        assert session.exec(select(LetterAnswer.letter_id)).all() == [kept]
        assert set(session.exec(select(MemberReply.letter_id))) == {kept, None}
        assert list(session.exec(select(Consent.letter_id))).count(kept) == 1
        assert session.exec(select(LetterVariant.name)).all() == ["ask"]


def test_the_way_down_forgets_who_recorded_a_statement_and_keeps_the_statement(
    lobby: Lobby,
) -> None:
    with lobby.database.write() as session:
        add_a_partners_key(session, lobby.clock())
        organiser_id = session.exec(select(Organiser.id)).one()
        key_id = session.exec(select(ApiKey.id)).first()
        for table in (MemberOverride, MemberReply):
            session.exec(sa.update(table).values(api_key_id=key_id))
        session.exec(sa.update(MemberOverride).values(organiser_id=organiser_id))
    new = {"organiser_id", "api_key_id"}
    before = {name: raw_rows(lobby, name) for name in ("member_override", "member_reply")}
    assert all(row["api_key_id"] for found in before.values() for row in found)
    engine.migrate(lobby.database, "0021")
    for name, found in before.items():
        kept = [{key: row[key] for key in row if key not in new} for row in found]
        assert raw_rows(lobby, name) == sorted(kept, key=str) != []
    engine.migrate(lobby.database)
    for name, found in before.items():
        forgotten = [row | dict.fromkeys(new & set(row)) for row in found]
        assert sorted(raw_rows(lobby, name), key=_of_id) == sorted(forgotten, key=_of_id)
    with lobby.database.write() as session, pytest.raises(IntegrityError):
        session.exec(sa.update(MemberOverride).values(campaign_id=None, kind="says_will_sign"))


def _of_id(row: dict[str, Any]) -> str:
    return str(row["id"])


def _all(lobby: Lobby, table: sa.Table) -> list[Any]:
    with lobby.database.connection() as connection:
        return list(connection.execute(sa.select(table)))


@pytest.mark.slow
def test_the_way_up_gives_existing_news_addresses_of_its_own(lobby: Lobby) -> None:
    engine.migrate(lobby.database, "0017")
    with lobby.database.write() as session:
        campaign = session.exec(select(Campaign.id)).one()
        connection = session.connection()
        connection.execute(sa.text("DELETE FROM campaign_update"))
        other_id, columns = new_id(), sa.inspect(connection).get_columns("campaign")
        names = ", ".join(column["name"] for column in columns)
        changed = {"id": ":id", "slug": "'other'"}
        values = ", ".join(changed.get(column["name"], column["name"]) for column in columns)
        copy = sa.text(f"INSERT INTO campaign ({names}) SELECT {values} FROM campaign")
        connection.execute(copy.bindparams(sa.bindparam("id", other_id, sa.Uuid())))
        uuid, moment = sa.Uuid(), sa.DateTime(timezone=True)
        update = sa.table(
            "campaign_update",
            sa.column("id", uuid),
            sa.column("campaign_id", uuid),
            sa.column("title", sa.String()),
            sa.column("body", sa.String()),
            sa.column("published_at", moment),
        )
        given = [
            (campaign, "We won!", 3),
            (campaign, "we won", 2),
            (campaign, "We  Won", 1),
            (campaign, "Дебаты", 4),
            (campaign, "議論", 5),
            (campaign, "x" * 200, 6),
            (other_id, "We won", 7),
        ]
        rows = [
            {
                "id": new_id(),
                "campaign_id": campaign_id,
                "title": title,
                "body": "b",
                "published_at": datetime(2026, 7, day, 12, tzinfo=UTC),
            }
            for campaign_id, title, day in given
        ]
        connection.execute(sa.insert(update), rows)
    engine.migrate(lobby.database)
    with lobby.database.read() as session:
        in_order = select(CampaignUpdate).order_by(col(CampaignUpdate.published_at))
        news = session.exec(in_order).all()
    assert [update.slug for update in news] == [
        "we-won",
        "we-won-2",
        "we-won-3",
        "news",
        "news-2",
        "x" * 80,
        "we-won",
    ], "the oldest of equal titles has no number, and campaigns do not share theirs"
    assert all(update.updated_at == update.published_at for update in news)
