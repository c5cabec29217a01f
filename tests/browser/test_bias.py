"""The Bias page as a person uses it: a preset from its start to the exported scores."""

import csv
import io
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import choose, open_tab, settled, wait_ready

pytestmark = pytest.mark.model


def test_a_preset_is_scored_looked_at_and_exported(page: Page, app_server: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{app_server}/bias?bias_view=gap")
    wait_ready(page, seconds=180)
    page.get_by_text("4 sentences × 6 groups × 60 completions · edit").click()
    choose(page.get_by_label("Start from", exact=True), "“The … was a” man or woman")
    expect(page).to_have_url(re.compile("bias_probe="), timeout=60_000)
    settled(page, 60)
    page.get_by_role("radio", name="Exact", exact=True).click()
    expect(page.locator(".ls-finding")).to_contain_text(
        "How much the model prefers “\u2068woman\u2069”", timeout=180_000
    )
    choose(page.get_by_label("Show", exact=True), "All scores", 120)
    expect(page.get_by_role("tab", name="Table")).to_be_visible(timeout=60_000)
    settled(page, 120)
    open_tab(page, "Download", 120)
    with page.expect_download() as found:
        page.get_by_role("button", name="CSV", exact=True).first.click()
    rows = list(csv.DictReader(io.StringIO(found.value.path().read_text(encoding="utf-8-sig"))))
    assert len(rows) == 60 * 2
    assert {row["completion"] for row in rows} == {"man", "woman"}
    assert all(float(row["log_prob_nats"]) < 0 for row in rows)
    assert rows[0]["model"] == "smollm2-135m-instruct"


def test_a_list_that_closed_by_itself_is_opened_again(page: Page) -> None:
    page.set_content(
        """<div data-testid="stApp" data-test-script-state="notRunning">
        <input aria-label="Start from" onclick="options.hidden = !window.clicked; window.clicked = true">
        <ul id="options" role="listbox" hidden><li role="option" onclick="window.chosen = this.textContent">it</li></ul>
        </div>"""
    )
    choose(page.get_by_label("Start from", exact=True), "it")
    assert page.evaluate("window.chosen") == "it"


def test_the_block_that_was_open_is_there_when_the_person_comes_back(page: Page, app_server: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{app_server}/bias?bias_view=benchmarks")
    wait_ready(page, seconds=180)
    expect(page.get_by_role("heading", name="Published benchmarks")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Overview").first.click()
    expect(page.get_by_role("heading", name="Published benchmarks")).to_have_count(0, timeout=60_000)
    page.get_by_role("link", name="Bias").first.click()
    expect(page.get_by_role("heading", name="Published benchmarks")).to_be_visible(timeout=60_000)
    expect(page).to_have_url(re.compile("bias_view=benchmarks"), timeout=60_000)


def test_a_switch_of_the_language_keeps_the_block_that_is_open(page: Page, app_server: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{app_server}/bias?bias_view=benchmarks")
    wait_ready(page, seconds=180)
    page.get_by_role("radio", name="ES", exact=True).or_(page.get_by_role("button", name="ES", exact=True)).click()
    expect(page.get_by_role("heading", name="Pruebas publicadas")).to_be_visible(timeout=60_000)
    choose(page.get_by_label("Prueba", exact=True), "StereoSet")
    expect(page).to_have_url(re.compile("bias_benchmark=stereoset"), timeout=60_000)
    settled(page, 60)
    expect(page.get_by_role("heading", name="Pruebas publicadas")).to_be_visible()


def test_the_notebooks_call_is_six_boxes_of_five_texts(page: Page, app_server: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{app_server}/bias?bias_view=notebook")
    wait_ready(page, seconds=180)
    start = page.get_by_role("button", name="Run the notebook's call")
    boxes = page.locator(".ls-answers section")
    expect(start.or_(boxes.first)).to_be_visible(timeout=60_000)
    if start.is_visible():
        start.click()
    expect(boxes).to_have_count(6, timeout=180_000)
    expect(boxes.first.locator("li")).to_have_count(5)
    last = boxes.last.bounding_box()
    assert last is not None
    assert last["y"] + last["height"] <= 900, "all texts are on the first screen"
