"""Tests the builder's step 'Letters': the list and its order, one letter, points and settings."""

import re
from html import unescape
from typing import Any

import pytest

from models import Campaign, CampaignStatus, LetterAct, Motion, Role, Scope
from services.assembly import Lobby
from services.campaigns import campaign_motions, campaigns
from services.letters.drafting import drafts, previews, situations
from services.letters.kinds import coverage, variants
from services.letters.kinds.conditions import Conditions, Variant
from services.letters.kinds.variant_texts import VariantTexts
from services.parliament.standing import Eligibility, Standing
from tests.support.common import CAMPAIGN
from tests.support.desk import DeskClient, as_role, fields_on
from tests.support.keys import OTHERS, add_campaign, others_key
from tests.support.outside.motions_api import KNOWN
from tests.support.pages import visible

DRAFT = "fair-fares"
MEMBERS = 13  # of the demonstration
BUILT_IN = ["thank", "ask", "minister", "another_way"]
TYPED: dict[str, Any] = {
    "do": "save",
    "name": "Ask to sign, Labour",
    "act": "ask",
    "kinds": ["can-sign"],
    "parties": ["Labour"],
    "subject": "Please sign EDM {{ motion_number }}",
    "introduction": "I live in {{ constituency }}.",
    "opening": "It asks the government to {{ purpose }}.\r\n\r\nThat matters.",
    "closing": "Will you sign it?",
}
PLAIN = {"en": VariantTexts("A subject", "An opening.", "A closing.")}


@pytest.fixture
def draft(lobby: Lobby) -> str:
    """A draft campaign with the motion of the demonstration."""
    add_campaign(lobby, DRAFT, status=CampaignStatus.DRAFT, motion_id=KNOWN)
    return DRAFT


def path(slug: str = DRAFT, *rest: str) -> str:
    return "/".join((f"/organiser/campaigns/{slug}/edit/letters", *rest))


def campaign_of(lobby: Lobby, slug: str = DRAFT) -> Campaign:
    with lobby.database.read() as session:
        return campaigns.by_slug(session, slug)


def letters_of(lobby: Lobby, slug: str = DRAFT) -> list[Variant]:
    with lobby.database.read() as session:
        campaign = campaigns.by_slug(session, slug)
        found = variants.of_campaign(session, campaign.id, has_motion=True)
    return [] if found.is_built_in else list(found.in_order)


def names_of(lobby: Lobby, slug: str = DRAFT) -> list[str]:
    return [letter.name for letter in letters_of(lobby, slug)]


def store(lobby: Lobby, letters: list[Variant], slug: str = DRAFT) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, slug)
        variants.save(session, campaign, letters, now=lobby.clock(), is_unfinished=True)


def version_on(page: Any, part: str = "") -> str:
    after = page.text.partition(f'name="part" value="{part}"')[0] if part else page.text
    found = re.findall(r'name="version" value="([0-9a-f]*)"', after)
    assert found
    return str(found[-1])


def counts_on(page: Any) -> list[int]:
    main = page.text.partition('<ol class="choices">')[2].partition("</ol>")[0]
    return [int(count) for count in re.findall(r"<strong>(\d+) MPs?</strong>", main)]


def copy(client: DeskClient, slug: str = DRAFT) -> Any:
    return client.post(path(slug), data={"part": "copy"})


def sheet_on(page: Any) -> tuple[str, str]:
    """Returns the subject and the letter of the preview."""
    sheet = page.text.partition('<div class="sheet"')[2]
    subject = re.search(r"Subject</dt><dd>(.*?)</dd>", sheet)
    parts = re.findall(r'<p class="letter-part">(.*?)</p>', sheet, re.DOTALL)
    assert subject
    plain = [unescape(re.sub(r"</?mark[^>]*>", "", part)) for part in parts]
    return unescape(subject.group(1)), "\n\n".join(plain)


# ---- the list


