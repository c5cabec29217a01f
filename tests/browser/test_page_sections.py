"""The bar of a page's sections in a real browser: jumps, marks, the address, a page that grows, a narrow screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import serve, settled


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serve(Path(__file__).parent / "component_app.py") as address:
        yield address


def opened(page: Page, server: str, query: str = "") -> Locator:
    """The bar of a page whose sections stand, each with its link."""
    page.goto(f"{server}/?show=sections{query}")
    expect(page.get_by_text("below", exact=True)).to_be_visible(timeout=30_000)
    settled(page)
    bar = page.get_by_role("navigation", name="On this page")
    expect(bar.get_by_role("link")).to_have_count(6)
    return bar


def link_of(bar: Locator, name: str) -> Locator:
    return bar.get_by_role("link", name=f"Section <b>{name}</b>", exact=True)


def top_of(page: Page, name: str) -> float:
    return page.locator(f"#at-{name}").evaluate("part => part.getBoundingClientRect().top")


def arrived(page: Page, name: str) -> None:
    """Wait until a section begins below the bar."""
    page.wait_for_function(
        "name => Math.abs(document.getElementById(`at-${name}`)?.getBoundingClientRect().top - 100) < 20", arg=name
    )


def test_a_click_jumps_below_the_bar_which_stays_in_view_and_marks_the_section(page, server):
    bar = opened(page, server)
    expect(link_of(bar, "a")).to_have_attribute("aria-current", "true")
    link_of(bar, "c").click()
    expect(page).to_have_url(f"{server}/?show=sections&at=c")
    arrived(page, "c")
    edge = bar.evaluate("nav => nav.getBoundingClientRect().bottom")
    assert 0 < edge <= top_of(page, "c")
    expect(link_of(bar, "c")).to_have_attribute("aria-current", "true")
    expect(bar.locator("[aria-current]")).to_have_count(1)


def test_scrolling_by_hand_is_followed_and_the_beginning_needs_no_name(page, server):
    bar = opened(page, server)
    page.locator("#at-b").hover()
    page.mouse.wheel(0, 1100)
    expect(link_of(bar, "c")).to_have_attribute("aria-current", "true")
    expect(page).to_have_url(f"{server}/?show=sections&at=c")
    page.mouse.wheel(0, -3000)
    expect(page).to_have_url(f"{server}/?show=sections")


def test_the_keyboard_reaches_a_section_and_goes_on_from_there(page, server):
    bar = opened(page, server)
    link_of(bar, "d").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server}/?show=sections&at=d")
    assert page.evaluate("document.activeElement.id") == "at-d"


def test_a_link_opens_at_its_section_however_long_the_page_grows(page, server):
    bar = opened(page, server, "&at=e&pause=3")
    arrived(page, "e")
    expect(link_of(bar, "e")).to_have_attribute("aria-current", "true")
    assert "at=e" in page.url


@pytest.mark.parametrize("name", ["unknown", "a", "%3Cb%3E"])
def test_a_link_to_no_other_section_opens_at_the_top(page, server, name):
    bar = opened(page, server, f"&at={name}")
    expect(link_of(bar, "a")).to_have_attribute("aria-current", "true")
    expect(page).to_have_url(f"{server}/?show=sections")


def test_the_section_stays_in_the_address_when_the_page_writes_another_value(page, server):
    bar = opened(page, server)
    link_of(bar, "f").click()
    arrived(page, "f")
    # pressed where it is: a click of the mouse scrolls to it first, and may leave the section
    page.get_by_role("button", name="write").evaluate("button => button.click()")
    expect(page).to_have_url(f"{server}/?show=sections&other=1&at=f")


def test_on_a_narrow_screen_the_bar_scrolls_inside_itself(page, server):
    page.set_viewport_size({"width": 390, "height": 844})
    bar = opened(page, server)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    link_of(bar, "f").click()
    expect(link_of(bar, "f")).to_have_attribute("aria-current", "true")
    box = link_of(bar, "f").bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= 390
