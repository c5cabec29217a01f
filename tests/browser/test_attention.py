"""The Attention page in a real browser: a picked head comes into view, a token is chosen in the text, a phone."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_app import headline, open_page, settled

SVG = "{http://www.w3.org/2000/svg}"


def opened(page: Page, app_server: str, query: str = "", width: int = 1440, height: int = 900) -> None:
    open_page(page, app_server, f"/attention{query}", width, height)
    expect(page.locator(".st-key-mosaic canvas").first).to_be_visible(timeout=60_000)
    settled(page)


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_a_picked_head_comes_into_view_and_its_tile_stays_there(page, app_server, width, height):
    opened(page, app_server, "", width, height)
    canvas = page.locator(".st-key-mosaic canvas").first
    box = canvas.bounding_box()
    canvas.click(position={"x": min(box["width"], width) * 0.4, "y": box["height"] * 0.9})
    expect(page).to_have_url(re.compile(r"attention_head=[78]\b"), timeout=30_000)
    settled(page)
    expect(page.locator(".st-key-chart_head")).to_be_in_viewport(ratio=0.1)
    expect(page.locator(".st-key-mosaic .mark.selected")).to_be_in_viewport()


def test_what_is_chosen_in_the_view_menu_stands_in_the_link_and_over_the_mosaic(page, app_server):
    opened(page, app_server)
    page.locator(".st-key-attention_look").get_by_role("button").first.click()
    page.get_by_text("Leave out token 0", exact=True).click()
    expect(page).to_have_url(re.compile("attention_without_first=true"), timeout=30_000)
    expect(page.locator(".st-key-mosaic .legend")).to_contain_text("token 0 is left out")
    other = page.context.new_page()
    open_page(other, page.url, "")
    expect(other.locator(".st-key-mosaic .legend")).to_contain_text("token 0 is left out")


def test_a_token_is_chosen_in_the_text_and_the_table_shows_every_weight(page, app_server):
    opened(page, app_server, "?attention_chart=text")
    page.locator(".st-key-attention_text .token").nth(5).click()
    expect(page).to_have_url(re.compile(r"attention_token=5\b"), timeout=30_000)
    settled(page)
    page.get_by_text("Table", exact=True).click()
    expect(page).to_have_url(re.compile("attention_chart=table"), timeout=30_000)
    expect(page.locator(".st-key-mosaic_detail").get_by_test_id("stDataFrame")).to_be_visible(timeout=30_000)
    headline(page, re.compile(r"Layer \d+ · head \d+"))


def test_a_small_screen_has_a_hint_and_no_gap_below_the_map(page, app_server):
    opened(page, app_server, "", 390, 844)
    expect(page.locator(".st-key-mosaic .hint")).to_contain_text("scrolls sideways")
    chart = page.locator(".st-key-chart_head")
    title = chart.locator(".xtitle")
    expect(title).to_be_visible(timeout=30_000)
    gap = chart.bounding_box()["y"] + chart.bounding_box()["height"] - title.bounding_box()["y"]
    assert 10 < gap < 90
    opened(page, app_server)
    expect(page.locator(".st-key-mosaic .hint")).to_be_hidden()
