"""Tests the words of the built-in letters: every act, language, with and without a purpose."""

from dataclasses import replace

import pytest

from models import LetterAct
from services.letters import intake
from services.letters.drafting import composing
from services.letters.drafting.composing import LetterFacts
from services.letters.kinds import variant_texts

FACTS = LetterFacts(
    member="Morag Ferncastle",
    salutation="Ms Ferncastle",
    constituency="Leith",
    motion_number="152",
    motion_title="Sale of NHS Professionals",
    campaign="Keep it public",
    name="Anna Example",
    personal="My mother was a nurse here.",
    points=("It saves money", "Its profit goes back to the NHS."),
)
PURPOSES = {"en": "stop the sale of the bank", "cy": "atal gwerthu'r banc"}
FIRST = {
    "en": "Dear Ms Ferncastle,\n\nI live in Leith and I am one of your constituents. "
    "My mother was a nurse here.",
    "cy": "Annwyl Ms Ferncastle,\n\nRwy'n byw yn etholaeth Leith ac yn un o'ch etholwyr. "
    "My mother was a nurse here.",
}
ABOUT = {
    "en": "I am writing about Early Day Motion 152",
    "cy": "Ysgrifennaf ynghylch Cynnig Cynnar-yn-y-Dydd 152",
}
THANKS = {
    "en": "Thank you for adding your name to Early Day Motion 152",
    "cy": "Diolch i chi am ychwanegu eich enw at Gynnig Cynnar-yn-y-Dydd 152",
}
ASKS_FOR = {
    "en": ", which asks the government to stop the sale of the bank.",
    "cy": ", sy'n galw ar y llywodraeth i atal gwerthu'r banc.",
}
NAMED = ', "Sale of NHS Professionals".'
MATTERS = {
    "en": " It matters to me that my MP has done so.",
    "cy": " Mae'n bwysig i mi fod fy AS wedi gwneud hynny.",
}
POINTS = " It saves money. Its profit goes back to the NHS."
REPLY = {
    "en": "I would be glad of a reply by email.",
    "cy": "Byddwn yn falch o gael ateb drwy e-bost.",
}
LAST = {
    "en": "\n\nYours sincerely,\nAnna Example",
    "cy": "\n\nYn gywir,\nAnna Example",
}
REQUESTS = {
    (LetterAct.ASK, "en"): "Would you add your name to the motion? If you do not sign motions, "
    "would you write to the Secretary of State instead, and let me know the answer?",
    (LetterAct.ASK, "cy"): "A wnewch chi ychwanegu eich enw at y cynnig? Os nad ydych yn llofnodi "
    "cynigion, a wnewch chi ysgrifennu at yr Ysgrifennydd Gwladol yn lle hynny, a rhoi gwybod i mi "
    "beth yw'r ateb?",
    (LetterAct.THANK, "en"): "May I ask for one more step? Would you speak to colleagues who have "
    "not signed yet, and table a written question to the minister responsible?",
    (LetterAct.THANK, "cy"): "A gaf i ofyn am un cam arall? A wnewch chi siarad â chyd-aelodau nad "
    "ydynt wedi llofnodi eto, a chyflwyno cwestiwn ysgrifenedig i'r gweinidog cyfrifol?",
    (LetterAct.MINISTER, "en"): "I know that by convention people who hold your office do not put "
    "their names to motions, so I am not asking you to. Would you raise my concern with the "
    "Secretary of State responsible, and send me the answer that you receive?",
    (LetterAct.MINISTER, "cy"): "Gwn nad yw'r rhai sy'n dal eich swydd, yn ôl confensiwn, yn rhoi "
    "eu henwau wrth gynigion, felly nid wyf yn gofyn i chi wneud hynny. A wnewch chi godi fy "
    "mhryder gyda'r Ysgrifennydd Gwladol cyfrifol, ac anfon ataf yr ateb a gewch?",
    (LetterAct.ANOTHER_WAY, "en"): "I understand that you do not put your name to motions, so I am "
    "asking for your help in another way. Would you write to the minister for me, and let me know "
    "where you stand?",
    (LetterAct.ANOTHER_WAY, "cy"): "Deallaf nad ydych yn rhoi eich enw wrth gynigion, felly "
    "gofynnaf am eich help mewn ffordd arall. A wnewch chi ysgrifennu at y gweinidog ar fy rhan, a "
    "rhoi gwybod i mi beth yw eich safbwynt?",
}
AFTER = {
    (LetterAct.THANK, "en"): "\n\nThank you for backing it.",
    (LetterAct.THANK, "cy"): "\n\nDiolch am gefnogi'r cynnig.",
}
SUBJECTS = {
    (LetterAct.ASK, "en"): "Please sign EDM 152: Sale of NHS Professionals",
    (LetterAct.ASK, "cy"): "Cais i lofnodi EDM 152: Sale of NHS Professionals",
    (LetterAct.THANK, "en"): "Thank you for signing EDM 152: Sale of NHS Professionals",
    (LetterAct.THANK, "cy"): "Diolch am lofnodi EDM 152: Sale of NHS Professionals",
    (LetterAct.MINISTER, "en"): "Keep it public: please raise this in government",
    (LetterAct.MINISTER, "cy"): "Keep it public: codwch hyn yn y llywodraeth, os gwelwch yn dda",
    (LetterAct.ANOTHER_WAY, "en"): "Keep it public: will you help in another way?",
    (LetterAct.ANOTHER_WAY, "cy"): "Keep it public: a wnewch chi helpu mewn ffordd arall?",
}


