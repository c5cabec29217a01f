"""ColumnSpec: a column of decode settings as a person writes it, checked, named, and its form in JSON.

Names are those of transformers' ``generate``, so that a file or a link can be read beside its documentation.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column
from dashboard.i18n import Catalogue, Message
from dashboard.parsing.strict_json import read_json
from dashboard.parsing.unreadable import Unreadable
from dashboard.sampling import ranges
from dashboard.sampling.ranges import LEAST_TEMPERATURE

MOST = 4
"""Columns side by side."""
NAME_LENGTH = 40
STOPS = 4
"""Stop strings of a column."""
STOP_LENGTH = 40
FORMAT, VERSION = "logitscope-sampling", 1

RANGES: dict[str, tuple[float, float]] = ranges.RANGES | {
    "num_beams": (1, 20),
    "length_penalty": (-10.0, 10.0),
    "max_new_tokens": (1, 2000),
    "num_return_sequences": (1, 500),
    "seed": (0, 2**64 - 1),
}
"""Field -> lowest and highest value."""


@dataclass(frozen=True)
class ColumnSpec:
    """One column; everything explicit, as a bare call of ``generate`` means other values than one thinks."""

    name: str = ""
    """Empty: named by its settings."""
    do_sample: bool = True
    temperature: float = 1.0
    top_k: int = 0
    """0 = off; a bare ``do_sample=True`` means 50."""
    top_p: float = 1.0
    min_p: float = 0.0
    typical_p: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    num_beams: int = 1
    length_penalty: float = 1.0
    max_new_tokens: int = 20
    num_return_sequences: int = 1
    """Rows."""
    stop_strings: tuple[str, ...] = ()
    seed: int = 42
    model_rules: bool = True
    """Whether the rules of the model's own generation config act too, as they do in ``generate``."""

    @property
    def label(self) -> str:
        """Its name, or its settings in short, the same in files and links of every language; plain text."""
        return self.label_in(Catalogue("en"))

    def label_in(self, text: Catalogue) -> str:
        """The label in the language of `text`."""
        default, idle = ColumnSpec(), without_effect(self)
        parts = [("num_beams", f"{self.num_beams}")] if self.num_beams > 1 else []
        parts += [("greedy", "")] if self.num_beams == 1 and not self.do_sample else []
        parts += [
            (name, f"{getattr(self, name):g}".replace(".", text.decimal_sign))
            for name in ranges.RANGES
            if getattr(self, name) != getattr(default, name) and name not in idle
        ]
        parts += [] if self.model_rules else [("model_rules", "")]
        short = [text(f"sampling.short.{name}", value=value) for name, value in parts or [("temperature", "1")]]
        return self.name or " · ".join(short)

    def settings(self) -> DecodeSettings:
        """What acts on the next token's distribution."""
        return DecodeSettings(**{entry.name: getattr(self, entry.name) for entry in fields(DecodeSettings)})

    def column(self) -> Column:
        """The engine's."""
        return Column(
            self.settings(),
            num_return_sequences=self.num_return_sequences,
            max_new_tokens=self.max_new_tokens,
            num_beams=self.num_beams,
            length_penalty=self.length_penalty,
            stop_strings=self.stop_strings,
            seed=self.seed,
        )


PRESETS: dict[str, ColumnSpec] = {
    "greedy": ColumnSpec(do_sample=False),
    "pure": ColumnSpec(num_return_sequences=3),
    "bare": ColumnSpec(top_k=50, num_return_sequences=3),
    "nucleus": ColumnSpec(temperature=0.7, top_p=0.9, num_return_sequences=3),
    "top_k": ColumnSpec(top_k=50, num_return_sequences=3),
    "min_p": ColumnSpec(min_p=0.05, num_return_sequences=3),
    "typical": ColumnSpec(typical_p=0.95, num_return_sequences=3),
    "beam": ColumnSpec(do_sample=False, num_beams=5, num_return_sequences=5),
    "notebook_sampled": ColumnSpec(top_k=50),
    "notebook_greedy": ColumnSpec(do_sample=False),
    "notebook_beams": ColumnSpec(temperature=0.3, top_k=50, num_beams=5, num_return_sequences=5, max_new_tokens=3),
}
"""Where a column can start from: the catalogue's ``sampling.presets.<name>``."""
DEFAULT = (PRESETS["greedy"], PRESETS["nucleus"], PRESETS["pure"])


# -- what cannot be, and what does nothing -------------------------------------------------------------------------
def impossible(spec: ColumnSpec) -> tuple[str, ...]:
    """Why transformers would refuse the column or give nothing: ids below ``sampling.impossible.``."""
    reasons = []
    if spec.do_sample and spec.temperature < LEAST_TEMPERATURE:
        reasons.append("temperature_tiny" if spec.temperature else "temperature_zero")
    if 1 < spec.num_beams < spec.num_return_sequences:
        reasons.append("rows_over_beams")
    if spec.num_beams == 1 and not spec.do_sample and spec.num_return_sequences > 1:
        reasons.append("greedy_rows")
    return tuple(reasons)


