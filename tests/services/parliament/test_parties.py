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
