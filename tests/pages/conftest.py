"""Pages are tried with a tiny model, so that a test takes a fraction of a second."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

APP = Path(__file__).parents[2] / "dashboard" / "app.py"


@pytest.fixture
def open_page(tiny_folder, tmp_path, monkeypatch):
    """Open a page as a browser would: ``open_page("attention", {"prompt": "…"}, locale="es-ES")``."""
    monkeypatch.setenv("LOGITSCOPE_LOCAL_MODELS", str(tiny_folder))
    monkeypatch.setenv("LOGITSCOPE_MODELS", "bert-base-uncased")
    monkeypatch.setenv("LOGITSCOPE_MODEL", "local/tiny")
    monkeypatch.setenv("LOGITSCOPE_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("LOGITSCOPE_OFFLINE", "1")
    st.cache_resource.clear()

    def opened(slug: str, params: dict | None = None, *, locale: str = "en-US", theme: str = "light") -> AppTest:
        at = AppTest.from_file(str(APP), default_timeout=120)
        at.context = {"locale": locale, "theme": theme}
        for name, value in (params or {}).items():
            at.query_params[name] = value
        if slug != "overview":
            at.switch_page(f"../pages/{slug}.py")
        return at.run()

    yield opened
    st.cache_resource.clear()
