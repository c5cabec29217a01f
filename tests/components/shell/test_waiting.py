"""The time that is left, from how the work went so far."""

import pytest
import streamlit as st

from components.shell import waiting
from components.shell.waiting import TimeLeft


@pytest.fixture
def clock():
    """(a clock that stands, what sets it)."""
    now = [0.0]
    return (lambda: now[0]), (lambda seconds: now.__setitem__(0, seconds))


def test_nothing_is_said_before_it_is_clear(clock):
    time, at = clock
    left = TimeLeft(time)
    at(1.0)
    assert left.seconds(0.5) is None  # soon over
    at(30.0)
    assert TimeLeft(lambda: 0.0).seconds(0.9) is None


def test_it_follows_the_work_when_that_slows_down(clock):
    time, at = clock
    left = TimeLeft(time)
    at(10.0)
    assert left.seconds(0.5) == pytest.approx(10)
    at(30.0)
    assert left.seconds(0.6) == pytest.approx(20)
    at(40.0)
    assert left.seconds(1.0) == 0


def test_a_part_that_begins_at_nothing_again_is_timed_by_itself(clock):
    time, at = clock
    left = TimeLeft(time)
    at(100.0)
    left.seconds(1.0)
    assert left.seconds(0.0) is None
    at(104.0)
    assert left.seconds(0.5) == pytest.approx(4)


def test_work_that_does_not_come_on_has_no_time_left_to_say(clock):
    time, at = clock
    left = TimeLeft(time)
    at(60.0)
    assert left.seconds(0.0) is None


def test_what_stands_above_is_given_a_moment_once_a_session(monkeypatch):
    moments = []
    monkeypatch.setattr(waiting.time, "sleep", moments.append)
    for session in ({}, {}):
        monkeypatch.setattr(st, "session_state", session)
        waiting.drawn_first("mosaic")
        waiting.drawn_first("mosaic")
    assert moments == [waiting.FIRST_SECONDS] * 2
