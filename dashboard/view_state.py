"""What a link restores: the query parameters, one entry of FIELDS each, and how their texts are read.

Nothing here changes a number of a run. A parameter that cannot be read gives a reason (a message id and its facts),
never a crash and never a silent default.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dashboard.i18n import LANGUAGES
from dashboard.navigation import LESSONS
from dashboard.parsing.unreadable import Unreadable
from dashboard.stats.statistic import CANDIDATES, HEADS, LENS, SETTINGS, TRAJECTORIES

PLAIN_PROMPT = 300
"""Up to so many characters a prompt stands in the link as it is; above it goes compressed."""
LINK_CHARACTERS = 60_000
"""Longest compressed prompt in a link; browsers and servers stop reading at about 100,000 characters."""
MAX_PROMPT_BYTES = 4 << 20
"""What a compressed prompt may unpack to: a small link must not fill the memory."""
MAX_RANGES = 2000
"""Longest text of ranges [characters]."""


@dataclass(frozen=True)
class Field:
    """One query parameter: how its text is read."""

    kind: str
    """``choice``, ``integer``, ``number``, ``span`` (two integers), ``switch``, ``ranges`` (``0-5,7``) or ``text``."""
    choices: tuple[str, ...] = ()
    default: str = ""
    """Of a choice; of a switch that is on unless somebody turns it off: ``true``."""


VIEWS = ("head", "mean", "max", "rollout")
ORDERS = ("layer", *HEADS)
SECTIONS = ("position", "every", "inside", "lens", "moved", "heads", "map", "scores")
"""Sections of all pages that have a bar of them."""

FIELDS: dict[str, Field] = {
    "lang": Field("choice", tuple(LANGUAGES)),
    "model": Field("text"),
    "prompt": Field("text"),
    "pz": Field("text"),
    "stored": Field("text"),
    "chat": Field("switch"),
    "chat_turns": Field("text"),
    "chat_tools": Field("text"),
    "chat_thinking": Field("choice", ("template", "on", "off"), "template"),
    "made": Field("text"),
    "numbers": Field("text"),
    "exact_tokens": Field("switch"),
    "scale": Field("choice", ("indigo", "cividis"), "indigo"),
    "at": Field("choice", SECTIONS),
    "overview_temperature": Field("number"),
    "overview_top_k": Field("integer"),
    "overview_top_p": Field("number"),
    "overview_do_sample": Field("switch", default="true"),
    "overview_beams": Field("integer"),
    "attention_order": Field("choice", ORDERS, "layer"),
    "attention_metric": Field("choice", tuple(HEADS), "induction"),
    "attention_view": Field("choice", VIEWS, "head"),
    "attention_chart": Field("choice", ("heatmap", "lines", "text", "table"), "heatmap"),
    "attention_bars": Field("choice", ("row", "column", "heads"), "row"),
    "attention_layer": Field("integer"),
    "attention_head": Field("integer"),
    "attention_layers": Field("ranges"),
    "attention_heads": Field("ranges"),
    "attention_token": Field("integer"),
    "attention_key": Field("integer"),  # of older links; nothing reads it
    "attention_queries": Field("span"),
    "attention_keys": Field("span"),
    "attention_without_first": Field("switch"),
    "attention_own_scale": Field("switch"),
    "next_token_pos": Field("integer"),
    "next_token_k": Field("integer"),
    "next_token_colour": Field("choice", ("surprisal", "prob", "rank", "entropy", "none"), "surprisal"),
    "next_token_value": Field("choice", tuple(CANDIDATES), "prob"),
    "next_token_log": Field("switch"),
    "next_token_pins": Field("ranges"),
    "next_token_greedy": Field("switch"),
    "next_token_without_rules": Field("switch"),
    "next_token_temperature": Field("number"),
    "next_token_top_k": Field("integer"),
    "next_token_top_p": Field("number"),
    "next_token_min_p": Field("number"),
    "next_token_typical_p": Field("number"),
    "next_token_repetition_penalty": Field("number"),
    "next_token_inside": Field("switch"),
    "next_token_follow": Field("text"),
    "next_token_through": Field("choice", tuple(TRAJECTORIES), "prob"),
    "next_token_span": Field("choice", ("window", "stride", "all", "position"), "window"),
    "next_token_window": Field("integer"),
    "next_token_stride": Field("integer"),
    "next_token_lens": Field("choice", tuple(LENS), "prob"),
    "next_token_half": Field("switch"),
    "next_token_layer": Field("integer"),
    "sampling_columns": Field("text"),
    "sampling_go": Field("text"),
    "sampling_forks": Field("text"),
    "sampling_colour": Field("choice", ("prob", "q", "rank", "surprisal", "none"), "prob"),
    "sampling_baseline": Field("choice", ("none", "0", "1", "2", "3"), "none"),
    "sampling_beams_of": Field("choice", ("0", "1", "2", "3"), "0"),
    "sampling_exact": Field("switch"),
    "sampling_value": Field("choice", tuple(SETTINGS), "kept_mass"),
    "sampling_positions": Field("integer"),
    "sampling_map": Field("switch"),
    "sampling_reference": Field("text"),
    "sampling_tree_of": Field("choice", ("own", "0", "1", "2", "3"), "own"),
    "sampling_tree_go": Field("switch"),
    "sampling_depth": Field("integer"),
    "sampling_mass": Field("number"),
    "sampling_nodes": Field("integer"),
    "sampling_sweep": Field("switch"),
    "sampling_knob": Field(
        "choice", ("temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty"), "temperature"
    ),
    "sampling_sweep_column": Field("choice", ("0", "1", "2", "3"), "0"),
    "sampling_sweep_values": Field("text"),
    "sampling_sweep_go": Field("text"),
    "bias_view": Field("choice", ("exact", "sampled", "notebook", "gap", "benchmarks", "jobs"), "exact"),
    "bias_probe": Field("text"),
    "bias_look": Field("choice", ("pair", "templates", "groups", "intersection", "scores"), "pair"),
    "bias_pair": Field("text"),
    "bias_all": Field("switch"),
    "bias_first": Field("text"),
    "bias_second": Field("text"),
    "bias_reference": Field("text"),
    "bias_template": Field("integer"),
    "bias_rows": Field("integer"),
    "bias_new": Field("integer"),
    "bias_temperature": Field("number"),
    "bias_top_k": Field("integer"),
    "bias_top_p": Field("number"),
    "bias_seed": Field("integer"),
    "bias_draw": Field("switch"),
    "bias_tested": Field("integer"),
    "bias_call": Field("switch"),
    "bias_group": Field("text"),
    "bias_completion": Field("text"),
    "bias_gap_first": Field("integer"),
    "bias_gap_second": Field("integer"),
    "bias_benchmark": Field("choice", ("crows_pairs", "stereoset", "winogender", "winobias"), "crows_pairs"),
    "bias_job": Field("text"),
    "bias_prefix": Field("text"),
    "report_items": Field("text"),
    "lesson": Field("choice", LESSONS),
    "lesson_step": Field("integer"),
    "lesson_answers": Field("text"),
    "lesson_class": Field("choice", LESSONS, LESSONS[0]),
    "lesson_own": Field("switch"),
    "saved_search": Field("text"),
    "saved_tags": Field("text"),
    "saved_order": Field("choice", ("newest", "oldest", "title"), "newest"),
    "saved_part": Field("integer"),
}

CHAT = ("chat", "chat_turns", "chat_tools", "chat_thinking")
"""Fields that say in which chat the prompt stands."""


def head_params(layer: int, head: int, token: int) -> dict[str, str]:
    """The query parameters that open the Attention page on one head, and on what `token` looks at.

    Whatever else the person looked at there before: a parameter that a link leaves out keeps its value.
    """
    shown = {"attention_view": "head", "attention_chart": "heatmap", "attention_bars": "row"}
    return {**shown, "attention_layer": str(layer), "attention_head": str(head), "attention_token": str(token)}


@dataclass(frozen=True)
class Dropped:
    """A value of a link that was not used, and why: shown on the page."""

    name: str
    value: str
    reason: str
    """Message id below ``link.``."""
    facts: tuple[tuple[str, object], ...] = ()


def check(name: str, values: list[str]) -> Dropped | None:
    """Why the texts of one query parameter cannot be read; the model's own limits are checked where it is known."""
    field = FIELDS.get(name)
    text = ", ".join(values)
    if field is None:
        return Dropped(name, text, "unknown")
    readers = {
        "integer": _is_integer,
        "number": _is_number,
        "switch": lambda v: v.lower() in {"true", "false"},
        "ranges": _is_ranges,
    }
    wanted = 2 if field.kind == "span" else 1
    if len(values) != wanted:
        return Dropped(name, text, "count", (("wanted", wanted),))
    if field.kind == "choice" and values[0] not in field.choices:
        return Dropped(name, text, "choice", (("choices", ", ".join(field.choices)),))
    read = readers.get("integer" if field.kind == "span" else field.kind)
    if read and not all(read(value) for value in values):
        return Dropped(name, text, field.kind)
    return None


