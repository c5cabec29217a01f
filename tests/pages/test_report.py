"""The Report page: charts added on other pages, their order and captions, links that restore them, and bad ones."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from components.report import collecting
from components.report.collecting import BOARD
from dashboard.i18n import Catalogue
from dashboard.report.board import MOST, Entry, read, written
from dashboard.view_state import pack, unpack
from tests.pages.test_pages import words

TEXT = Catalogue("en")
PROMPT = "zebra <b> $x$"
HOSTILE = "**a** <script>alert(1)</script> [x](javascript:alert(1))"


def added(at, *names):
    """Press “Add to report” below charts."""
    for name in names:
        at.session_state[f"panel_{name}"] = TEXT("panel.download")
        at.run()
        at.button(key=f"report_add_{name}").click().run()
        assert not at.exception
        assert at.button(key=f"report_add_{name}").disabled
    return at


def turned(at, page="report"):
    at.switch_page(f"../pages/{page}.py").run()
    assert not at.exception
    return at


def report(at):
    return [(entry.chart, entry.caption) for entry in read(at.session_state[BOARD])]


@pytest.fixture
def filled(open_recorded):
    """The page with two charts of the Attention page."""
    return turned(added(open_recorded("attention", {"prompt": PROMPT}), "head", "row"))


@pytest.mark.parametrize("language", ["en", "es"])
def test_an_empty_report_says_how_it_is_filled(open_recorded, language):
    at = open_recorded("report", {"lang": language})
    assert not at.exception
    assert Catalogue(language)("report.empty") in words(at)


def test_charts_of_any_page_are_put_in_order_and_taken_out(filled):
    assert len(filled.get("plotly_chart")) == 2
    turned(added(turned(filled, "next_token"), "candidates"))
    assert report(filled) == [("head", ""), ("row", ""), ("candidates", "")]
    first, second, third = (entry.digest for entry in read(filled.session_state[BOARD]))
    filled.button(key=f"report_down_{first}").click().run()
    filled.button(key=f"report_up_{third}").click().run()
    assert [name for name, _ in report(filled)] == ["row", "candidates", "head"]
    filled.button(key=f"report_remove_{second}").click().run()
    assert [name for name, _ in report(filled)] == ["candidates", "head"]
    assert len(filled.get("plotly_chart")) == 2
    assert filled.button(key=f"report_up_{third}").disabled


def test_a_caption_is_kept_in_the_link_and_shown_harmless(filled):
    digest = read(filled.session_state[BOARD])[0].digest
    filled.text_area(key=f"report_caption_{digest}").set_value(HOSTILE).run()
    assert report(filled)[0] == ("head", HOSTILE)
    shown = next(html.proto.body for html in filled.get("html") if "ls-caption" in html.proto.body)
    assert "<strong>a</strong> &lt;script&gt;" in shown
    assert "<a" not in shown
    packed = "".join(filled.query_params[BOARD])
    assert read(unpack(packed))[0].caption == HOSTILE


def test_a_caption_that_comes_with_a_press_of_a_button_is_not_lost(filled):
    first, second = (entry.digest for entry in read(filled.session_state[BOARD]))
    filled.text_area(key=f"report_caption_{first}").set_value("mine")
    filled.button(key=f"report_up_{second}").click().run()
    assert report(filled) == [("row", ""), ("head", "mine")]
    filled.text_area(key=f"report_caption_{first}").set_value("later")
    filled.button(key=f"report_remove_{second}").click().run()
    assert report(filled) == [("head", "later")]


def test_a_second_press_before_the_page_is_drawn_again_does_not_lose_the_report(monkeypatch):
    monkeypatch.setattr(collecting.st, "session_state", {})
    monkeypatch.setattr(collecting, "_hold", lambda panel: None)
    monkeypatch.setattr(collecting.Collector, "_link", lambda self: {})
    head = SimpleNamespace(name="head", result=SimpleNamespace(digest="0" * 16))
    collector = collecting.Collector(None, "attention")
    collector._add(head)
    collector._add(head)
    assert [entry.chart for entry in collecting.entries()] == ["head"]


def test_a_chart_is_not_shown_under_the_name_of_another(filled, open_recorded):
    head = read(filled.session_state[BOARD])[0]
    at = open_recorded("report", {BOARD: pack(written([replace(head, chart="row")]))})
    at.button(key="report_restore").click().run()
    assert at.get("plotly_chart") == []
    assert TEXT("report.pending") in words(at)


def test_a_link_restores_views_and_captions_and_each_chart_when_its_view_was_opened(filled, open_recorded):
    made = read(filled.session_state[BOARD])
    at = open_recorded("report", {BOARD: pack(written(made))})
    assert not at.exception
    assert read(at.session_state[BOARD]) == made
    assert words(at).count(TEXT("report.pending")) == 2
    assert at.get("plotly_chart") == []
    for name, value in made[0].link.items():
        at.query_params[name] = value
    assert len(turned(turned(at, "attention")).get("plotly_chart")) == 2


def test_a_report_from_a_link_computes_all_its_charts_and_comes_back(filled, open_recorded):
    made = read(turned(added(turned(filled, "next_token"), "candidates")).session_state[BOARD])
    at = open_recorded("report", {BOARD: pack(written(made)), "lang": "es"})
    at.button(key="report_restore").click().run()
    assert not at.exception
    assert [entry.digest in at.session_state["_report_contents"] for entry in made] == [True] * 3
    assert words(at).count(Catalogue("es")("report.pending")) == 0
    assert len(at.get("plotly_chart")) == 3
    assert "_report_tour" not in at.session_state


def test_a_part_of_a_map_is_restored_as_that_part(open_recorded):
    span = {"attention_queries": ["10", "60"], "attention_keys": ["0", "40"]}
    prompt = "zebra lamp river " * 60
    at = turned(added(open_recorded("attention", {"prompt": prompt, **span}), "head"))
    made = read(at.session_state[BOARD])
    assert {name: made[0].link[name] for name in span} == span
    fresh = open_recorded("report", {BOARD: pack(written(made))})
    fresh.button(key="report_restore").click().run()
    assert len(fresh.get("plotly_chart")) == 1


def test_what_cannot_be_had_stays_missing_and_the_way_back_is_found(filled, open_recorded):
    known = read(filled.session_state[BOARD])
    lost = Entry("attention", "head", "0" * 16, {"prompt": PROMPT})
    at = open_recorded("report", {BOARD: pack(written([lost, *known]))})
    at.button(key="report_restore").click().run()
    assert len(at.get("plotly_chart")) == 2
    assert words(at).count(TEXT("report.pending")) == 1
    assert "_report_tour" not in at.session_state


def test_another_result_is_not_taken_for_the_one_of_the_link(open_recorded):
    at = open_recorded("report", {BOARD: written([Entry("attention", "head", "0" * 16, {"prompt": PROMPT})])})
    turned(turned(at, "attention"))
    assert at.get("plotly_chart") == []
    assert TEXT("report.pending") in words(at)


@pytest.mark.parametrize(
    "bad", ["[", "[3]", pack("{}"), "damaged", json.dumps([["../app", "head", "0" * 16, {}, ""]]), pack("[" * 10**5)]
)
def test_a_bad_link_is_named_and_leaves_an_empty_report(open_recorded, bad):
    at = open_recorded("report", {BOARD: bad})
    assert not at.exception
    assert TEXT("report.empty") in words(at)
    assert BOARD in words(at)


def test_a_full_report_takes_no_more_and_one_too_long_for_a_link_says_so(open_recorded):
    link = {"prompt": "".join(chr(0x4E00 + 7 * number % 20000) for number in range(1500))}
    full = written([Entry("attention", "head", f"{number:016x}", link, str(link)[number:]) for number in range(MOST)])
    at = open_recorded("attention", {"prompt": PROMPT})
    at.session_state[BOARD] = full
    at.session_state["panel_head"] = TEXT("panel.download")
    at.run()
    assert at.button(key="report_add_head").disabled
    long = [
        Entry(
            "attention",
            "head",
            f"{number:016x}",
            {},
            "".join(chr(0x4E00 + (number * 4000 + place) * 7919 % 20000) for place in range(4000)),
        )
        for number in range(8)
    ]
    at.session_state[BOARD] = written(long)
    turned(at)
    assert TEXT("report.too_long") in words(at)
    assert BOARD not in at.query_params
    assert len(read(at.session_state[BOARD])) == 8