def test_the_built_in_letters_are_shown_with_the_mps_who_get_each(
    signed_in: DeskClient, draft: str
) -> None:
    page = signed_in.get(path())
    text = visible(page)
    assert "These are the built-in letters." in text
    assert counts_on(page) == [4, 3, 3, 2]
    assert "Together they cover 12 of 13 MPs. 1 MP has removed their name from the motion" in text
    assert "Move up" not in text


def test_the_built_in_letters_become_the_campaigns_own(
    signed_in: DeskClient, lobby: Lobby, draft: str
) -> None:
    for _ in range(2):
        assert copy(signed_in).headers["Location"] == f"{path()}?done=letters-copied"
    assert letters_of(lobby) == list(variants.built_in())
    text = visible(signed_in.get(path()))
    assert "These are the built-in letters." not in text
    assert (text.count("Move up"), text.count("Move down"), text.count("Remove")) == (3, 3, 4)


def test_the_order_can_be_changed_and_changes_who_gets_which(
    signed_in: DeskClient, lobby: Lobby, draft: str
) -> None:
    copy(signed_in)
    store(
        lobby,
        [
            Variant("labour", LetterAct.ASK, Conditions(party=("Labour",)), PLAIN),
            *variants.built_in(),
        ],
    )
    first = counts_on(signed_in.get(path()))
    for way, name in (("down", "labour"), ("down", "labour")):
        assert signed_in.post(path(DRAFT, name, "move"), data={"way": way}).status_code == 303
    assert names_of(lobby) == ["thank", "ask", "labour", "minister", "another_way"]
    second = counts_on(signed_in.get(path()))
    assert first[0] > 0
    assert second == [4, 3, 0, 3, 2]
    assert sum(first) == sum(second) == MEMBERS - 1


@pytest.mark.parametrize(("name", "way"), [("thank", "up"), ("another_way", "down"), ("no", "up")])
def test_moving_beyond_an_end_changes_nothing(
    signed_in: DeskClient, lobby: Lobby, draft: str, name: str, way: str
) -> None:
    copy(signed_in)
    assert signed_in.post(path(DRAFT, name, "move"), data={"way": way}).status_code == 303
    assert names_of(lobby) == BUILT_IN


def test_a_draft_may_leave_mps_out_and_says_how_many(
    signed_in: DeskClient, lobby: Lobby, draft: str
) -> None:
    copy(signed_in)
    question = visible(signed_in.get(path(DRAFT, "another_way", "remove")))
    assert "Without it, 2 MPs would get nothing." in question
    assert names_of(lobby) == BUILT_IN, "the question removes nothing"
    assert signed_in.post(path(DRAFT, "another_way", "remove")).status_code == 303
    assert names_of(lobby) == BUILT_IN[:3]
    page = signed_in.get(path())
    assert "2 MPs would get nothing. Add a letter that fits them." in visible(page)
    assert sum(counts_on(page)) == MEMBERS - 3
    assert "Add the missing letters" in page.text


def test_an_open_campaign_keeps_a_letter_for_everybody(signed_in: DeskClient, lobby: Lobby) -> None:
    copy(signed_in, CAMPAIGN)
    for name, way in (("another_way", "up"), ("minister", "down")):
        moved = signed_in.post(path(CAMPAIGN, name, "move"), data={"way": way})
        assert moved.status_code == 409
        assert "The last letter in the list must be for everybody else" in visible(moved)
    for name in ("thank", "another_way"):
        removed = signed_in.post(path(CAMPAIGN, name, "remove"))
        assert removed.status_code == 409
    assert names_of(lobby, CAMPAIGN) == BUILT_IN


def test_without_its_last_letter_a_campaign_uses_the_built_in_ones(
    signed_in: DeskClient, lobby: Lobby, draft: str
) -> None:
    store(lobby, [Variant("only", LetterAct.ASK, texts=PLAIN)])
    assert "uses the built-in letters again" in visible(
        signed_in.get(path(DRAFT, "only", "remove"))
    )
    answer = signed_in.post(path(DRAFT, "only", "remove"))
    assert answer.headers["Location"].endswith("?done=letters-built-in")
    assert letters_of(lobby) == []


# ---- one letter


