"""Reading the desk's pages of all MPs and of one MP."""

import csv
import io
import re
from html import unescape
from typing import Any

from fastapi.testclient import TestClient

from tests.support.common import CAMPAIGN

PATH = f"/organiser/campaigns/{CAMPAIGN}"
MPS = f"{PATH}/mps"
MORAG, PEREGRINE = 900001, 900013
VACANT, VACANT_NAME = "E14001409", "Norwich South"
_TAG = re.compile(r"<[^>]+>")


def words(html: str) -> str:
    """Returns the text of a piece of HTML with single spaces."""
    return " ".join(unescape(_TAG.sub(" ", html)).split())


def main_of(answer: Any) -> str:
    """Returns the HTML of the main part of a page."""
    return str(answer.text.partition("<main")[2].partition("</main>")[0])


def rows_of(answer: Any) -> list[list[str]]:
    """Returns the texts of the cells of each row of the table of MPs."""
    body = answer.text.partition('<table class="seats"')[2].partition("<tbody")[2]
    rows = body.partition("</tbody>")[0].split("<tr ")[1:]
    cells = [re.findall(r"<t[hd][ >].*?</t[hd]>", row, re.DOTALL) for row in rows]
    return [[words(cell) for cell in row] for row in cells]


def seats_of(answer: Any) -> list[str]:
    """Returns the names of the seats in the table, in its order."""
    return [row[0] for row in rows_of(answer)]


def tabs_of(answer: Any) -> dict[str, int]:
    """Returns the numbers of the tabs by their labels."""
    tabs = answer.text.partition('<ul class="tabs">')[2].partition("</ul>")[0]
    found = re.findall(r"<a [^>]*>([^<]+) <span>([\d,]+)</span>", tabs)
    return {unescape(label): int(number.replace(",", "")) for label, number in found}


def figures_of(answer: Any) -> list[str]:
    """Returns the strip of figures of one MP, each as text."""
    strip = answer.text.partition('aria-label="Figures">')[2].partition("</ul>")[0]
    return [words(item) for item in strip.split("<li>")[1:]]


def records(text: str) -> list[dict[str, str]]:
    """Returns the lines of a CSV."""
    return list(csv.DictReader(io.StringIO(text)))


def seat_of(client: TestClient, member_id: int) -> dict[str, Any]:
    """Returns the row of a member in the API's tally."""
    rows = client.get(f"/v1/campaigns/{CAMPAIGN}/tally").json()["rows"]
    return next(row for row in rows if (row["member"] or {}).get("id") == member_id)
