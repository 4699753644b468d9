"""Tests `lobby member`: what an organisation keeps about an MP, for one who asks."""

import pytest

from services.demonstration import invented_answers
from tests.support.cli import ORGANISATION, Cli

pytestmark = pytest.mark.slow
MORAG, EMLYN = "900001", "900003"


def test_a_member_who_asks_gets_notes_answers_and_contacts(demo: Cli) -> None:
    about_emlyn = demo("member", "kept", EMLYN, "--organisation", ORGANISATION)
    assert about_emlyn.returncode == 0, about_emlyn.stderr
    for part in ("Emlyn Tregaroth", invented_answers.NOTE, "organiser@example.org", "01632 960103"):
        assert part in about_emlyn.stdout
    about_morag = demo("member", "kept", MORAG, "--organisation", ORGANISATION)
    assert "no_answer" in about_morag.stdout
    assert invented_answers.NOTE not in about_morag.stdout


def test_an_unknown_member_or_organisation_is_refused_in_a_sentence(demo: Cli) -> None:
    for arguments in (("1", "--organisation", ORGANISATION), (MORAG, "--organisation", "nobody")):
        refused = demo("member", "kept", *arguments)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "There is no" in refused.stderr
