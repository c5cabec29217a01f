"""The Sampling page as a person uses it: texts watched, stopped, forked, compared, and opened cold."""

import json
import re
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import choose, settled, wait_ready

pytestmark = pytest.mark.model
PROMPT = "The capital of Italy is"


def columns(new: int) -> str:
    both = [{"do_sample": False, "max_new_tokens": new}, {"top_k": 50, "max_new_tokens": new, "seed": 7}]
    return json.dumps(both, separators=(",", ":"))


def opened(page: Page, address: str, new: int, more: str = "") -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{address}/sampling?prompt={quote(PROMPT)}&sampling_columns={quote(columns(new))}{more}")
    wait_ready(page, seconds=120)


def finished(page: Page) -> None:
    expect(page.get_by_role("heading", name="All texts and their likelihoods")).to_be_visible(timeout=240_000)
    settled(page, 120)


def texts(page: Page, column: int) -> list[str]:
    return page.locator(f".st-key-sampling_texts_{column} .token").all_text_contents()


def test_texts_are_run_watched_forked_compared_and_opened_cold(page: Page, browser, app_server: str) -> None:
    opened(page, app_server, 8)  # so few begin by themselves
    finished(page)
    expect(page.get_by_role("button", name="Generate", exact=True)).to_have_count(0)
    box = page.locator(".st-key-sampling_texts_0").bounding_box()
    assert box is not None and box["y"] + box["height"] < 900  # in view without scrolling
    first, second = texts(page, 0), texts(page, 1)
    assert len(first) == len(second) == 8
    assert first != second

    # compared with the greedy column, differing words of the other are marked
    choose(page.get_by_label("Compare with", exact=True), "greedy")
    expect(page.locator(".st-key-sampling_texts_1 .token.mark-differs").first).to_be_visible(timeout=60_000)

    # another token is taken at the third step
    settled(page, 120)
    page.locator(".st-key-sampling_texts_1 .token").nth(2).click()
    page.locator(".st-key-sampling_texts_1 .option:not(.chosen)").filter(has_not_text="<|").first.click()
    expect(page).to_have_url(re.compile(r"sampling_forks=1\.0\.2\.\d+"), timeout=60_000)
    forced = page.locator(".st-key-sampling_texts_1 .token.mark-forced")
    expect(forced).to_have_count(3, timeout=120_000)
    settled(page, 120)
    forked = texts(page, 1)
    assert forked[8:10] == second[:2]
    assert forked[10] != second[2]

    other_page = browser.new_context(locale="en-US").new_page()
    other_page.set_viewport_size({"width": 1440, "height": 900})
    other_page.goto(page.url)
    wait_ready(other_page, seconds=120)
    finished(other_page)
    expect(other_page.locator(".st-key-sampling_texts_1 .token")).to_have_count(len(forked), timeout=120_000)
    assert texts(other_page, 1) == forked
    assert texts(other_page, 0) == first
    other_page.context.close()


def test_a_long_run_grows_on_screen_and_is_stopped_with_what_came(page: Page, app_server: str) -> None:
    opened(page, app_server, 1500)
    page.get_by_role("button", name="Generate", exact=True).click()
    growing = page.locator(".st-key-sampling_texts_1 .token")
    expect(growing.nth(3)).to_be_visible(timeout=120_000)
    page.get_by_role("button", name="Stop and keep what came").click()
    expect(page.get_by_text("Stopped: these are the texts")).to_be_visible(timeout=120_000)
    finished(page)
    kept = growing.count()
    assert 4 <= kept < 1500
    # nothing goes on behind the page
    page.wait_for_timeout(1500)
    assert growing.count() == kept


def test_settings_are_saved_and_loaded_as_a_file(page: Page, app_server: str, tmp_path) -> None:
    opened(page, app_server, 8)
    with page.expect_download() as found:
        page.get_by_role("button", name="Settings file").click()
        page.get_by_role("button", name="Save settings").click()
    saved = json.loads(found.value.path().read_text(encoding="utf-8"))
    assert [column["max_new_tokens"] for column in saved["columns"]] == [8, 8]
    saved["columns"][1]["temperature"] = 0.5
    changed = tmp_path / "settings.json"
    changed.write_text(json.dumps(saved), encoding="utf-8")
    page.locator(".st-key-sampling_file input[type=file]").set_input_files(changed)
    expect(page).to_have_url(re.compile("temperature"), timeout=30_000)
    settled(page)
    assert json.loads(parse_qs(urlsplit(page.url).query)["sampling_columns"][0])[1]["temperature"] == 0.5


def test_column_names_that_look_like_markdown_are_shown_as_typed(page: Page, app_server: str) -> None:
    names = ["**bold** :red[x] `code` $x^2$", "[a](http://e.com) www.e.com a@e.com", ":smile: -> <b>h</b> __n__"]
    specs = json.dumps([{"name": name, "max_new_tokens": 2} for name in names])
    page.goto(f"{app_server}/sampling?prompt=zebra&sampling_columns={quote(specs)}")
    wait_ready(page, seconds=120)
    heads = page.locator(".ls-card")
    assert [text.partition(" ")[2] for text in heads.all_inner_texts()] == names
    expect(heads.locator("a, strong, em, code, img, .katex")).to_have_count(0)


def test_settings_open_below_their_columns_head_and_folds_stay_open_in_the_link(page: Page, app_server: str) -> None:
    opened(page, app_server, 4)
    finished(page)
    page.locator(".st-key-sampling_settings_1").get_by_text("Settings", exact=True).click()
    expect(page.get_by_label("temperature", exact=True)).to_be_visible(timeout=60_000)
    expect(page.get_by_label("seed", exact=True)).to_have_count(0)
    settled(page, 60)
    page.locator(".st-key-sampling_more_1").get_by_text("More settings").click()
    expect(page.get_by_label("seed", exact=True)).to_have_value("7", timeout=60_000)
    settled(page, 60)
    page.get_by_text("Exact comparison of settings").click()
    expect(page).to_have_url(re.compile("sampling_exact=true"), timeout=60_000)
    settled(page, 60)
    page.goto(page.url)
    wait_ready(page, seconds=120)
    expect(page.locator(".st-key-chart_settings_lines")).to_be_visible(timeout=120_000)


def test_the_page_fits_a_small_screen(page: Page, app_server: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{app_server}/sampling?prompt={quote(PROMPT)}")
    expect(page.get_by_role("heading", name="Sampling")).to_be_visible(timeout=120_000)
    settled(page, 120)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 1
