"""The only ``st.cache_*``: the engine that all sessions share, loading its model while the first page stands."""

from __future__ import annotations

import logging
import threading

import streamlit as st

from dashboard.engine.base import Engine
from dashboard.errors import DashboardError
from dashboard.settings import Settings

_LOG = logging.getLogger(__name__)


@st.cache_resource(show_spinner=False, max_entries=1)
def settings() -> Settings:
    """The operator's settings, read once a process."""
    return Settings.load()


@st.cache_resource(show_spinner=False, max_entries=1)
def engine() -> Engine:
    """The engine of this process; holds the models and everything computed with them."""
    from dashboard.engine.local import LocalEngine

    made = LocalEngine(settings())
    threading.Thread(target=_warm_up, args=(made, settings().model), daemon=True, name="warm-up").start()
    return made


def _warm_up(made: Engine, model: str) -> None:
    try:
        made.describe(model)
    except DashboardError as error:
        # The page that asks for the model shows the error in full.
        _LOG.warning("warm-up: %s", error)
