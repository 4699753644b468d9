"""Tests a campaign's letter variants: selection, template language and validation on save."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import event
from sqlmodel import Session, select

from core.settings import ROOT
from models import (
    Campaign,
    CampaignMotion,
    CampaignStatus,
    Letter,
    LetterAct,
    LetterTally,
    LetterVariant,
    Membership,
    Motion,
    MotionSignatory,
    Scope,
    Submission,
)
from services.assembly import Lobby
from services.campaigns import campaign_motions, campaigns
from services.errors import Invalid
from services.letters.drafting import drafts, previews, situations
from services.letters.kinds import template_language, variant_texts, variants
from services.letters.kinds.conditions import Conditions, MemberProfile, Variant, choose, every_kind
from services.letters.kinds.template_language import TemplateFault
from services.letters.kinds.variant_texts import VariantTexts
from services.parliament.standing import Eligibility, Role, Standing
from services.submissions import payload
from tests.support.common import CAMPAIGN, CAN_SIGN, MINISTER, SIGNED, START
from tests.support.keys import Headers, add_campaign, key_for, others_key

URL = f"/v1/campaigns/{CAMPAIGN}/letters/variants"
DRAFT = f"/v1/campaigns/{CAMPAIGN}/letters/draft"
MORAG, WITHDREW = 900001, 900011
CAN, CONVENTION = Eligibility.CAN_SIGN, Eligibility.CONVENTION
NOT = Standing.NOT_SIGNED
Json = dict[str, Any]
PLAIN = VariantTexts("A subject", "An opening about {{ motion_title }}.", "A closing.")


# For members who have not signed. Signatories are thanked; withdrawn members get no letter.
BUILT_IN = {
    Eligibility.CAN_SIGN: LetterAct.ASK,
    Eligibility.CONVENTION: LetterAct.MINISTER,
    Eligibility.CANNOT: LetterAct.ANOTHER_WAY,
    Eligibility.REFUSES: LetterAct.ANOTHER_WAY,
    Eligibility.VACANT: None,
}


def act_of(standing: Standing, eligibility: Eligibility) -> LetterAct | None:
    """Restates independently which act the built-in letters choose."""
    if eligibility is Eligibility.VACANT or standing is Standing.WITHDRAWN:
        return None
    return LetterAct.THANK if standing is Standing.SIGNED else BUILT_IN[eligibility]


def variant(act: LetterAct, name: str = "", /, **conditions: Any) -> Variant:
    return Variant(name or act.value, act, Conditions(**conditions), {"en": PLAIN})


def variant_json(act: str, name: str = "", **changes: Any) -> Json:
    """Builds a letter variant in the format of the API."""
    words = {"subject": "A subject", "opening": "An opening.", "closing": "A closing."}
    return {"name": name or act, "act": act, "texts": {"en": words}, **changes}


THANK, FALLBACK = variant_json("thank"), variant_json("another_way")


def reader(standing: Standing = NOT, eligibility: Eligibility = CAN, **more: Any) -> MemberProfile:
    return MemberProfile(standing, eligibility, **{"party": "Labour", "nation": "England", **more})


# ---- choosing


@pytest.mark.parametrize(
    ("conditions", "fitting", "other"),
    [
        ({"party": ("LABOUR",)}, {}, {"party": "Green Party"}),
        ({"party": ("Labour",)}, {}, {"party": None}),
        ({"nation": ("England", "Wales")}, {}, {"nation": "Scotland"}),
        ({"region": ("london", "South West")}, {"region": "London"}, {"region": "North East"}),
        ({"region": ("London",)}, {"region": "London"}, {"region": None}),
        ({"signed_earlier": True}, {"signed_earlier": True}, {}),
        ({"signed_earlier": False}, {}, {"signed_earlier": True}),
        ({"letters_at_least": 3}, {"letters": 3}, {"letters": 2}),
        ({"letters_at_most": 3}, {"letters": 3}, {"letters": 4}),
        ({"eligibility": (CAN,)}, {}, {"eligibility": Eligibility.REFUSES}),
        ({"standing": (NOT,)}, {}, {"standing": Standing.WITHDRAWN}),
    ],
)
def test_every_condition_lets_some_through_and_others_not(
    conditions: Json, fitting: Json, other: Json
) -> None:
    own = variant(LetterAct.ANOTHER_WAY, "own", **conditions)
    assert choose([own], reader(**fitting)) is own
    assert choose([own], reader(**other)) is None


def test_a_role_is_a_condition_on_who_has_signed() -> None:
    own = variant(LetterAct.THANK, "own", role=(Role.PRIMARY,))
    signed = [reader(Standing.SIGNED, role=role) for role in Role]
    assert [choose([own], signatory) is own for signatory in signed] == [True, False, False]


def test_all_conditions_must_hold_and_the_first_full_match_wins() -> None:
    both = variant(LetterAct.ASK, "both", nation=("Wales",), letters_at_least=1)
    first, second = variant(LetterAct.ASK, "first"), variant(LetterAct.ASK, "second")
    tried = [both, first, second]
    assert choose(tried, reader(nation="Wales", letters=1)) is both
    assert choose(tried, reader(nation="Wales")) is first
    assert choose(tried, reader(letters=1)) is first


def test_who_took_their_name_off_gets_a_letter_only_where_that_is_named() -> None:
    withdrawn = reader(Standing.WITHDRAWN)
    assert choose([variant(act) for act in LetterAct], withdrawn) is None
    for act in (LetterAct.ASK, LetterAct.ANOTHER_WAY):
        own = variant(act, "again", standing=(Standing.WITHDRAWN,))
        assert choose([own], withdrawn) is own
    assert choose([variant(LetterAct.THANK, standing=(Standing.WITHDRAWN,))], withdrawn) is None


def test_no_act_reaches_a_member_for_whom_it_does_not_hold() -> None:
    everyone = tuple(Standing)
    for kind, act in product(every_kind(), LetterAct):
        chosen = choose([variant(act, standing=everyone)], kind)
        has_signed = kind.standing is Standing.SIGNED
        expected = {
            LetterAct.ASK: not has_signed and kind.eligibility is CAN,
            LetterAct.THANK: has_signed,
            LetterAct.MINISTER: not has_signed and kind.eligibility is CONVENTION,
            LetterAct.ANOTHER_WAY: not has_signed,
            LetterAct.WRITE_TO_MINISTER: kind.standing is Standing.NOT_SIGNED,
            LetterAct.RAISE_IN_GOVERNMENT: kind.standing is Standing.NOT_SIGNED
            and kind.eligibility is CONVENTION,
        }[act]
        is_filled = kind.eligibility is not Eligibility.VACANT
        assert (chosen is not None) is (expected and is_filled), (kind, act)


def test_the_built_in_letters_follow_the_built_in_acts() -> None:
    for standing, eligibility in product(Standing, Eligibility):
        chosen = choose(variants.built_in(), reader(standing, eligibility))
        assert (chosen.act if chosen else None) is act_of(standing, eligibility)
        assert chosen is None or chosen.name == chosen.act


def test_the_table_in_the_documents_is_what_the_code_does() -> None:
    table = previews.table()
    assert table in (ROOT / "docs" / "guide" / "letters.md").read_text(encoding="utf-8")
    assert len(table.splitlines()) == 2 + (len(Standing) + 1) * len(Eligibility) * 2


def test_every_name_of_a_template_is_documented() -> None:
    text = (ROOT / "docs" / "guide" / "letters.md").read_text(encoding="utf-8")
    documented = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    assert documented >= template_language.NAMES


# ---- the language of templates


@pytest.mark.parametrize(
    "source",
    [
        "Plain text.",
        "Dear {{ member }} of {{ party }},",
        "{% if letters > 10 %}Many{% elif letters == 1 %}One{% else %}None{% endif %}",
        "{% if nation_free or not letters %}x{% endif %}".replace("nation_free", "signatures"),
        '{% if party == "Labour" and signatures >= 5 %}x{% endif %}',
        "{% if earlier_motion_number is defined %}EDM {{ earlier_motion_number }}{% endif %}",
        "{# a note #}x",
    ],
)
@pytest.mark.parametrize("earlier", [None, "12"])
def test_what_passes_the_check_can_be_filled_in_for_everybody(
    source: str, earlier: str | None
) -> None:
    template_language.check(source, knows_earlier=False)
    values: dict[str, str | int] = dict.fromkeys(template_language.TEXTS, "text")
    values |= dict.fromkeys(template_language.NUMBERS, 7)
    if earlier is None:
        del values[template_language.EARLIER]
    assert "{" not in template_language.fill(source, values)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("{{ nobody }}", "There is no name 'nobody'"),
        ("{{ member.__class__ }}", "Parts of names"),
        ("{{ member['x'] }}", "Parts of names"),
        ("{{ member() }}", "Calls"),
        ("{{ member | upper }}", "Filters"),
        ("{% for x in member %}{% endfor %}", "Loops"),
        ("{% for x in range(9999999) %}{% endfor %}", "Loops"),
        ("{% set member = 1 %}", "cannot be used"),
        ("{% macro m() %}{% endmacro %}", "cannot be used"),
        ("{% include 'mails/letter_held.txt' %}", "cannot be used"),
        ("{{ 'x' * 999999999 }}", "cannot be used"),
        ("{{ 9 ** 9 ** 9 }}", "cannot be used"),
        ("{{ member ~ member }}", "cannot be used"),
        ("{{ lipsum }}", "There is no name"),
        ('{{ "\\x00" }}', "cannot be used"),
        ("{{ letters == 1 }}", "cannot be used"),
        ("{% if letters > 0x" + "f" * 3900 + " %}x{% endif %}", "Numbers go up to"),
        ("{% if member > 3 %}x{% endif %}", "Compare texts with"),
        ("{% if 'x' in member %}x{% endif %}", "Compare texts with"),
        ("{% if member is callable %}x{% endif %}", "The only test"),
        ("{% if member is defined %}x{% endif %}", "The only test"),
        ("{% if earlier_motion_number is defined(1) %}x{% endif %}", "The only test"),
        ("{{ earlier_motion_number }}", "Not every member"),
        (
            "{% if earlier_motion_number is defined %}x{% else %}"
            "{{ earlier_motion_number }}{% endif %}",
            "Not every member",
        ),
        ("{% if letters %}", "Unexpected end"),
        ("{{ member", "unexpected"),
        ("{% nonsense %}", "unknown tag"),
        ("{% if letters %}" * 50 + "{% endif %}" * 50, "nested"),
        ("{{ " + "(" * 1800 + "letters" + ")" * 1800 + " }}", "nested"),
        ("{% if " + "not " * 900 + "letters %}x{% endif %}", "nested"),
    ],
)
def test_whatever_could_fail_or_look_around_is_refused_with_its_line(
    source: str, complaint: str
) -> None:
    with pytest.raises(TemplateFault, match=r"(?i)" + complaint) as refused:
        template_language.check(f"A first line.\n\n{source}", knows_earlier=False)
    assert refused.value.line == 3 or "nested" in complaint


# ---- allowed values in templates


@pytest.mark.parametrize(
    ("act", "text"),
    [
        *product(
            (LetterAct.MINISTER, LetterAct.ANOTHER_WAY),
            (
                "Please sign it.",
                "Would you consider signing?",
                "Will you add your name?",
                "We want your signature.",
                "please SIGN",
                "co-sign it",
                "Please si{# #}gn it.",
                "Llofnodwch y cynnig.",
                "A wnewch chi lofnodi'r cynnig?",
                "ychwanegu eich enw",
                "Arwyddwch hwn.",
            ),
        ),
        (LetterAct.THANK, "Please sign it."),
        (LetterAct.THANK, "Will you sign the next one?"),
        (LetterAct.THANK, "A wnewch chi lofnodi'r cynnig?"),
        (LetterAct.THANK, "Rwy'n gofyn i chi roi eich enw wrtho."),
    ],
)
def test_a_letter_that_is_not_to_ask_for_a_name_cannot(act: LetterAct, text: str) -> None:
    texts = replace(PLAIN, closing=f"Thank you.\n\n{text}")
    (fault,) = variant_texts.faults(texts, act, knows_earlier=False)
    assert (fault.field, fault.code) == ("closing", "asks_to_sign")
    assert fault.message.startswith("Line 3: ")
    assert variant_texts.faults(texts, LetterAct.ASK, knows_earlier=False) == []


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (LetterAct.MINISTER, "{{ signatures }} of your constituents have signed our petition."),
        (LetterAct.MINISTER, "Mae llawer wedi llofnodi'r ddeiseb."),
        (LetterAct.MINISTER, "This is a significant design."),
        (LetterAct.ANOTHER_WAY, "I know that you do not put your name to motions."),
        (LetterAct.THANK, "Thank you for signing. Please ask colleagues who have not signed."),
        (LetterAct.THANK, "Diolch am lofnodi."),
    ],
)
def test_other_words_that_look_like_it_pass(act: LetterAct, text: str) -> None:
    texts = replace(PLAIN, opening=text)
    assert variant_texts.faults(texts, act, knows_earlier=False) == []


@pytest.mark.parametrize(
    ("subject", "is_good"),
    [
        ("{% if letters > 3 %}x{% endif %}", False),
        ("{% if letters > 3 %}x{% else %} {% endif %}", False),
        ("{% if letters > 3 %}x{% elif letters > 2 %}{% else %}y{% endif %}", False),
        ("{% if letters > 3 %}x{% else %}y{% endif %}", True),
        ("{% if letters > 3 %}x{% endif %} {{ campaign }}", True),
    ],
)
def test_a_letter_that_says_nothing_to_some_is_refused(subject: str, is_good: bool) -> None:
    texts = replace(PLAIN, subject=subject)
    faults = variant_texts.faults(texts, LetterAct.ASK, knows_earlier=False)
    assert [fault.field for fault in faults] == ([] if is_good else ["subject"])


def test_points_are_held_to_the_same() -> None:
    texts = replace(PLAIN, points=("It saves money.", "Sign it."))
    (fault,) = variant_texts.faults(texts, LetterAct.MINISTER, knows_earlier=False)
    assert fault.field == "points.1"


# ---- saving


def field_errors(all_variants: list[Variant]) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        variants.checked(all_variants)
    return {error.field: error.code for error in refused.value.fields}


LAST = variant(LetterAct.ANOTHER_WAY)


@pytest.mark.parametrize(
    ("first", "field", "code"),
    [
        (variant(LetterAct.ASK, eligibility=(CONVENTION,)), "conditions", "conditions_never_hold"),
        (
            variant(LetterAct.ASK, standing=(Standing.SIGNED,)),
            "conditions",
            "conditions_never_hold",
        ),
        (variant(LetterAct.MINISTER, role=(Role.SPONSOR,)), "conditions", "conditions_never_hold"),
        (
            variant(LetterAct.ASK, letters_at_least=5, letters_at_most=4),
            "conditions",
            "conditions_never_hold",
        ),
        (variant(LetterAct.ASK, "thank"), "name", "name_of_another_act"),
        (
            replace(LAST, name="long", texts={"en": replace(PLAIN, subject="x" * 151)}),
            "texts.en.subject",
            "too_long",
        ),
        (
            replace(LAST, name="long", texts={"en": replace(PLAIN, opening="x" * 4001)}),
            "texts.en.opening",
            "too_long",
        ),
        (
            replace(LAST, name="empty", texts={"en": PLAIN, "cy": replace(PLAIN, closing=" ")}),
            "texts.cy.closing",
            "too_short",
        ),
        (
            replace(LAST, name="header", texts={"en": replace(PLAIN, subject="a\nBcc: b")}),
            "texts.en.subject",
            "control_character",
        ),
        (
            replace(LAST, name="points", texts={"en": replace(PLAIN, points=("x" * 301,))}),
            "texts.en.points.0",
            "too_long",
        ),
    ],
)
def test_each_mistake_is_told_at_saving_with_its_field(
    first: Variant, field: str, code: str
) -> None:
    assert field_errors([first, LAST]) == {f"variants.0.{field}": code}
    assert field_errors([variant(LetterAct.ASK, "good"), first, LAST]) == {
        f"variants.1.{field}": code
    }


def test_the_last_letter_must_be_for_everybody() -> None:
    narrow = variant(LetterAct.ANOTHER_WAY, nation=("Wales",))
    for last in (variant(LetterAct.THANK), variant(LetterAct.ASK), narrow):
        assert field_errors([last]) == {"variants": "fallback_missing"}
    assert variants.checked([]) == ()


def test_a_name_is_taken_once() -> None:
    assert field_errors([LAST, LAST]) == {"variants.1.name": "name_taken"}


# ---- the call

Write = Callable[..., Response]


@pytest.fixture
def key(lobby: Lobby) -> Headers:
    return key_for(lobby, Scope.CAMPAIGNS_WRITE)


@pytest.fixture
def put(client: TestClient, key: Headers) -> Write:
    """Returns a function that replaces the demonstration's letters."""

    def write(*all_variants: Json) -> Response:
        return client.put(URL, json={"variants": list(all_variants)}, headers=key)

    return write


