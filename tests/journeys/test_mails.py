"""Tests the HTML part of every email in a real browser: it fits, is readable, and loads nothing."""

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from services.mail.letterheads import Letterhead
from tests.support.browser import MARKS, content_width
from tools import mail_samples

pytestmark = MARKS
NARROWEST, MOST = 320, 600
LONG = {"name": "A" * 100, "action": f"Stop {'x' * 190}", "member": "M" * 60}
COLOURS = [None, "#8a1c4a", "#ffd400", "#000000", "#ffffff"]
# The least contrast of a text with what it lies on, and its tag.
LEAST_CONTRAST = """() => {
  const numbers = text => text.match(/[0-9.]+/g).map(Number);
  const linear = part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) =>
    0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const own = element => [...element.childNodes].some(
    node => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
  const found = [...document.body.querySelectorAll('*')]
    .filter(element => own(element) && element.getClientRects().length)
    .map(element => {
      const pair = [numbers(getComputedStyle(element).color), ground(element)].map(luminance);
      const [low, high] = pair.sort((one, other) => one - other);
      return [(high + 0.05) / (low + 0.05), element.tagName];
    });
  return found.sort((one, other) => one[0] - other[0])[0];
}"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": NARROWEST, "height": 640})
    yield context.new_page()
    context.close()


def test_no_mail_is_wider_than_its_screen_or_asks_for_anything(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    too_wide = []
    for name, _, mail in mail_samples.mails(values=LONG):
        page.set_content(mail.html or "")
        for width in (NARROWEST, 390, MOST):
            page.set_viewport_size({"width": width, "height": 640})
            if content_width(page) > width:
                too_wide.append((name, width))
    assert too_wide == []
    assert asked == []


def test_a_mail_is_one_column_of_at_most_600_pixels_on_a_wide_screen(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 640})
    for _, _, mail in mail_samples.mails():
        page.set_content(mail.html or "")
        box = page.locator(".sheet").bounding_box()
        assert box is not None
        assert (box["x"], box["width"]) == ((1280 - MOST) / 2, MOST)


@pytest.mark.parametrize("colour", COLOURS)
def test_every_word_of_a_mail_has_contrast_in_light_and_dark(
    page: Page, colour: str | None
) -> None:
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    letterhead = Letterhead("Public Health Alliance", None, colour)
    for name, _, mail in mail_samples.mails(letterhead=letterhead):
        page.set_content(mail.html or "")
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            contrast, tag = page.evaluate(LEAST_CONTRAST)
            assert contrast >= 4.5, (name, scheme, tag)


def test_a_button_is_large_enough_for_a_thumb(page: Page) -> None:
    for name, _, mail in mail_samples.mails():
        page.set_content(mail.html or "")
        for button in page.locator("a.button").all():
            box = button.bounding_box()
            assert box is not None
            assert box["height"] >= 48, name
