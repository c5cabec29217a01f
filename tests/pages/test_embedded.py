"""One chart without its page: which is drawn, and what is said where there is none."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import APP
from tests.pages.test_pages import words

PROMPT = "zebra lamp river zebra lamp"


@pytest.fixture
def embed(open_page):
    """The Attention page inside another page."""

    def opened(panel, *, embedded=True):
        at = AppTest.from_file(str(APP), default_timeout=120)
        at.context = {"locale": "en-US", "theme": "light", "is_embedded": embedded}
        at.query_params["prompt"] = PROMPT
        if panel is not None:
            at.query_params["panel"] = panel
        at.switch_page("../pages/attention.py")
        at.run()
        assert not at.exception
        return at

    return opened


def tabs(at):
    return [tab.label for tab in at.tabs]


def test_one_chart_is_drawn_without_tabs_and_with_how_it_is_read(embed):
    at = embed("head")
    assert tabs(at) == []
    assert len(at.get("plotly_chart")) == 1
    assert words(at).count("ls-foot") == 1
    assert "ls-advice" not in words(at)
    assert "ls-notice" not in words(at), "the link is followed to the letter"


def test_a_chart_that_is_not_on_the_page_is_said_with_those_that_are(embed):
    at = embed("<b>nope")
    assert len(at.get("plotly_chart")) == 0
    assert "There is no chart “<b>nope” on this page now. It shows: mosaic, head, row" in words(at)


def test_an_embedded_page_without_a_named_chart_is_the_whole_page(embed):
    at = embed(None)
    assert "Download" in tabs(at)
    assert words(at).count("ls-foot") > 1


def test_outside_a_frame_the_page_is_whole_and_the_name_is_no_choice_of_it(embed):
    at = embed("head", embedded=False)
    assert "Download" in tabs(at)
    assert "panel = head" in words(at)