def draft_letter(client: TestClient, postcode: str = CAN_SIGN, **more: Any) -> Json:
    answer = client.post(DRAFT, json={"postcode": postcode, **more})
    assert answer.status_code == 200, answer.text
    draft: Json = answer.json()
    return draft


def test_own_letters_are_kept_in_order_drafted_from_and_given_up_again(
    client: TestClient, put: Write, key: Headers
) -> None:
    words = {
        "subject": "EDM {{ motion_number }}",
        "opening": "For {{ constituency }}.",
        "closing": "I am {{ name }}.",
        "points": ["First, {{ campaign }}.", "Second."],
    }
    welsh = {**words, "subject": "Cais", "points": []}
    own = variant_json(
        "ask",
        "scots",
        texts={"en": words, "cy": welsh},
        conditions={"nation": ["Scotland"], "region": ["scotland"]},
    )
    assert client.get(URL, headers=key).json()["is_built_in"]
    saved = put(own, variant_json("ask"), THANK, FALLBACK)
    assert saved.status_code == 200, saved.text
    assert saved.json() == client.get(URL, headers=key).json()
    assert not saved.json()["is_built_in"]
    assert [entry["name"] for entry in saved.json()["variants"]] == [
        *("scots", "ask", "thank", "another_way")
    ]
    conditions = {"nation": ["Scotland"], "region": ["scotland"]}
    assert saved.json()["variants"][0]["conditions"] == conditions
    draft = draft_letter(client, name="Anna Example", points=["Second."], personal="My own words.")
    assert (draft["variant"], draft["act"], draft["locale"]) == ("scots", "ask", "en")
    assert draft["subject"] == "EDM 152"
    assert draft["points"] == ["First, Keep NHS Professionals public.", "Second."]
    assert draft["body"] == (
        "Dear Ms Ferncastle,\n\nFor Edinburgh East and Musselburgh.\n\nMy own words.\n\n"
        "Second.\n\nI am Anna Example.\n\nYours sincerely,\nAnna Example"
    )
    draft = draft_letter(client, locale="cy")
    assert (draft["locale"], draft["subject"]) == ("cy", "Cais")
    assert draft["body"].startswith("Annwyl Ms Ferncastle,")
    assert "I am [eich enw]." in draft["body"]
    assert put().json()["is_built_in"]
    assert draft_letter(client)["variant"] == "ask"


