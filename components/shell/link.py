"""The link: what the URL says on a cold open, and values that Streamlit's own binding cannot carry.

Numbers and switches are bound by Streamlit (``bind="query-params"``). Translated selectors and the prompt need a
language-neutral or compressed text, so they are kept in step with the URL here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeVar
from urllib.parse import urlsplit

import streamlit as st

from components.shell.export.embedded import PARAMETER, embedded_panel
from dashboard.parsing.unreadable import Unreadable
from dashboard.view_state import PLAIN_PROMPT, Dropped, check, pack, pack_prompt, parse_ranges, unpack, unpack_prompt

T = TypeVar("T")
N = TypeVar("N", int, float)
LIST_CHARACTERS = 15_000
"""Longest compressed list in a link; two of them and a prompt are less than what browsers and servers read."""
_DROPPED = "_link_dropped"
_READ = "_link_read"
_BAD = "_link_bad"
_PAGE = "_link_page"
_WRITTEN = "_url_"
"""Before a key: the value that was written to the URL last, and the path of the page whose URL holds it, if any."""


def read_link() -> None:
    """Once a session: name every parameter of the URL that cannot be read, before a widget silently ignores it."""
    st.session_state[_BAD] = set()
    _page_changed()
    if st.session_state.get(_READ):
        return
    st.session_state[_READ] = True
    for name in list(st.query_params):
        if name == PARAMETER and embedded_panel():
            continue
        problem = check(name, st.query_params.get_all(name))
        if problem:
            drop(problem)
            st.query_params.pop(name, None)
            st.session_state[_BAD].add(name)


def _page_changed() -> None:
    """On another page than in the last run: what a page's URL lacks when the person comes back was not taken away."""
    state, path = st.session_state, _path()
    if state.get(_PAGE, path) != path:
        for name in [str(name) for name in state if str(name).startswith(_WRITTEN)]:
            state[name] = (state[name][0], None)
    state[_PAGE] = path


def binding(key: str) -> Literal["query-params"] | None:
    """How a widget is bound; not at all in the one run whose URL holds what it cannot read.

    Streamlit 1.67 reads a bound number from the URL as it was at first, whatever became of it since, and raises
    ``OverflowError`` for one like ``1e400``.
    """
    return None if key in st.session_state[_BAD] else "query-params"


def drop(problem: Dropped) -> None:
    """Remember a value that was not used; `dropped` gives it to the page."""
    st.session_state.setdefault(_DROPPED, {})[problem.name] = problem


def dropped() -> list[Dropped]:
    """Values of the link that were not used, until the person has dismissed them."""
    return list(st.session_state.get(_DROPPED, {}).values())


def dismiss() -> None:
    """Forget the values that were not used."""
    st.session_state.pop(_DROPPED, None)


def choice_state(key: str, options: Sequence[str], default: str, words: object = None) -> None:
    """Before a selector is drawn: bring ``session_state[key]`` and the URL's language-neutral `key` together.

    The URL wins on a cold open and after Back or Forward; the person's choice wins otherwise. `words`: what the options
    are called, where that changes with more than the language.
    """
    url = st.query_params.get(key, default)
    if url not in options:
        drop(Dropped(key, url, "choice", (("choices", ", ".join(options)),)))
        url = default
    _follow(key, url, key in st.query_params)
    if st.session_state[key] not in options:
        st.session_state[key] = default
    _spoken(key, words)


def _spoken(key: str, words: object) -> None:
    """After the language was switched, or options got other words: tell the browser what is chosen, in its new words.

    It would go on showing the old ones and send them with the next run, which knows no such option and takes the first.
    """
    spoken = (st.session_state.get("lang"), words)
    if st.session_state.get(f"_spoken_{key}", spoken) != spoken:
        st.session_state[key] = st.session_state[key]
    st.session_state[f"_spoken_{key}"] = spoken


def choice_written(key: str, default: str) -> str:
    """After the selector is drawn: write its value to the URL.

    A default needs no parameter: a URL written on the first open would be one more step for the Back button.
    """
    value: str = st.session_state[key] or default
    _write(key, value, {} if value == default else {key: value}, (key,))
    return value


def folded(keys: Sequence[str]) -> None:
    """Choices that a closed fold does not draw: they leave the URL as bound numbers do, and keep their values."""
    for key in keys:
        if f"{_WRITTEN}{key}" in st.session_state and key in st.session_state:  # a lesson's step may have reset it
            st.query_params.pop(key, None)
            st.session_state[f"{_WRITTEN}{key}"] = (st.session_state[key], None)


def prompt_state(default: str) -> None:
    """Before the prompt is drawn: take it from the link (plain or compressed) or keep what was typed."""
    try:
        prompt = unpack_prompt(st.query_params)
    except ValueError:
        drop(Dropped("pz", st.query_params["pz"][:40] + "…", "damaged"))
        st.query_params.pop("pz", None)
        prompt = None
    _follow("prompt", default if prompt is None else prompt, prompt is not None)


def prompt_written(default: str) -> bool:
    """After the prompt is drawn: write it to the URL. False when it is too long for a link."""
    value: str = st.session_state["prompt"]
    params = {} if value == default else pack_prompt(value)
    _write("prompt", value, params, ("prompt", "pz"))
    if value == default or params:
        return True
    st.session_state[f"{_WRITTEN}prompt"] = (value, None)  # the URL lacks it, but nobody took it away
    return False


