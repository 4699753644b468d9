"""Whole runs of published clients over more rows than a page holds, compared with the database."""

from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import SQLModel, col, select

import worker
from models import (
    Campaign,
    Petition,
    Signature,
    SignatureState,
    Submission,
    Supporter,
    Tag,
    Tagging,
)
from services.assembly import Lobby
from tests.support.action_network import EVERYTHING, TOKEN, run_client, served, token_for
from tests.support.common import Clock
from tests.support.signatures import confirm_all

pytestmark = pytest.mark.slow

# As in clients/whole_run.py. A page holds 25.
PEOPLE, OTHERS = 32, 27
SINCE = "2026-07-02T00:00:00Z"


@pytest.mark.parametrize("library", ["parsons", "osdi", "pyactionnetwork"])
def test_a_client_makes_and_reads_everything_and_nothing_is_dropped(
    lobby: Lobby, clock: Clock, unused_port: int, library: str
) -> None:
    """Half of the signatures are confirmed between making and reading them."""
    clock.advance(days=1)
    key, script = token_for(lobby, *EVERYTHING)[TOKEN], f"whole_{library}.py"
    before = {model: len(ids(lobby, model)) for model in (Petition, Campaign, Supporter)}
    with served(lobby, unused_port) as address:
        made = outcome(run_client(script, "make", address, key), "make")
        petition, tag = UUID(made["petition"]), UUID(made["tag"])
        worker.sort_submissions(lobby)
        waiting = ids(lobby, Submission, Submission.petition_id == petition)
        assert len(waiting) == PEOPLE, "every signature has arrived"
        confirm_all(lobby, [UUID(row_id) for row_id in waiting[: PEOPLE // 2]])
        arguments = (made["petition"], made["tag"], SINCE)
        read = outcome(run_client(script, "read", address, key, *arguments), "read")
    live = col(Signature.state).in_([SignatureState.PENDING, SignatureState.CONFIRMED])
    signatures = [
        *ids(lobby, Signature, Signature.petition_id == petition, live),
        *ids(lobby, Submission, Submission.petition_id == petition),
    ]
    people, petitions = ids(lobby, Supporter), ids(lobby, Petition)
    made_since = ids(lobby, Supporter, col(Supporter.created_at) >= clock())
    expected = {
        "people": people,
        "people since": made_since,
        "petitions": petitions,
        "petitions since": ids(lobby, Petition, col(Petition.updated_at) >= clock()),
        "campaigns": ids(lobby, Campaign),
        "tags": ids(lobby, Tag),
        "signatures": signatures,
        "signatures since": signatures,
    }
    assert {name: Counter(read[name]) for name in expected} == {
        name: Counter(listed) for name, listed in expected.items()
    }
    assert len(set(read["taggings"])) == len(read["taggings"])
    assert len(read["taggings"]) == len(ids(lobby, Tagging, Tagging.tag_id == tag)) > 25
    assert len(signatures) == len(made_since) == PEOPLE
    assert len(petitions) == before[Petition] + OTHERS
    assert len(expected["campaigns"]) == before[Campaign] + OTHERS
    assert len(people) == before[Supporter] + PEOPLE
    assert len(expected["tags"]) == OTHERS, "an unknown tag is ignored, and not made"


def outcome(calls: dict[str, Any], phase: str) -> dict[str, Any]:
    assert calls[phase]["error"] is None, calls[phase]["error"]
    answer: dict[str, Any] = calls[phase]["answer"]
    return answer


def ids(lobby: Lobby, model: type[SQLModel], *where: Any) -> list[str]:
    """Returns the ids of rows, in order."""
    with lobby.database.read() as session:
        rows: Any = session.exec(select(model).where(*where))
        return sorted(str(row.id) for row in rows)
