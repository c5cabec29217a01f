"""Pages are tried with a tiny model, or with the recorded engine where any numbers will do."""

from concurrent.futures import Future
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import cache
from dashboard.engine.api.model import ModelSpec
from tests.made.recorded_engine import MODEL, RecordedEngine

APP = Path(__file__).parents[2] / "dashboard" / "app.py"


def opened(slug: str, params: dict | None = None, *, locale: str = "en-US", theme: str = "light") -> AppTest:
    """Open a page as a browser would: ``opened("attention", {"prompt": "…"}, locale="es-ES")``."""
    at = AppTest.from_file(str(APP), default_timeout=120)
    at.context = {"locale": locale, "theme": theme}
    for name, value in (params or {}).items():
        at.query_params[name] = value
    if slug != "overview":
        at.switch_page(f"../pages/{slug}.py")
    return at.run()


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """An operator's settings without a model."""
    monkeypatch.setenv("LOGITSCOPE_MODELS", "bert-base-uncased")
    monkeypatch.setenv("LOGITSCOPE_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("LOGITSCOPE_OFFLINE", "1")
    st.cache_resource.clear()
    yield monkeypatch
    st.cache_resource.clear()


@pytest.fixture
def open_page(tiny_folder, environment):
    """`opened`, with the tiny model."""
    environment.setenv("LOGITSCOPE_LOCAL_MODELS", str(tiny_folder))
    environment.setenv("LOGITSCOPE_MODEL", "local/tiny")
    return opened


@pytest.fixture
def open_recorded(environment):
    """`opened`, with the recorded engine: for what stands on a page whatever its numbers are."""
    engine: Future[RecordedEngine] = Future()
    engine.set_result(RecordedEngine())
    environment.setenv("LOGITSCOPE_MODEL", MODEL)
    environment.setattr(cache, "engine", lambda: engine)
    environment.setattr(cache, "listed_models", lambda: (ModelSpec(MODEL, "recorded", "local"),))
    return opened
