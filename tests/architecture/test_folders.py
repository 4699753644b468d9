"""Tests that no folder holds more than 25 modules."""

from collections import Counter
from pathlib import PurePosixPath

from tests.support import our_files

MOST_MODULES = 25
# Migrations are a sequence, so their number does not matter to a reader.
SEQUENCES = {PurePosixPath("alembic/versions")}


def test_no_folder_holds_more_modules_than_a_reader_can_take_in() -> None:
    names = [PurePosixPath(our_files.name_of(file)) for file in our_files.tracked()]
    folders = Counter(name.parent for name in names if name.suffix == ".py")
    too_full = {
        str(folder): count
        for folder, count in folders.items()
        if count > MOST_MODULES and folder not in SEQUENCES
    }
    assert too_full == {}