def _follow(key: str, url: T, in_url: bool) -> None:
    """Take the URL's value when it was changed there; `last` tells that from a change made on the page."""
    state = st.session_state
    last = state.get(f"{_WRITTEN}{key}")
    changed = last is not None and last[0] != url and (in_url or last[1] == _path())
    if key not in state or changed:
        state[key] = url


def _write(key: str, value: object, params: dict[str, str], names: Sequence[str]) -> None:
    for name in names:
        if name not in params:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != params[name]:
            st.query_params[name] = params[name]
    st.session_state[f"{_WRITTEN}{key}"] = (value, _path())


def _path() -> str:
    return urlsplit(st.context.url or "").path


def text_state(key: str, default: str) -> None:
    """Before what a text says is drawn: take ``session_state[key]`` from the link, or keep what it became since."""
    _follow(key, st.query_params.get(key, default), key in st.query_params)


def text_written(key: str, default: str) -> None:
    """After it: write the text to the URL; a default needs no parameter."""
    value: str = st.session_state[key]
    _write(key, value, {} if value == default else {key: value}, (key,))


def packed_list(text: str) -> str | None:
    """A list in JSON for a link: as it is, or compressed where it is long or no list; ``None``: too long for a link."""
    written = text if text.startswith("[") and len(text) <= PLAIN_PROMPT else pack(text)
    return written if len(written) <= LIST_CHARACTERS else None


def list_state(key: str) -> None:
    """Before a list in JSON is drawn: as `text_state`, plain or compressed in the URL."""
    url = st.query_params.get(key, "")
    try:
        text = url if not url or url.startswith("[") else unpack(url)
    except Unreadable as error:
        drop(Dropped(key, url[:40], "why", (("why", error.message),)))
        st.query_params.pop(key, None)
        text = ""
    _follow(key, text, bool(text))


def list_written(key: str) -> bool:
    """After it: write the list to the URL; none needs no parameter. False when it is too long for a link."""
    value: str = st.session_state[key]
    packed = packed_list(value) if value else ""
    _write(key, value, {key: packed} if packed else {}, (key,))
    if packed is None:  # the URL lacks it, but nobody took it away
        st.session_state[f"{_WRITTEN}{key}"] = (value, None)
    return packed is not None


def flag_state(key: str) -> bool:
    """What a button once said yes to: as the link has it, or as it became since; `flag_written` keeps it in the URL."""
    _follow(key, st.query_params.get(key, "").lower() == "true", key in st.query_params)
    return bool(st.session_state[key])


def flag_written(key: str) -> None:
    """After it: a yes stands in the URL, a no needs no parameter."""
    value = bool(st.session_state[key])
    _write(key, value, {key: "true"} if value else {}, (key,))


def numbers_state(key: str, count: int, most: int) -> None:
    """Before a selection of numbers below `count` is drawn: the same for a list like ``3,17``, of `most` at most."""
    raw = st.query_params.get(key, "")
    url: list[int] = []
    try:
        url = list(parse_ranges(raw, count)) if raw else []
    except ValueError:
        drop(Dropped(key, raw, "range", (("low", 0), ("high", count - 1))))
    if len(url) > most:
        drop(Dropped(key, raw, "many", (("most", most),)))
        url = []
    _follow(key, url, bool(url))


def numbers_written(key: str) -> tuple[int, ...]:
    """After it is drawn: write the selection to the URL."""
    value: list[int] = sorted(st.session_state[key])
    _write(key, value, {key: ",".join(map(str, value))} if value else {}, (key,))
    return tuple(value)


def bounded(key: str, low: N, high: N, initial: N, *, follow_high: bool = False) -> None:
    """Before a bound number is drawn: name a link's value outside [low, high], and keep an old one inside.

    Args:
        key: widget key and query parameter.
        low: smallest value.
        high: largest value.
        initial: where the number starts when the link does not say; the link then names it.
        follow_high: a number that stood at the end stays at the end when the end moves (a longer prompt).
    """
    state = st.session_state
    raw = st.query_params.get(key)
    if key not in state:
        if raw is None or not low <= _read(raw, low) <= high:
            if raw is not None:
                drop(Dropped(key, raw, "range", (("low", low), ("high", high))))
                st.query_params.pop(key, None)
            state[key] = initial
    elif (
        state[key] is None or not low <= state[key] <= high or (follow_high and state[key] == state.get(f"_high_{key}"))
    ):
        state[key] = high if follow_high else initial
    elif raw is None:
        # Streamlit leaves an initial value out of the URL until it is set once more
        state[key] = state[key]
    state[f"_high_{key}"] = high


def expected(key: str, low: N, high: N, initial: N) -> N:
    """What a bound number will be, before it is drawn: arguments as of `bounded`."""
    held = st.session_state.get(key)
    value: N = _read(st.query_params.get(key, ""), initial) if held is None else held
    return value if low <= value <= high else initial


def bounded_span(key: str, stop: int) -> None:
    """Before a bound range is drawn: the same for two numbers in [0, stop]; the whole stays the whole."""
    state = st.session_state
    raw = st.query_params.get_all(key)
    if key not in state and len(raw) == 2:
        low, high = (_read(value, -1) for value in raw)
        if not 0 <= low < high <= stop:
            drop(Dropped(key, "–".join(raw), "range", (("low", 0), ("high", stop))))
            st.query_params.pop(key, None)
    held = state.get(key)
    if held is not None and (not 0 <= held[0] < held[1] <= stop or tuple(held) == (0, state.get(f"_high_{key}"))):
        state[key] = (0, stop)
    state[f"_high_{key}"] = stop


def _read(raw: str, otherwise: N) -> N:
    try:
        return type(otherwise)(raw)
    except ValueError:
        return otherwise
