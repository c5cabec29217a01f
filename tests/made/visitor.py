"""A visitor without a browser: Streamlit's own messages over its websocket, with widget states and timed fragments."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

_KEY = re.compile(r"\$\$ID-[0-9a-f]+-(.+)$", re.DOTALL)
"""A widget's id: a hash and its key."""


class Visitor:
    """One session; its page is what the server sent last."""

    def __init__(self, base: str) -> None:
        """Not connected yet."""
        self.base = base
        self.bodies: dict[tuple[int, ...], str] = {}
        """HTML of the page by its place; what the page's last run did not draw is gone."""
        self.errors: list[str] = []
        self.widgets: dict[str, str] = {}
        """Key -> id, as drawn last."""
        self._pages: dict[str, str] = {}
        self._page = self._query = ""
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._fragments: dict[str, str] = {}
        """Key of a widget -> fragment that it is in."""
        self._run_ended = asyncio.Event()
        self._fragment_ended = asyncio.Event()
        self._drawn: set[tuple[int, ...]] = set()

    @contextlib.asynccontextmanager
    async def connected(self, slug: str, query: str) -> AsyncIterator[None]:
        """Open a page; gone when the block ends."""
        address = f"ws://{urlsplit(self.base).netloc}/_stcore/stream"
        self._query = query
        async with websockets.connect(
            address, subprotocols=[websockets.Subprotocol("streamlit")], max_size=None, ping_interval=None
        ) as self._socket:
            reader = asyncio.create_task(self._read())
            try:
                await self._run(page_name=slug)
                yield
            finally:
                self._stop_timers()
                reader.cancel()

    async def press(self, key: str) -> None:
        """Press a button and wait for the end of the page's run."""
        await self._run(trigger=self.widgets[key])

    async def slide(self, key: str, value: float) -> float:
        """Move a slider of a fragment; seconds until the fragment stands again [s]."""
        message, began = self._message(), time.perf_counter()
        run = message.rerun_script
        run.fragment_id = self._fragments[key]
        run.widget_states.widgets.add(id=self.widgets[key]).double_array_value.data.append(value)
        self._fragment_ended.clear()
        await self._socket.send(message.SerializeToString())
        await self._fragment_ended.wait()
        return time.perf_counter() - began

    async def go(self, slug: str) -> float:
        """Go to another page; seconds until it stands [s]."""
        self._page, self._query = self._pages[slug], ""
        began = time.perf_counter()
        await self._run()
        return time.perf_counter() - began

    async def until(self, words: str, seconds: float) -> bool:
        """Wait until the page says `words` and no part of it is being made any more."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            if not self._timers and words in self.text and self._run_ended.is_set():
                return True
            await asyncio.sleep(0.02)
        return False

    @property
    def text(self) -> str:
        """All that our own elements say."""
        return "\n".join(self.bodies.values())

    # -- to the server -------------------------------------------------------------------------------------------------
    async def _run(self, page_name: str = "", trigger: str = "") -> None:
        self._run_ended.clear()
        await self._send(page_name=page_name, trigger=trigger)
        await self._run_ended.wait()

    async def _send(self, *, page_name: str = "", trigger: str = "", fragment: str = "") -> None:
        message = self._message(page_name)
        run = message.rerun_script
        run.fragment_id, run.is_auto_rerun = fragment, bool(fragment)
        if trigger:
            run.widget_states.widgets.add(id=trigger, trigger_value=True)
        await self._socket.send(message.SerializeToString())

    def _message(self, page_name: str = "") -> Any:
        message = BackMsg()
        run = message.rerun_script
        run.query_string, run.page_name, run.page_script_hash = self._query, page_name, self._page
        run.context_info.url, run.context_info.locale = f"{self.base}/{page_name}", "en-US"
        return message

    async def _again_and_again(self, fragment: str, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._send(fragment=fragment)

    def _stop_timers(self) -> None:
        for task in self._timers.values():
            task.cancel()
        self._timers.clear()

    # -- from the server -----------------------------------------------------------------------------------------------
    async def _read(self) -> None:
        async for data in self._socket:
            assert isinstance(data, bytes)
            message = ForwardMsg()
            message.ParseFromString(data)
            self._take(message)

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session" and not message.metadata.run.fragment_ids:
            self._stop_timers()
            self._drawn.clear()
            self._run_ended.clear()
            self._page = message.new_session.page_script_hash or self._page
        elif kind == "navigation":
            self._pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
            self._page = message.navigation.page_script_hash or self._page
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "delta":
            self._draw(message)
        elif kind == "auto_rerun":
            name = message.auto_rerun.fragment_id
            timer = self._again_and_again(name, message.auto_rerun.interval)
            self._timers.setdefault(name, asyncio.create_task(timer))
        elif kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            self.bodies = {place: body for place, body in self.bodies.items() if place in self._drawn}
            self._run_ended.set()
        elif kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY:
            self._fragment_ended.set()

    def _draw(self, message: ForwardMsg) -> None:
        place = tuple(message.metadata.delta_path)
        self.bodies.pop(place, None)
        if message.delta.WhichOneof("type") != "new_element":
            return
        element = message.delta.new_element
        kind: Any = element.WhichOneof("type")
        drawn = getattr(element, kind) if kind else None
        if kind == "exception":
            self.errors.append(f"{drawn.type}: {drawn.message[:200]}")
        elif kind == "html":
            self._drawn.add(place)
            self.bodies[place] = drawn.body
        named = _KEY.search(getattr(drawn, "id", ""))
        if named:
            self.widgets[named[1]] = drawn.id
            self._fragments[named[1]] = message.delta.fragment_id
