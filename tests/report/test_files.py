"""A report's files: a page that asks nobody for anything, a zip whose checksums hold, captions that do nothing."""

import hashlib
import io
import json
import re
import zipfile
from dataclasses import replace
from html.parser import HTMLParser

import nbformat
import pytest

from dashboard.export import plotly_js
from dashboard.report.board import Content, Entry
from dashboard.report.captions import caption_html
from dashboard.report.files import Part, html_report, zip_report
from dashboard.scripts.attention import head_script
from tests.made import samples
from tests.made.recorded_engine import card

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
FACTS = {"model": EVIL, "run": "0" * 16}
FIGURE = json.dumps(
    {"data": [{"type": "bar", "x": [0.1234, 1], "y": [EVIL, "b"]}], "layout": {"title": {"text": EVIL}}}
)
SCRIPT = head_script(card(), samples.run_key(model=EVIL), 0, 1)
CONTENT = Content("logitscope-head-0", FIGURE, b"query,weight\r\n0,1\r\n", SCRIPT, FACTS)
PART = Part(f"Title {EVIL}", Entry("attention", "head", "0" * 16, {"prompt": EVIL}, f"**caption** {EVIL}"), CONTENT)
TABLE = replace(PART, content=Content("logitscope-scores-1", "", f'text\r\n"{EVIL}"\r\n'.encode(), SCRIPT, FACTS))
PARTS = [PART, TABLE]


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of each script."""

    def __init__(self, page):
        super().__init__()
        self.found, self.scripts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.found and self.found[-1][0] == "script":
            self.scripts[-1] += data


def page(parts=PARTS):
    return html_report("Report", parts, "en").decode()


def test_the_page_asks_nobody_for_anything():
    found = Elements(page()).found
    assert not [attrs for _, attrs in found if {"src", "href", "srcset", "action", "data"} & attrs.keys()]
    policy = next(attrs["content"] for tag, attrs in found if tag == "meta" and "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"https?://", page().replace(plotly_js(), ""))


def test_texts_of_others_are_text_on_the_page():
    found = Elements(page())
    assert [tag for tag, _ in found.found].count("script") == 3  # the figure, Plotly, what draws
    assert "img" not in {tag for tag, _ in found.found}
    assert not [name for _, attrs in found.found for name in attrs if name.startswith("on")]
    assert json.loads(found.scripts[0]) == json.loads(FIGURE)


def test_the_zip_holds_what_its_manifest_says():
    archive = zipfile.ZipFile(io.BytesIO(zip_report("Report", PARTS, "en")))
    assert archive.testzip() is None
    manifest = json.loads(archive.read("manifest.json"))
    assert set(archive.namelist()) == {"manifest.json", *manifest["sha256"]}
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256(archive.read(name)).hexdigest() == digest
        assert re.fullmatch(r"[\w.-]+", name)
    first, second = manifest["charts"]
    assert [name.rsplit(".")[-1] for name in first["files"]] == ["json", "csv", "py"]
    assert [name.rsplit(".")[-1] for name in second["files"]] == ["csv", "py"]
    assert (first["caption"], first["provenance"], first["link"]) == (PART.entry.caption, FACTS, {"prompt": EVIL})
    nbformat.validate(nbformat.reads(archive.read("report.ipynb").decode(), as_version=4))


def test_equal_reports_are_equal_zips():
    assert zip_report("Report", PARTS, "en") == zip_report("Report", PARTS, "en")


@pytest.mark.parametrize(
    "caption",
    [
        EVIL,
        "[x](javascript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "![x](http://elsewhere.test/a.png)",
        "<iframe src=//elsewhere.test></iframe>",
        "[x](http://a.test 'onmouseover=alert(1)')",
        "<http://a.test/\"onclick='x'>",
        "`<svg/onload=alert(1)>`",
        "<style>*{display:none}</style>",
    ],
)
def test_a_caption_does_nothing(caption):
    for tag, attrs in Elements(caption_html(caption)).found:
        assert tag in {"p", "a", "code"}
        assert set(attrs) <= {"href", "rel", "title"}
        assert attrs.get("href", "http://").startswith("http://")


def test_a_caption_is_markdown():
    shown = caption_html("**a** *b*\n\n- c\n\n[d](https://e.test)")
    assert "<strong>a</strong> <em>b</em>" in shown
    assert "<li>c</li>" in shown
    assert 'href="https://e.test"' in shown
