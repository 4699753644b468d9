"""Tests which parties sit together."""

import pytest

from services.parliament import parties


@pytest.mark.parametrize("name", ["Labour", "Labour (Co-op)", "labour (co-op)", " Labour (Co-op) "])
def test_labour_and_its_cooperative_members_are_one_group(name: str) -> None:
    assert parties.is_same_group(name, "Labour")
    assert parties.is_same_group("Labour (Co-op)", name)


def test_every_other_party_is_its_own_group() -> None:
    assert parties.group("Plaid Cymru") == "Plaid Cymru"
    assert not parties.is_same_group("Social Democratic & Labour Party", "Labour")


@pytest.mark.parametrize("name", ["Labour (Co-op)", "Labour/Co-op", "labour co-op "])
def test_a_party_is_shown_by_one_name_however_a_file_spells_it(name: str) -> None:
    assert parties.display_name(name) == "Labour (Co-op)"
    assert "Labour" in parties.names_of(name)
    assert parties.display_name("Plaid Cymru") == "Plaid Cymru"
