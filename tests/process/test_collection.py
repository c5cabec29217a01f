"""Garbage: the libraries are looked at once, what is dropped afterwards goes, and pages do not collect all the time."""

import gc
import tomllib
import weakref
from pathlib import Path

import pytest

from dashboard.engine.api.model import CallControl
from dashboard.engine.models.pool import ModelPool
from dashboard.process import collection

ROOT = Path(__file__).parents[2]


class Knot:
    """Holds itself: only a collection can free it."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def thawed():
    yield
    gc.unfreeze()


def test_streamlit_does_not_collect_after_every_run():
    config = tomllib.loads((ROOT / "dashboard" / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["runner"]["postScriptGC"] is False


def test_what_stands_is_not_looked_at_again():
    collection.settle()
    assert gc.get_freeze_count() > 10_000
    assert len(gc.get_objects()) < gc.get_freeze_count() / 10


def test_loading_the_first_model_does_not_look_at_the_libraries_and_later_loads_leave_no_garbage_behind():
    gc.unfreeze()
    seen = []

    def load(name, control):
        seen.append(len(gc.get_objects()))
        return Knot()

    pool = ModelPool(load, most=2)
    everything = len(gc.get_objects())
    with pool.lease("first", 1, CallControl()):
        assert seen[0] < everything / 10
    knot = weakref.ref(Knot())
    with pool.lease("second", 1, CallControl()):
        assert knot() is None


def test_what_came_later_is_collected_now_and_then_but_not_after_every_run(monkeypatch):
    collection.settle()
    knot = weakref.ref(Knot())
    collector = collection.Collector()
    collector.now_and_then()
    assert knot() is not None
    monkeypatch.setattr(collection, "EVERY_SECONDS", 0.0)
    collector.now_and_then()
    assert knot() is None


def test_a_model_that_was_dropped_goes_although_it_was_thought_to_stand():
    pool = ModelPool(lambda name, job: Knot(), most=1)
    with pool.lease("first", 1, CallControl()) as model:
        first = weakref.ref(model)
    del model
    collection.settle()
    assert first() is not None
    with pool.lease("second", 1, CallControl()):
        assert first() is None


def test_libraries_load_without_collections():
    with collection.paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ImportError), collection.paused():
        raise ImportError
    assert gc.isenabled()
