"""Tests of the system itself: what holds for every route, setting, migration, module and file."""

import ast
import gc
import os
import re
import subprocess
import weakref
from collections.abc import Iterator, Set
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from sqlalchemy.engine import Inspector
from sqlmodel import Session, SQLModel, select
from support import CAMPAIGN, PETITION

from lobby.core.settings import ROOT, Settings
from lobby.main import create_app
from lobby.models import (
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
from lobby.services.assembly import Lobby
from lobby.services.database import engine
from lobby.services.traffic import idempotency
from lobby.services.traffic.idempotency import Answer, Attempt

LARGEST_FILE = 300_000
LONGEST_MODULE = 450


# ---- routes: each asks for a key, or is meant for everybody

PUBLIC = {
    "GET /v1/campaigns",
    "GET /v1/campaigns/{slug}",
    "GET /v1/campaigns/{slug}/tally",
    "GET /v1/campaigns/{slug}/events.ics",
    "GET /v1/campaigns/{slug}/motions",
    "GET /v1/campaigns/{slug}/news.atom",
    "GET /v1/campaigns/{slug}/tally/events",
    "GET /v1/campaigns/{slug}/tally/events.atom",
    "GET /v1/campaigns/{slug}/tally/history",
    "GET /v1/campaigns/{slug}/tally/history.csv",
    "GET /v1/campaigns/{slug}/tally/summary",
    "GET /v1/campaigns/{slug}/tally/summary.csv",
    "GET /v1/campaigns/{slug}/tally.csv",
    "GET /v1/campaigns/{slug}/tally.jsonl",
    "GET /v1/members/{member_id}",
    "GET /v1/petitions/{slug}",
    "GET /v1/postcodes/{postcode}",
    "POST /v1/campaigns/{slug}/letters",
    "POST /v1/campaigns/{slug}/letters/check",
    "POST /v1/campaigns/{slug}/letters/draft",
    "POST /v1/campaigns/{slug}/letters/opened",
    "POST /v1/letters/answer",
    "POST /v1/letters/cancel",
    "POST /v1/letters/confirm",
    "POST /v1/letters/copy",
    "POST /v1/petitions/{slug}/signatures",
    "POST /v1/preferences",
    "POST /v1/preferences/read",
    "POST /v1/signatures/confirm",
    "POST /v1/signatures/disown",
    "POST /v1/signatures/watch",
    "POST /v1/signatures/withdraw",
}
ANY_KEY = {"DELETE /v1/keys/{prefix}"}  # which says by itself what each key may do


def scopes_in(dependant: Dependant) -> Set[Scope]:
    """The scopes that a route's dependencies ask for."""
    found = {scope for part in dependant.dependencies for scope in scopes_in(part)}
    return found | {
        scope for scope in [getattr(dependant.call, "required_scope", None)] if scope is not None
    }


def api_routes(app: FastAPI) -> dict[str, Set[Scope]]:
    """Every call under /v1, with the scopes that it needs."""
    calls = {}
    for route in iter_route_contexts(app.routes):
        path = route.path or ""
        if path.startswith("/v1/"):
            dependant: Any = getattr(route, "dependant", None)
            assert isinstance(dependant, Dependant), f"{path} is no route of the API's kind"
            for method in route.methods or ():
                calls[f"{method} {path}"] = scopes_in(dependant)
    return calls


@pytest.fixture
def app(client: TestClient) -> FastAPI:
    assert isinstance(client.app, FastAPI)
    return client.app


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_call_needs_a_scope_or_is_meant_for_everybody(app: FastAPI) -> None:
    calls = api_routes(app)
    assert {call for call, scopes in calls.items() if not scopes} == PUBLIC | ANY_KEY
    assert len(calls) > len(PUBLIC)
    assert all(len(scopes) <= 1 for scopes in calls.values())


def filled(path: str) -> str:
    """A path with something in each of its places: a slug, a number of Parliament's, or an id."""
    slug = PETITION if "petitions/" in path else CAMPAIGN
    numbered = re.sub(r"\{(member|motion)_id\}", "1", path.replace("{slug}", slug))
    return re.sub(r"\{\w+\}", str(UUID(int=1)), numbered)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_call_that_needs_a_scope_is_refused_without_a_key(
    app: FastAPI, client: TestClient
) -> None:
    for call in sorted(api_routes(app).keys() - PUBLIC):
        method, path = call.split(" ")
        answer = client.request(method, filled(path), json={})
        assert (answer.status_code, answer.json()["code"]) == (401, "key_missing"), call


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_call_is_described(app: FastAPI) -> None:
    described = {
        f"{method.upper()} {path}"
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    }
    assert api_routes(app).keys() <= described


# ---- settings: each is documented, and nothing else is


def documented() -> dict[str, str]:
    """Variables of the table in docs/settings.md, with what it says of their defaults."""
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, re.MULTILINE))


