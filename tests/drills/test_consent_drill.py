"""Runs a short drill of consents, and checks that the recount shares no code and finds faults."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from core.settings import ROOT, Settings
from drills import consents
from drills.consents import FIRST, SLUGS, Drill
from tests.support import our_files
from tools.settings import throwaway_settings

FEW = Drill(signatures=150, changes=100)
pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return throwaway_settings(tmp_path).model_copy(update={"webhooks_to_loopback": True})


def test_the_recount_uses_the_standard_library_alone() -> None:
    imports = our_files.facts_of(ROOT / "drills" / "recount_consent.py").imports
    assert {name.split(".")[0] for name in imports} <= sys.stdlib_module_names


def test_pages_files_copies_webhooks_and_the_desk_have_what_the_recount_has(
    settings: Settings,
) -> None:
    report = consents.run(settings, FEW)
    assert report.differences == []
    counts = {(when, slug): count for when, slug, count in report.counts}
    assert len(counts) == 2 * len(SLUGS)
    assert report.events > FEW.changes / 2
    assert counts["before", FIRST] != counts["after", FIRST]
    assert all(counts["after", slug].updates for slug in SLUGS)


def test_a_change_that_nobody_is_told_of_is_found(settings: Settings) -> None:
    def spoil(settings: Settings) -> None:
        with closing(sqlite3.connect(settings.data_dir / "lobby.db")) as connection, connection:
            changed = connection.execute(
                "UPDATE supporter SET mail_off_at = created_at WHERE mail_off_at IS NULL AND id IN "
                "(SELECT supporter_id FROM consent WHERE kind = 'updates' AND granted)"
            )
            assert changed.rowcount > 20

    report = consents.run(settings, FEW, spoil=spoil)
    found = {difference.rpartition(" in ")[2] for difference in report.differences}
    assert found == {"the copy by `since`", "webhooks"}, "what is read anew is right"