def test_a_new_letter_is_tried_first_and_labour_means_both(
    signed_in: DeskClient, lobby: Lobby, draft: str
) -> None:
    answer = signed_in.post(path(DRAFT, "new"), data=TYPED)
    assert answer.headers["Location"] == f"{path(DRAFT, 'ask-to-sign-labour')}?done=saved"
    assert names_of(lobby) == ["ask-to-sign-labour", *BUILT_IN]
    assert letters_of(lobby)[0] == Variant(
        "ask-to-sign-labour",
        LetterAct.ASK,
        Conditions(party=("Labour", "Labour (Co-op)")),
        {
            "en": VariantTexts(
                TYPED["subject"],
                "It asks the government to {{ purpose }}.\n\nThat matters.",
                TYPED["closing"],
                introduction=TYPED["introduction"],
            )
        },
    )
    page = signed_in.get(path(DRAFT, "ask-to-sign-labour"))
    assert "Labour and Labour (Co-op) MPs who can sign and haven’t." in visible(page)
    assert 'value="Ask to sign labour"' in page.text


def test_a_letter_can_be_for_regions_of_england(
    signed_in: DeskClient, lobby: Lobby, draft: str
) -> None:
    typed = TYPED | {"parties": [], "regions": ["London"]}
    wrong = signed_in.post(path(DRAFT, "new"), data=typed | {"nations": ["Wales"]})
    assert wrong.status_code == 422
    assert 'id="regions-error"' in wrong.text
    assert fields_on(wrong)["regions"] == ["London"]
    assert signed_in.post(path(DRAFT, "new"), data=typed).status_code == 303
    letter = letters_of(lobby)[0]
    assert letter.conditions == Conditions(region=("London",))
    with lobby.database.read() as session:
        campaign = campaign_of(lobby)
        motion = campaigns.motion_of(session, campaign.id)
        members = coverage.sitting_members(session, campaign, motion, now=lobby.clock())
    by_name = coverage.of_members(letters_of(lobby), members).by_variant
    getters = {found.seat.constituency.region for found in by_name[letter.name]}
    assert getters == {"London"}
    page = signed_in.get(path(DRAFT, letter.name))
    assert "MPs in London who can sign and haven’t." in visible(page)


@pytest.mark.slow
def test_a_form_that_is_sent_as_it_came_changes_no_letter(
    signed_in: DeskClient, lobby: Lobby, draft: str
) -> None:
    """Conditions that only a program can set stay, whatever the form can say of them."""
    finer = [
        Variant(
            "finer",
            LetterAct.ANOTHER_WAY,
            Conditions(
                standing=(Standing.NOT_SIGNED, Standing.WITHDRAWN),
                eligibility=(Eligibility.REFUSES,),
                party=("labour", "Gone Party"),
                nation=("Wales",),
                region=("Gone Region",),
                signed_earlier=False,
                letters_at_least=2,
                letters_at_most=50,
            ),
            {
                "en": VariantTexts("S", "O", "C", ("One point.", "Another {{ party }}."), "I"),
                "cy": VariantTexts("Pwnc", "Agor", "Cau"),
            },
        ),
        Variant("again", LetterAct.ASK, Conditions(standing=(Standing.WITHDRAWN,)), PLAIN),
        *variants.built_in(),
    ]
    store(lobby, finer)
    for letter in finer:
        page = signed_in.get(path(DRAFT, letter.name))
        assert signed_in.post(path(DRAFT, letter.name), data=fields_on(page)).status_code == 303
    assert letters_of(lobby) == finer
    assert "with 2 letters or more" in visible(signed_in.get(path(DRAFT, "finer")))


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"name": ""}, "name", "Give the letter a name."),
        ({"name": "новый"}, "name", "Give the letter a name."),
        ({"name": "New"}, "name", "too general"),
        ({"name": "Thank"}, "name", "already"),
        ({"name": "x" * 41}, "name", ""),
        ({"act": "shout"}, "act", "Choose what the letter asks."),
        ({"act": "thank"}, "kinds", "A letter of thanks goes to MPs who have signed."),
        ({"kinds": ["can-sign", "has-signed"]}, "kinds", "goes to MPs who can sign"),
        ({"subject": ""}, "subject", ""),
        ({"subject": "{{ nothing }}"}, "subject", "Line 1: There is no name"),
        ({"opening": "{% for x in y %}{% endfor %}"}, "opening", "Line 1: "),
        ({"opening": "\r\n{{ member.name }}"}, "opening", "Line "),
        ({"closing": "x" * 4001}, "closing", ""),
        ({"closing": "a\x00b"}, "closing", "control"),
        ({"closing_cy": "Cau"}, "subject_cy", ""),
        ({"closing_cy": "{{ x }}", "subject_cy": "P", "opening_cy": "A"}, "closing_cy", "Line 1"),
        ({"points": "x" * 301}, "points", ""),
        (
            {"act": "another_way", "kinds": [], "closing": "Please sign it."},
            "closing",
            "may ask for a signature",
        ),
    ],
)
def test_a_mistake_is_said_at_its_field_and_nothing_typed_is_lost(
    signed_in: DeskClient,
    lobby: Lobby,
    draft: str,
    changes: dict[str, Any],
    field: str,
    message: str,
) -> None:
    typed = {**TYPED, "introduction": "Typed with care.", **changes}
    page = signed_in.post(path(DRAFT, "new"), data=typed)
    assert page.status_code == 422
    assert f'id="{field}-error"' in page.text, re.findall(r'id="(\w+-error)"', page.text)
    assert message in unescape(page.text)
    assert "Typed with care." in page.text
    assert letters_of(lobby) == []


