"""JobStatus: state, progress and remaining time of a job, the time from its last chunks."""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass

from dashboard import errors
from dashboard.errors import DashboardError, JobFailed
from dashboard.jobs.folder import JobState

REMEMBERED = 8
"""So many chunks tell how fast it goes: the first, which may load a model, is soon forgotten."""
LIVE = ("queued", "running", "stopping")
_SIZE = re.compile(r"([\d.,]+) (?:MB|GB)")


@dataclass(frozen=True)
class JobStatus:
    """A job at one moment."""

    id: str
    kind: str
    state: str
    """``queued``, ``running``, ``stopping`` (it was cancelled and ends its step), ``finished``, ``cancelled``,
    ``failed`` or ``interrupted`` (the server ended). From the last three it can be resumed."""
    items: int
    done: int
    """Items of finished chunks: kept."""
    share: float
    """Done, in [0, 1], items in progress included where this process runs the job."""
    items_per_second: float
    """Over the last chunks, waiting for the device included; NaN before the first."""
    seconds_left: float
    """At that rate, without jobs that come before [s]; NaN before the first."""
    seconds: float
    """Worked so far [s]."""
    queue_position: int
    """Jobs of this process that come before it."""
    nbytes: int
    """On the disk [bytes]."""
    removed: int
    """Older jobs that were evicted for it."""
    error: DashboardError | None
    """Why it failed."""

    @property
    def live(self) -> bool:
        """Whether it waits or runs."""
        return self.state in LIVE


class Pace:
    """Items a second over the last chunks; before the first of them, the rate of an earlier turn."""

    def __init__(self, rate: float | None) -> None:
        """Begin with the rate of an earlier turn [items/s]."""
        self._before = rate
        self._chunks: deque[tuple[int, float]] = deque(maxlen=REMEMBERED)

    def add(self, items: int, seconds: float) -> None:
        """A chunk was computed."""
        self._chunks.append((items, seconds))

    @property
    def rate(self) -> float | None:
        """Items a second; ``None`` before anything was measured."""
        seconds = sum(seconds for _, seconds in self._chunks)
        return sum(items for items, _ in self._chunks) / seconds if seconds > 0 else self._before


def job_status(
    job_id: str,
    state: JobState,
    *,
    done: int,
    live: bool,
    stopping: bool,
    items_in_progress: float = 0.0,
    queue_position: int = 0,
    nbytes: int = 0,
) -> JobStatus:
    """The status of a job.

    Args:
        job_id: its id.
        state: as it was last saved.
        done: items in finished chunks.
        live: whether some process runs it or will.
        stopping: whether that one was asked to stop.
        items_in_progress: items done of the chunk that is being computed.
        queue_position: jobs that come before it.
        nbytes: on the disk [bytes].
    """
    share = min(done + items_in_progress, state.items) / state.items
    rate = state.rate or math.nan
    left = state.items * (1 - share)
    return JobStatus(
        id=job_id,
        kind=state.kind,
        state=_named(state, done, live, stopping),
        items=state.items,
        done=done,
        share=share,
        items_per_second=rate,
        seconds_left=left / rate if left else 0.0,
        seconds=state.seconds,
        queue_position=queue_position,
        nbytes=nbytes,
        removed=state.removed,
        error=_error(state),
    )


def _named(state: JobState, done: int, live: bool, stopping: bool) -> str:
    if live and state.name in LIVE:
        return "stopping" if stopping else state.name
    if done == state.items:
        return "finished"
    return state.name if state.name in ("cancelled", "failed") else "interrupted"


def _error(state: JobState) -> DashboardError | None:
    if not state.error:
        return None
    kind = getattr(errors, state.error, None)
    if isinstance(kind, type) and issubclass(kind, DashboardError):
        return kind(**{name: _without_unit(fact) for name, fact in state.facts.items()})
    return JobFailed(reason=state.error)


def _without_unit(fact: object) -> object:
    """A fact of a job of release 0.1, which kept sizes with the unit that the text now has: ``4,294.9 MB``."""
    size = _SIZE.fullmatch(fact) if isinstance(fact, str) else None
    return size[1] if size else fact
