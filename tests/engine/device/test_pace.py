"""Estimates: what they are learned from, and measurements that were recorded here, fed to them again in their order."""

import json
import math
import statistics
from pathlib import Path

import pytest

from dashboard.engine.api.request import Request
from dashboard.engine.device import pace
from dashboard.engine.device.pace import FIRST, Pace, Work
from dashboard.engine.handlers.table import HANDLERS
from tests.made.recorded_engine import card

BUNDLED = card(layers=30, parameters=134_515_008, vocab=49_152)
FILE = Path(__file__).parent / "timings.json"
LEAST_SECONDS = 0.02
"""Work shorter than this is done before anybody could read its estimate."""
CALIBRATIONS = 3


def texts(rows, steps=20):
    return Work("texts", passes=1 + steps, tokens=10 + rows * steps, rows=rows * steps)


def test_a_slower_machine_is_known_from_the_first_measurements():
    learned, plain = Pace(BUNDLED), texts(5).plain_seconds(BUNDLED)
    assert learned.seconds(texts(5)) == pytest.approx(plain)
    for _ in range(3):
        learned.add(Work.of_pass(16, BUNDLED), 4 * Work.of_pass(16, BUNDLED).plain_seconds(BUNDLED))
    assert learned.seconds(texts(5)) == pytest.approx(4 * plain)


def test_what_is_particular_to_a_kind_stays_with_it():
    learned, score = Pace(BUNDLED), Work("scores", passes=3, tokens=500, rows=500)
    for _ in range(12):
        learned.add(texts(5), 3 * texts(5).plain_seconds(BUNDLED))
        for _ in range(3):
            learned.add(score, score.plain_seconds(BUNDLED))
    assert learned.seconds(texts(5)) == pytest.approx(3 * texts(5).plain_seconds(BUNDLED), rel=0.3)
    assert learned.seconds(score) == pytest.approx(score.plain_seconds(BUNDLED), rel=0.3)


def test_one_measurement_that_was_disturbed_changes_little():
    learned = Pace(BUNDLED)
    for _ in range(8):
        learned.add(texts(5), texts(5).plain_seconds(BUNDLED))
    before = learned.seconds(texts(5))
    learned.add(texts(5), 50 * before)
    assert learned.seconds(texts(5)) < 1.6 * before
    assert learned.seconds(Work.of_pass(40, BUNDLED)) < 1.6 * Work.of_pass(40, BUNDLED).plain_seconds(BUNDLED)


def test_a_machine_that_others_use_is_slower_until_they_end():
    learned, work = Pace(BUNDLED), texts(5)
    plain = work.plain_seconds(BUNDLED)
    for times in (1, 4, 1):
        for _ in range(pace.LEVELS + 3):
            learned.add(Work.of_pass(40, BUNDLED), times * Work.of_pass(40, BUNDLED).plain_seconds(BUNDLED))
        assert learned.seconds(work) == pytest.approx(times * plain, rel=0.8)


def test_more_work_takes_longer():
    learned = Pace(BUNDLED)
    for rows in (20, 1, 5):
        learned.add(texts(rows), 2.0 + rows / 10)
    seconds = [learned.seconds(texts(rows, steps)) for rows, steps in ((1, 8), (5, 20), (20, 20), (20, 60))]
    assert seconds == sorted(seconds)


def test_a_measurement_of_no_time_does_not_break_it():
    learned = Pace(BUNDLED)
    learned.add(texts(5), 0.0)
    assert 0 < learned.seconds(texts(5)) < math.inf


def parts():
    """(work, seconds) in the order of each session, by the conditions that they were measured under."""
    read = json.loads(FILE.read_text(encoding="utf-8"))["parts"]
    return [[[(Work(*row[:-1]), row[-1]) for row in session] for session in part["sessions"]] for part in read]


def sessions():
    return [session for part in parts() for session in part]


def factors(measurements):
    """Of all works that are long enough: (kind, how far the estimate before it was off)."""
    learned = Pace(BUNDLED)
    for number, (work, seconds) in enumerate(measurements):
        estimated = learned.seconds(work)
        learned.add(work, seconds)
        if number >= CALIBRATIONS and seconds >= LEAST_SECONDS:
            yield work.kind, max(estimated / seconds, seconds / estimated)


def test_the_recorded_measurements_are_estimated_within_the_bounds():
    """Issue 12: median factor at most 1.5, 95 % at most 3, over first and later runs of every kind and length."""
    measured = [sorted(factor for session in part for _, factor in factors(session)) for part in parts()]
    everything = sorted(factor for part in measured for factor in part)
    assert len(everything) > 250
    # by the clock of a machine on which up to thirty other threads computed, nothing holds by itself
    for several in (everything, measured[0]):
        assert statistics.median(several) <= 1.5
        assert several[math.ceil(0.95 * len(several)) - 1] <= 3


def test_the_first_work_of_each_kind_is_estimated_as_well():
    firsts = [dict(reversed([*factors(session)])).values() for session in sessions()]
    everything = sorted(factor for session in firsts for factor in session)
    assert statistics.median(everything) <= 1.5
    assert everything[math.ceil(0.95 * len(everything)) - 1] <= 3


def test_every_kind_was_recorded_short_and_long():
    works = [work for session in sessions() for work, _ in session]
    assert {work.kind for work in works} == set(FIRST)
    passes = {work.tokens for work in works if work.kind == "pass"}
    assert min(passes) <= 12
    assert max(passes) >= 2048
    without = {kind.__name__ for kind, handler in HANDLERS.items() if handler.work is None}
    assert without == {"RunRequest", "VerifyRequest"}  # a pass is told by itself; a second model is loaded once
    assert all(issubclass(kind, Request) for kind in HANDLERS)
