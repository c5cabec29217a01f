"""A model typed into the picker: downloaded from a hub on this machine, with its progress, and stopped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT
from tests.made.hub import Hub, Repository, files_of, serve_hub

SLOW = "org/slow"


@pytest.fixture(scope="module")
def hub(tiny_folder: Path) -> Iterator[Hub]:
    """A hub with a small model, and one whose weights take a minute."""
    with serve_hub() as served:
        for name, more in (("org/tiny", 0), (SLOW, 60 << 20)):
            files = files_of(tiny_folder)
            served.models[name] = Repository()
            served.models[name].commit(
                files | {"model.safetensors": files["model.safetensors"] + b"\0" * more}, "step1"
            )
        served.pause = 0.05
        yield served


@pytest.fixture(scope="module")
def server(
    hub: Hub, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory, serve_script: Callable[..., Any]
) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("models")
    with serve_script(
        ROOT / "dashboard" / "asgi.py",
        HF_HOME=str(folder / "hf"),
        HF_ENDPOINT=hub.address,
        LOGITSCOPE_OFFLINE="0",
        LOGITSCOPE_MODELS="*",
        LOGITSCOPE_MODEL="local/tiny",
        LOGITSCOPE_LOCAL_MODELS=str(tiny_folder),
        LOGITSCOPE_CACHE_DIR=str(folder),
    ) as address:
        yield address


def type_model(page: Page, model: str) -> None:
    picker = page.get_by_role("combobox", name=re.compile("Model"))
    picker.fill(model)
    picker.press("Enter")


def test_a_typed_revision_is_downloaded_and_stands_in_the_link(
    server: str, page: Page, ready: Callable[..., None]
) -> None:
    page.goto(f"{server}/next_token?model=local/tiny")
    ready(page)
    type_model(page, "org/tiny@step1")
    picker = page.get_by_role("combobox", name=re.compile("Model"))
    expect(picker).to_have_value("org/tiny@step1 · 0.2 MB", timeout=60_000)
    expect(page.get_by_test_id("stPlotlyChart").first).to_be_visible(timeout=60_000)
    assert page.evaluate("new URLSearchParams(location.search).get('model')") == "org/tiny@step1"


def test_a_download_says_how_far_it_is_and_stop_ends_it(
    server: str, hub: Hub, page: Page, ready: Callable[..., None]
) -> None:
    page.goto(f"{server}/next_token")
    ready(page)
    type_model(page, f"{SLOW}@step1")
    expect(page.get_by_text(re.compile(r"Downloading .*\b[1-9][0-9]* of 63 MB"))).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Stop").last.click()
    expect(page.get_by_text("Stopped. Nothing of it is shown.")).to_be_visible()
    page.wait_for_timeout(2500)  # what was under way
    sent = hub.sent
    page.wait_for_timeout(1500)
    assert hub.sent == sent < 60 << 20
