"""Runs a short recount of sums and checks that it finds a wrong one; `make drill` runs it whole."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drills import recount_data, recount_service, recount_sums
from drills.recount_sums import Recount, prepared
from tests.support.common import needs_real_data

FEW = 1000
MODULES = (recount_data, recount_service, recount_sums)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recount]:
    with prepared(tmp_path_factory.mktemp("recount"), signatures=FEW) as service:
        yield service


def imported(module: object) -> set[str]:
    """Returns the names of what a module imports."""
    tree = ast.parse(Path(str(getattr(module, "__file__", ""))).read_text(encoding="utf-8"))
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    return names | {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("module", MODULES)
def test_the_recount_uses_no_code_of_the_service_and_the_standard_library_alone(
    module: object,
) -> None:
    own = {"drills", *(each.__name__ for each in MODULES)}
    others = {name.partition(".")[0] for name in imported(module) - own}
    assert others <= sys.stdlib_module_names
    assert others


@needs_real_data
@pytest.mark.real_data
@pytest.mark.slow
def test_every_sum_is_that_of_the_recount_and_a_second_import_adds_nothing(
    service: Recount,
) -> None:
    assert service.expected.rejected
    assert service.expected.repeated
    for _ in range(2):
        service.add_signatures()
        found = service.compare()
        assert found.wrong == []
        assert found.compared > 3000


@needs_real_data
@pytest.mark.real_data
@pytest.mark.slow
def test_the_recount_tells_of_one_signature_and_one_name_too_many(service: Recount) -> None:
    expected = service.expected
    seat = next(seat for seat in expected.seats.values() if seat.party == "Labour (Co-op)")
    member = next(seat for seat in expected.seats.values() if expected.standing(seat) == "signed")
    name = expected.names.pop(member.member_id or 0)
    expected.by_code[seat.code] += 1
    told = "\n".join(service.compare().wrong)
    expected.by_code[seat.code] -= 1
    expected.names[name.member_id] = name
    for where in ("tally: members", "tally: signatures", "history by day", "history by hour"):
        assert where in told
    for code in (seat.code, member.code):
        assert f"{code} in JSON" in told
        assert f"{code} in CSV" in told
    assert "Labour in CSV" in told