def test_everything_that_was_typed_is_shown_again(signed_in: DeskClient, draft: str) -> None:
    typed = {
        **TYPED,
        "do": "preview",
        "nations": ["Wales", "Scotland"],
        "subject_cy": "Pwnc",
        "opening_cy": "Agor",
        "closing_cy": "Cau",
        "points": "A point.\r\nAnother.",
    }
    page = signed_in.post(path(DRAFT, "new"), data=typed)
    assert page.status_code == 200
    sent = {name: value for name, value in fields_on(page).items() if name in typed}
    wanted = {name: value for name, value in typed.items() if name != "do"}
    wanted["nations"] = ["Scotland", "Wales"]
    assert {name: sent[name] for name in wanted} == wanted


@pytest.mark.slow
def test_a_button_that_shows_a_preview_saves_nothing(
    signed_in: DeskClient, lobby: Lobby, draft: str
) -> None:
    for do in ("preview", "another", "kind:has-signed", "lang:cy", "nonsense"):
        page = signed_in.post(path(DRAFT, "new"), data={**TYPED, "do": do})
        assert page.status_code == 200, do
        assert 'value="Ask to sign, Labour"' in page.text
    assert letters_of(lobby) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILT_IN)
def test_the_preview_is_the_letter_that_a_writer_gets(
    signed_in: DeskClient, lobby: Lobby, name: str
) -> None:
    """Every MP of every kind, one after the other: the same text as the draft's."""
    with lobby.database.read() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        motion = campaigns.motion_of(session, campaign.id)
        members = coverage.sitting_members(session, campaign, motion, now=lobby.clock())
        found = coverage.of_members(variants.built_in(), members)
        drafted = {}
        for member in found.by_variant[name]:
            situation = situations.of_seat(
                session,
                campaign,
                member.seat.constituency.code,
                keyring=lobby.keyring,
                now=lobby.clock(),
            )
            letter = drafts.draft(
                situation, personal=previews.OWN_WORDS, points=(previews.CHOSEN_POINTS,)
            )
            assert member.seat.member
            drafted[member.seat.member.name] = (letter.subject, letter.body)
    seen = {}
    for kind in coverage.MemberKind:
        for place in range(MEMBERS):
            page = signed_in.get(path(CAMPAIGN, name), params={"preview": kind, "mp": str(place)})
            to = re.search(r"To</dt><dd>(.*?)</dd>", page.text)
            if to and "gets another letter" not in visible(page) and "invented" not in to[1]:
                seen[unescape(to[1])] = sheet_on(page)
    assert seen == drafted


