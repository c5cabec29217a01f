"""Pictures: their size, their texts, what is in their files, and a browser that is missing, hangs or breaks."""

import base64
import io
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import plotly.graph_objects as go
import psutil
import pypdf
import pytest
from PIL import Image

from components.charts.attention.heatmap import head_figure
from components.charts.theme import ChartTheme
from dashboard.errors import NoBrowser, PictureFailed, PicturesBusy, PictureTooLarge, PictureTooSlow, PictureTooSmall
from dashboard.export import figure_json
from dashboard.i18n import Catalogue
from dashboard.pictures import browser as browsers
from dashboard.pictures.browser import Browser, find_browser
from dashboard.pictures.frame import SVG, Frame
from dashboard.pictures.metadata import described_pdf, described_png, described_svg
from dashboard.pictures.picture import Picture, fitted, picture_bytes, preset_size
from tests.made import samples

HOSTILE = '<script>alert(1)</script> & "x" ]]> ñ 日本 \ud800 \x07'
PROVENANCE = {"model": "tiny", "request": HOSTILE, "layers": 3}
WRITTEN = {name: str(value) for name, value in PROVENANCE.items()}
MM = 25.4 / 96


def heatmap(tokens=15, mode="light"):
    look = {"text": Catalogue("en"), "theme": ChartTheme(mode)}
    return figure_json(head_figure(samples.weight_map(tokens), samples.tokens(tokens), **look))


def framed(width, mode="light"):
    theme = ChartTheme(mode)
    return Frame(width, "Weights of one head", ("How it is read. " * 8, "tiny <b> & co"), theme.paper, theme.text)


# -- sizes --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("preset", "width"), [("single", 89), ("double", 183), ("slide", 338.67)])
def test_a_preset_is_as_wide_as_it_says(preset, width):
    assert preset_size(preset, 1000, 500)[0] * MM == pytest.approx(width, abs=0.15)


def test_a_slide_is_16_to_9_and_other_presets_keep_the_charts_height():
    assert preset_size("slide", None, 3000) == (1280, 720)
    assert preset_size("single", None, 517)[1] == 517
    assert preset_size("screen", None, None) == (900, 600)
    assert preset_size("screen", 100_000, 5) == (6000, 200)


def test_a_picture_that_no_browser_can_draw_is_refused():
    with pytest.raises(PictureTooLarge):
        Picture("png", 4001, 4000, 2)
    Picture("svg", 4001, 4000, 2)
    with pytest.raises(PictureTooSmall):
        Picture("svg", 200, 200).chart_height(framed(200))


@pytest.mark.parametrize("wrong", [("gif", 500, 500, 1), ("png", 500, 500, 5)])
def test_a_format_or_scale_that_there_is_not_is_our_mistake(wrong):
    with pytest.raises(ValueError, match="is not in"):
        Picture(*wrong)


def test_a_colour_bar_fits_into_a_narrow_picture():
    bar = {"lenmode": "pixels", "len": 240}
    figure = {"data": [{"colorbar": dict(bar)}], "layout": {"template": {"data": {"heatmap": [{"colorbar": bar}]}}}}
    assert fitted(json.loads(json.dumps(figure)), 600) == figure
    narrow = json.dumps(fitted(figure, 336))
    assert narrow.count('"fraction"') == 2
    assert "240" not in narrow


# -- texts --------------------------------------------------------------------------------------------------------
def test_texts_stand_around_the_chart_as_text():
    chart = f'<svg xmlns="{SVG}" width="500" height="300"><path d="M0 0"/></svg>'.encode()
    frame = Frame(500, "<b>Title</b>", ("one", "two & three"))
    root = ElementTree.fromstring(frame.around(chart))
    above, below = frame.heights
    assert [element.text for element in root.iter(f"{{{SVG}}}text")] == ["<b>Title</b>", "one", "two & three"]
    assert root.get("height") == str(above + 300 + below)
    assert root.find(f"{{{SVG}}}svg").get("y") == str(above)
    feet = [float(element.get("y")) for element in root.iter(f"{{{SVG}}}text")]
    assert 0 < feet[0] < above < above + 300 < feet[1] < feet[2] < above + 300 + below


