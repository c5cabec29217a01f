"""Controls whose value a link restores: key = query parameter = entry of ``dashboard.view_state.FIELDS``."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from components.shell import link
from components.shell.messages import advice
from dashboard.i18n import Catalogue
from dashboard.view_state import FIELDS, parse_ranges


def choice_picker(
    key: str, label: str, *, text: Catalogue, prefix: str, help_text: str | None = None, segmented: bool = False
) -> str:
    """A selector with translated options; the link carries the untranslated one.

    Args:
        key: entry of FIELDS with its choices and default.
        label: in the person's language.
        text: the catalogue.
        prefix: options are shown as ``text(f"{prefix}.{option}")``.
        help_text: tooltip.
        segmented: all options stand side by side, instead of in a list that opens.
    """
    field = FIELDS[key]
    link.choice_state(key, field.choices, field.default)
    names = lambda option: text(f"{prefix}.{option}")  # noqa: E731
    if segmented:
        st.segmented_control(
            label,
            field.choices,
            key=key,
            format_func=names,
            help=help_text,
            required=True,
            persist_state="session",
        )
    else:
        st.selectbox(label, field.choices, key=key, format_func=names, help=help_text, persist_state="session")
    return link.choice_written(key, field.default)


def place_state(key: str, count: int, initial: int = 0) -> int:
    """What a `place_picker` of `count` names will give, before it is drawn."""
    places = [str(at) for at in range(count)]
    if st.session_state.get(key, places[0]) not in places:
        st.query_params.pop(key, None)  # the person's own list became shorter: nothing is wrong with the link
    link.choice_state(key, places, places[initial])
    return int(st.session_state[key])


def place_picker(key: str, label: str, names: Sequence[str], initial: int = 0) -> int:
    """One of `names`, which are a person's own; the link carries its place."""
    place_state(key, len(names), initial)
    places = [str(at) for at in range(len(names))]
    st.selectbox(label, places, key=key, format_func=lambda at: names[int(at)], persist_state="session")
    return int(link.choice_written(key, places[initial]))


def integer_picker(
    key: str,
    label: str,
    high: int,
    initial: int = 0,
    *,
    low: int = 0,
    follow_high: bool = False,
    help_text: str | None = None,
) -> int:
    """A whole number in [low, high]; see `components.shell.link.bounded`."""
    initial = min(max(initial, low), max(high, low))
    link.bounded(key, low, high, initial, follow_high=follow_high)
    value = st.number_input(
        label,
        low,
        max(high, low),
        # a default would be left out of the link, and another prompt's own opening value would take its place
        value=None,
        key=key,
        step=1,
        bind=link.binding(key),
        persist_state="session",
        help=help_text,
    )
    return initial if value is None else int(value)


def number_picker(
    key: str,
    label: str,
    low: float,
    high: float,
    default: float,
    *,
    help_text: str | None = None,
    disabled: bool = False,
) -> float:
    """A number in [low, high]; whole when `default` is."""
    whole = isinstance(default, int)
    link.bounded(key, low, high, default)
    return st.number_input(
        label,
        low,
        high,
        default,
        key=key,
        step=1 if whole else 0.05,
        # all the digits that were typed: a rounded setting would not be the one that acts
        format="%d" if whole else "%g",
        bind=link.binding(key),
        persist_state="session",
        help=help_text,
        disabled=disabled,
    )


def slider(key: str, label: str, span: tuple[float, float], default: float, *, step: float) -> float:
    """A number in `span` on a slider below a heading that says `label`; whole when `default` is."""
    link.bounded(key, *span, default)
    value: float = st.slider(
        label,
        *span,
        default,
        step,
        key=key,
        bind=link.binding(key),
        persist_state="session",
        label_visibility="collapsed",
    )
    return value


def switch(key: str, label: str, help_text: str | None = None, *, on: bool = False) -> bool:
    """An on/off switch; `on`: as it is by default."""
    return st.toggle(label, on, key=key, bind=link.binding(key), persist_state="session", help=help_text)


def span_picker(key: str, label: str, stop: int, help_text: str | None = None) -> tuple[int, int]:
    """A span [start, stop) of positions; the whole by default."""
    link.bounded_span(key, stop)
    low, high = st.slider(
        label, 0, stop, (0, stop), key=key, bind=link.binding(key), persist_state="session", help=help_text
    )
    return (low, high) if low < high else (min(low, stop - 1), min(low, stop - 1) + 1)


def ranges_input(key: str, label: str, count: int, *, text: Catalogue) -> tuple[int, ...]:
    """Numbers below `count` typed as ``0-5, 7``; empty means all. A part that cannot be read is named."""
    typed = st.text_input(
        label,
        key=key,
        placeholder=text("controls.all", last=count - 1),
        help=text("controls.ranges_help", last=count - 1),
        bind=link.binding(key),
        persist_state="session",
        max_chars=200,
    )
    try:
        return parse_ranges(typed or "", count)
    except ValueError as error:
        advice(text("controls.ranges_bad", part=error, last=count - 1))
        return tuple(range(count))
