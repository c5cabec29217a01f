"""axe-core finds nothing against WCAG 2.2 AA on any page, light and dark."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from dashboard.navigation import PAGES
from tests.browser.conftest import open_tab, ran, settled
from tests.browser.test_app import open_page

pytestmark = pytest.mark.model
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
LINK = "?prompt=zebra+lamp&exact_tokens=true"
PAPER = {"light": "rgb(255, 255, 255)", "dark": "rgb(16, 18, 22)"}
TABS = {"attention": "Numbers", "next_token": "Code", "bias": "Download"}
"""Page -> a tab of its first panel that is opened, too."""


def violations(page: Page) -> list[dict[str, Any]]:
    """What axe-core finds: each rule with the elements that break it."""
    response = Axe().run(page, options=RULES).response
    return [{found["id"]: [node["html"][:200] for node in found["nodes"]]} for found in response["violations"]]


def open_whole(page: Page, address: str, slug: str, link: str = LINK, **size: int) -> None:
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    open_page(page, address, f"/{slug}{link}", **size)
    expect(page.locator(".ls-head")).to_be_visible(timeout=60_000)
    settled(page, 120)


def no_barriers(page: Page, other: str) -> None:
    """Nothing is found in the page's colour scheme and then in the `other`; charts take one up when the page runs."""
    assert violations(page) == []
    page.emulate_media(color_scheme=other, reduced_motion="reduce")
    expect(page.get_by_test_id("stApp")).to_have_css("background-color", PAPER[other])
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("r")
    ran(page, 120)
    assert violations(page) == [], other


@pytest.mark.parametrize("slug", [entry.slug for entry in PAGES])
def test_a_page_and_what_a_panels_tab_holds_have_no_barriers(page, app_server, slug):
    open_whole(page, app_server, slug)
    no_barriers(page, "dark")
    if slug in TABS:
        open_tab(page, TABS[slug])
        no_barriers(page, "light")


@pytest.mark.parametrize("step", [1, 3])
def test_a_lessons_question_has_no_barriers(page, app_server, step):
    """One with a number to type, and one with options; with its hint open, and the verdict on a wrong answer."""
    open_whole(page, app_server, "next_token", f"?lesson=tokens&lesson_step={step}")
    card = page.locator(".st-key-lesson_card")
    expect(card.get_by_role("button", name="Check", exact=True)).to_be_visible(timeout=60_000)
    card.locator("summary").click()
    no_barriers(page, "dark")
    expect(card.locator("details")).to_have_attribute("open", "")
    fields = card.get_by_role("textbox")
    if fields.count():
        fields.fill("0")
    else:
        card.get_by_role("radiogroup").locator("label").first.click()
    card.get_by_role("button", name="Check", exact=True).click()
    expect(card.locator(".ls-verdict")).to_be_visible(timeout=60_000)
    settled(page, 120)
    no_barriers(page, "light")


def test_a_page_has_no_barriers_on_a_phone_and_with_a_prompt_that_did_not_run(page, app_server):
    open_whole(page, app_server, "next_token")
    page.get_by_label("Prompt", exact=True).fill("zebra river")
    expect(page.locator(".ls-pending")).to_be_visible()
    no_barriers(page, "dark")
    expect(page.locator(".ls-pending")).to_be_visible()
    open_whole(page, app_server, "next_token", width=390, height=844)
    no_barriers(page, "dark")


def test_axe_finds_a_barrier_where_there_is_one(page):
    page.set_content("<html lang='en'><title>t</title><main><h1>t</h1><img src='data:,'></main></html>")
    assert [list(found) for found in violations(page)] == [["image-alt"]]


def test_a_page_moves_nothing_for_those_who_asked_for_that(page, app_server):
    open_whole(page, app_server, "next_token")
    longest = page.evaluate(
        "Math.max(...[...document.querySelectorAll('*')].map("
        "element => parseFloat(getComputedStyle(element).transitionDuration)))"
    )
    assert longest <= 0.001
