"""What a status says: rate and time left by hand, and errors that come back from disk."""

import math
import re

import pytest

from dashboard.errors import JobFailed, ModelUnreachable
from dashboard.i18n import LANGUAGES, Catalogue
from dashboard.jobs.folder import JobState
from dashboard.jobs.status import REMEMBERED, Pace, job_status


def told(state, **facts):
    return job_status("0" * 32, state, **{"done": 0, "live": False, "stopping": False} | facts)


def test_the_rate_is_that_of_the_last_chunks():
    pace = Pace(None)
    assert pace.rate is None
    pace.add(10, 100.0)  # it loaded the model
    assert pace.rate == pytest.approx(0.1)
    for _ in range(REMEMBERED):
        pace.add(10, 2.0)
    assert pace.rate == pytest.approx(5.0)


def test_until_something_is_measured_the_rate_of_the_earlier_turn_holds():
    pace = Pace(4.0)
    assert pace.rate == 4.0
    pace.add(0, 0.0)
    assert pace.rate == 4.0
    pace.add(3, 1.0)
    assert pace.rate == pytest.approx(3.0)


def test_time_left_by_hand():
    """100 items at 2 items/s; 40 are kept and 5 done at work: 55 items are left, 27.5 s."""
    found = told(JobState("k", 100, 10, "running", rate=2.0), done=40, live=True, items_in_progress=5.0)
    assert (found.share, found.seconds_left, found.items_per_second) == (pytest.approx(0.45), pytest.approx(27.5), 2.0)
    assert math.isnan(told(JobState("k", 100, 10, "running"), live=True).seconds_left)
    assert told(JobState("k", 100, 10, "finished"), done=100).seconds_left == 0.0


def test_items_of_chunks_by_hand():
    """10 items in chunks of 4: 4, 4 and 2."""
    state = JobState("k", 10, 4)
    assert [state.done(chunks) for chunks in ([], [0], [2], [0, 2], [0, 1, 2])] == [0, 4, 2, 6, 10]


@pytest.mark.parametrize(
    ("name", "done", "live", "stopping", "said"),
    [
        ("queued", 0, True, False, "queued"),
        ("running", 3, True, False, "running"),
        ("running", 3, True, True, "stopping"),
        ("running", 10, True, False, "running"),
        ("running", 3, False, False, "interrupted"),
        ("queued", 0, False, False, "interrupted"),
        ("running", 10, False, False, "finished"),
        ("interrupted", 10, False, False, "finished"),
        ("finished", 9, False, False, "interrupted"),
        ("cancelled", 3, False, True, "cancelled"),
        ("failed", 3, False, False, "failed"),
        ("cancelled", 10, False, False, "finished"),
    ],
)
def test_the_state_is_what_the_parts_and_the_claim_make_of_what_was_said(name, done, live, stopping, said):
    found = told(JobState("k", 10, 3, name), done=done, live=live, stopping=stopping)
    assert found.state == said
    assert found.live == (said in ("queued", "running", "stopping"))


def test_an_error_comes_back_as_itself_or_as_our_mistake():
    found = told(JobState("k", 10, 3, "failed", error="ModelUnreachable", facts={"model": "m", "reason": "r"})).error
    assert isinstance(found, ModelUnreachable)
    assert found.facts == {"model": "m", "reason": "r"}
    for unknown in ("GoneError", "annotations", "Cancelled"):
        found = told(JobState("k", 10, 3, "failed", error=unknown)).error
        assert isinstance(found, JobFailed)
        assert found.facts == {"reason": unknown}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("kind", "facts", "size"),
    [
        ("JobsFull", {"jobs": "100", "limit": "4,294.9 MB"}, "4,294.9 MB"),
        ("ModelTooLarge", {"model": "m", "needed": "3.1 GB", "available": "2.0 GB"}, "3.1 GB"),
    ],
)
def test_a_size_that_release_0_1_kept_with_its_unit_has_it_once(language, kind, facts, size):
    error = told(JobState("k", 10, 3, "failed", error=kind, facts=facts)).error
    words = Catalogue(language)(error.message_id, **error.facts)
    assert size in words
    assert not re.search("(MB|GB) (MB|GB)", words)


def test_a_reason_that_speaks_of_a_size_stays_as_it_is():
    facts = {"reason": "tried to allocate 3 MB"}
    assert told(JobState("k", 10, 3, "failed", error="OutOfMemory", facts=facts)).error.facts == facts
