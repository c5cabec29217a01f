"""Check against transformers: a chart's numbers computed once more the plain way, from a button beside its badge."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from components.sharing.opened import is_opened
from components.shell.messages import about, advice, literal_label, quiet
from components.shell.view import View, error_frame
from components.shell.waiting import allow, begins
from dashboard import cache
from dashboard.engine.api.model import RunRequest
from dashboard.engine.api.request import Request
from dashboard.engine.api.verification import AnswersChecked, CheckRequest, Deviation
from dashboard.errors import DashboardError
from dashboard.i18n import Catalogue
from dashboard.run_key import Origin


def checked_foot(view: View, name: str, origins: Sequence[Origin], foot: Callable[[], None]) -> None:
    """Below a chart: its badge with the button beside it, and what was found; pressing it draws nothing else again.

    Args:
        view: the page's.
        name: the chart's.
        origins: what it shows; what is no request, a background job, has nothing to be compared with.
        foot: draws the badge.
    """
    requests = tuple(one for one in origins if isinstance(one, Request) and not isinstance(one, RunRequest))
    request = CheckRequest(requests) if requests else None
    if request and cache.settings().check_links and is_opened() and len(view.shown) == 1:
        st.session_state.setdefault(_asked(name), request.digest)
    st.fragment(_checked_foot)(view, name, request, foot)


def _checked_foot(view: View, name: str, request: CheckRequest | None, foot: Callable[[], None]) -> None:
    why, seconds = _cost(view, request)
    with st.container(key=f"foot_{name}", horizontal=True, vertical_alignment="top"):
        foot()
        st.button(
            view.text("check.button"),
            key=f"check_{name}",
            type="tertiary",
            icon=":material/rule:",
            disabled=seconds is None,
            help=literal_label(why),
            on_click=_ask,
            args=(name, request.digest if request else ""),
        )
    if request is None or seconds is None or st.session_state.get(_asked(name)) != request.digest:
        return
    facts = {"text": view.text, "cost": "check.cost", "button": view.text("check.start")}
    if begins(f"check_start_{name}", request.digest, seconds, **facts):  # type: ignore[arg-type]
        with error_frame(view.text):
            _say(view.answer(request, view.text("check.working", model=view.card.label)), view.text)


def _cost(view: View, request: CheckRequest | None) -> tuple[str, float | None]:
    """What a check does and costs, in words, and its seconds; or why there is none, and ``None``."""
    text = view.text
    if request is None:
        return text("check.none"), None
    try:
        cost = view.engine.cost(request)
    except DashboardError as error:
        return text(error.message_id, **error.facts), None
    megabytes = text.number(round(cost.nbytes / 1e6))
    words = text("check.help", tokens=cost.tokens, megabytes=megabytes, about=about(text, cost.seconds))
    return words, 0.0 if cost.kept else cost.seconds


def _ask(name: str, digest: str) -> None:
    st.session_state[_asked(name)] = digest
    allow()


def _asked(name: str) -> str:
    """Where the session keeps which numbers of a chart the person wants checked."""
    return f"_check_{name}"


def _say(checked: AnswersChecked, text: Catalogue) -> None:
    if not checked.rows:
        quiet(text("check.nothing"))
        return
    lines = " ".join(_row(row, text) for row in _largest(checked.rows))
    (quiet if checked.ok else advice)(f"{text('check.ok' if checked.ok else 'check.off')} {lines}")


def _largest(rows: Sequence[Deviation]) -> list[Deviation]:
    """Of each kind of number the largest difference, with how many were compared."""
    kinds: dict[str, Deviation] = {}
    for row in rows:
        before = kinds.get(row.name)
        numbers = row.numbers + (before.numbers if before else 0)
        worst = row if before is None or not row.error <= before.error else before
        kinds[row.name] = Deviation(row.name, worst.tokens, worst.error, worst.bound, numbers=numbers)
    return list(kinds.values())


def _row(row: Deviation, text: Catalogue) -> str:
    quantity = text(f"verify.quantity.{row.name}")
    error, bound = text.number(row.error, 2, "g"), text.number(row.bound, 2, "g")
    return text("check.row", quantity=quantity, error=error, bound=bound, numbers=row.numbers)
