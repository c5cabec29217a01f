"""The prompt in the sidebar: folded where a page does not use it; its tokens sent only where they are looked at."""

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import navigation
from tests.pages.conftest import APP


def at_url(path: str, **params: str) -> AppTest:
    """The app opened at `path`, as the browser says it."""
    at = AppTest.from_file(str(APP), default_timeout=120)
    at.context = {"locale": "en-US", "theme": "light", "url": f"http://localhost/base/{path}"}
    for name, value in params.items():
        at.query_params[name] = value
    return at.run()


def labels(at: AppTest) -> list[str]:
    return [fold.label for fold in at.sidebar.expander]


def chips(at: AppTest) -> list:
    return [element for element in at.sidebar.get("bidi_component") if element.key == "token_chips"]


@pytest.mark.parametrize(
    ("path", "slug"),
    [("", "overview"), ("/", "overview"), ("/base/bias", "bias"), ("/bias/", "bias"), ("/nowhere", "overview")],
)
def test_a_path_names_its_page(path, slug):
    assert navigation.page_at(path).slug == slug


def test_a_page_that_does_not_use_the_prompt_folds_it(open_recorded):
    assert labels(at_url("bias")) == ["Prompt (not used here)"]
    assert labels(at_url("")) == ["Exact tokens"]


def test_the_exact_tokens_are_sent_when_they_are_looked_at(open_recorded):
    assert not chips(at_url("", prompt="zebra lamp"))
    assert chips(at_url("", prompt="zebra lamp", exact_tokens="true"))
