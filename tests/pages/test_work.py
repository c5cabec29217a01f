"""A page that waits: what it shows is sent when it changes, and what the person does is heard at once."""

import math
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from components.shell import waiting
from components.shell.waiting import News
from dashboard.engine.api.lens import LensRequest
from tests.made.recorded_engine import RecordedEngine


@pytest.fixture
def heard(monkeypatch):
    """Each time that the page would hear what the person does."""
    times = []
    monkeypatch.setattr(waiting, "_hear", lambda: times.append(time.monotonic()))
    monkeypatch.setattr(waiting, "PAUSE_SECONDS", 0.01)
    return times


def waited(news):
    began = time.monotonic()
    news.wait()
    return time.monotonic() - began


def test_a_fragment_waits_for_something_new_but_never_in_the_pages_own_run(heard, monkeypatch):
    monkeypatch.setattr(waiting, "LONGEST_SECONDS", 0.5)
    state = [0]
    news = News(lambda: state[0], 0.05)
    news.begin()
    assert waited(news) < 0.02
    news.begin()
    assert waited(news) >= 0.5  # nothing new: as long as it may
    assert len(heard) > 10
    state[0] = 1
    assert 0.05 <= waited(news) < 0.4  # new: as soon as may be drawn again


def test_a_person_who_does_something_ends_the_wait_at_once(monkeypatch):
    class Elsewhere(Exception):
        pass

    def leave():
        raise Elsewhere

    monkeypatch.setattr(waiting, "_hear", leave)
    news = News(lambda: 0, 0.05)
    news.begin()
    news.wait()
    news.begin()
    began = time.monotonic()
    with pytest.raises(Elsewhere):
        news.wait()
    assert time.monotonic() - began < 0.3


def test_every_part_of_a_page_that_is_drawn_again_and_again_waits_for_something_new():
    timed = {path: path.read_text() for path in Path(waiting.__file__).parents[1].rglob("*.py")}
    counts = {
        name: (source.count("st.fragment("), source.count(".wait()"))
        for name, source in timed.items()
        if "run_every=" in source
    }
    assert len(counts) >= 3
    assert all(parts == waits for parts, waits in counts.values()), counts


# -- the same work in several places of a page ---------------------------------------------------------------------
INSIDE = {"prompt": "zebra lamp river", "next_token_inside": "true", "next_token_span": "position"}
"""Heading and lens ask for the same."""


def test_work_that_was_stopped_is_offered_again_in_each_place_that_lacks_it(open_recorded):
    at = open_recorded("next_token", INSIDE)
    view = at.session_state["_view"]
    shown = len(at.get("plotly_chart"))
    at.session_state["_work_stopped"] = LensRequest(view.key, (len(view.tokens.tokens) - 1,)).digest
    at.run()
    assert not at.exception
    again = [button for button in at.button if button.label == view.text("work.again")]
    assert len(again) == 2
    again[1].click().run()
    assert not at.exception
    assert len(at.get("plotly_chart")) == shown


def test_work_that_is_not_kept_may_be_waited_for_twice_in_a_run(open_recorded, monkeypatch):
    answer = RecordedEngine.answer

    def slow(engine, request, *rest):
        engine._answers.pop(request, None)
        if isinstance(request, LensRequest):
            time.sleep(0.1)
        return answer(engine, request, *rest)

    monkeypatch.setattr(RecordedEngine, "answer", slow)
    monkeypatch.setattr(waiting, "QUIET_SECONDS", 0.0)
    assert not open_recorded("next_token", INSIDE).exception


# -- work that begins when it is asked for -------------------------------------------------------------------------
def gate():
    import streamlit as st

    from components.shell.waiting import begins
    from dashboard.i18n import Catalogue

    facts = {"text": Catalogue("en"), "cost": "lens.cost", "button": "Go", "positions": 3}
    st.text(str(begins("go", st.session_state["asked"], st.session_state["seconds"], **facts)))


def gated(seconds, asked="a"):
    at = AppTest.from_function(gate)
    at.session_state["seconds"], at.session_state["asked"] = seconds, asked
    return at.run()


@pytest.mark.parametrize("seconds", [0.0, waiting.AT_ONCE_SECONDS, math.nan])
def test_work_that_is_short_or_of_unknown_length_begins_by_itself(seconds):
    at = gated(seconds)
    assert at.text[0].value == "True"
    assert not at.button


def test_a_yes_holds_for_the_work_that_it_was_said_to():
    at = gated(61.0)
    assert at.text[0].value == "False"
    said = next(element.proto.body for element in at.get("html"))
    assert "about a minute" in said
    assert "estimated: 61.0 s" in said
    at.button(key="go").click().run()
    assert at.text[0].value == "True"
    assert not at.button
    at.session_state["asked"] = "b"
    assert at.run().text[0].value == "False"
    at.session_state["asked"] = "a"
    assert at.run().text[0].value == "True"
