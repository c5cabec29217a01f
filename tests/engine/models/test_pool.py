"""The pool: never more models than allowed, none dropped in use, a failure leaves the others."""

import threading
import time

import pytest

from dashboard.engine.api.model import CallControl
from dashboard.engine.models.pool import ModelPool
from dashboard.errors import Busy, Cancelled, ModelLoading


class Counted:
    """Loads names and counts what is alive."""

    def __init__(self):
        self.loads, self.alive, self.peak, self.lock = [], 0, 0, threading.Lock()

    def __call__(self, name, control):
        if name == "bad":
            raise OSError("no such model")
        with self.lock:
            self.loads.append(name)
            self.alive += 1
            self.peak = max(self.peak, self.alive)
        time.sleep(0.05)
        return Model(name, self)


class Model:
    def __init__(self, name, counter):
        self.name, self.counter = name, counter

    def __del__(self):
        with self.counter.lock:
            self.counter.alive -= 1


def lease(pool, name, timeout=20.0, control=None):
    return pool.lease(name, timeout, control or CallControl())


def test_many_threads_and_models_never_hold_more_than_allowed():
    load = Counted()
    pool = ModelPool(load, 1)
    wrong = []

    def use(name):
        with lease(pool, name) as model:
            time.sleep(0.02)
            if model.name != name:
                wrong.append(name)

    threads = [threading.Thread(target=use, args=(name,)) for name in "aabbaacab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert load.peak == 1


def test_several_threads_wait_for_one_load():
    load = Counted()
    pool = ModelPool(load, 2)
    threads = [threading.Thread(target=lambda: lease(pool, "a").__enter__()) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert load.loads == ["a"]


def test_the_least_recently_used_idle_model_goes():
    load = Counted()
    pool = ModelPool(load, 2)
    for name in "abac":
        with lease(pool, name):
            pass
    assert pool.names() == ["a", "c"]


def test_a_model_in_use_is_not_dropped_and_waiting_ends_with_busy():
    pool = ModelPool(Counted(), 1)
    with lease(pool, "a") as model:
        with pytest.raises(Busy), lease(pool, "b", timeout=0.2):
            pass
        assert model.counter.alive == 1
    with lease(pool, "b") as other:
        assert other.name == "b"


def test_who_waits_for_anothers_load_is_told_that_it_loads():
    begun, go = threading.Event(), threading.Event()

    def slow(name, control):
        begun.set()
        go.wait(20)
        return name

    pool = ModelPool(slow, 1)
    first = threading.Thread(target=lambda: lease(pool, "a").__enter__())
    first.start()
    begun.wait(20)
    with pytest.raises(ModelLoading) as told, lease(pool, "a", timeout=0.2):
        pass
    assert told.value.facts["model"] == "a"
    with pytest.raises(Busy), lease(pool, "b", timeout=0.2):
        pass
    go.set()
    first.join()
    with lease(pool, "a") as model:
        assert model == "a"


def test_a_load_that_fails_leaves_the_others_and_can_be_tried_again():
    pool = ModelPool(Counted(), 2)
    with lease(pool, "a"):
        pass
    for _ in range(2):
        with pytest.raises(OSError, match="no such model"), lease(pool, "bad"):
            pass
    assert pool.names() == ["a"]


def test_a_model_that_fails_its_checks_evicts_nothing():
    def check(name, control):
        if name == "bad":
            raise OSError("no such model")

    pool = ModelPool(Counted(), 1, check)
    with lease(pool, "a"):
        pass
    with pytest.raises(OSError, match="no such model"), lease(pool, "bad"):
        pass
    assert pool.names() == ["a"]


def test_waiting_for_room_can_be_cancelled():
    pool = ModelPool(Counted(), 1)
    control = CallControl()
    control.cancel.set()
    with lease(pool, "a"), pytest.raises(Cancelled), lease(pool, "b", control=control):
        pass
