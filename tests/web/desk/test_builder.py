"""Tests building a campaign in the browser: its steps, who may do what, and what is kept."""

import io
import re
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image
from sqlmodel import select

from models import Campaign, CampaignStatus, Petition, PetitionState, Role, Wording
from services.assembly import Lobby
from services.building.readiness import Part
from services.campaigns import campaigns, petitions
from services.organisations import notices, organisations
from services.pictures import pictures
from tests.support.campaigns import (
    DRAFT,
    DRAFT_PETITION,
    EDIT,
    NOTICE,
    PETITION_TEXTS,
    TEXTS,
    add_draft,
    add_others,
    add_ready_draft,
    draft_of,
    remove_petition,
    status_of_draft,
)
from tests.support.common import CAMPAIGN
from tests.support.desk import DeskClient, as_role
from tests.support.keys import OTHERS
from tests.support.pages import Page, hidden, value_of, visible
from web.organisers.builder.frame import Step
from web.organisers.builder.point_words import WORDS

NEW = "/organiser/campaigns/new"
LOOK = "/organiser/look"
IDENTITY = {"name": "Others", "website": "", "brand_colour": "", "contact_email": ""}
STRANGE = "Für <b>Alle</b> مرحبا 🚍 " + "x" * 100


def save(client: DeskClient, path: str, **fields: Any) -> Page:
    """Opens a form and sends it with these fields, as a browser would."""
    version = re.search(r'name="version" value="([^"]*)"', client.get(path).text)
    given = {"version": version.group(1)} if version else {}
    return client.post(path, data=given | fields)


def picture(kind: str = "PNG", size: tuple[int, int] = (800, 450)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, "navy").save(stream, kind)
    return stream.getvalue()


def all_of(lobby: Lobby, slug: str) -> list[Petition]:
    with lobby.database.read() as session:
        campaign = campaigns.by_slug(session, slug)
        return petitions.of_campaigns(session, [campaign.id], with_drafts=True)[campaign.id]


# ---- from empty to open


def test_a_campaign_is_built_from_empty_to_open(client: DeskClient, lobby: Lobby) -> None:
    add_others(lobby)
    as_role(lobby, client, Role.OWNER, organisation=OTHERS)
    begun = client.post(NEW, data={"id": str(uuid4()), "title": TEXTS["title"]})
    assert begun.headers["Location"] == f"{EDIT}/campaign?done=added"
    first = client.get(begun.headers["Location"])
    assert "4 things are missing" in visible(first)
    assert "Saved at 1pm today. Only your team can see a draft." in visible(first)
    assert re.findall(r'class="is-(\w+)" href="[^"]+/edit/(\w+)"', first.text) == [
        ("missing", "campaign"),
        ("missing", "petition"),
        ("missing", "motion"),
        ("done", "letters"),
        ("done", "partners"),
        ("missing", "look"),
        ("todo", "open"),
    ]
    assert save(client, f"{EDIT}/campaign", **TEXTS).headers["Location"] == (
        f"{EDIT}/petition?done=saved"
    )
    added = client.post(f"{EDIT}/petition", data=PETITION_TEXTS)
    assert added.headers["Location"] == f"{EDIT}/motion?done=saved"
    client.post(f"{EDIT}/motion", data={"do": "none"})
    assert draft_of(lobby).runs_without_motion
    assert "1 thing is missing" in visible(client.get(f"{EDIT}/open"))
    assert 'disabled aria-describedby="why-not"' in client.get(f"{EDIT}/open").text
    assert save(client, LOOK, **IDENTITY).status_code == 303
    assert save_notice(client, NOTICE).headers["Location"] == f"{LOOK}?done=published"
    ready = client.get(f"{EDIT}/open")
    assert "Nothing is missing" in visible(ready)
    assert "Give every carer a bus pass" in visible(client.get(f"{EDIT}/open/now"))
    assert status_of_draft(lobby) is CampaignStatus.DRAFT
    opened = client.post(f"{EDIT}/open/now")
    assert opened.headers["Location"] == f"{EDIT}/open?done=opened"
    client.cookies.clear()
    page = client.get(f"/campaigns/{DRAFT}")
    assert page.status_code == 200
    assert "Give every carer a bus pass" in visible(page)
    assert f'action="/petitions/{DRAFT_PETITION}/sign' in page.text