def letter(act: LetterAct, locale: str, facts: LetterFacts = FACTS) -> tuple[str, str]:
    wording = composing.texts_in(variant_texts.built_in()[act], locale)
    text = composing.write(wording, facts)
    return text.subject, text.body


@pytest.mark.parametrize("has_purpose", [True, False])
@pytest.mark.parametrize("locale", ["en", "cy"])
@pytest.mark.parametrize("act", [act for act in LetterAct if act.is_about_motion])
def test_a_default_letter_reads_word_for_word(
    act: LetterAct, locale: str, has_purpose: bool
) -> None:
    facts = replace(FACTS, purpose=PURPOSES[locale] if has_purpose else "")
    opening = THANKS[locale] if act is LetterAct.THANK else ABOUT[locale]
    opening += ASKS_FOR[locale] if has_purpose else NAMED
    opening += (MATTERS[locale] if act is LetterAct.THANK else "") + POINTS
    closing = REQUESTS[act, locale] + f"\n\n{REPLY[locale]}" + AFTER.get((act, locale), "")
    body = f"{FIRST[locale]}\n\n{opening}\n\n{closing}{LAST[locale]}"
    assert letter(act, locale, facts) == (SUBJECTS[act, locale], body)


WITHOUT_MOTION = [act for act in LetterAct if not act.is_about_motion]
MINISTERS = {
    (LetterAct.WRITE_TO_MINISTER, "en"): "Would you write to the Health Secretary for me, and send "
    "me the answer that you receive? Please also tell me what you think about this yourself.",
    (LetterAct.WRITE_TO_MINISTER, "cy"): "A wnewch chi ysgrifennu at y gweinidog cyfrifol ar fy "
    "rhan, ac anfon ataf yr ateb a gewch? Rhowch wybod i mi hefyd beth yw eich safbwynt chi.",
    (LetterAct.RAISE_IN_GOVERNMENT, "en"): "I know that people who hold your office do not usually "
    "campaign in public, so I am not asking you to. Would you raise my concern with the Health "
    "Secretary, and send me the answer that you receive?",
    (LetterAct.RAISE_IN_GOVERNMENT, "cy"): "Gwn nad yw'r rhai sy'n dal eich swydd yn ymgyrchu'n "
    "gyhoeddus fel arfer, felly nid wyf yn gofyn i chi wneud hynny. A wnewch chi godi fy mhryder "
    "gyda'r Ysgrifennydd Gwladol cyfrifol, ac anfon ataf yr ateb a gewch?",
}
SUPPORT = {
    "en": 'I support the petition "Stop the sale of the bank"',
    "cy": "Rwy'n cefnogi'r ddeiseb \"Stop the sale of the bank\"",
}