def without_effect(spec: ColumnSpec) -> dict[str, str]:
    """Field that does nothing in this combination -> why, an id below ``sampling.idle.``."""
    reasons: dict[str, str] = {}
    if not spec.do_sample:
        reasons |= dict.fromkeys(("temperature", "top_k", "top_p", "min_p", "typical_p"), "greedy")
        reasons["seed"] = "no_draw"
    if spec.num_beams == 1:
        reasons["length_penalty"] = "no_beams"
    if not spec.do_sample and spec.num_beams == 1:
        reasons["num_return_sequences"] = "one_greedy"
    return reasons


# -- as text -------------------------------------------------------------------------------------------------------
def written(specs: Sequence[ColumnSpec]) -> str:
    """The columns as compact JSON for a link: what is at its default is left out."""
    default = asdict(ColumnSpec())
    short = [{name: value for name, value in asdict(spec).items() if value != default[name]} for spec in specs]
    return json.dumps(short, separators=(",", ":"), ensure_ascii=False)


def file_of(specs: Sequence[ColumnSpec]) -> bytes:
    """The columns as a file: every value, and what the file is."""
    whole = {"format": FORMAT, "version": VERSION, "columns": [asdict(spec) for spec in specs]}
    return (json.dumps(whole, indent=2, ensure_ascii=False) + "\n").encode()


def read_file(data: bytes) -> tuple[ColumnSpec, ...]:
    """The columns of a file.

    Raises:
        Unreadable: no JSON, another format or version, or as `read`.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("sampling.unreadable.json", detail=Message("json.encoding")) from error
    whole = _json(text)
    if not isinstance(whole, dict) or whole.get("format") != FORMAT:
        raise Unreadable("sampling.unreadable.format", wanted=FORMAT)
    if whole.get("version") != VERSION:
        raise Unreadable("sampling.unreadable.version", found=str(whole.get("version"))[:20], wanted=VERSION)
    return _columns(whole.get("columns"))


def read(text: str) -> tuple[ColumnSpec, ...]:
    """The columns that `written` wrote.

    Raises:
        Unreadable: no JSON, too many or no columns, an unknown name, or a value that cannot be.
    """
    return _columns(_json(text))


def _json(text: str) -> Any:
    try:
        return read_json(text)
    except Unreadable as error:
        raise Unreadable("sampling.unreadable.json", detail=error.message) from error


def _columns(columns: object) -> tuple[ColumnSpec, ...]:
    if not isinstance(columns, list) or not 1 <= len(columns) <= MOST:
        raise Unreadable("sampling.unreadable.count", most=MOST)
    return tuple(_spec(column) for column in columns)


def _spec(facts: object) -> ColumnSpec:
    if not isinstance(facts, dict):
        raise Unreadable("sampling.unreadable.count", most=MOST)
    known = {field.name for field in fields(ColumnSpec)}
    unknown = [str(name)[:40] for name in facts if name not in known]
    if unknown:
        raise Unreadable("sampling.unreadable.unknown", names=", ".join(unknown))
    return replace(ColumnSpec(), **{name: _value(name, value) for name, value in facts.items()})


def _value(name: str, value: Any) -> Any:
    kind = type(getattr(ColumnSpec(), name))
    if name == "stop_strings":
        return _stops(value)
    if kind is str and isinstance(value, str) and len(value) <= NAME_LENGTH:
        return value
    if kind is bool and isinstance(value, bool):
        return value
    if kind in (int, float) and _is_number(value, kind):
        low, high = RANGES[name]
        if low <= value <= high:
            return kind(value)
        ends = {"low": f"{low:g}", "high": f"{high:g}"}
        raise Unreadable("sampling.unreadable.range", name=name, value=str(value)[:40], **ends)
    raise Unreadable("sampling.unreadable.value", name=name, value=str(value)[:40])


def _is_number(value: object, kind: type) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # a whole number may be larger than any float
    return isinstance(value, int) or (kind is float and math.isfinite(value))


def _stops(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) > STOPS:
        raise Unreadable("sampling.unreadable.stops", most=STOPS, length=STOP_LENGTH)
    if not all(isinstance(stop, str) and 0 < len(stop) <= STOP_LENGTH for stop in value):
        raise Unreadable("sampling.unreadable.stops", most=STOPS, length=STOP_LENGTH)
    return tuple(value)


def changed(spec: ColumnSpec, values: Mapping[str, object]) -> ColumnSpec:
    """`spec` with some fields changed, all of them checked as a file's would be. Raises Unreadable."""
    return replace(spec, **{name: _value(name, value) for name, value in values.items()})