def test_every_setting_is_documented_and_nothing_else() -> None:
    fields = {f"LOBBY_{name.upper()}" for name in Settings.model_fields}
    assert documented().keys() == fields
    everywhere = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert set(re.findall(r"LOBBY_[A-Z_]+", everywhere)) <= fields


def test_the_documented_defaults_are_the_real_ones() -> None:
    told = documented()
    for name, field in Settings.model_fields.items():
        if field.default:
            assert told[f"LOBBY_{name.upper()}"] == f"`{field.default}`"


def test_no_other_document_names_a_setting_that_does_not_exist() -> None:
    fields = {f"LOBBY_{name.upper()}" for name in Settings.model_fields}
    for file in [ROOT / "README.md", ROOT / "Makefile", *(ROOT / "docs").rglob("*.md")]:
        named = set(re.findall(r"\bLOBBY_[A-Z_]+[A-Z]\b", file.read_text(encoding="utf-8")))
        assert named <= fields, file


# ---- migrations


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "alembic"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def revisions() -> list[str]:
    """Oldest first."""
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
    """What the library's comparison leaves out."""
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
    """Whether each index has a condition; those that belong to a UNIQUE are not listed."""
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
    """Rows that refer to a letter and to its campaign, which the demonstration has none of."""
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
    answered = LetterAnswer(letter_id=letter.id, outcome=LetterOutcome.ACKNOWLEDGED, given_at=now)
    session.add(answered)
    session.add(Relay(name="127.0.0.1:25", failed_at=now, failures=1, error="no answer"))
    dead = DeadAddress(
        address_index=b"1", member_id=letter.member_id, detail="550 5.1.1", found_at=now
    )
    session.add(dead)
    said = date(2026, 7, 1)
    reply = MemberReply(
        campaign_id=campaign_id,
        member_id=letter.member_id,
        letter_id=letter.id,
        kind=ReplyKind.UNDECIDED,
        said_on=said,
        recorded_at=now,
        updated_at=now,
    )
    session.add(reply)


def add_a_partners_key(session: Session, now: datetime) -> None:
    """A partner with a site, and a key of theirs for one petition."""
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
    """An endpoint of the key that is there, and one of an organiser, and something that each is
    told."""
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
        told = WebhookDelivery(
            endpoint_id=endpoint.id,
            event=WebhookEvent.LETTER_SENT,
            payload="{}",
            created_at=now,
            due_at=now,
        )
        session.add(told)


def add_a_tag(session: Session, now: datetime) -> None:
    """A tag on a supporter."""
    supporter = session.exec(select(Supporter)).first()
    assert supporter is not None
    supporter.changed_at = now
    tag = Tag(organisation_id=supporter.organisation_id, name="volunteer", created_at=now)
    session.add(tag)
    session.flush()
    session.add(Tagging(tag_id=tag.id, supporter_id=supporter.id, created_at=now))


