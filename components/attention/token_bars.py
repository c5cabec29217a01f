"""Bars of one token: its row, its column, and the token looked at most in every head."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd
import plotly.graph_objects as go

from components.attention.map_picker import Detail
from components.attention.panels import WEIGHT_DIGITS, map_script
from components.charts.attention import heatmap as charts
from components.shell.messages import literal_label
from components.shell.panel import column_heads
from components.shell.pickers import choice_picker
from components.shell.view import run_facts
from dashboard.engine.api.attention import AttentionRequest, QueryRowsRequest
from dashboard.frames import attention as frames
from dashboard.run_key import Origin
from dashboard.scripts.attention import query_rows_script


def token_bars(detail: Detail) -> None:
    """Bars of the chosen token's row or column, or all heads for it."""
    text = detail.view.text
    label = literal_label(detail.token_title)
    side = choice_picker("attention_bars", label, text=text, prefix="attention.bars", segmented=True)
    {"row": _row_panel, "column": _column_panel, "heads": _all_heads_panel}[side](detail)


def _bars(
    detail: Detail,
    name: str,
    request: AttentionRequest | QueryRowsRequest,
    *,
    frame: pd.DataFrame,
    figure: Callable[..., go.Figure],
    script: Callable[[Origin], str],
    side: str = "query",
) -> None:
    """A panel of bars; in its table the chosen token's own columns, of that side, would say the same in every row."""
    view = detail.view
    view.panel(
        name,
        [request],
        options=detail.options,
        figure=partial(figure, frame),
        frame=lambda: frame,
        table=lambda: frame.drop(columns=[side, f"{side}_token"]),
        heads=column_heads(view.text, frame),
        digits=WEIGHT_DIGITS,
        script=script,
        strip=[*run_facts(view)],
        alt={"token": detail.token},
        suffix=f"{detail.suffix}-token{detail.token}",
        shows=f"{detail.shows} · {detail.token_title}",
    )


def _row_panel(detail: Detail) -> None:
    frame = frames.row_frame(detail.chosen_row(), 0, 0, detail.tokens)
    whole = (0, len(detail.tokens))
    one = (detail.token, detail.token + 1)
    script = lambda origin: map_script(detail, origin, one, whole)  # noqa: E731
    _bars(detail, "row", detail.row_request, frame=frame, figure=charts.row_figure, script=script)


def _column_panel(detail: Detail) -> None:
    frame = frames.column_frame(detail.chosen_column(), detail.token, detail.tokens)
    whole = (0, len(detail.tokens))
    one = (detail.token, detail.token + 1)
    script = lambda origin: map_script(detail, origin, whole, one)  # noqa: E731
    _bars(detail, "column", detail.column_request, frame=frame, figure=charts.column_figure, script=script, side="key")


def _all_heads_panel(detail: Detail) -> None:
    view = detail.view
    request = QueryRowsRequest(view.key, detail.token)
    frame = frames.query_rows_frame(view.engine.answer(request), detail.tokens)
    script = partial(query_rows_script, view.card, query=detail.token)
    _bars(detail, "query_rows", request, frame=frame, figure=charts.query_rows_figure, script=script)
