"""Estimates: what they are learned from, and measurements that were recorded here, fed to them again in their order.

FIRST was fitted to all of these measurements. That the form of an estimate holds for others is shown by a fit to one
session that estimates another.
"""

import json
import math
import statistics
from collections import defaultdict

import numpy as np
import pytest

from dashboard.engine.api.request import Request
from dashboard.engine.device import pace
from dashboard.engine.device.pace import FIRST, Pace, Work
from dashboard.engine.handlers.table import HANDLERS
from tests.benchmarks.estimates import FILE, LEAST_SECONDS, MEDIAN, MOST
from tests.benchmarks.report import factor, reached_by
from tests.made.recorded_engine import card

BUNDLED = card(layers=30, parameters=134_515_008, vocab=49_152)
CALIBRATIONS = 3
PROCESSOR, CLOCK, BUSY = range(3)
"""Parts of the file: seconds of the processor; of the clock; of the clock while up to thirty other threads computed."""
BOUNDS = dict.fromkeys((PROCESSOR, CLOCK), (MEDIAN, MOST)) | {BUSY: (MEDIAN, 3.5)}
"""Part -> median factor, and that of 95 %: a clock that others disturb is not told that well."""
FIRST_BOUNDS = BOUNDS | {BUSY: (MEDIAN, 4.0)}
"""The same for the first work of each kind."""


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
        assert learned.seconds(work) == pytest.approx(times * plain, rel=0.4)


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


def factors(measurements):
    """Of all works that are long enough: (kind, how far the estimate before it was off)."""
    learned = Pace(BUNDLED)
    for number, (work, seconds) in enumerate(measurements):
        estimated = learned.seconds(work)
        learned.add(work, seconds)
        if number >= CALIBRATIONS and seconds >= LEAST_SECONDS:
            yield work.kind, factor(estimated, seconds)


def all_factors(measurements):
    return [off for _, off in factors(measurements)]


def first_factors(measurements):
    """Of the first work of each kind."""
    return list(dict(reversed([*factors(measurements)])).values())


def within(off, bounds):
    median, most = bounds
    assert statistics.median(off) <= median
    assert reached_by(0.95, off) <= most


@pytest.mark.parametrize("part", BOUNDS)
def test_the_recorded_measurements_are_estimated_within_the_bounds(part):
    off = [each for session in parts()[part] for each in all_factors(session)]
    assert len(off) > 100
    within(off, BOUNDS[part])


@pytest.mark.parametrize("part", FIRST_BOUNDS)
def test_the_first_work_of_each_kind_is_estimated_as_well(part):
    within([each for session in parts()[part] for each in first_factors(session)], FIRST_BOUNDS[part])


def fitted(measurements):
    """FIRST from these measurements alone: seconds besides and times as long, least squares of logarithms."""
    plain = dict.fromkeys(FIRST, (0.0, 1.0))
    kinds = defaultdict(list)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "FIRST", plain)
        for work, seconds in measurements:
            kinds[work.kind].append((work.plain_seconds(BUNDLED), seconds))
    return {kind: fit(*np.array(rows).T) for kind, rows in kinds.items()}


def fit(plain, seconds):
    def tried(besides):
        off = np.log((seconds - besides) / plain)
        times = math.exp(off.mean())
        return float((np.log((besides + times * plain) / seconds) ** 2).sum()), besides, times

    return min(tried(share * seconds.min()) for share in np.linspace(0, 0.98, 50))[1:]


@pytest.mark.parametrize(("learned", "told"), [(0, 1), (1, 0)])
def test_a_fit_to_one_session_estimates_another_within_the_bounds(monkeypatch, learned, told):
    recorded = parts()[PROCESSOR]
    first = fitted(recorded[learned])
    assert first.keys() == FIRST.keys()
    monkeypatch.setattr(pace, "FIRST", first)
    within(all_factors(recorded[told]), BOUNDS[PROCESSOR])


def test_every_kind_was_recorded_short_and_long():
    works = [work for part in parts() for session in part for work, _ in session]
    assert {work.kind for work in works} == set(FIRST)
    passes = {work.tokens for work in works if work.kind == "pass"}
    assert min(passes) <= 12
    assert max(passes) >= 2048
    without = {kind.__name__ for kind, handler in HANDLERS.items() if handler.work is None}
    assert without == {
        "RunRequest",
        "VerifyRequest",
        "CheckRequest",
    }  # a pass is told by itself; a second model is loaded once
    assert all(issubclass(kind, Request) for kind in HANDLERS)