def test_migrations_go_down_and_up_again_on_filled_tables(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        add_a_partners_key(session, lobby.clock())
        add_a_webhook(session, lobby.clock())
        session.add(Job(name="motions", due_at=lobby.clock()))
        session.add(OfficialApi(name="motions", wait_until=lobby.clock()))
        attempt, answer = Attempt(b"index", b"fingerprint"), Answer(201, b"{}")
        idempotency.keep(session, [(attempt, answer)], now=lobby.clock())
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


# ---- modules

# What each part may import of ours: core <- models <- services <- api <- web <- main, and the
# worker and the command on top of the services.
BELOW = {
    "core": {"core"},
    "models": {"core", "models"},
    "services": {"core", "models", "services"},
    "api": {"core", "models", "services", "api"},
    "web": {"core", "models", "services", "api", "web"},
    "worker": {"core", "models", "services", "worker"},
    "main": {"core", "models", "services", "api", "web", "worker"},
    "cli": {"core", "models", "services", "worker", "cli"},
}
HTTP = {"fastapi", "starlette", "uvicorn"}
SQL = {"sqlalchemy", "sqlmodel", "alembic", "psycopg"}
# A session is handed on, and a database that is busy is answered for: neither is SQL.
NO_SQL = {"sqlmodel.Session", "sqlalchemy.exc"}


def modules(*parts: str) -> list[Path]:
    """Our modules, or those of some parts."""
    found = sorted((ROOT / "lobby").rglob("*.py"))
    return [file for file in found if not parts or part_of(file) in parts]


def part_of(file: Path) -> str:
    return file.relative_to(ROOT / "lobby").parts[0].removesuffix(".py")


def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def imports_of(file: Path) -> Iterator[str]:
    """Dotted names: `from a.b import c` gives `a.b.c`."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports from a place relative to itself"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def test_layers_import_one_way() -> None:
    wrong = [
        f"{name_of(file)} imports {name}"
        for file in modules()
        if part_of(file) != "__init__"
        for name in imports_of(file)
        if name.startswith("lobby.") and name.split(".")[1] not in BELOW[part_of(file)]
    ]
    assert wrong == []


def test_models_and_services_know_no_http() -> None:
    wrong = [
        f"{name_of(file)} imports {name}"
        for file in modules("core", "models", "services")
        for name in imports_of(file)
        if name.split(".")[0] in HTTP
    ]
    assert wrong == []


def test_sql_is_in_services_only() -> None:
    wrong = [
        f"{name_of(file)} imports {name}"
        for file in modules("api", "web", "main", "worker", "cli", "core")
        for name in imports_of(file)
        if name.split(".")[0] in SQL
        and not any(f"{name}.".startswith(f"{allowed}.") for allowed in NO_SQL)
    ]
    assert wrong == []


def calls_in(file: Path) -> Iterator[tuple[str, int]]:
    """Names of methods that are called, with their lines."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            prefix = f"{owner.id}." if isinstance(owner, ast.Name) else ""
            yield f"{prefix}{node.func.attr}", node.lineno


def test_services_never_commit() -> None:
    wrong = [
        f"{name_of(file)}:{line} calls {name}"
        for file in modules("models", "services")
        for name, line in calls_in(file)
        if name.rpartition(".")[2] in ("commit", "rollback")
    ]
    assert wrong == []


def test_there_is_one_way_to_get_the_time() -> None:
    clocks = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"}
    found = {name_of(file) for file in modules() for name, _ in calls_in(file) if name in clocks}
    assert found == {"lobby/services/assembly.py"}


def test_no_module_is_long() -> None:
    lengths = {name_of(file): len(file.read_bytes().splitlines()) for file in modules()}
    assert {name: length for name, length in lengths.items() if length >= LONGEST_MODULE} == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [name_of(file) for file in modules() if not ast.get_docstring(tree_of(file))]
    assert silent == []


# ---- files


def tracked() -> list[Path]:
    """Every file that is or would be committed."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file()]


def test_no_file_is_large() -> None:
    sizes = {name_of(file): file.stat().st_size for file in tracked()}
    assert {name: size for name, size in sizes.items() if size > LARGEST_FILE} == {}


def test_no_secret_and_no_database_is_committed() -> None:
    names = {file.name for file in tracked()}
    assert not names & {"secret_key", ".env", "lobby.db", "postcodes.bin"}
    assert not [name for name in names if name.endswith((".db", ".eml", ".pem", ".key"))]


SERVED = ("run.txt", "dev.txt")
LOCKS = (*SERVED, "clients.txt", "clients-build.txt")


def requirements(lock: str) -> list[str]:
    """Each requirement of a lock, with its hashes, on one line."""
    text = (ROOT / "locks" / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_locked_with_hashes_and_without_an_address(lock: str) -> None:
    locked = requirements(lock)
    assert locked
    for line in locked:
        assert re.match(r"[A-Za-z0-9._-]+==\S+", line), line
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", line), line
    assert "://" not in (ROOT / "locks" / lock).read_text(encoding="utf-8")


def test_what_serves_is_tested_in_the_same_versions() -> None:
    versions = [
        dict(line.split()[0].split("==", 1) for line in requirements(lock)) for lock in SERVED
    ]
    assert versions[0].items() <= versions[1].items()


def test_no_lock_of_another_kind_is_kept() -> None:
    names = {file.name for file in tracked()}
    assert not names & {"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock"}


def test_the_checks_of_a_change_run_the_tests_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text(encoding="utf-8")


def test_the_readme_names_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make run" in readme
    assert "make test" in readme
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", readme)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", changelog, re.MULTILINE)
    assert headings[0] == "Unreleased"


# ---- memory


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_application_that_has_ended_is_freed(lobby: Lobby) -> None:
    def lived() -> "weakref.ref[FastAPI]":
        app = create_app(lobby.settings, lobby=lobby)
        with TestClient(app) as client:
            assert client.get("/livez").status_code == 200
        return weakref.ref(app)

    lived()  # the first of a process is held for good: see `lobby.core.garbage`
    gone = lived()
    gc.collect()
    assert gone() is None