def test_no_texts_take_no_room():
    assert Frame(500).heights == (0, 0)
    assert Frame(500).around(b"<svg/>") == b"<svg/>"


def test_long_texts_are_broken_within_the_picture():
    lines = Frame(300, "", ("word " * 100,)).foot
    assert len(lines) > 8
    assert max(map(len, lines)) * 0.56 * 11 <= 300 - 24


# -- where it comes from ------------------------------------------------------------------------------------------
def test_a_png_says_where_it_comes_from_and_how_large_it_is():
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(file, "PNG")
    image = Image.open(io.BytesIO(described_png(file.getvalue(), PROVENANCE, 4)))
    image.load()
    assert json.loads(image.info["Description"]) == WRITTEN
    assert image.info["dpi"] == pytest.approx((384, 384), abs=0.1)


def test_an_svg_says_where_it_comes_from_and_how_large_it_is():
    svg = f'<svg xmlns="{SVG}" width="336" height="96"><text>a</text></svg>'.encode()
    root = ElementTree.fromstring(described_svg(svg, PROVENANCE))
    assert json.loads(root[0].text) == WRITTEN
    assert root[0].tag == f"{{{SVG}}}metadata"
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("88.90mm", "25.40mm", "0 0 336 96")


def test_a_pdf_of_another_form_is_not_touched():
    with pytest.raises(ValueError, match="trailer"):
        described_pdf(b"%PDF-1.5\nstartxref\n0\n%%EOF", PROVENANCE, "")


# -- a real browser -----------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def chromium():
    if find_browser() is None:
        pytest.skip("no Chromium found: install one, or name it in BROWSER_PATH")
    chromium = Browser(find_browser())
    yield chromium
    chromium.close()


def drawn(browser, form, *, width=336, height=520, scale=2, mode="light", tokens=15, frame=None):
    picture = Picture(form, width, height, scale)
    frame = framed(width, mode) if frame is None else frame
    return picture_bytes(heatmap(tokens, mode), picture, frame, PROVENANCE, browser)


@pytest.mark.parametrize("scale", [1, 4])
def test_a_png_has_the_pixels_and_inches_that_were_asked_for(chromium, scale):
    image = Image.open(io.BytesIO(drawn(chromium, "png", scale=scale)))
    assert image.size == (336 * scale, 520 * scale)
    assert image.width / image.info["dpi"][0] * 25.4 == pytest.approx(89, abs=0.2)
    assert json.loads(image.info["Description"]) == WRITTEN


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_a_picture_is_on_the_paper_of_its_mode_with_texts_and_without(chromium, mode):
    paper = tuple(int(ChartTheme(mode).paper[i : i + 2], 16) for i in (1, 3, 5))
    for frame in (Frame(336), framed(336, mode)):
        image = Image.open(io.BytesIO(drawn(chromium, "png", mode=mode, frame=frame))).convert("RGB")
        corners = [image.getpixel((x, y)) for x in (0, image.width - 1) for y in (0, image.height - 1)]
        assert set(corners) == {paper}


def test_a_pdf_has_its_size_its_title_and_its_letters(chromium):
    reader = pypdf.PdfReader(io.BytesIO(drawn(chromium, "pdf")), strict=True)
    (page,) = reader.pages
    assert float(page.mediabox.width) / 72 * 25.4 == pytest.approx(89, abs=0.2)
    assert reader.metadata.title == "Weights of one head"
    assert json.loads(reader.metadata.subject) == WRITTEN
    words = " ".join(page.extract_text().split())
    assert "Weights of one head" in words
    assert "tiny <b> & co" in words


