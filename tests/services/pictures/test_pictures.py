"""Tests how pictures are kept, replaced and found."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import UUID

import pytest
from sqlmodel import Session, func, select

from models import Campaign, Picture, PictureFile
from services.assembly import Lobby
from services.campaigns import campaigns
from services.demonstration import invented_campaign
from services.errors import Invalid, NotFound
from services.organisations import faces, organisations
from services.pictures import cutting, pictures
from services.pictures.cutting import CutFile
from tests.support.common import CAMPAIGN
from tests.support.keys import add_campaign
from tests.support.lobbies import MakeLobby


def files(name: bytes, *widths: int) -> list[CutFile]:
    return [
        CutFile(width, width // 2, "image/webp", name + bytes([number]))
        for number, width in enumerate(widths)
    ]


def campaign_id(lobby: Lobby, slug: str = CAMPAIGN) -> UUID:
    with lobby.database.read() as session:
        return campaigns.by_slug(session, slug).id


def keep(session: Session, campaign: UUID, made: list[CutFile], lobby: Lobby) -> None:
    row = session.get_one(Campaign, campaign)
    now = lobby.clock()
    pictures.keep_for_campaign(session, row, made, alt="A ward", credit="Us", now=now)


def count(lobby: Lobby) -> tuple[int, int]:
    with lobby.database.read() as session:
        pictures_kept = session.exec(select(func.count()).select_from(Picture)).one()
        return pictures_kept, session.exec(select(func.count()).select_from(PictureFile)).one()


def test_a_page_gets_the_picture_in_all_widths(lobby: Lobby) -> None:
    made, campaign = files(b"new", 390, 780, 1560), campaign_id(lobby)
    with lobby.database.write() as session:
        keep(session, campaign, made, lobby)
    with lobby.database.read() as session:
        shown = pictures.shown(session, campaign)
    first, second, third = (file.digest for file in made)
    assert shown == pictures.ShownPicture(
        address=f"/pictures/{second}",
        srcset=f"/pictures/{first} 390w, /pictures/{second} 780w, /pictures/{third} 1560w",
        width=780,
        height=390,
        alt="A ward",
        credit="Us",
    )


def test_a_small_picture_is_shown_in_the_width_that_it_has(lobby: Lobby) -> None:
    made, campaign = files(b"small", 300), campaign_id(lobby)
    with lobby.database.write() as session:
        keep(session, campaign, made, lobby)
    with lobby.database.read() as session:
        shown = pictures.shown(session, campaign)
    assert shown is not None
    assert (shown.width, shown.srcset) == (300, f"/pictures/{made[0].digest} 300w")


def test_pictures_of_several_campaigns_are_found_in_one_statement(lobby: Lobby) -> None:
    add_campaign(lobby, "second")
    add_campaign(lobby, "without")
    ids = [campaign_id(lobby, slug) for slug in (CAMPAIGN, "second", "without")]
    with lobby.database.write() as session:
        keep(session, ids[1], files(b"second", 390), lobby)
    with lobby.database.read() as session:
        shown = pictures.shown_of_campaigns(session, ids)
        assert shown.keys() == set(ids[:2])
        assert pictures.shown_of_campaigns(session, []) == {}
        assert pictures.shown(session, ids[2]) is None


def test_a_new_picture_leaves_nothing_of_the_old_one(lobby: Lobby) -> None:
    before, campaign = count(lobby), campaign_id(lobby)
    old, new = files(b"old", 390, 780, 1560), files(b"new", 390)
    with lobby.database.write() as session:
        keep(session, campaign, old, lobby)
    with lobby.database.write() as session:
        keep(session, campaign, new, lobby)
    assert count(lobby) == (before[0], before[1] - 2), "one width in place of three"
    with lobby.database.read() as session:
        assert pictures.file(session, new[0].digest).content == new[0].content
        for file in old:
            with pytest.raises(NotFound):
                pictures.file(session, file.digest)
    with lobby.database.write() as session:
        row = session.get_one(Campaign, campaign)
        pictures.remove_from_campaign(session, row, now=lobby.clock())
        pictures.remove_from_campaign(session, row, now=lobby.clock())
    with lobby.database.read() as session:
        assert pictures.shown(session, campaign) is None


def test_a_transaction_that_fails_keeps_the_old_picture(lobby: Lobby) -> None:
    campaign = campaign_id(lobby)
    with lobby.database.read() as session:
        before = pictures.shown(session, campaign)

    def fail() -> None:
        with lobby.database.write() as session:
            keep(session, campaign, files(b"new", 390), lobby)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with lobby.database.read() as session:
        assert pictures.shown(session, campaign) == before


def test_of_two_uploads_at_once_one_picture_is_left_whole(make_lobby: MakeLobby) -> None:
    """On PostgreSQL both would find no picture to delete, and insert one each."""
    lobby = make_lobby()
    campaign = campaign_id(lobby)
    with lobby.database.write() as session:
        row = session.get_one(Campaign, campaign)
        pictures.remove_from_campaign(session, row, now=lobby.clock())
    second_runs = Event()

    def second() -> None:
        second_runs.set()
        with lobby.database.write() as session:
            keep(session, campaign, files(b"second", 390, 780), lobby)

    with ThreadPoolExecutor(1) as thread:
        with lobby.database.write() as session:
            keep(session, campaign, files(b"first", 390, 780, 1560), lobby)
            running = thread.submit(second)
            second_runs.wait(10)
        running.result(30)
    with lobby.database.read() as session:
        shown = pictures.shown(session, campaign)
    assert shown is not None
    wanted = [f"/pictures/{file.digest}" for file in files(b"second", 390, 780)]
    assert [part.split()[0] for part in shown.srcset.split(", ")] == wanted
    assert count(lobby) == (2, 3), "the picture and the logo"


def test_many_uploads_at_once_leave_one_picture(lobby: Lobby) -> None:
    campaign = campaign_id(lobby)

    def upload(number: int) -> None:
        with lobby.database.write() as session:
            keep(session, campaign, files(bytes([number]), 390, 780), lobby)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(upload, range(16)))
    assert count(lobby) == (2, 3)


@pytest.mark.parametrize("alt", ["", "   ", "\u200b", "a\nb", "x" * 301])
def test_a_picture_needs_words_for_people_who_do_not_see_it(lobby: Lobby, alt: str) -> None:
    before, campaign = count(lobby), campaign_id(lobby)

    def upload() -> None:
        with lobby.database.write() as session:
            row = session.get_one(Campaign, campaign)
            made, now = files(b"new", 390), lobby.clock()
            pictures.keep_for_campaign(session, row, made, alt=alt, credit="", now=now)

    with pytest.raises(Invalid) as refused:
        upload()
    assert refused.value.fields[0].field == "alt"
    assert count(lobby) == before


def test_a_logo_is_part_of_the_face_and_can_be_replaced_and_removed(lobby: Lobby) -> None:
    slug = invented_campaign.about().organisation
    made = files(b"logo", 144)
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, slug)
        assert faces.of_organisation(session, owner).logo == pictures.logo(session, owner.id)
        pictures.keep_logo(session, owner, made, now=lobby.clock())
        assert faces.of_organisation(session, owner).logo == made[0].digest
        pictures.remove_logo(session, owner)
        assert faces.of_organisation(session, owner).logo is None
        assert pictures.logo(session, owner.id) is None
    assert count(lobby) == (1, 3), "the campaign keeps its picture"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_demonstrations_pictures_are_what_cutting_makes(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        stored = session.exec(select(PictureFile)).all()
    assert sorted(file.width for file in stored) == [144, 390, 780, 1560]
    for file in stored:
        largest = cutting.LARGEST_SIZES.get(file.width, cutting.LARGEST_LOGO)
        assert len(file.content) <= largest
        cut = cutting.ready_made(file.content)
        assert (cut.width, cut.height, cut.digest) == (file.width, file.height, file.digest)
