"""The Chromium or Chrome that draws pictures: one process for all visitors, started with the first picture."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import shutil
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import TimeoutError as TooSlow
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psutil

from dashboard.errors import NoBrowser, PictureFailed, PicturesBusy, PictureTooSlow

if TYPE_CHECKING:
    from kaleido import Kaleido

T = TypeVar("T")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "%PROGRAMFILES%\\Google\\Chrome\\Application\\chrome.exe",
    "%PROGRAMFILES(X86)%\\Google\\Chrome\\Application\\chrome.exe",
    "%LOCALAPPDATA%\\Google\\Chrome\\Application\\chrome.exe",
    "%PROGRAMFILES(X86)%\\Microsoft\\Edge\\Application\\msedge.exe",
)
"""Where systems keep it."""
PATIENCE = 60.0
"""So long may one picture take, with the browser's start [s]."""
QUEUE = 30.0
"""So long is waited for pictures of others [s]."""
_END = 5.0
"""So long is waited for the browser's end before it is killed [s]."""


@cache
def find_browser() -> Path | None:
    """The browser that ``$BROWSER_PATH`` names, else one on the path or where systems keep it; ``None``: there is none.

    A ``$BROWSER_PATH`` with no file behind it turns pictures on this machine off.
    """
    if named := os.environ.get("BROWSER_PATH"):
        return Path(named) if Path(named).is_file() else None
    paths = (*(shutil.which(name) for name in NAMES), *map(os.path.expandvars, PLACES))
    return next((Path(path) for path in paths if path and Path(path).is_file()), None)


class Browser:
    """Draws one figure after the other; whatever goes wrong ends the process, and the next picture starts another.

    Plotly's own exporter (kaleido) drives it. Its page loads the plotly.js of the Plotly package, no MathJax, and
    nothing from elsewhere.
    """

    def __init__(self, path: Path | None, *, patience: float = PATIENCE, queue: float = QUEUE) -> None:
        """Nothing is started yet.

        Args:
            path: of the browser; ``None``: there is none.
            patience: how long one picture may take [s].
            queue: how long pictures of others are waited for [s].
        """
        self._path, self._patience, self._queue = path, patience, queue
        self._turn = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._kaleido: Kaleido | None = None

    def draw(self, figure: Mapping[str, Any], form: str, size: tuple[int, int], scale: int = 1) -> bytes:
        """A figure as a file.

        Args:
            figure: its ``data`` and ``layout``, plain values as of JSON.
            form: ``png``, ``svg`` or ``pdf``.
            size: width and height [CSS px].
            scale: pixels of a PNG for each of these.

        Raises:
            NoBrowser: there is none on this machine.
            PicturesBusy: others' pictures take too long.
            PictureTooSlow: this one does.
            PictureFailed: the browser broke.
        """
        if self._path is None:
            raise NoBrowser
        if not self._turn.acquire(timeout=self._queue):
            raise PicturesBusy(seconds=round(self._queue))
        try:
            return self._result(self._drawn(figure, form, size, scale), self._patience)
        except TooSlow as error:
            self._end()
            raise PictureTooSlow(seconds=round(self._patience)) from error
        except Exception as error:  # whatever the browser, its pipe or its script raise
            self._end()
            raise PictureFailed(reason=f"{type(error).__name__}: {error}"[:300]) from error
        finally:
            self._turn.release()

    def close(self) -> None:
        """End the browser; the next picture starts it again."""
        with self._turn:
            self._end()

    async def _drawn(self, figure: Mapping[str, Any], form: str, size: tuple[int, int], scale: int) -> bytes:
        if self._kaleido is None:
            from kaleido import Kaleido

            # Chromium refuses to sandbox root
            sandbox = not (hasattr(os, "geteuid") and os.geteuid() == 0)
            self._kaleido = Kaleido(mathjax=False, timeout=None, path=self._path, enable_sandbox=sandbox)
            await self._kaleido.open()
        options = {"format": form, "width": size[0], "height": size[1], "scale": scale}
        drawn: bytes = await self._kaleido.calc_fig(dict(figure), opts=options)
        return drawn

    def _result(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, daemon=True, name="pictures").start()
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        finally:
            future.cancel()

    def _end(self) -> None:
        """End the browser with all its processes, also those that hang."""
        ended, self._kaleido = self._kaleido, None
        if ended is None:
            return
        processes = _processes(ended)
        with contextlib.suppress(Exception):  # it broke or hangs: its end is all that is wanted of it
            self._result(ended.close(), _END)
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def _processes(kaleido: Kaleido) -> list[psutil.Process]:
    """The browser's own process and those that it started."""
    started = getattr(kaleido, "subprocess", None)
    try:
        root = psutil.Process(started.pid) if started else None
        return [root, *root.children(recursive=True)] if root else []
    except psutil.NoSuchProcess:
        return []


@cache
def shared_browser() -> Browser:
    """That of this process, for everyone; it ends with the process."""
    browser = Browser(find_browser())
    atexit.register(browser.close)
    return browser
