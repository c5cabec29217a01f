"""Load: five visitors press Run on Sampling at once; another one goes from page to page meanwhile.

``python -m dashboard benchmark load [--quick] [--check]``: a server of its own, visitors over Streamlit's own protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from urllib.parse import quote

from dashboard.i18n import Catalogue
from dashboard.launch.commands import healthy, pick_port
from dashboard.launch.preparation import ROOT
from tests.benchmarks.report import Report, options
from tests.made.visitor import Visitor

TOGETHER = 5
PATIENCE_SECONDS = 120.0
BREATH_SECONDS = 2.0
"""Between two pages of the one who looks around."""
START_SECONDS = 60.0
READY = Catalogue("en")("sampling.table")
"""Stands on the page when all texts are there."""
_prompts = (f"Visitor {number} looked at the old river and" for number in itertools.count())


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The dashboard as the launcher starts it, on a free port; its address."""
    subprocess.run([sys.executable, "-m", "dashboard.engine.models.bundled"], cwd=ROOT, check=True)
    port = pick_port("127.0.0.1", None)
    command = [
        sys.executable,
        "-m",
        "dashboard.launch.server",
        "--server.port",
        str(port),
        "--server.address",
        "127.0.0.1",
    ]
    environ = os.environ | {"LOGITSCOPE_OFFLINE": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + START_SECONDS
            while not healthy(f"http://127.0.0.1:{port}"):
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit("the server did not start")
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


@contextlib.asynccontextmanager
async def sampling(base: str) -> AsyncIterator[Visitor]:
    """A visitor on the Sampling page, whose default columns make seven texts of twenty tokens: the first are there."""
    visitor = Visitor(base)
    async with visitor.connected("sampling", f"prompt={quote(next(_prompts))}"):
        if "sampling_run" in visitor.widgets:  # they were estimated to take long
            await visitor.press("sampling_run")
        await visitor.until(READY, PATIENCE_SECONDS)
        yield visitor


async def texts(visitor: Visitor) -> float:
    """Seconds from asking for other seeds until all texts stand on the page; infinite when they never do."""
    began = time.perf_counter()
    await visitor.press("sampling_new_seeds")
    whole = await visitor.until(READY, PATIENCE_SECONDS)
    return time.perf_counter() - began if whole and not visitor.errors else float("inf")


async def switches(visitor: Visitor, busy: asyncio.Event) -> list[float]:
    """Seconds of each turn to another page, as long as others are `busy`, with a breath between them."""
    seconds = []
    for slug in itertools.cycle(("attention", "next_token", "")):
        if not busy.is_set():
            return seconds
        seconds.append(await visitor.go(slug))
        await asyncio.sleep(BREATH_SECONDS)
    return seconds


async def together(base: str, report: Report) -> None:
    """Five at once, and one who looks around."""
    async with contextlib.AsyncExitStack() as stack:
        visitors = [await stack.enter_async_context(sampling(base)) for _ in range(TOGETHER)]
        other = await stack.enter_async_context(sampling(base))
        for slug in ("attention", "next_token", ""):
            await other.go(slug)  # what these pages show of the prompt is there
        busy = asyncio.Event()
        busy.set()
        looking = asyncio.create_task(switches(other, busy))
        seconds = await asyncio.gather(*(texts(visitor) for visitor in visitors))
        busy.clear()
        turned = await looking
        whole = sum(second < float("inf") for second in seconds)
        report.figure(f"{TOGETHER} pages at once: pages with all their texts", whole, "", at_least=TOGETHER)
        report.figure(f"{TOGETHER} pages at once: 7 texts x 20, the last page", max(seconds), "s", 20)
        report.figure(f"meanwhile: {len(turned)} switches of another page, the slowest", max(turned), "s", 2)
        errors = [error for visitor in (*visitors, other) for error in visitor.errors]
        print(*errors, sep="\n", end="\n" if errors else "")


async def measure(base: str, report: Report, rounds: int) -> None:
    """The first texts of a process warm it up."""
    began = time.perf_counter()
    async with sampling(base):
        report.figure("the first texts of the process", time.perf_counter() - began, "s")
    for _ in range(rounds):
        async with sampling(base) as visitor:
            report.figure("one page: 7 texts x 20", await texts(visitor), "s", 3)
        await together(base, report)


def main() -> int:
    """Run and report."""
    chosen, report = options(), Report()
    with server() as base:
        asyncio.run(measure(base, report, 1 if chosen.quick else 3))
    return report.end(chosen.check)


if __name__ == "__main__":
    sys.exit(main())
