"""Waiting for the engine: progress on the page, a Stop button, and a stop when the person goes elsewhere.

Waiting costs nothing: what the page shows is sent again only when it has changed.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components.shell.export.files import RECORD
from components.shell.messages import about, estimate, literal_label
from dashboard.engine.api.model import CallControl
from dashboard.errors import Cancelled
from dashboard.i18n import Catalogue

T = TypeVar("T")
AT_ONCE_SECONDS = 10.0
"""Work that is estimated to take longer waits until it is asked for."""
QUIET_SECONDS = 0.4
"""Work shorter than this shows no progress: a flash would only distract."""
PAUSE_SECONDS = 0.1
"""How soon what the person does is heard while a page waits."""
LONGEST_SECONDS = 2.0
"""Other parts of the page that are drawn again and again have their turn after so long."""
LEFT_SECONDS, LEFT_SHARE = 3.0, 0.03
"""The time left is said when the work went on for so long, and by so much."""
FIRST_SECONDS = 0.3
"""In which a browser draws what has come, before it reads Plotly's code: that takes more than a second."""
_FIRST = "_drawn_first"
_STOPPED = "_work_stopped"
_NUMBER = "_work_number"


def run_begins() -> None:
    """At the beginning of a script run, before any of its work: `numbered` counts from 0."""
    st.session_state[_NUMBER] = 0


def drawn_first(name: str) -> None:
    """Once a session: what stands above is drawn before the Plotly charts below, which hold a cold browser up."""
    drawn: set[str] = st.session_state.setdefault(_FIRST, set())
    if name not in drawn:
        drawn.add(name)
        time.sleep(FIRST_SECONDS)


def numbered(name: str) -> str:
    """`name` as a key that nothing else has: a page may wait for, or lack, the same work in several places.

    What a fragment draws when it runs again is numbered on: the rest of its page still stands there.
    """
    number = st.session_state.get(_NUMBER, 0)
    st.session_state[_NUMBER] = number + 1
    return f"{name}_{number}"


def at_once(seconds: float) -> bool:
    """Whether work that is estimated to take `seconds` begins without being asked for; NaN, nobody knows, does.

    All does where nobody is there to be asked.
    """
    return math.isnan(seconds) or seconds <= AT_ONCE_SECONDS or RECORD in st.session_state


def begins(
    name: str,
    asked: object,
    seconds: float,
    *,
    text: Catalogue,
    cost: str,
    button: str,
    kept_in: str = "",
    **facts: object,
) -> bool:
    """Whether work begins: it is short, or the person pressed the button that stands here, with its cost, otherwise.

    Args:
        name: key of the button.
        asked: names the work, as the digest of its request does; a yes to other work does not count.
        seconds: it is estimated to take; 0: its answer is kept, NaN: nobody knows.
        text: the catalogue.
        cost: message id of what it costs, in words, with ``{about}`` and `facts`.
        button: what the button says.
        kept_in: where the session keeps the yes, if that is also in the link.
        facts: of the message.
    """
    key = kept_in or f"_agreed_{name}"
    if at_once(seconds) or st.session_state.get(key) == asked:
        return True
    line = text(cost, about=about(text, seconds), **facts)
    estimate(line, text("work.estimated", seconds=text.number(seconds, 1 if seconds < 100 else 0)))
    st.button(button, key=name, type="primary", icon=":material/play_arrow:", on_click=_agree, args=(key, asked))
    return False


def _agree(key: str, asked: object) -> None:
    st.session_state[key] = asked
    allow()


