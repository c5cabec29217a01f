"""Links that older releases wrote open as before: every value is restored and none is reported as unused."""

import time
import tomllib
from pathlib import Path

import pytest

from dashboard.i18n import Catalogue
from dashboard.navigation import PAGES
from dashboard.view_state import FIELDS
from tests.pages.test_pages import words
from tests.pages.test_sampling import FOLDS

LINKS = tomllib.loads((Path(__file__).parents[1] / "links.toml").read_text(encoding="utf-8"))["link"]
NOT_HERE = {
    "stored": "its texts lie in a server's store",
    "bias_prefix": "the tiny model has one prefix to choose",
    "next_token_without_rules": "the tiny model's own settings forbid nothing",
}
"""Parameters that no link of the tiny model can hold, and why."""


def is_there(at, name, value):
    if name not in at.session_state:
        return False
    held = at.session_state[name]
    return (list(held) if isinstance(held, tuple) else held) == value


def unfolded(at):
    """The Sampling page with everything open that was not folded when older links were made."""
    for fold in FOLDS:
        at.session_state[fold] = True
    return at.run()


@pytest.mark.parametrize("link", LINKS, ids=lambda link: f"{link['page']}: {link['name']}")
def test_a_link_restores_what_it_did(open_page, link):
    at = open_page(link["page"], link["parameters"])
    if link["page"] == "sampling":
        at = unfolded(at)
    assert not at.exception
    assert "_link_dropped" not in at.session_state
    kept, taken = set(link.get("kept", ())), set(link.get("taken", ()))
    expected = link["parameters"] | link.get("restored", {})
    for name, value in expected.items():
        if name not in kept | taken | {"pz"}:
            assert is_there(at, name, value), name
    assert kept <= set(at.query_params)
    assert not taken & set(at.query_params)
    assert Catalogue(expected.get("lang", "en"))("link.dropped") not in words(at)


@pytest.mark.parametrize(
    "link", [link for link in LINKS if "sampling_go" in link["parameters"]], ids=lambda link: link["name"]
)
def test_a_link_to_texts_makes_them_by_itself(open_page, link):
    shown = {"sampling.table", *(["charts.sweep.reading"] if "sampling_sweep_go" in link["parameters"] else [])}
    at = open_page(link["page"], link["parameters"])
    end = time.monotonic() + 30
    while missing := [name for name in shown if Catalogue("en")(name) not in words(at)]:
        assert time.monotonic() < end, missing
        time.sleep(0.1)
        at.run()
    assert not at.exception


def test_there_is_a_link_of_every_page_and_of_every_parameter():
    assert {link["page"] for link in LINKS} == {entry.slug for entry in PAGES}
    assert {name for link in LINKS for name in link["parameters"]} == FIELDS.keys() - NOT_HERE.keys()