@pytest.mark.slow
def test_a_preview_shows_another_mp_and_another_kind_with_the_text_as_typed(
    signed_in: DeskClient, lobby: Lobby, draft: str
) -> None:
    typed = {**TYPED, "parties": [], "closing": "Just typed. Will you sign it?"}
    first = signed_in.post(path(DRAFT, "new"), data={**typed, "do": "preview"})
    assert "Just typed." in sheet_on(first)[1]
    shown = {name: str(fields_on(first)[name]) for name in ("preview", "mp", "lang")}
    second = signed_in.post(path(DRAFT, "new"), data={**typed, **shown, "do": "another"})
    to = [re.search(r"To</dt><dd>(.*?)</dd>", page.text) for page in (first, second)]
    assert to[0]
    assert to[1]
    assert to[0][1] != to[1][1]
    third = signed_in.post(path(DRAFT, "new"), data={**typed, "do": "kind:has-signed"})
    assert "gets another letter: Thank." in visible(third)
    gone = signed_in.post(path(DRAFT, "new"), data={**typed, "do": "kind:took-name-off"})
    assert "gets no letter." in visible(gone)
    assert letters_of(lobby) == []


def test_a_preview_marks_all_that_comes_from_the_writer(
    signed_in: DeskClient, lobby: Lobby, draft: str
) -> None:
    typed = {**TYPED, "parties": [], "closing": "Yours, {{ name }} of {{ constituency }}. Sign?"}
    page = signed_in.post(path(DRAFT, "new"), data={**typed, "do": "preview"})
    marked = re.findall(r"<mark[^>]*>(.*?)</mark>", page.text)
    assert previews.OWN_WORDS in marked
    assert "[your name]" in marked
    assert marked[-1] == "(The writer’s name, address and postcode)"
    seat = re.search(r"Yours, <mark>\[your name\]</mark> of <mark>([^<]+)</mark>\. Sign", page.text)
    assert seat
    assert f", {seat[1]}. 1 of" in visible(page), "the seat of the MP to whom it goes"


