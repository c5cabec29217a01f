"""The README's pictures and its animation, taken from the real app with the bundled model and a real Chromium.

``python -m dashboard pictures`` writes them to `docs/pictures/`; the same code and model give the same pictures.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import ROOT, find_chromium, serve, settled

FOLDER = ROOT / "docs" / "pictures"
WIDTH, HEIGHT = 1440, 900
ANIMATION_WIDTH, FRAME_MS = 960, 1300
COLOURS = 128
PATIENCE_SECONDS = 300.0
PROMPT = "When Mary and John went to the store, John gave a drink to"
PICTURES: dict[str, dict[str, str | int]] = {
    "attention": {"prompt": PROMPT, "attention_layer": 9, "attention_head": 0},
    "next_token": {"prompt": PROMPT},
    "sampling": {"prompt": PROMPT},
}
"""Page -> what its link says."""
HEADS = ((0, 3), (3, 1), (6, 4), (9, 0), (14, 2), (20, 5), (29, 8))
"""(layer, head) that the animation looks at, one after the other."""


def opened(page: Page, address: str, name: str, **link: str | int) -> Image.Image:
    """A page of the app as its link shows it, once nothing moves any more."""
    page.goto(f"{address}/{name}?{urlencode({'lang': 'en', **link})}")
    chart, generate = (
        page.locator(".js-plotly-plot, canvas"),
        page.get_by_role("button", name="Generate", exact=True, disabled=False),
    )
    chart.or_(generate).first.wait_for(timeout=PATIENCE_SECONDS * 1000)
    if generate.is_visible():  # a slow machine asks first
        generate.click()
    chart.first.wait_for(timeout=PATIENCE_SECONDS * 1000)
    settled(page, PATIENCE_SECONDS)
    before = b""
    while (now := page.screenshot(animations="disabled", caret="hide")) != before:
        before = now
        page.wait_for_timeout(500)
        settled(page, PATIENCE_SECONDS)
    return Image.open(io.BytesIO(now)).convert("RGB")


def small(picture: Image.Image) -> Image.Image:
    """With few colours, as most of it is text and flat areas."""
    return picture.quantize(COLOURS, dither=Image.Dither.NONE)


def take(browser: Browser, address: str) -> list[Path]:
    """All of them; the files written."""
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", reduced_motion="reduce")
    files = []
    for name, link in PICTURES.items():
        files.append(FOLDER / f"{name}.png")
        small(opened(page, address, name, **link)).save(files[-1], optimize=True)
    heads = [
        opened(page, address, "attention", prompt=PROMPT, attention_layer=layer, attention_head=head)
        for layer, head in HEADS
    ]
    size = (ANIMATION_WIDTH, ANIMATION_WIDTH * HEIGHT // WIDTH)
    frames = [small(frame.resize(size, Image.Resampling.LANCZOS)) for frame in heads]
    files.append(FOLDER / "heads.gif")
    frames[0].save(files[-1], save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0, optimize=True)
    return files


def main() -> int:
    """Take them and say what was written."""
    with serve(ROOT / "dashboard" / "app.py") as address, sync_playwright() as playwright:
        chromium = find_chromium(playwright.chromium.executable_path)
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--force-color-profile=srgb"]
        )
        for path in take(browser, address):
            print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1024:.0f} KB")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
