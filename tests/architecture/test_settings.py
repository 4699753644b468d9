"""Tests that documents name every setting and no other."""

import re

from core.settings import ROOT, Settings


def documented() -> dict[str, str]:
    """Returns the variables and defaults of the table in docs/operators/settings.md."""
    text = (ROOT / "docs" / "operators" / "settings.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, re.MULTILINE))


def test_every_setting_is_documented_and_nothing_else() -> None:
    fields = {f"LOBBY_{name.upper()}" for name in Settings.model_fields}
    assert documented().keys() == fields
    everywhere = (ROOT / "docs" / "operators" / "settings.md").read_text(encoding="utf-8")
    assert set(re.findall(r"LOBBY_[A-Z_]+", everywhere)) <= fields


def test_the_documented_defaults_are_the_real_ones() -> None:
    defaults = documented()
    for name, field in Settings.model_fields.items():
        if field.default:
            assert defaults[f"LOBBY_{name.upper()}"] == f"`{field.default}`"


def test_no_other_document_names_a_setting_that_does_not_exist() -> None:
    fields = {f"LOBBY_{name.upper()}" for name in Settings.model_fields}
    for file in [ROOT / "README.md", ROOT / "Makefile", *(ROOT / "docs").rglob("*.md")]:
        named = set(re.findall(r"\bLOBBY_[A-Z_]+[A-Z]\b", file.read_text(encoding="utf-8")))
        assert named <= fields, file
