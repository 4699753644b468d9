"""Fills a campaign with invented people, to try pages with as many rows as a large campaign has.

`python -m tools.fill_campaign --signatures 200000 --letters 20000 --data-dir DIR` fills the
campaign of the demonstration, which it loads into an empty database. With `--real FOLDER` an empty
database gets the real 650 MPs and a recorded motion instead, and an invented union with a campaign
about it. Called again, it adds more people. Sign in as organiser@example.org, with the password
'demonstration', at localhost.
"""

import argparse
from pathlib import Path

from rich.progress import Progress

from core import logs
from core.settings import Settings
from services.assembly import Lobby, open_lobby
from services.campaigns import campaigns
from services.database import secret_keys
from services.demonstration import invented_campaign
from services.errors import NotFound
from services.postcodes import ons_import
from tools import campaign_rows, real_parliament, sample_data
from tools.campaign_rows import Size


def main() -> None:
    arguments = _arguments()
    logs.configure(level="ERROR")
    folder: Path = arguments.data_dir
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(data_dir=folder, database_url=arguments.database_url)
    lobby = open_lobby(settings)
    size = Size(arguments.signatures, arguments.letters, arguments.days)
    try:
        slug = prepare(lobby, real=arguments.real, days=size.days)
        with Progress() as progress:
            task = progress.add_task("People", total=size.signatures)
            campaign_rows.fill(
                lobby,
                slug,
                size,
                seed=arguments.seed,
                report=lambda count: progress.advance(task, count),
            )
    finally:
        lobby.close()
    print(f"The campaign is at /organiser/campaigns/{slug}")


def prepare(lobby: Lobby, *, real: Path | None, days: int) -> str:
    """Loads what an empty database needs; returns the slug of the campaign to fill."""
    secret_keys.prepare(lobby.database, lobby.keyring, now=lobby.clock())
    with lobby.database.read() as session:
        for slug in (campaign_rows.CAMPAIGN, invented_campaign.about().campaign):
            try:
                return campaigns.by_slug(session, slug).slug
            except NotFound:
                continue
    if real is None:
        sample_data.load_demonstration(lobby)
        return invented_campaign.about().campaign
    ons_import.import_postcodes(invented_campaign.POSTCODES, lobby.settings.postcode_file)
    with lobby.database.write() as session:
        real_parliament.load(session, real)
    return campaign_rows.found(lobby, motion_id=real_parliament.MOTION, days=days)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fill_campaign", description=__doc__)
    parser.add_argument("--signatures", type=int, default=200_000)
    parser.add_argument("--letters", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=50, help="over which people signed, until now")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--database-url", default="", help="of PostgreSQL; otherwise SQLite")
    parser.add_argument("--real", type=Path, help="the folder with Parliament's real data")
    parser.add_argument("--seed", type=int, default=campaign_rows.SEED)
    return parser.parse_args()


if __name__ == "__main__":
    main()
