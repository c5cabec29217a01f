"""A report in a real browser: two charts are added, put in order and downloaded; the page opens from its file."""

import json
import re
import zipfile

from playwright.sync_api import expect

from tests.browser.test_app import settled
from tests.browser.test_attention import opened


def test_a_report_of_two_charts_is_ordered_downloaded_and_restored_from_its_link(
    page, app_server, new_context, tmp_path
):
    opened(page, app_server)
    for panel in ("head", "row"):
        page.locator(f".st-key-panel_{panel}").get_by_role("tab", name="Download").click()
        page.locator(f".st-key-report_add_{panel}").get_by_role("button").click()
        expect(page.locator(f".st-key-report_add_{panel}")).to_contain_text("In the report", timeout=30_000)
    page.get_by_role("link", name="Report").first.click()
    titles = page.locator("h2.ls-card")
    expect(titles).to_have_count(2, timeout=30_000)
    page.get_by_role("textbox", name="Caption").first.fill("**Strong** <i>x</i>")
    page.get_by_role("textbox", name="Caption").first.press("Control+Enter")
    expect(page.locator(".ls-caption strong")).to_have_text("Strong", timeout=30_000)
    page.get_by_role("button", name="Down").first.click()
    expect(titles.nth(1)).to_have_text("2. Attention weights", timeout=30_000)
    expect(page).to_have_url(re.compile("report_items="), timeout=30_000)
    settled(page)
    files = {}
    for kind in ("html", "zip"):
        with page.expect_download() as download:
            page.locator(f".st-key-report_{kind}").get_by_role("button").click()
        files[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(files[kind])
    with zipfile.ZipFile(files["zip"]) as archive:
        charts = json.loads(archive.read("manifest.json"))["charts"]
    assert [chart["chart"] for chart in charts] == ["row", "head"]
    document = page.context.new_page()
    document.goto(files["html"].as_uri())
    expect(document.locator(".js-plotly-plot")).to_have_count(2, timeout=30_000)
    expect(document.locator("section").nth(1)).to_contain_text("Strong <i>x</i>")

    # somebody else, with the address alone
    other = new_context().new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Compute all charts").click(timeout=60_000)
    expect(other.locator(".js-plotly-plot")).to_have_count(2, timeout=60_000)
    expect(other.get_by_role("heading", name="Report", exact=True)).to_be_visible()
    expect(other.locator(".ls-caption strong")).to_have_text("Strong")
    expect(other).to_have_url(re.compile("report_items="))