def test_a_kind_without_mps_is_previewed_with_an_invented_one(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    add_campaign(lobby, DRAFT, status=CampaignStatus.DRAFT)
    with lobby.database.write() as session:
        day = lobby.clock().date()
        session.add(Motion(id=7, number="7", title="Without a name", text="", tabled_on=day))
        session.flush()
        campaign = campaigns.by_slug(session, DRAFT)
        campaign_motions.link(session, campaign, 7, now=lobby.clock())
    page = signed_in.get(path(DRAFT, "thank"))
    assert "No MP is of this kind at the moment" in visible(page)
    assert sheet_on(page)[0].startswith("Thank you for signing EDM")


@pytest.mark.slow
def test_two_people_who_write_one_letter_are_told(
    signed_in: DeskClient, lobby: Lobby, draft: str
) -> None:
    copy(signed_in)
    typed = fields_on(signed_in.get(path(DRAFT, "ask")))
    theirs = {**typed, "subject": "Their subject"}
    assert signed_in.post(path(DRAFT, "ask"), data=theirs).status_code == 303
    second = signed_in.post(path(DRAFT, "ask"), data={**typed, "subject": "My subject"})
    assert second.status_code == 409
    assert 'value="My subject"' in second.text
    assert "Their subject" in visible(second)
    assert letters_of(lobby)[1].texts["en"].subject == "Their subject"
    again = {**typed, "subject": "My subject", "version": version_on(second)}
    assert signed_in.post(path(DRAFT, "ask"), data=again).status_code == 303
    assert letters_of(lobby)[1].texts["en"].subject == "My subject"


def test_two_people_who_write_two_letters_both_keep_theirs(
    signed_in: DeskClient, lobby: Lobby, draft: str
) -> None:
    first = fields_on(signed_in.get(path(DRAFT, "ask")))
    second = fields_on(signed_in.get(path(DRAFT, "minister")))
    signed_in.post(path(DRAFT, "ask"), data={**first, "subject": "One"})
    signed_in.post(path(DRAFT, "minister"), data={**second, "subject": "Two"})
    subjects = [letter.texts["en"].subject for letter in letters_of(lobby)]
    assert subjects[1:3] == ["One", "Two"]


def test_a_letter_that_a_colleague_removed_can_be_added_again(
    signed_in: DeskClient, lobby: Lobby, draft: str
) -> None:
    copy(signed_in)
    typed = fields_on(signed_in.get(path(DRAFT, "ask"))) | {"subject": "Written for an hour"}
    signed_in.post(path(DRAFT, "ask", "remove"))
    page = signed_in.post(path(DRAFT, "ask"), data=typed)
    assert page.status_code == 409
    assert "A colleague has removed this letter." in visible(page)
    assert 'value="Written for an hour"' in page.text
    assert f'action="{path(DRAFT, "new")}"' in page.text
    assert signed_in.post(path(DRAFT, "new"), data=fields_on(page)).status_code == 303
    assert letters_of(lobby)[0].texts["en"].subject == "Written for an hour"


def test_there_are_at_most_thirty_letters(signed_in: DeskClient, lobby: Lobby, draft: str) -> None:
    store(lobby, [Variant(f"letter-{number}", LetterAct.ASK, texts=PLAIN) for number in range(30)])
    page = signed_in.post(path(DRAFT, "new"), data=TYPED)
    assert page.status_code == 422
    assert "at most 30 letters" in visible(page)
    assert len(letters_of(lobby)) == 30


# ---- points


def points(client: DeskClient, **fields: list[str]) -> Any:
    version = version_on(client.get(path()), "points")
    return client.post(path(), data={"part": "points", "version": version, **fields})


def test_points_are_saved_in_both_languages_side_by_side(
    signed_in: DeskClient, lobby: Lobby, draft: str
) -> None:
    answer = points(
        signed_in,
        points=["One.", "", " Two\r\nlines. ", ""],
        points_welsh=["Un.", "", "", ""],
    )
    assert answer.status_code == 303
    campaign = campaign_of(lobby)
    assert campaign.letter_points == ["One.", "Two lines."]
    assert campaign.letter_points_welsh == ["Un.", ""]
    page = signed_in.get(path())
    assert visible(page).count("Not offered in Welsh.") == 1
    assert page.text.count('name="points"') == page.text.count('name="points_welsh"') == 5


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"points": [""], "points_welsh": ["Dim ond Cymraeg."]}, "points-1"),
        ({"points": ["Good.", "x" * 301], "points_welsh": ["", ""]}, "points-2"),
        ({"points": ["Good."], "points_welsh": ["x" * 301]}, "points_welsh-1"),
        ({"points": ["a\x00b"], "points_welsh": [""]}, "points-1"),
        ({"points": [f"Point {n}." for n in range(21)], "points_welsh": []}, "points-1"),
    ],
)
def test_a_wrong_point_is_said_at_its_field(
    signed_in: DeskClient, lobby: Lobby, draft: str, typed: dict[str, list[str]], field: str
) -> None:
    page = points(signed_in, **typed)
    assert page.status_code == 422
    assert f'id="{field}-error"' in page.text
    for text in (*typed["points"], *typed["points_welsh"]):
        assert not text or f">\n{text}</textarea>" in page.text
    assert campaign_of(lobby).letter_points == []


def test_a_colleagues_points_are_not_overwritten_unseen(
    signed_in: DeskClient, lobby: Lobby, draft: str
) -> None:
    old = version_on(signed_in.get(path()), "points")
    points(signed_in, points=["Theirs."], points_welsh=["Eu rhai."])
    mine = {"part": "points", "version": old, "points": ["Mine."], "points_welsh": [""]}
    page = signed_in.post(path(), data=mine)
    assert page.status_code == 409
    assert "Theirs. | Eu rhai." in visible(page)
    assert ">\nMine.</textarea>" in page.text
    assert campaign_of(lobby).letter_points == ["Theirs."]
    again = {**mine, "version": version_on(page, "points")}
    assert signed_in.post(path(), data=again).status_code == 303
    assert campaign_of(lobby).letter_points == ["Mine."]


