"""Makes the demonstration's picture and logo again from their drawings.

`python -m tools.demonstration_pictures` draws `picture.svg` and `logo.svg` of
services/demonstration/ with Chromium, cuts them as uploads are cut, and writes WebP files beside
them. The demonstration loads those as they are, which takes no time.
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from services.demonstration.invented_pictures import FOLDER
from services.pictures import cutting
from tools.chromium import CHROMIUM, QUIET


def drawn(svg: Path, *, width: int, height: int) -> bytes:
    """Returns a drawing as a PNG."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": width, "height": height})
        style = "<style>body { margin: 0 } svg { display: block }</style>"
        page.set_content(style + svg.read_text("utf-8"))
        png = page.screenshot(omit_background=True)
        browser.close()
    return png


def main() -> int:
    picture = drawn(FOLDER / "picture.svg", width=1560, height=878)
    for file in cutting.picture(picture):
        (FOLDER / f"picture-{file.width}.webp").write_bytes(file.content)
    (logo,) = cutting.logo(drawn(FOLDER / "logo.svg", width=144, height=144))
    (FOLDER / "logo.webp").write_bytes(logo.content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
