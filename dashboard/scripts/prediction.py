"""Scripts of the Next token page's charts: candidates, every position, the logit lens, parts of a logit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.lens import LensRequest
from dashboard.engine.api.model import ModelCard
from dashboard.run_key import Origin
from dashboard.scripts.build import chart_script, rule_constants, rule_parts, stream_constants


def candidates_script(
    card: ModelCard,
    origin: Origin,
    pos: int,
    k: int,
    *,
    pins: Sequence[int] = (),
    settings: DecodeSettings | None = None,
) -> str:
    """The `k` likeliest tokens after position `pos` and the tokens `pins`, before and after decode `settings`."""
    constants = {"POS": pos, "K": k, "PINS": list(pins), "SETTINGS": asdict(settings or DecodeSettings())}
    return chart_script(card, origin, constants | rule_constants(card), [*rule_parts(card), "candidates"])


def position_script(card: ModelCard, origin: Origin) -> str:
    """Prediction and outcome at every position."""
    return chart_script(card, origin, {}, ["positions"])


def lens_script(card: ModelCard, origin: Origin, request: LensRequest, *, chart: str = "lens") -> str:
    """The logit lens of `request`.

    Args:
        card: the model.
        origin: what the chart shows.
        request: positions, half steps, pinned tokens.
        chart: ``lens`` (layers by positions), or ``trajectories`` (of the pinned tokens at the one position).
    """
    constants = {"POSITIONS": list(request.positions), "HALF_STEPS": request.half_steps, "PINS": list(request.pins)}
    part = "lens_map" if chart == "lens" else "trajectories"
    return chart_script(card, origin, stream_constants(card) | constants, ["stream", "lens", part])


def attribution_script(card: ModelCard, origin: Origin, pos: int, token: int, *, layer: int | None = None) -> str:
    """What each part of the model adds to the logit of `token` after `pos`; with `layer`: each head of that layer."""
    constants = {"POS": pos, "TOKEN": token, "LAYER": layer, "ATTENTION_HEADS": card.heads_of(layer or 0) or 1}
    return chart_script(card, origin, stream_constants(card) | constants, ["stream", "attribution"])
