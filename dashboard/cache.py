"""The only ``st.cache_*``: the engine that all sessions share, made while the first page stands, and the jobs."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.engine.api.engine import Engine
from dashboard.engine.api.model import ModelSpec, PinnedCommit
from dashboard.errors import DashboardError
from dashboard.process import collection
from dashboard.process.folders import cache_folder, data_folder
from dashboard.process.logs import open_log
from dashboard.settings import Settings, unknown

if TYPE_CHECKING:
    from dashboard.engine.remote.http import HttpEngine
    from dashboard.jobs.runner import JobRunner
    from dashboard.store.store import Store

_LOG = logging.getLogger(__name__)


@st.cache_resource(show_spinner=False, max_entries=1)
def settings() -> Settings:
    """The operator's settings, read once a process; the log is opened where they say."""
    given = Settings.load()
    # a page's errors then go to Python's logging, whatever folder Streamlit was started in
    st.set_option("logger.enableRich", False)
    open_log(cache_folder(given))
    for name in unknown():
        _LOG.warning("there is no such setting: %s", name)
    return given


@st.cache_resource(show_spinner=False, max_entries=1)
def engine() -> Future[Engine]:
    """The engine of this process; holds the models and everything computed with them.

    A future: its libraries take seconds to load, and a page has much to show before it needs them.
    """
    made: Future[Engine] = Future()
    if (elsewhere := _elsewhere()) is not None:
        made.set_result(elsewhere)
        return made
    threading.Thread(target=_make, args=(made, settings()), daemon=True, name="engine").start()
    return made


@st.cache_resource(show_spinner=False, max_entries=1)
def _elsewhere() -> HttpEngine | None:
    """The engine in another process, where the operator names its gate; ``None``: models are in this one."""
    given = settings()
    if not given.engine_url:
        return None
    from dashboard.engine.remote.http import HttpEngine
    from dashboard.errors import EngineUnreachable

    engine = HttpEngine(given.engine_url, given.engine_key, given.result_bytes, given.ca_bundle)
    if given.engine_fallback:
        try:
            engine.health()
        except EngineUnreachable as error:
            _LOG.warning("%s; this process computes itself", error)
            return None
    return engine


def listed_models() -> tuple[ModelSpec, ...]:
    """The models that a person can choose from, in the operator's order."""
    if (elsewhere := _elsewhere()) is not None:
        return _listed_elsewhere(elsewhere)
    from dashboard.engine.models.registry import available_models

    return available_models(settings())


def _listed_elsewhere(engine: HttpEngine) -> tuple[ModelSpec, ...]:
    """The models there; while nobody says which, the one that pages open with: the page itself then says why."""
    try:
        return engine.listed_models()
    except DashboardError as error:
        _LOG.warning("models elsewhere: %s", error)
        return engine.last_listed or (ModelSpec(settings().model, settings().model, "hub"),)


def find_model(model: str) -> ModelSpec:
    """The model of an id as it stands in a link. Raises the ``Model…`` errors."""
    if (elsewhere := _elsewhere()) is not None:
        return elsewhere.find_model(model)
    from dashboard.engine.models.registry import find

    return find(model, settings())


def may_choose(model: str) -> bool:
    """Whether the operator allows that id."""
    try:
        find_model(model)
    except DashboardError:
        return False
    return True


def newest_commit(model: str) -> PinnedCommit:
    """The commit that this server keeps to for a model of the hub, and the hub's own. Raises the ``Model…`` errors."""
    if (elsewhere := _elsewhere()) is not None:
        return elsewhere.newest_commit(model)
    from dashboard.engine.models.registry import newest_commit

    return newest_commit(model, settings())


@st.cache_resource(show_spinner=False, max_entries=1)
def jobs() -> JobRunner:
    """The background jobs of this process, none started yet; `dashboard.job_kinds.kinds` says how each kind is run."""
    from dashboard.jobs.migration import move_jobs
    from dashboard.jobs.runner import JobRunner

    given = settings()
    folder = data_folder(given) / "jobs"
    move_jobs(cache_folder(given) / "jobs", folder)
    return JobRunner(folder, given.jobs_bytes)


@st.cache_resource(show_spinner=False, max_entries=1)
def store() -> Store:
    """Saved views and long links of this server; the database is opened when something of it is first asked for."""
    from dashboard.store.store import Store

    return Store(settings().database, data_folder(settings()) / "store")


def _make(made: Future[Engine], given: Settings) -> None:
    try:
        with collection.paused():
            from dashboard.engine.local import LocalEngine
        engine = LocalEngine(given)
    except Exception as error:  # noqa: BLE001 - raised again where the future is asked
        made.set_exception(error)
        return
    made.set_result(engine)
    try:
        engine.describe(given.model)
    except DashboardError as error:
        # The page that asks for the model shows the error in full.
        _LOG.warning("warm-up: %s", error)