def wait_for(call: Callable[[CallControl], T], label: str | Callable[[], str], *, text: Catalogue, what: str) -> T:
    """Run ``call(control)`` in a thread of its own and show its progress; leaving the page or pressing Stop cancels it.

    Args:
        call: computes; must honour ``control.cancel``.
        label: what is being done, in the person's language; asked for again where that changes.
        text: the catalogue.
        what: names the work, so that a stopped one is not started again by the next rerun until asked.

    Raises:
        Cancelled: the person pressed Stop.
        Exception: whatever `call` raises.
    """
    if st.session_state.get(_STOPPED) == what:
        raise Cancelled
    # always there, so that what stands below keeps its place whether there is anything to wait for or not
    slot = st.empty()
    share = [0.0]
    control = CallControl(progress=lambda done: share.__setitem__(0, done))
    outcome: dict[str, Any] = {}
    thread = threading.Thread(target=_keep, args=(call, control, outcome), daemon=True, name="work")
    thread.start()
    try:
        thread.join(QUIET_SECONDS)
        if thread.is_alive():
            _show(slot, thread, share, label if callable(label) else lambda: label, text=text, what=what)
    finally:
        control.cancel.set()
    if "error" in outcome:
        raise outcome["error"]
    result: T = outcome["value"]
    return result


def _keep(call: Callable[[CallControl], T], control: CallControl, outcome: dict[str, Any]) -> None:
    try:
        outcome["value"] = call(control)
    except BaseException as error:  # noqa: BLE001 - raised again in the page's own thread
        outcome["error"] = error


def _show(
    slot: DeltaGenerator,
    thread: threading.Thread,
    share: list[float],
    label: Callable[[], str],
    *,
    text: Catalogue,
    what: str,
) -> None:
    name = numbered("work")
    with slot.container(key=name):
        bar = st.progress(0.0, text=literal_label(label()))
        st.button(text("work.stop"), key=f"{name}_stop", on_click=stop, args=(what,), icon=":material/stop_circle:")
    drawn, left = 0.0, TimeLeft()
    while thread.is_alive():
        if share[0] != drawn:
            drawn = share[0]
            seconds = left.seconds(drawn)
            line = label() if seconds is None else text("work.left", label=label(), about=about(text, seconds))
            bar.progress(min(max(drawn, 0.0), 1.0), text=literal_label(line))
        _hear()
        thread.join(PAUSE_SECONDS)
    slot.empty()


class TimeLeft:
    """How long work goes on, from how far it has come; work of several parts may begin at 0 again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """The work begins now."""
        self._clock = clock
        self._began, self._from, self._share = clock(), 0.0, 0.0

    def seconds(self, share: float) -> float | None:
        """Seconds left now that `share` in [0, 1] is done; ``None`` while that is not clear."""
        now = self._clock()
        if share < self._share:
            self._began, self._from = now, share
        self._share = share
        taken, done = now - self._began, share - self._from
        return taken * (1 - share) / done if taken >= LEFT_SECONDS and done >= LEFT_SHARE else None


def _hear() -> None:
    """Where Streamlit stops a script whose visitor did something or went elsewhere: at any look at the session."""
    st.session_state.get(_STOPPED)


class News:
    """For a fragment with ``run_every``: once drawn it waits until there is something new to draw.

    Without it such a fragment draws the same again and again. In the page's own run, which draws it first, nothing
    waits.
    """

    def __init__(self, state: Callable[[], object], seconds: float) -> None:
        """Nothing is drawn yet.

        Args:
            state: what the fragment draws comes from this; looked at once in `seconds`.
            seconds: the least time between two drawings.
        """
        self._state, self._seconds = state, seconds
        self._drawn: object = None
        self._page_runs = True

    def begin(self) -> None:
        """At the beginning of the fragment: what is drawn now."""
        self._drawn = self._state()

    def wait(self) -> None:
        """At its end."""
        if self._page_runs:
            self._page_runs = False
            return
        end = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < end:
            look_again = time.monotonic() + self._seconds
            while time.monotonic() < look_again:
                _hear()
                time.sleep(PAUSE_SECONDS)
            if self._state() != self._drawn:
                return


def stop(what: str) -> None:
    """Remember that `what` was stopped by hand."""
    st.session_state[_STOPPED] = what


def allow() -> None:
    """Forget an earlier stop: the person asked again."""
    st.session_state.pop(_STOPPED, None)