# ---- settings


SETTINGS = {
    "part": "settings",
    "likeness_limit": "80",
    "likeness_is_required": "yes",
    "own_words_are_required": "yes",
    "letters_per_hour": "1,200",
    "letters_per_member_day": "",
}


def test_the_settings_of_letters_are_saved_and_cleared(
    signed_in: DeskClient, lobby: Lobby, draft: str
) -> None:
    version = version_on(signed_in.get(path()), "settings")
    assert signed_in.post(path(), data={**SETTINGS, "version": version}).status_code == 303
    campaign = campaign_of(lobby)
    assert (
        campaign.likeness_limit,
        campaign.likeness_is_required,
        campaign.own_words_are_required,
        campaign.letters_per_hour,
        campaign.letters_per_member_day,
    ) == (80, True, True, 1200, None)
    page = signed_in.get(path())
    assert '<details class="card" open>' in page.text
    cleared = {"part": "settings", "version": version_on(page, "settings")}
    assert signed_in.post(path(), data=cleared).status_code == 303
    campaign = campaign_of(lobby)
    assert (campaign.likeness_limit, campaign.likeness_is_required) == (None, False)
    assert campaign.letters_per_hour is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"likeness_limit": "101"}, "likeness_limit"),
        ({"likeness_limit": ""}, "likeness_limit"),
        ({"letters_per_hour": "0"}, "letters_per_hour"),
        ({"letters_per_hour": "many"}, "letters_per_hour"),
        ({"letters_per_member_day": "9" * 13}, "letters_per_member_day"),
    ],
)
def test_a_wrong_setting_is_said_at_its_field(
    signed_in: DeskClient, lobby: Lobby, draft: str, changes: dict[str, str], field: str
) -> None:
    version = version_on(signed_in.get(path()), "settings")
    page = signed_in.post(path(), data={**SETTINGS, **changes, "version": version})
    assert page.status_code == 422
    assert f'id="{field}-error"' in page.text
    assert campaign_of(lobby).own_words_are_required is False


# ---- who may


def test_viewers_change_nothing_and_editors_write(
    client: DeskClient, lobby: Lobby, draft: str
) -> None:
    as_role(lobby, client, Role.VIEWER)
    for part in ("", "new", "ask", "ask/remove"):
        assert client.get(path(DRAFT, part) if part else path()).status_code == 403
    for part in ("new", "ask", "ask/move", "ask/remove"):
        assert client.post(path(DRAFT, part), data=TYPED).status_code == 403
    assert copy(client).status_code == 403
    assert letters_of(lobby) == []
    as_role(lobby, client, Role.EDITOR)
    assert client.post(path(DRAFT, "new"), data=TYPED).status_code == 303


def test_another_organisations_letters_are_a_404(signed_in: DeskClient, lobby: Lobby) -> None:
    others_key(lobby, Scope.LETTERS_READ)
    add_campaign(lobby, "theirs", organisation=OTHERS, status=CampaignStatus.DRAFT)
    for part in ("", "new", "ask", "ask/remove"):
        assert signed_in.get(path("theirs", part) if part else path("theirs")).status_code == 404
    for part in ("new", "ask", "ask/move", "ask/remove"):
        assert signed_in.post(path("theirs", part), data=TYPED).status_code == 404
    for part in ("copy", "points", "settings"):
        data = {"part": part, "points": ["x"]}
        assert signed_in.post(path("theirs"), data=data).status_code == 404
    assert letters_of(lobby, "theirs") == []
    assert campaign_of(lobby, "theirs").letter_points == []


@pytest.mark.parametrize("name", ["nobody", "a%00b", "x" * 300, "%F0%9F%90%9D", "..%2f"])
def test_an_unknown_letter_is_a_404(signed_in: DeskClient, draft: str, name: str) -> None:
    copy(signed_in)
    for part in (name, f"{name}/remove"):
        assert signed_in.get(path(DRAFT, part)).status_code in (404, 307)
    assert signed_in.post(path(DRAFT, name, "remove")).status_code in (303, 404, 307)
