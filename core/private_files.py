"""Files and folders that only their owner can read, from their first byte: modes 600 and 700."""

import contextlib
import os
import stat
from pathlib import Path

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_folder(folder: Path) -> None:
    """Makes a folder with mode 700, if there is none. One that exists keeps its mode."""
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)


def make_file(file: Path) -> None:
    """Makes an empty file with mode 600, if there is none. One that exists keeps its mode."""
    # O_EXCL, so that one that exists is not opened: to close it again would end the locks that
    # SQLite has on it in this process (sqlite.org/howtocorrupt.html, 2.2).
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE))


def is_open_to_others(path: Path) -> bool:
    """Returns whether the mode of a path gives anything to others than its owner."""
    return bool(path.stat().st_mode & _OTHERS)


def mode_of(path: Path) -> str:
    """Returns a mode as `chmod` takes it, such as '644'."""
    return f"{stat.S_IMODE(path.stat().st_mode):03o}"
