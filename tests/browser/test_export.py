"""The dialog that saves a chart: every format, drawn on the server, or by the browser where there is none."""

import io
import json
import re
from xml.etree import ElementTree

import pandas as pd
import pypdf
import pytest
from PIL import Image
from playwright.sync_api import expect

from dashboard.i18n import Catalogue
from tests.browser.conftest import ROOT, choose, ran, serve, settled, wait_ready

SVG = "{http://www.w3.org/2000/svg}"
PAGE = "/attention?prompt=The+capital+of+Italy+is"
DRAW_SECONDS = 60_000


@pytest.fixture(scope="module")
def without_browser():
    with serve(ROOT / "dashboard" / "app.py", BROWSER_PATH="/nowhere") as address:
        yield address


def opened(page, server, chart="head"):
    page.goto(server + PAGE)
    wait_ready(page, seconds=240)
    page.locator(f".st-key-panel_{chart}").get_by_role("tab", name="Download").click()
    page.locator(f".st-key-export_{chart} button").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Format", exact=True)).to_be_visible()
    return dialog


def saved(page, dialog, form, *, drawn=False):
    dialog.get_by_role("radio", name=form, exact=True).click()
    expect(dialog.get_by_text(Catalogue("en")(f"export.notes.{form.lower()}"))).to_be_visible()
    settled(page)  # a button of the format before may stand there until then
    if drawn:
        dialog.get_by_role("button", name="Draw the picture").click()
    button = dialog.get_by_role("button", name="Save", exact=True)
    expect(button).to_be_visible(timeout=DRAW_SECONDS)
    with page.expect_download() as download:
        button.click()
    assert re.fullmatch(rf"logitscope-head-L\d+H\d+-[0-9a-f]{{16}}\.{form.lower()}", download.value.suggested_filename)
    return download.value.path().read_bytes()


def test_every_format_is_saved(page, app_server):
    dialog = opened(page, app_server)
    image = Image.open(io.BytesIO(saved(page, dialog, "PNG", drawn=True)))
    assert image.width == 1800
    result = json.loads(image.info["Description"])["result"]
    root = ElementTree.fromstring(saved(page, dialog, "SVG", drawn=True))
    assert json.loads(root.findtext(f"{SVG}metadata"))["result"] == result
    reader = pypdf.PdfReader(io.BytesIO(saved(page, dialog, "PDF", drawn=True)))
    assert json.loads(reader.metadata.subject)["result"] == result
    frame = pd.read_parquet(io.BytesIO(saved(page, dialog, "PARQUET")))
    rows = json.loads(saved(page, dialog, "JSON"))["rows"]
    assert len(rows) == len(frame) == 15
    assert [row["weight"] for row in rows] == pytest.approx(frame["weight"].tolist())
    assert result.encode() in saved(page, dialog, "HTML")
    assert result.encode() in saved(page, dialog, "CSV")


def test_a_column_of_a_journal_is_89_mm_wide_dark_and_without_texts_if_asked(page, app_server):
    dialog = opened(page, app_server)
    choose(dialog.get_by_role("combobox", name="Size"), "One column of a journal")
    expect(dialog.get_by_text("88.9 ×")).to_be_visible()
    dialog.get_by_role("radio", name="Dark").click()
    for name in ("Title", "Model and result"):
        dialog.get_by_role("checkbox", name=name).locator("xpath=ancestor::label").click()
    image = Image.open(io.BytesIO(saved(page, dialog, "PNG", drawn=True))).convert("RGB")
    assert image.width == 672
    assert image.getpixel((0, 0)) == (0x10, 0x12, 0x16)
    dialog.get_by_role("radio", name="SVG", exact=True).click()
    expect(dialog.get_by_role("button", name="Save", exact=True)).to_have_count(0)
    words = "".join(ElementTree.fromstring(saved(page, dialog, "SVG", drawn=True)).itertext())
    assert "capital" in words
    assert " @ " not in words