def test_an_svg_of_64_tokens_is_small_and_its_colours_are_those_of_the_scale(chromium):
    data = drawn(chromium, "svg", width=900, height=900, tokens=64)
    assert len(data) <= 1_000_000
    root = ElementTree.fromstring(data)
    assert json.loads(root.findtext(f"{{{SVG}}}metadata")) == WRITTEN
    assert not any("script" in element.tag for element in root.iter())
    address = max((image.get("{http://www.w3.org/1999/xlink}href") for image in root.iter(f"{{{SVG}}}image")), key=len)
    cells = np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGBA"))
    weights = samples.weight_map(64).weights
    rows, columns = ([int((i + 0.5) * pixels / 64) for i in range(64)] for pixels in cells.shape[:2])
    seen = cells[np.ix_(rows, columns)]
    stops = [(at, [int(colour[i : i + 2], 16) for i in (1, 3, 5)]) for at, colour in ChartTheme().sequential()]
    for query, key in zip(*np.tril_indices(64), strict=True):
        wanted = [np.interp(weights[query, key], [at for at, _ in stops], [c[i] for _, c in stops]) for i in range(3)]
        np.testing.assert_allclose(seen[query, key, :3], wanted, atol=1.01)


def test_a_browser_that_hangs_is_ended_in_time_and_the_next_picture_is_drawn(chromium):
    hanging = Browser(find_browser())
    assert drawn(hanging, "svg")
    root = psutil.Process(hanging._kaleido.subprocess.pid)
    processes = [root, *root.children(recursive=True)]
    for process in processes:
        process.suspend()
    hanging._patience = 2
    began = time.monotonic()
    with pytest.raises(PictureTooSlow):
        drawn(hanging, "svg")
    assert time.monotonic() - began < 20
    assert not psutil.wait_procs(processes, 10)[1]
    hanging._patience = 60
    assert drawn(hanging, "svg")
    hanging.close()


def test_a_browser_that_died_is_started_again(chromium):
    assert drawn(chromium, "svg")
    chromium._kaleido.subprocess.kill()
    chromium._kaleido.subprocess.wait(10)
    with pytest.raises((PictureFailed, PictureTooSlow)):
        chromium._patience = 10
        drawn(chromium, "svg")
    chromium._patience = 60
    assert drawn(chromium, "svg")


def test_many_people_draw_one_after_the_other(chromium):
    with ThreadPoolExecutor(4) as people:
        found = list(people.map(lambda _: drawn(chromium, "svg", frame=Frame(336)), range(4)))
    assert len({len(data) for data in found}) == 1


# -- no browser, or one that is none ------------------------------------------------------------------------------
def test_without_a_browser_the_reason_is_said():
    with pytest.raises(NoBrowser):
        drawn(Browser(None), "png")


def test_a_program_that_is_no_browser_is_an_error_in_words(tmp_path):
    fake = tmp_path / "chromium"
    fake.write_text("#!/bin/sh\nexit 3\n")
    fake.chmod(0o755)
    broken = Browser(fake, patience=15)
    with pytest.raises((PictureFailed, PictureTooSlow)):
        drawn(broken, "png")
    broken.close()


def test_pictures_of_others_are_waited_for_no_longer_than_told():
    waiting = Browser(Path("/nowhere"), queue=0.05)
    waiting._turn.acquire()
    with pytest.raises(PicturesBusy):
        drawn(waiting, "svg")


def test_the_operators_browser_comes_first_and_a_wrong_one_means_none(tmp_path, monkeypatch):
    (tmp_path / "mine").write_text("")
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "mine"))
    assert find_browser.__wrapped__() == tmp_path / "mine"
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "other"))
    assert find_browser.__wrapped__() is None
    monkeypatch.delenv("BROWSER_PATH")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(browsers, "PLACES", (str(tmp_path / "mine"),))
    assert find_browser.__wrapped__() == tmp_path / "mine"


def test_a_chart_without_a_colour_bar_is_drawn_too(chromium):
    figure = ChartTheme("dark").apply(go.Figure(go.Icicle(labels=["a", "b"], parents=["", "a"], values=[2, 1])))
    data = picture_bytes(figure_json(figure), Picture("svg", 400, 300), Frame(400, "T"), PROVENANCE, chromium)
    assert ElementTree.fromstring(data).get("viewBox") == "0 0 400 300"