@pytest.mark.parametrize("has_purpose", [True, False])
@pytest.mark.parametrize("locale", ["en", "cy"])
@pytest.mark.parametrize("act", WITHOUT_MOTION)
def test_a_default_letter_without_a_motion_reads_word_for_word(
    act: LetterAct, locale: str, has_purpose: bool
) -> None:
    facts = replace(
        FACTS,
        motion_number="",
        motion_title="",
        petition="Stop the sale of the bank",
        addressed_to="the Health Secretary",
        purpose=PURPOSES[locale] if has_purpose else "",
    )
    opening = SUPPORT[locale] + (ASKS_FOR[locale] if has_purpose else ".") + POINTS
    closing = f"{MINISTERS[act, locale]}\n\n{REPLY[locale]}"
    subject, body = letter(act, locale, facts)
    assert body == f"{FIRST[locale]}\n\n{opening}\n\n{closing}{LAST[locale]}"
    assert subject.startswith("Keep it public: ")
    whole = (subject + body).casefold()
    assert not any(word in whole for word in ("motion", "edm", "cynnig", "gynnig", "early day"))


@pytest.mark.parametrize("act", WITHOUT_MOTION)
def test_without_a_petition_such_a_letter_names_the_campaign_and_the_minister(
    act: LetterAct,
) -> None:
    _, body = letter(act, "en", replace(FACTS, motion_number="", motion_title=""))
    assert 'I support the campaign "Keep it public"' in body
    assert " responsible" in body


@pytest.mark.parametrize("locale", ["en", "cy"])
def test_without_a_title_the_greeting_has_the_whole_name(locale: str) -> None:
    _, body = letter(LetterAct.ASK, locale, replace(FACTS, salutation=""))
    assert body.startswith(("Dear Morag Ferncastle,\n", "Annwyl Morag Ferncastle,\n"))


def test_own_words_of_several_paragraphs_stay_as_they_were_written() -> None:
    own = "First of mine.\n\nSecond of mine, with  two spaces."
    _, body = letter(LetterAct.ASK, "en", replace(FACTS, personal=own))
    assert f"constituents. {own}\n\nI am writing" in body


def test_points_are_sentences_of_one_paragraph() -> None:
    points = ("One", "Two?", "Three!", "He said “four.”", " ", "Five…")
    joined = "One. Two? Three! He said “four.” Five…"
    assert composing.in_one_paragraph(points) == joined


@pytest.mark.parametrize("name", ["", "Anna Example"])
@pytest.mark.parametrize("locale", ["en", "cy"])
def test_no_blank_line_stands_before_the_name(name: str, locale: str) -> None:
    _, body = letter(LetterAct.ASK, locale, replace(FACTS, name=name))
    sign_off = LAST[locale].strip().split("\n")[0]
    whole = intake.with_name_below(body, "Anna Example")
    assert whole.endswith(f"\n\n{sign_off}\nAnna Example")


def test_an_organisers_letter_without_an_introduction_has_own_words_after_its_opening() -> None:
    texts = variant_texts.VariantTexts("A subject", "An opening.", "A closing.")
    text = composing.write(composing.LocaleTexts("en", texts), FACTS)
    assert text.body == (
        "Dear Ms Ferncastle,\n\nAn opening.\n\nMy mother was a nurse here.\n\n"
        "It saves money. Its profit goes back to the NHS.\n\nA closing.\n\n"
        "Yours sincerely,\nAnna Example"
    )
