"""Saved views as a person keeps them: saved, found, opened, edited by two at once, deleted, brought back, moved."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ROOT, settled

pytestmark = pytest.mark.model
SECONDS = 240_000
"""For what waits for a model on a busy machine [ms]."""
TITLE = "<b>Layer 3</b> **looks** back"


@pytest.fixture(scope="module")
def server(serve_script, tmp_path_factory):
    """A dashboard with a store of its own."""
    with serve_script(ROOT / "dashboard" / "asgi.py", LOGITSCOPE_DATA_DIR=str(tmp_path_factory.mktemp("data"))) as at:
        yield at


def opened(page, address):
    page.goto(f"{address}/saved")
    expect(page.get_by_text("saved view")).not_to_have_count(0, timeout=SECONDS)
    settled(page, SECONDS / 1000)


def save(page, server):
    """Save a view of the Attention page; the first try has a control that is none."""
    page.goto(f"{server}/attention?prompt=The%20cat%20sat&attention_layer=3&attention_head=1")
    expect(page.get_by_role("heading", name="Layer 3 · head 1")).to_be_visible(timeout=SECONDS)
    settled(page, SECONDS / 1000)
    page.get_by_role("button", name="Save view").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Title").fill(TITLE)
    dialog.get_by_role("textbox", name="Note").fill("The second *cat*.")
    dialog.get_by_role("textbox", name="Expected").fill("A stripe.")
    dialog.get_by_role("textbox", name="Control").fill("javascript:alert(1)")
    dialog.get_by_role("button", name="Save", exact=True).click()
    # what cannot be a control is said, and nothing that was typed is gone
    expect(dialog.get_by_text("The control is no link of this dashboard")).to_be_visible(timeout=SECONDS)
    expect(dialog.get_by_role("textbox", name="Title")).to_have_value(TITLE)
    dialog.get_by_role("textbox", name="Control").fill(f"{server}/attention?prompt=The%20dog%20sat")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved. The Saved page has it.")).to_be_visible(timeout=SECONDS)


def test_a_view_is_saved_found_opened_edited_deleted_and_moved(page, server, new_context, tmp_path):
    save(page, server)

    # found and opened as it was, in a fresh session
    other = new_context().new_page()
    opened(other, server)
    other.get_by_role("textbox", name="Search").fill("LAYER stripe")
    other.keyboard.press("Enter")
    expect(other.get_by_text("1 saved view")).to_be_visible(timeout=SECONDS)
    expect(other.get_by_role("link", name="Open the control (Attention)")).to_be_visible()
    other.get_by_role("link", name=TITLE).click()
    expect(other.get_by_role("heading", name="Layer 3 · head 1")).to_be_visible(timeout=SECONDS)
    expect(other.get_by_text("Same numbers as when this link was made.")).to_be_visible(timeout=SECONDS)
    expect(other).to_have_url(re.compile(r"/attention\?"))

    # two people edit it: the second is told, and can save over the first
    opened(page, server)
    opened(other, server)
    for each in (page, other):
        each.get_by_role("button", name="Edit").click()
        expect(each.get_by_role("dialog").get_by_role("textbox", name="Title")).to_have_value(TITLE, timeout=SECONDS)
    for each, title in ((page, "first"), (other, "second")):
        each.get_by_role("dialog").get_by_role("textbox", name="Title").fill(title)
        each.get_by_role("dialog").get_by_role("button", name="Save", exact=True).click()
        if each is page:
            expect(page.get_by_role("link", name="first")).to_be_visible(timeout=SECONDS)
    expect(other.get_by_role("dialog").get_by_text("it is now version 2")).to_be_visible(timeout=SECONDS)
    expect(other.get_by_role("dialog").get_by_role("textbox", name="Title")).to_have_value("second")
    other.get_by_role("dialog").get_by_role("button", name="Save", exact=True).click()
    expect(other.get_by_role("link", name="second")).to_be_visible(timeout=SECONDS)

    # a file of it, deleted, imported, brought back
    opened(page, server)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export ZIP").click()
    download.value.save_as(tmp_path / "views.zip")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Deleted: second")).to_be_visible(timeout=SECONDS)
    expect(page.get_by_text("0 saved views")).to_be_visible(timeout=SECONDS)
    settled(page, SECONDS / 1000)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="second")).to_be_visible(timeout=SECONDS)
    settled(page, SECONDS / 1000)
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("0 saved views")).to_be_visible(timeout=SECONDS)
    settled(page, SECONDS / 1000)
    page.get_by_role("button", name="Import").click()
    page.locator('input[type="file"]').set_input_files(tmp_path / "views.zip")
    page.get_by_role("button", name="Import its views").click()
    expect(page.get_by_text("1 view was imported.")).to_be_visible(timeout=SECONDS)
    expect(page.get_by_role("link", name="second")).to_be_visible(timeout=SECONDS)