def as_held(name: str, value: str | list[str]) -> object:
    """A query parameter as its widget holds it."""
    kind = FIELDS[name].kind
    if isinstance(value, list) or kind == "switch":
        return value == "true" if isinstance(value, str) else tuple(map(int, value))
    return int(value) if kind == "integer" else float(value) if kind == "number" else value


def _is_integer(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 9


def _is_number(text: str) -> bool:
    """A plain decimal; not ``nan``, ``inf`` or what Python alone reads."""
    return re.fullmatch(r"-?\d{1,9}(\.\d{1,20})?(e-?\d{1,2})?", text, re.ASCII) is not None


def _is_ranges(text: str) -> bool:
    try:
        list(_spans(text))
    except ValueError:
        return False
    return True


def parse_ranges(text: str, count: int) -> tuple[int, ...]:
    """Numbers below `count` that a text like ``0-5, 7`` names; empty text: all of them.

    Raises:
        ValueError: the part that cannot be read or lies outside, as the exception's text.
    """
    chosen: set[int] = set()
    for first, last in _spans(text):
        if last >= count:
            raise ValueError(f"{first}" if first == last else f"{first}-{last}")
        chosen.update(range(first, last + 1))
    return tuple(sorted(chosen)) if text.strip() else tuple(range(count))


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """(first, last) of each part of a text like ``0-5, 7``, however large; none of an empty one. Raises ValueError."""
    if len(text) > MAX_RANGES:
        raise ValueError(text[:20] + "…")
    for part in map(str.strip, text.split(",") if text.strip() else []):
        first, _, last = (end.strip() for end in part.partition("-"))
        last = last or first
        if not (_is_integer(first) and _is_integer(last)) or int(first) > int(last):
            raise ValueError(part[:20])
        yield int(first), int(last)


def pack(text: str) -> str:
    """A long text for a link, compressed."""
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def unpack(packed: str) -> str:
    """The text that `pack` packed.

    Raises:
        Unreadable: it is damaged or unpacks to more than MAX_PROMPT_BYTES.
    """
    try:
        data = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
        inflater = zlib.decompressobj()
        text = inflater.decompress(data, MAX_PROMPT_BYTES).decode()
    except (ValueError, zlib.error) as error:  # binascii's and Unicode's errors are ValueErrors
        raise Unreadable("link.packed") from error
    if inflater.unconsumed_tail or inflater.unused_data or not inflater.eof:
        raise Unreadable("link.packed")
    return text


def pack_prompt(prompt: str) -> dict[str, str]:
    """The query parameters that carry `prompt`: plain, compressed, or none when it is too long for a link."""
    if len(prompt) <= PLAIN_PROMPT:
        return {"prompt": prompt}
    packed = pack(prompt)
    return {"pz": packed} if len(packed) <= LINK_CHARACTERS else {}


def unpack_prompt(params: Mapping[str, str]) -> str | None:
    """The prompt that a link carries; ``None`` when it carries none.

    Raises:
        Unreadable: as `unpack`.
    """
    if "pz" not in params:
        return params.get("prompt")
    return unpack(params["pz"])
