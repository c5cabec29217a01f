"""Small jobs for tests: work whose rows can be told beforehand, and which can be held at any chunk."""

import threading
import time

import pandas as pd

from dashboard.errors import Cancelled
from dashboard.jobs.runner import JobRunner
from dashboard.jobs.spec import JobSpec

RUN = {
    "model": "local/tiny",
    "revision": "0123456789ab",
    "dtype": "float32",
    "device": "cpu",
    "template": "raw",
    "transformers": "5.23.0",
    "torch": "2.13.0",
    "dashboard": "0.1.0",
}
HOSTILE = [
    "=HYPERLINK(1)",
    "<script>alert(1)</script>",
    "a\nb\r\nc",
    "nul \0 byte",
    "$x^2$ **bold** {braces} %s",
    "שלום \u202e abc",
    "👩‍👧",
    "",
    " ",
    "../../etc/passwd",
    '"quoted", and, commas',
    "x" * 100_000,
    "NaN",
]
LIMIT = 1 << 30


def made_spec(items=10, chunk=3, **changes):
    """A job over ``0 … items - 1``, or over the items given."""
    items = list(range(items)) if isinstance(items, int) else items
    return JobSpec(**{"kind": "squares", "run": RUN, "request": {"power": 2}, "items": items, "chunk": chunk} | changes)


def squares(spec, items, job):
    """One row an item."""
    return [{"item": item, "value": float(item) ** spec.request["power"], "text": f"t{item}"} for item in items]


def expected(items=10):
    """The rows of `squares`."""
    rows = [{"item": item, "value": float(item * item), "text": f"t{item}"} for item in range(items)]
    return pd.DataFrame(rows)


class Held:
    """Work that waits, chunk by chunk, until it is let on; it counts what it was asked for."""

    def __init__(self):
        self.asked = []
        self.entered = threading.Semaphore(0)
        self.let = threading.Semaphore(0)

    def __call__(self, spec, items, job):
        self.asked.append(list(items))
        job.progress(0.5)
        self.entered.release()
        while not self.let.acquire(timeout=0.01):
            job.progress(0.5)
            if job.cancel.is_set():
                raise Cancelled
        return squares(spec, items, job)

    def reached(self):
        """Wait until the next chunk is at work."""
        assert self.entered.acquire(timeout=30)


def made_runner(root, work=squares, **options):
    """A runner that knows the kind ``squares``."""
    runner = JobRunner(root, options.pop("limit", LIMIT), **options)
    runner.register("squares", work)
    return runner


def until(runner, job_id, *states):
    """Wait for one of `states`; gives the status."""
    end = time.monotonic() + 60
    while (found := runner.status(job_id)).state not in states:  # at once, to meet it close to its change
        assert time.monotonic() < end, found
        time.sleep(0.002)
    return found


def threads():
    """The threads that work jobs off."""
    return [thread for thread in threading.enumerate() if thread.name == "jobs"]


def folder_of(tmp_path, job):
    """Where a job of `open_runner` is kept."""
    return tmp_path / "jobs" / job.id


def parts_of(tmp_path, job):
    """Its finished parts."""
    return sorted(folder_of(tmp_path, job).glob("[0-9]*.parquet"))
