"""A link from one browser, opened in another."""

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.conftest import settled
from tests.browser.test_app import open_page

pytestmark = pytest.mark.model


def shared(page):
    """The link that the page's button gives."""
    page.get_by_role("button", name="Share").click()
    field = page.get_by_label("Link to this view", exact=True)
    expect(field).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Link copied.")).to_be_visible()
    return field.input_value()


def test_another_browser_sees_the_same_view_and_says_that_its_numbers_are_the_same(
    context: BrowserContext, page, browser: Browser, app_server
):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_page(page, app_server, "/next_token?prompt=zebra+%3Cb%3Elamp%3C%2Fb%3E+zebra&next_token_pos=2")
    link = shared(page)
    assert page.evaluate("navigator.clipboard.readText()") == link
    assert "numbers=" not in page.url
    other = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    other.goto(link)
    expect(other.get_by_text("Same numbers as when this link was made.")).to_be_visible(timeout=60_000)
    expect(other).not_to_have_url(link)
    expect(other.get_by_role("button", name="Share")).to_be_in_viewport()
    settled(other)
    other.get_by_label("After position", exact=True).fill("1")
    other.get_by_label("After position", exact=True).press("Enter")
    expect(other.get_by_text("Same numbers as when this link was made.")).to_be_hidden()
    other.context.close()
