"""Finds files and folders of the service that others than its owner can use."""

from collections.abc import Iterator
from pathlib import Path

from core import private_files
from core.settings import Settings
from services.database import embedded
from services.operations.findings import Finding


def check(settings: Settings) -> list[Finding]:
    """Returns a finding for each path.

    The folder is only a hint, as its files have modes too, and so are the postcodes, which are
    public.
    """
    findings = [
        Finding(
            f"{file} can be used by others (mode {private_files.mode_of(file)}): "
            f"run `chmod 600 {file}`.",
            is_trouble=file != settings.postcode_file,
            code="file_open_to_others",
        )
        for file in sorted(set(_files(settings)))
        if file.is_file() and private_files.is_open_to_others(file)
    ]
    folder = settings.data_dir
    if folder.is_dir() and private_files.is_open_to_others(folder):
        mode = private_files.mode_of(folder)
        text = f"Others can use the data folder {folder} (mode {mode}): run `chmod 700 {folder}`."
        findings.append(Finding(text, is_trouble=False, code="folder_open_to_others"))
    return findings


def _files(settings: Settings) -> Iterator[Path]:
    """Yields the secret key, and the database with its journals and what restores have kept."""
    yield settings.data_dir / "secret_key"
    yield settings.postcode_file
    if database := embedded.file_of(settings.database_url):
        yield database
        yield from (
            file
            for file in database.parent.iterdir()
            if file.name.startswith((f"{database.name}-", f"{database.name}."))
        )