def test_a_letter_without_welsh_is_drafted_in_english_and_says_so(
    client: TestClient, put: Write
) -> None:
    assert put(variant_json("ask"), THANK, FALLBACK).status_code == 200
    assert draft_letter(client, locale="cy")["locale"] == "en"
    assert draft_letter(client, locale="cy")["body"].startswith("Dear ")


def test_the_built_in_letters_are_drafted_in_welsh(client: TestClient) -> None:
    draft = draft_letter(client, MINISTER, locale="cy")
    assert (draft["variant"], draft["locale"]) == ("minister", "cy")
    assert "Ysgrifennydd Gwladol" in draft["body"]
    assert not variant_texts.asks_to_sign(draft["body"], LetterAct.MINISTER)


def test_a_mistake_is_told_with_its_field_and_line_and_nothing_is_kept(
    client: TestClient, put: Write, key: Headers
) -> None:
    words = {"subject": "x", "opening": "One.\n\n{{ membr }}", "closing": "{% if %}"}
    refused = put(THANK, variant_json("ask", texts={"en": words}), FALLBACK)
    assert refused.status_code == 422
    errors = {error["field"]: error["message"] for error in refused.json()["errors"]}
    assert errors["variants.1.texts.en.opening"].startswith("Line 3: There is no name 'membr'.")
    assert errors["variants.1.texts.en.closing"].startswith("Line 1: ")
    assert client.get(URL, headers=key).json()["is_built_in"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Not a name"}, "variants.0.name"),
        ({"texts": {"cy": {}}}, "variants.0.texts.en"),
        ({"conditions": {"standing": ["maybe"]}}, "variants.0.conditions.standing.0"),
        ({"conditions": {"letters_at_least": -1}}, "variants.0.conditions.letters_at_least"),
        ({"conditions": {"nation": ["France"]}}, "variants.0.conditions.nation.0"),
        ({"conditions": {"weather": "fine"}}, "variants.0.conditions.weather"),
    ],
)
def test_what_has_another_form_is_refused_with_its_field(
    put: Write, change: Json, field: str
) -> None:
    refused = put(variant_json("ask", **change), THANK, FALLBACK)
    assert refused.status_code == 422
    assert field in {error["field"] for error in refused.json()["errors"]}