def save_notice(client: DeskClient, text: str) -> Page:
    versions = re.findall(r'name="version" value="([^"]*)"', client.get(LOOK).text)
    return client.post(f"{LOOK}/notice", data={"version": versions[1], "notice": text})


def test_a_campaign_and_its_petitions_are_born_as_drafts_that_strangers_do_not_see(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    signed_in.post(NEW, data={"id": str(uuid4()), "title": "Free bus passes"})
    signed_in.post(f"{EDIT}/petition", data=PETITION_TEXTS)
    assert status_of_draft(lobby) is CampaignStatus.DRAFT
    assert [petition.state for petition in all_of(lobby, DRAFT)] == [PetitionState.DRAFT]
    signed_in.cookies.clear()
    for path in (f"/campaigns/{DRAFT}", f"/petitions/{DRAFT_PETITION}"):
        assert signed_in.get(path).status_code == 404


def test_the_preview_shows_a_draft_as_the_public_will_see_it(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    add_ready_draft(lobby)
    assert f'href="/campaigns/{DRAFT}">Preview</a>' in signed_in.get(f"{EDIT}/look").text
    page = signed_in.get(f"/campaigns/{DRAFT}")
    assert "This is a draft This is how the public will see it." in visible(page)
    assert "<h1>Give every carer a bus pass</h1>" in page.text
    assert f'action="/petitions/{DRAFT_PETITION}/sign' in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert status_of_draft(lobby) is CampaignStatus.DRAFT
    assert [petition.state for petition in all_of(lobby, DRAFT)] == [PetitionState.DRAFT]
    signer = {"name": "Anna", "email": "a@example.org", "postcode": "EH1 1YZ", "updates": "no"}
    assert signed_in.post(f"/petitions/{DRAFT_PETITION}/sign", data=signer).status_code == 404


def test_opening_is_refused_with_409_where_something_has_gone_meanwhile(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    add_ready_draft(lobby)
    assert "Yes, open it" in signed_in.get(f"{EDIT}/open/now").text
    with lobby.database.write() as session:
        remove_petition(session, lobby)
    refused = signed_in.post(f"{EDIT}/open/now")
    assert refused.status_code == 409
    assert "This campaign can’t open yet. 1 thing is missing." in visible(refused)
    assert "Write a petition" in visible(refused)
    assert status_of_draft(lobby) is CampaignStatus.DRAFT
    assert signed_in.get(f"{EDIT}/open/now").headers["Location"] == f"{EDIT}/open"


def test_every_part_has_words_and_a_step_of_the_builder() -> None:
    assert set(WORDS) == set(Part)
    assert {words.step for words in WORDS.values()} <= set(Step)


# ---- drafts and addresses


def test_a_form_for_a_new_campaign_that_is_sent_twice_makes_one(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    fields = {"id": hidden(signed_in.get(NEW), "id"), "title": "Free bus passes"}
    both = [signed_in.post(NEW, data=fields) for _ in range(2)]
    assert {page.headers["Location"] for page in both} == {f"{EDIT}/campaign?done=added"}
    other = signed_in.post(NEW, data={"id": str(uuid4()), "title": "Free bus passes"})
    assert other.headers["Location"].startswith("/organiser/campaigns/free-bus-passes-2/")


def test_a_form_for_another_petition_that_is_sent_twice_makes_one(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    add_ready_draft(lobby)
    page = signed_in.get(f"{EDIT}/petition?another=yes")
    fields = {"id": hidden(page, "id"), "action": "Widen the doors", "addressed_to": "the Mayor"}
    for _ in range(2):
        assert signed_in.post(f"{EDIT}/petition", data=fields).status_code == 303
    assert [row.slug for row in all_of(lobby, DRAFT)] == [DRAFT_PETITION, "widen-the-doors"]


def test_the_form_of_another_organisation_makes_nothing(client: DeskClient, lobby: Lobby) -> None:
    taken = add_draft(lobby)
    add_others(lobby)
    as_role(lobby, client, Role.OWNER, organisation=OTHERS)
    page = client.post(NEW, data={"id": str(taken.id), "title": "Ours now"})
    assert page.status_code == 409
    assert value_of(page, "title") == "Ours now"
    assert draft_of(lobby).organisation_id == taken.organisation_id


def test_an_address_changes_while_it_is_a_draft_and_never_after(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    add_ready_draft(lobby)
    moved = save(signed_in, f"{EDIT}/campaign", **TEXTS | {"slug": "bus-passes"})
    assert moved.headers["Location"].startswith("/organiser/campaigns/bus-passes/edit/petition")
    back = save(signed_in, f"{EDIT}/campaign".replace(DRAFT, "bus-passes"), **TEXTS)
    assert back.status_code == 303
    signed_in.post(f"{EDIT}/open/now")
    page = signed_in.get(f"{EDIT}/campaign")
    assert 'name="slug"' not in page.text
    forged = save(signed_in, f"{EDIT}/campaign", **TEXTS | {"slug": "bus-passes"})
    assert forged.headers["Location"].startswith(f"{EDIT}/")
    one = f"{EDIT}/petition/{DRAFT_PETITION}"
    save(signed_in, one, **PETITION_TEXTS | {"slug": "elsewhere"})
    assert [row.slug for row in all_of(lobby, DRAFT)] == [DRAFT_PETITION]


def test_an_address_that_is_taken_is_an_error_at_its_field(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    add_ready_draft(lobby)
    page = save(signed_in, f"{EDIT}/campaign", **TEXTS | {"slug": CAMPAIGN})
    assert page.status_code == 409
    assert 'id="slug-error"' in page.text
    assert value_of(page, "slug") == CAMPAIGN
    again = signed_in.post(NEW, data={"title": "Another", "slug": CAMPAIGN})
    assert again.status_code == 409
    assert 'id="slug-error"' in again.text
    one = f"{EDIT}/petition/{DRAFT_PETITION}"
    taken = save(signed_in, one, **PETITION_TEXTS | {"slug": "keep-nhs-professionals-public"})
    assert taken.status_code == 409
    assert 'id="slug-error"' in taken.text


# ---- nothing that was typed is lost


@pytest.mark.parametrize("wrong", ["", "x" * 201, "a\x00b", "a\nb", "=?x?="])
def test_a_wrong_title_is_named_and_everything_typed_is_kept(
    signed_in: DeskClient, lobby: Lobby, wrong: str
) -> None:
    add_draft(lobby)
    texts = {"title": wrong, "slug": DRAFT, "summary": STRANGE, "body": f"{STRANGE}\n\nMore"}
    page = save(signed_in, f"{EDIT}/campaign", **texts, nations=["Wales"])
    assert page.status_code == 422
    assert 'href="#title"' in page.text
    assert "<title>Error: " in page.text
    kept = page.text
    assert "<b>Alle" not in kept
    assert kept.count("Für &lt;b&gt;Alle&lt;/b&gt; مرحبا 🚍") == 2
    assert 'value="Wales" checked' in kept
    assert draft_of(lobby).title == TEXTS["title"]


def test_strange_texts_are_kept_and_shown_as_they_are(signed_in: DeskClient, lobby: Lobby) -> None:
    add_draft(lobby)
    saved = save(signed_in, f"{EDIT}/campaign", **TEXTS | {"title": STRANGE, "body": "**Big**"})
    assert saved.status_code == 303
    assert draft_of(lobby).title == STRANGE.strip()
    page = signed_in.get(f"/campaigns/{DRAFT}")
    assert "<strong>Big</strong>" in page.text
    assert "<b>Alle" not in page.text


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("action", ""),
        ("addressed_to", " "),
        ("goal", "-5"),
        ("goal", "many"),
        ("closes_on", "31 May"),
        ("closes_on", "2020-01-01"),
        ("closes_on", "9999-12-31"),
        ("closes_time", "25:00"),
        ("slug", "Not A Slug"),
    ],
)
def test_a_wrong_field_of_a_petition_is_named_and_everything_typed_is_kept(
    signed_in: DeskClient, lobby: Lobby, field: str, wrong: str
) -> None:
    add_ready_draft(lobby)
    typed = PETITION_TEXTS | {"goal": "1,000", "closes_on": "2027-05-01", "closes_time": "17:30"}
    typed |= {"background": "A reason.", field: wrong}
    if wrong == "9999-12-31":
        typed["closes_time"] = ""  # the end of this day is in no calendar
    pages = [
        save(signed_in, f"{EDIT}/petition/{DRAFT_PETITION}", **typed),
        signed_in.post(f"{EDIT}/petition", data=typed),
    ]
    for page in pages:
        assert page.status_code == 422
        assert f'id="{field}-error"' in page.text
        assert value_of(page, field) == wrong
        assert "A reason.</textarea>" in page.text
    assert len(all_of(lobby, DRAFT)) == 1


def test_a_petition_keeps_its_goal_and_its_closing_time(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    add_ready_draft(lobby)
    one = f"{EDIT}/petition/{DRAFT_PETITION}"
    day = {"goal": "1,000", "closes_on": "2027-05-01", "closes_time": ""}
    save(signed_in, one, **PETITION_TEXTS | day)
    (row,) = all_of(lobby, DRAFT)
    assert row.goal == 1000
    assert row.closes_at
    assert row.closes_at.isoformat() == "2027-05-01T23:00:00+00:00"  # midnight in London
    page = signed_in.get(one)
    assert (value_of(page, "closes_on"), value_of(page, "closes_time")) == ("2027-05-01", "")
    save(signed_in, one, **PETITION_TEXTS | day | {"closes_time": "17.30"})
    assert value_of(signed_in.get(one), "closes_time") == "17:30"
    save(signed_in, one, **PETITION_TEXTS)
    assert [row.closes_at for row in all_of(lobby, DRAFT)] == [None]


def test_a_campaign_in_public_keeps_a_summary(signed_in: DeskClient) -> None:
    path = f"/organiser/campaigns/{CAMPAIGN}/edit/campaign"
    page = save(signed_in, path, title="Keep it", summary="")
    assert page.status_code == 422
    assert 'id="summary-error"' in page.text


# ---- two people at once


def test_what_a_colleague_changed_meanwhile_is_shown_beside_ones_own_text(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    add_draft(lobby)
    stale = hidden(signed_in.get(f"{EDIT}/campaign"), "version")
    save(signed_in, f"{EDIT}/campaign", **TEXTS | {"summary": "Theirs <i>now</i>."})
    mine = TEXTS | {"summary": "Mine.", "nations": ["Wales"], "version": stale}
    page = signed_in.post(f"{EDIT}/campaign", data=mine)
    assert page.status_code == 409
    assert "A colleague saved changes while you were writing." in visible(page)
    assert "Mine.</textarea>" in page.text
    assert "Your colleague’s version: Theirs &lt;i&gt;now&lt;/i&gt;." in visible(page)
    assert 'href="#summary"' in page.text
    assert "Summary: a colleague changed this." in visible(page)
    # The colleague left these two alone.
    assert 'href="#title"' not in page.text
    assert 'href="#nations"' not in page.text
    assert 'value="Wales" checked' in page.text
    assert draft_of(lobby).summary == "Theirs <i>now</i>."
    again = signed_in.post(f"{EDIT}/campaign", data=mine | {"version": hidden(page, "version")})
    assert again.status_code == 303
    assert draft_of(lobby).summary == "Mine."


def test_a_stale_form_that_says_the_same_is_saved(signed_in: DeskClient, lobby: Lobby) -> None:
    add_draft(lobby)
    stale = hidden(signed_in.get(f"{EDIT}/campaign"), "version")
    both = TEXTS | {"body": "One\r\n\r\nTwo"}
    save(signed_in, f"{EDIT}/campaign", **both)
    assert signed_in.post(f"{EDIT}/campaign", data=both | {"version": stale}).status_code == 303


def test_what_a_colleague_left_alone_is_saved_from_a_stale_form(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    add_draft(lobby)
    stale = hidden(signed_in.get(f"{EDIT}/campaign"), "version")
    save(signed_in, f"{EDIT}/campaign", **TEXTS)
    mine = TEXTS | {"hero_line": "Mine", "version": stale}
    assert signed_in.post(f"{EDIT}/campaign", data=mine).status_code == 303
    found = draft_of(lobby)
    assert (found.summary, found.hero_line) == (TEXTS["summary"], "Mine")


@pytest.mark.parametrize("version", ["", "0" * 32, "é", "a" * 9])
def test_a_form_without_a_good_version_overwrites_nothing(
    signed_in: DeskClient, lobby: Lobby, version: str
) -> None:
    add_draft(lobby)
    page = signed_in.post(f"{EDIT}/campaign", data=TEXTS | {"title": "X", "version": version})
    assert page.status_code == 409
    assert draft_of(lobby).title == TEXTS["title"]


def test_petition_notice_and_identity_have_versions_too(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    add_ready_draft(lobby)
    one = f"{EDIT}/petition/{DRAFT_PETITION}"
    assert signed_in.post(one, data=PETITION_TEXTS | {"action": "Mine"}).status_code == 409
    assert signed_in.post(LOOK, data=IDENTITY | {"name": "Mine"}).status_code == 409
    page = signed_in.post(f"{LOOK}/notice", data={"notice": "A text of my own. " * 5})
    assert page.status_code == 409
    assert f"Your colleague’s version: {NOTICE}" in visible(page)


# ---- roles and organisations


def paths_of_steps() -> list[str]:
    steps = ["campaign", "petition", f"petition/{DRAFT_PETITION}", "look", "look/remove", "open"]
    stages = ["open/now", "open/outcome", "open/pause", f"petition/{DRAFT_PETITION}/remove"]
    return [f"{EDIT}/{each}" for each in steps + stages]


@pytest.mark.parametrize("path", [NEW, LOOK, *paths_of_steps()])
def test_a_viewer_and_a_stranger_reach_no_form(client: DeskClient, lobby: Lobby, path: str) -> None:
    add_ready_draft(lobby)
    assert client.get(path).headers["Location"].startswith("/sign-in")
    as_role(lobby, client, Role.VIEWER)
    assert client.get(path).status_code == 403
    assert client.post(path, data=TEXTS).status_code in (403, 405)
    assert status_of_draft(lobby) is CampaignStatus.DRAFT


@pytest.mark.parametrize("path", paths_of_steps())
def test_another_organisations_draft_is_a_404(client: DeskClient, lobby: Lobby, path: str) -> None:
    add_ready_draft(lobby)
    add_others(lobby)
    as_role(lobby, client, Role.OWNER, organisation=OTHERS)
    assert client.get(path).status_code == 404
    assert client.post(path, data=TEXTS).status_code in (404, 405)
    assert draft_of(lobby).summary == TEXTS["summary"]
    assert len(all_of(lobby, DRAFT)) == 1


@pytest.mark.parametrize("path", ["open/never", f"petition/{DRAFT_PETITION}/never", "never"])
def test_an_unknown_stage_or_step_is_a_404(signed_in: DeskClient, lobby: Lobby, path: str) -> None:
    add_ready_draft(lobby)
    assert signed_in.get(f"{EDIT}/{path}").status_code == 404
    assert signed_in.post(f"{EDIT}/{path}").status_code == 404


def test_a_petition_of_another_campaign_is_a_404(signed_in: DeskClient, lobby: Lobby) -> None:
    add_ready_draft(lobby)
    for path in ("", "/remove"):
        other = f"/organiser/campaigns/{CAMPAIGN}/edit/petition/{DRAFT_PETITION}{path}"
        assert signed_in.get(other).status_code == 404
        assert signed_in.post(other, data=PETITION_TEXTS).status_code == 404


@pytest.mark.slow
def test_an_editor_writes_and_pauses_but_does_not_open_or_close(
    client: DeskClient, lobby: Lobby
) -> None:
    add_ready_draft(lobby)
    as_role(lobby, client, Role.EDITOR)
    assert save(client, f"{EDIT}/campaign", **TEXTS | {"title": "New"}).status_code == 303
    page = client.get(f"{EDIT}/open")
    assert "It’s ready. Only owners can open a campaign" in visible(page)
    assert "/open/now" not in page.text
    for stage in ("now", "close", "reopen", "outcome"):
        assert client.get(f"{EDIT}/open/{stage}").status_code == 403
        assert client.post(f"{EDIT}/open/{stage}", data={"status": "won"}).status_code == 403
    assert status_of_draft(lobby) is CampaignStatus.DRAFT
    running = f"/organiser/campaigns/{CAMPAIGN}/edit/open"
    assert "Close the campaign" not in visible(client.get(running))
    for stage, status in (("pause", 200), ("pause", 200), ("resume", 403)):
        assert client.get(f"{running}/{stage}").status_code == status
        assert client.post(f"{running}/{stage}").status_code == (303 if status == 200 else 403)
        with lobby.database.read() as session:
            assert campaigns.public(session, CAMPAIGN).letters_paused_at is not None
    assert "Send letters again" not in visible(client.get(running))


# ---- closing, and how it ended


def test_an_owner_closes_a_campaign_and_opens_it_again(signed_in: DeskClient, lobby: Lobby) -> None:
    add_ready_draft(lobby)
    signed_in.post(f"{EDIT}/open/now")
    assert "Close this campaign?" in visible(signed_in.get(f"{EDIT}/open/close"))
    assert status_of_draft(lobby) is CampaignStatus.OPEN
    signed_in.post(f"{EDIT}/open/close")
    assert status_of_draft(lobby) is CampaignStatus.CLOSED
    assert "It has ended" in visible(signed_in.get(f"{EDIT}/open"))
    signed_in.post(f"{EDIT}/open/reopen")
    assert status_of_draft(lobby) is CampaignStatus.OPEN


def test_an_outcome_has_a_result_a_day_and_a_story(signed_in: DeskClient, lobby: Lobby) -> None:
    add_ready_draft(lobby)
    signed_in.post(f"{EDIT}/open/now")
    path = f"{EDIT}/open/outcome"
    story = {"outcome": "Every carer has one now.", "outcome_on": "2026-06-30"}
    page = save(signed_in, path, **story)
    assert page.status_code == 422
    assert 'id="status-error"' in page.text
    assert value_of(page, "outcome_on") == "2026-06-30"
    assert "Every carer has one now.</textarea>" in page.text
    for wrong in ("yesterday", "2090-01-01"):
        refused = save(signed_in, path, status="won", outcome="x", outcome_on=wrong)
        assert refused.status_code == 422
        assert 'id="outcome_on-error"' in refused.text
        assert status_of_draft(lobby) is CampaignStatus.OPEN
    assert save(signed_in, path, status="won", **story).status_code == 303
    assert status_of_draft(lobby) is CampaignStatus.WON
    signed_in.cookies.clear()
    public = visible(signed_in.get(f"/campaigns/{DRAFT}"))
    assert "We won." in public
    assert "Every carer has one now." in public


def test_a_draft_neither_closes_nor_ends(signed_in: DeskClient, lobby: Lobby) -> None:
    add_ready_draft(lobby)
    assert signed_in.get(f"{EDIT}/open/outcome").status_code == 409
    assert signed_in.post(f"{EDIT}/open/close").status_code == 409
    ended = signed_in.post(f"{EDIT}/open/outcome", data={"status": "won"})
    assert ended.status_code == 409
    assert status_of_draft(lobby) is CampaignStatus.DRAFT


def test_a_later_petition_opens_and_closes_on_its_own(signed_in: DeskClient, lobby: Lobby) -> None:
    add_ready_draft(lobby)
    signed_in.post(f"{EDIT}/open/now")
    signed_in.post(f"{EDIT}/petition", data=PETITION_TEXTS | {"slug": "second"})
    assert [row.state.value for row in all_of(lobby, DRAFT)] == ["open", "draft"]
    for stage, state in (("open", "open"), ("close", "closed"), ("open", "open")):
        path = f"{EDIT}/petition/second/{stage}"
        assert signed_in.get(path).status_code == 200
        assert signed_in.post(path).status_code == 303
        assert [row.state.value for row in all_of(lobby, DRAFT)] == ["open", state]
    assert signed_in.post(f"{EDIT}/petition/second/remove").status_code == 409


def test_a_draft_of_a_petition_is_removed_after_a_question(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    add_ready_draft(lobby)
    path = f"{EDIT}/petition/{DRAFT_PETITION}/remove"
    assert "Remove this petition?" in visible(signed_in.get(path))
    assert len(all_of(lobby, DRAFT)) == 1
    assert signed_in.post(path).headers["Location"] == f"{EDIT}/petition?done=removed"
    assert all_of(lobby, DRAFT) == []
    assert signed_in.post(path).status_code == 404


# ---- the look


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_kept_with_its_words(signed_in: DeskClient, lobby: Lobby, kind: str) -> None:
    add_draft(lobby)
    words = {"version": hidden(signed_in.get(f"{EDIT}/look"), "version"), "alt": "A bus"}
    files = {"picture": ("bus", picture(kind), "application/octet-stream")}
    saved = signed_in.post(f"{EDIT}/look", data=words, files=files)
    assert saved.headers["Location"] == f"{EDIT}/open?done=saved"
    save(signed_in, f"{EDIT}/look", alt="Two buses", credit="Anna")
    with lobby.database.read() as session:
        shown = pictures.shown(session, draft_of(lobby).id)
    assert shown
    assert (shown.alt, shown.credit) == ("Two buses", "Anna")
    assert signed_in.get(shown.address).status_code == 200
    signed_in.post(f"{EDIT}/look/remove")
    assert "Remove this picture" not in visible(signed_in.get(f"{EDIT}/look"))


@pytest.mark.slow
def test_a_wrong_picture_is_named_and_its_words_are_kept(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    add_draft(lobby)
    version = hidden(signed_in.get(f"{EDIT}/look"), "version")
    words = {"version": version, "alt": "A bus", "credit": "Anna"}
    for content in (b"GIF89a", b"<svg/>", b"x" * 10_000_001):
        page = signed_in.post(f"{EDIT}/look", data=words, files={"picture": ("a.png", content)})
        assert page.status_code == 422
        assert 'id="picture-error"' in page.text
        assert (value_of(page, "alt"), value_of(page, "credit")) == ("A bus", "Anna")
    unseen = signed_in.post(
        f"{EDIT}/look", data={"version": version}, files={"picture": ("a.png", picture())}
    )
    assert unseen.status_code == 422
    assert 'id="alt-error"' in unseen.text
    assert "Choose the file again" in visible(unseen)
    alone = signed_in.post(f"{EDIT}/look", data=words)
    assert alone.status_code == 422
    assert 'id="picture-error"' in alone.text
    assert signed_in.post(f"{EDIT}/look", data={"version": version}).status_code == 303


def test_an_organisation_changes_its_name_and_what_it_asks_people(
    client: DeskClient, lobby: Lobby
) -> None:
    add_others(lobby)
    as_role(lobby, client, Role.EDITOR, organisation=OTHERS)
    changed = {"name": "Bus Users", "website": "https://example.org", "brand_colour": "#8a1f5c"}
    assert save(client, LOOK, **IDENTITY | changed).headers["Location"] == f"{LOOK}?done=saved"
    page = client.get(LOOK)
    assert value_of(page, "name") == "Bus Users"
    assert "Contrast 8." in visible(page)
    with lobby.database.read() as session:
        owner = organisations.by_slug(session, OTHERS)
        asked = session.exec(select(Wording).where(Wording.organisation_id == owner.id)).all()
    assert [row.text for row in asked] == ["Yes, Bus Users can email me about this campaign"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", ""),
        ("website", "javascript:alert(1)"),
        ("contact_email", "nobody"),
        ("brand_colour", "green"),
        ("charity_number", "x" * 61),
    ],
)
def test_a_wrong_detail_of_an_organisation_is_named_and_all_are_kept(
    signed_in: DeskClient, field: str, wrong: str
) -> None:
    typed = IDENTITY | {"name": "Mine", "company_number": "123"} | {field: wrong}
    page = save(signed_in, LOOK, **typed)
    assert page.status_code == 422
    assert f'id="{field}-error"' in page.text
    for name in (field, "company_number"):
        assert value_of(page, name) == typed[name]


def test_a_notice_begins_with_the_generated_one_and_each_publication_is_a_version(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    page = signed_in.get(LOOK)
    assert "Who is responsible" in page.text
    assert "- see what is stored about you" in page.text
    short = save_notice(signed_in, "Too short")
    assert short.status_code == 422
    assert 'id="notice-error"' in short.text
    assert "Too short</textarea>" in short.text
    for text in (NOTICE, NOTICE, NOTICE + " Really."):
        assert save_notice(signed_in, text).status_code == 303
    with lobby.database.read() as session:
        owner = session.exec(select(Campaign).where(Campaign.slug == CAMPAIGN)).one()
        found = notices.every_version(session, owner.organisation_id)
    assert [(notice.version, notice.text) for notice in found] == [
        (2, NOTICE + " Really."),
        (1, NOTICE),
    ]
    earlier = re.search(r'href="(/privacy/[^"]+version=1)"', signed_in.get(LOOK).text)
    assert earlier
    assert NOTICE in visible(signed_in.get(earlier.group(1)))


def test_a_logo_is_kept_and_removed(client: DeskClient, lobby: Lobby) -> None:
    add_others(lobby)
    as_role(lobby, client, Role.OWNER, organisation=OTHERS)
    for wrong in ({}, {"logo": ("a.svg", b"<svg/>")}):
        page = client.post(f"{LOOK}/logo", files=wrong)
        assert page.status_code == 422
        assert 'id="logo-error"' in page.text
    assert client.post(f"{LOOK}/logo", files={"logo": ("a.png", picture())}).status_code == 303
    assert "Remove the logo" in visible(client.get(LOOK))
    assert client.post(f"{LOOK}/logo/remove").status_code == 303
    assert "Remove the logo" not in visible(client.get(LOOK))