def test_a_size_without_room_for_the_chart_is_explained(page, app_server):
    dialog = opened(page, app_server)
    dialog.get_by_role("checkbox", name="How to read it").locator("xpath=ancestor::label").click()
    ran(page)
    for side in ("Width [px]", "Height [px]"):  # the height that is offered follows from all else
        field = dialog.get_by_role("spinbutton", name=side)
        field.fill("200")
        field.press("Enter")
        ran(page)
    expect(dialog.get_by_text("52.9 × 52.9 mm")).to_be_visible()
    expect(dialog.get_by_role("alert")).to_contain_text("has no room for the chart")
    expect(dialog.get_by_role("button", name="Draw the picture")).to_have_count(0)


def test_without_a_browser_on_the_server_that_of_the_person_draws(page, without_browser):
    dialog = opened(page, without_browser)
    expect(dialog.get_by_text("There is no Chromium on the server")).to_be_visible()
    expect(dialog.get_by_role("radio", name="PDF")).to_have_count(0)
    root = ElementTree.fromstring(saved(page, dialog, "SVG"))
    assert json.loads(root.findtext(f"{SVG}metadata"))["chart"] == "head"
    words = ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]
    assert any(re.fullmatch(r"smollm2-135m-instruct @ \w{12} · result \w{16}", word) for word in words)
    image = Image.open(io.BytesIO(saved(page, dialog, "PNG")))
    assert image.width == 1800
    assert json.loads(image.info["Description"])["chart"] == "head"


# -- one chart in another page ------------------------------------------------------------------------------------
AROUND = """
<iframe id="chart" width="600" height="150" src="/attention?embed=true&panel=head&prompt=Rome+is+not"></iframe>
<script>
  window.heights = [];
  addEventListener("message", ({ data }) => {
    if (data.type === "logitscope:height") heights.push((chart.height = data.height));
  });
</script>
"""


def test_an_embedded_chart_stands_alone_and_tells_its_height(page, app_server):
    page.route("**/around.html", lambda route: route.fulfill(body=AROUND, content_type="text/html"))
    page.goto(app_server + "/around.html")
    inside = page.frame_locator("#chart")
    expect(inside.locator(".st-key-embedded .js-plotly-plot")).to_be_visible(timeout=240_000)
    expect(inside.locator(".ls-foot")).to_be_visible()
    for hidden in (".ls-head", "[data-testid=stSidebar]", ".st-key-mosaic_detail .ls-section", "[role=tab]"):
        expect(inside.locator(hidden).locator("visible=true")).to_have_count(0)
    page.wait_for_function("heights.at(-1) > 300")
    foot = inside.locator(".ls-foot").bounding_box()
    frame = page.locator("#chart").bounding_box()
    assert 0 <= frame["y"] + frame["height"] - foot["y"] - foot["height"] < 60


def test_a_page_of_another_server_shows_no_frame_of_this_one(page, app_server, watch):
    page.route(
        "http://localhost/",
        lambda route: route.fulfill(body=f"<iframe src='{app_server}'></iframe>", content_type="text/html"),
    )
    page.goto("http://localhost/")
    assert [frame.url for frame in page.frames] == ["http://localhost/", "chrome-error://chromewebdata/"]
    watch.errors.clear()


def test_a_height_that_somebody_typed_stays_when_the_caption_or_the_width_changes(page, app_server):
    dialog = opened(page, app_server)
    height, width = (dialog.get_by_role("spinbutton", name=name) for name in ("Height", "Width"))
    before = height.input_value()
    caption = dialog.get_by_role("checkbox", name="How to read it").locator("xpath=ancestor::label")
    caption.click()
    expect(height).not_to_have_value(before)
    settled(page)
    for field, value, pixels in ((height, "700", "× 1,400 pixels"), (width, "640", "1,280 × 1,400 pixels")):
        field.fill(value)
        field.press("Enter")
        expect(dialog.get_by_text(pixels)).to_be_visible(timeout=DRAW_SECONDS)
        settled(page)
    caption.click()
    settled(page)
    expect(height).to_have_value("700")
    expect(width).to_have_value("640")