def test_letters_that_leave_members_out_are_refused_by_their_names(put: Write) -> None:
    narrow = variant_json("thank", conditions={"role": ["supporter"]})
    refused = put(variant_json("ask"), narrow, FALLBACK)
    assert refused.status_code == 409
    assert refused.json()["code"] == "letters_incomplete"
    assert "Adaeze Hartwhistle (Manchester Central)" in refused.json()["detail"]


def test_letters_that_leave_out_who_signs_later_are_refused_too(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    add_campaign(lobby, "new", status=CampaignStatus.DRAFT)
    url = URL.replace(CAMPAIGN, "new")
    refused = client.put(url, json={"variants": [FALLBACK]}, headers=key)
    assert refused.status_code == 409
    assert "whoever signs from now on" in refused.json()["detail"]
    assert client.put(url, json={"variants": [THANK, FALLBACK]}, headers=key).status_code == 200


def test_a_campaign_whose_letters_leave_somebody_out_cannot_open(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    add_campaign(lobby, "new", status=CampaignStatus.DRAFT)
    with lobby.database.write() as session:
        campaign = _campaign(session)
        motion = campaigns.motion_of(session, _campaign(session, CAMPAIGN).id)
        assert motion
        campaign_motions.link(session, campaign, motion.id, now=START)
        row = LetterVariant(
            campaign_id=campaign.id, position=0, name="only", act=LetterAct.ASK, updated_at=START
        )
        session.add(row)
    change: Json = {"json": {"status": "open"}, "headers": key}
    refused = client.patch("/v1/campaigns/new", **change)
    assert (refused.status_code, refused.json()["code"]) == (409, "letters_incomplete")
    assert client.get("/v1/campaigns/new", headers=key).json()["status"] == "draft"
    client.put(URL.replace(CAMPAIGN, "new"), json={"variants": []}, headers=key)
    assert client.patch("/v1/campaigns/new", **change).status_code == 200


def _campaign(session: Session, slug: str = "new") -> Campaign:
    return session.exec(select(Campaign).where(Campaign.slug == slug)).one()


def test_another_organisations_letters_are_not_there(client: TestClient, lobby: Lobby) -> None:
    others = others_key(lobby, Scope.CAMPAIGNS_WRITE)
    assert client.get(URL, headers=others).status_code == 404
    assert client.put(URL, json={"variants": []}, headers=others).status_code == 404
    assert client.post(f"{URL}/preview", json={}, headers=others).status_code == 404


def test_a_minister_is_never_asked_to_sign_whatever_is_saved(
    client: TestClient, put: Write
) -> None:
    every = {"standing": ["not_signed", "withdrawn", "signed"]}
    assert put(variant_json("ask", conditions=every), THANK, FALLBACK).status_code == 200
    assert draft_letter(client, MINISTER)["variant"] == "another_way"
    asking = {"subject": "x", "opening": "Please sign.", "closing": "y"}
    for act in ("minister", "another_way"):
        letter = variant_json(act, "own", texts={"en": asking})
        assert put(letter, THANK, FALLBACK).status_code == 422
    named = variant_json("ask", conditions={"eligibility": ["convention"]})
    assert put(named, THANK, FALLBACK).status_code == 422


def test_points_of_the_campaign_that_ask_to_sign_are_not_offered_to_a_minister(
    client: TestClient, key: Headers
) -> None:
    points = ["It saves money.", "Please sign the motion."]
    client.patch(f"/v1/campaigns/{CAMPAIGN}", json={"letter_points": points}, headers=key)
    assert draft_letter(client)["points"] == points
    assert draft_letter(client, MINISTER)["points"] == points[:1]


def test_who_took_their_name_off_is_written_to_where_a_letter_says_so(
    client: TestClient, put: Write, key: Headers
) -> None:
    body = {"member_id": WITHDREW}
    (shown,) = client.post(f"{URL}/preview", json=body, headers=key).json()["previews"]
    assert (shown["standing"], shown["variant"]) == ("withdrawn", None)
    again = variant_json("ask", "again", conditions={"standing": ["withdrawn"]})
    assert put(again, variant_json("ask"), THANK, FALLBACK).status_code == 200
    (shown,) = client.post(f"{URL}/preview", json=body, headers=key).json()["previews"]
    assert shown["variant"] == "again"


def test_letters_and_earlier_names_choose_and_are_said(
    client: TestClient, lobby: Lobby, put: Write
) -> None:
    few = {"subject": "x", "opening": "EDM {{ earlier_motion_number }}.", "closing": "y"}
    many = {"subject": "x", "opening": "{{ letters }} wrote.", "closing": "y"}
    all_variants = [
        variant_json("ask", "busy", texts={"en": many}, conditions={"letters_at_least": 41}),
        variant_json("ask", "back", texts={"en": few}, conditions={"signed_earlier": True}),
        variant_json("ask"),
        THANK,
        FALLBACK,
    ]
    assert put(*all_variants).status_code == 200
    assert draft_letter(client)["variant"] == "ask"
    with lobby.database.write() as session:
        sign_earlier(session)
    assert draft_letter(client)["variant"] == "back"
    assert "EDM 77." in draft_letter(client)["body"]
    with lobby.database.write() as session:
        campaign = _campaign(session, CAMPAIGN)
        motion = campaigns.motion_of(session, campaign.id)
        assert motion
        key = (campaign.id, motion.id, seat_of(session))
        tally = session.get(LetterTally, key) or LetterTally(
            campaign_id=campaign.id,
            motion_key=motion.id,
            motion_id=motion.id,
            constituency_code=key[2],
        )
        tally.sent = 41
        session.add(tally)
    assert draft_letter(client)["variant"] == "busy"
    assert "41 wrote." in draft_letter(client)["body"]


def seat_of(session: Session) -> str:
    statement = select(Membership).where(Membership.member_id == MORAG)
    return session.exec(statement).one().constituency_code


def sign_earlier(session: Session) -> None:
    """Makes Morag a signatory of an earlier motion of the campaign."""
    campaign = _campaign(session, CAMPAIGN)
    session.add(Motion(id=7, number="77", title="x", text="x", tabled_on=START.date()))
    session.flush()
    session.add(
        CampaignMotion(campaign_id=campaign.id, motion_id=7, is_current=False, linked_at=START)
    )
    session.add(
        MotionSignatory(
            id=77, motion_id=7, member_id=MORAG, signed_on=START.date(), first_seen_at=START
        )
    )


def test_the_preview_shows_every_kind_of_member_and_who_gets_nothing(
    client: TestClient, key: Headers
) -> None:
    shown = client.post(f"{URL}/preview", json={}, headers=key).json()
    kinds = {
        (preview["standing"], preview["eligibility"], preview["role"])
        for preview in shown["previews"]
    }
    assert len(kinds) == len(every_kind())
    for preview in shown["previews"]:
        act = act_of(Standing(preview["standing"]), Eligibility(preview["eligibility"]))
        assert preview["variant"] == (act.value if act else None)
        assert bool(preview["body"]) is (act is not None)
    returning = [preview for preview in shown["previews"] if preview["signed_earlier"]]
    assert {preview["variant"] for preview in returning} == {"ask"}
    assert shown["unreached"] == []


def test_letters_can_be_tried_before_they_are_saved(client: TestClient, key: Headers) -> None:
    own = variant_json("ask", "green", conditions={"party": ["Green Party"]})
    hidden = variant_json("ask", "hidden")
    body = {"variants": [own, variant_json("ask"), hidden, THANK, FALLBACK], "locale": "cy"}
    shown = client.post(f"{URL}/preview", json=body, headers=key).json()
    green = [preview for preview in shown["previews"] if preview["variant"] == "green"]
    assert [(preview["party"], preview["locale"]) for preview in green] == [("Green Party", "en")]
    assert shown["unreached"] == ["hidden"]
    assert client.get(URL, headers=key).json()["is_built_in"]
    wrong_one = variant_json("ask", texts={"en": {"subject": "{{", "opening": "x", "closing": "y"}})
    body = {"variants": [wrong_one, FALLBACK]}
    assert client.post(f"{URL}/preview", json=body, headers=key).status_code == 422


def test_the_preview_for_a_real_member_is_what_their_constituents_get(
    client: TestClient, key: Headers
) -> None:
    body = {"member_id": MORAG, "locale": "cy"}
    (shown,) = client.post(f"{URL}/preview", json=body, headers=key).json()["previews"]
    draft = draft_letter(client, locale="cy")
    assert (shown["variant"], shown["subject"]) == (draft["variant"], draft["subject"])
    assert shown["body"] == draft["body"]
    unknown = client.post(f"{URL}/preview", json={"member_id": 5}, headers=key)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "member_unknown")


# ---- at sending


def test_a_letter_goes_though_its_variant_was_renamed_and_is_held_where_the_act_changed(
    client: TestClient, lobby: Lobby, put: Write
) -> None:
    assert draft_letter(client)["variant"] == "ask"
    assert put(variant_json("ask", "renamed"), THANK, FALLBACK).status_code == 200
    with lobby.database.read() as session:
        campaign = _campaign(session, CAMPAIGN)
        asking = [
            row
            for row in session.exec(select(Letter).where(Letter.campaign_id == campaign.id))
            if row.act is LetterAct.ASK
        ]
        assert asking
        for letter in asking:
            now = situations.of_letter(session, letter, keyring=lobby.keyring, now=START)
            assert now.variant == "renamed"
            assert situations.reason_to_hold(letter, now) is None
    assert put(THANK, FALLBACK).status_code == 200
    with lobby.database.read() as session:
        now = situations.of_letter(session, asking[0], keyring=lobby.keyring, now=START)
        assert situations.reason_to_hold(asking[0], now) == "standing_changed"


def test_a_draft_takes_the_same_statements_however_many_letters_there_are(
    client: TestClient, lobby: Lobby, put: Write
) -> None:
    few = count_statements(client, lobby)
    more = [variant_json("ask", f"own-{number}") for number in range(20)]
    assert put(*more, THANK, FALLBACK).status_code == 200
    assert count_statements(client, lobby) == few <= 16


def count_statements(client: TestClient, lobby: Lobby) -> int:
    with lobby.database.read() as session:
        engine = session.get_bind()
        answer = lobby.postcodes.lookup(SIGNED)
        campaign = _campaign(session, CAMPAIGN)
        queries: list[str] = []

        def note(*args: Any) -> None:
            queries.append(args[2])

        event.listen(engine, "before_cursor_execute", note)
        situation = situations.of_postcode(
            session, campaign, answer, keyring=lobby.keyring, now=START
        )
        drafts.draft(situation)
        event.remove(engine, "before_cursor_execute", note)
    return len(queries)


def test_a_campaign_without_a_motion_can_be_tried_out_for_a_real_member_too(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    add_campaign(lobby, "new", status=CampaignStatus.DRAFT)
    url = URL.replace(CAMPAIGN, "new") + "/preview"
    every = client.post(url, json={}, headers=key).json()
    assert {row["variant"] for row in every["previews"]} == {
        "write_to_minister",
        "raise_in_government",
        None,  # a vacant seat
    }
    (row,) = client.post(url, json={"member_id": MORAG}, headers=key).json()["previews"]
    assert (row["standing"], row["variant"]) == ("not_signed", "write_to_minister")
    assert "otion" not in row["subject"] + row["body"]


def test_letters_are_nobodys_business_without_a_key_for_them(
    client: TestClient, lobby: Lobby
) -> None:
    other = key_for(lobby, Scope.TALLIES_READ)
    for headers, status in (({}, 401), (other, 403)):
        assert client.get(URL, headers=headers).status_code == status
        assert client.put(URL, json={"variants": []}, headers=headers).status_code == status
        assert client.post(f"{URL}/preview", json={}, headers=headers).status_code == status


def test_a_letter_keeps_the_language_act_and_name_that_it_was_drafted_with(
    client: TestClient, lobby: Lobby, put: Write
) -> None:
    assert put(variant_json("ask", "ours"), THANK, FALLBACK).status_code == 200
    body = {
        "name": "Anna Example",
        "email": "anna@example.org",
        "address": {"line1": "1 Princes Street", "town": "Edinburgh", "postcode": CAN_SIGN},
        "subject": "Cais i lofnodi",
        "body": "Annwyl Morag Ferncastle, a wnewch chi lofnodi'r cynnig hwn, os gwelwch yn dda?",
        "locale": "cy",
    }
    response = client.post(f"/v1/campaigns/{CAMPAIGN}/letters", json=body)
    assert response.status_code == 201, response.text
    with lobby.database.read() as session:
        submission = session.get_one(Submission, UUID(response.json()["id"]))
        letter = payload.letter_of_text(submission.payload.text)
        assert (letter.locale, letter.act, letter.variant) == ("cy", LetterAct.ASK, "ours")
