"""One device, a large model: capture, mosaic and looks against a plain forward pass, and what a run takes in memory.

``python -m dashboard benchmark device --device cuda --model RANDOM:8B [--quick] [--check]``

``RANDOM:tiny``, ``RANDOM:1B`` and ``RANDOM:8B`` are random weights in the shape of a Llama, made here: nothing is
downloaded. Model and plain transformers lie on the device together, so it takes twice the weights there; the folder
that they are read from takes them once on the disk (8B in bfloat16: 16 GB). On ``cuda`` the dtype is bfloat16, else
float32, unless ``LOGITSCOPE_DTYPE`` says another.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.benchmarks.report import Report, alternating, options

PREFIX = "RANDOM:"
GOALS = "8B"
"""The shape that the goals are of, on ``cuda`` in bfloat16 over the last of `LENGTHS`."""
LENGTHS = (512, 2048)
QUICK = (128,)


@dataclass(frozen=True)
class Shape:
    """A Llama's sizes, in the words of transformers' configuration."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    vocab_size: int
    tie_word_embeddings: bool

    @property
    def kept_per_token(self) -> int:
        """Numbers of query and key that a run keeps of a token: ``L (H + H_kv) d_head``."""
        heads = self.num_attention_heads + self.num_key_value_heads
        return self.num_hidden_layers * heads * self.hidden_size // self.num_attention_heads


SHAPES = {
    "tiny": Shape(64, 128, 3, 4, 2, 512, True),
    "1B": Shape(2048, 8192, 16, 32, 8, 128_256, True),  # of Llama 3.2 1B
    "8B": Shape(4096, 14_336, 32, 32, 8, 128_256, False),  # of Llama 3.1 8B
}


def shape_of(model: str) -> str:
    """The shape that ``RANDOM:<shape>`` names. Raises ValueError for any other model."""
    name = model.removeprefix(PREFIX)
    if not model.startswith(PREFIX) or name not in SHAPES:
        raise ValueError(f"model {model!r}: this benchmark takes " + ", ".join(PREFIX + shape for shape in SHAPES))
    return name


@contextmanager
def random_model(shape: Shape, device: str, dtype: str) -> Iterator[Path]:
    """A folder with a model of that shape, drawn on the device itself, and a small tokenizer; gone afterwards."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from tests.made.tiny_model import save_tiny_model

    with tempfile.TemporaryDirectory() as below:
        folder = save_tiny_model(Path(below) / "random")
        tokenizer = AutoTokenizer.from_pretrained(folder)
        shutil.rmtree(folder)
        tokenizer.save_pretrained(folder)
        config = LlamaConfig(**vars(shape), max_position_embeddings=8192, bos_token_id=0, eos_token_id=0)
        torch.manual_seed(0)
        before = torch.get_default_dtype()
        torch.set_default_dtype(getattr(torch, dtype))
        try:
            with torch.device(device):
                model = LlamaForCausalLM(config)
        finally:
            torch.set_default_dtype(before)
        model.save_pretrained(folder)
        del model
        yield folder


def token_ids(tokens: int, first: int) -> tuple[int, ...]:
    """Ids with repeats that the small tokenizer has; `first` makes another run of the same length."""
    return tuple((first + i * i) % 250 for i in range(tokens))


@dataclass(frozen=True)
class Sides:
    """The same model twice on a device: ours behind an engine, and plain transformers'."""

    engine: Any
    card: Any
    capturer: Any
    plain: Any
    key: Any
    """Of a run of any text."""
    device: str


def both(folder: Path, device: str, dtype: str) -> Sides:
    """Load the model of a folder twice."""
    import torch
    from transformers import AutoModelForCausalLM

    from dashboard.engine.local import LocalEngine
    from dashboard.settings import Settings

    settings = Settings(model="local/random", models=(), local_models=(str(folder),), offline=True)
    engine = LocalEngine(replace(settings, device=device, dtype=dtype, run_bytes=64 << 30))
    card = engine.describe("local/random")
    kind = getattr(torch, dtype)
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=kind, attn_implementation="sdpa").to(device).eval()
    with engine._leased("local/random") as ready:
        capturer = ready.capturer
    key = card.run_key(engine.tokenizer("local/random").read("a", chat=False))
    return Sides(engine, card, capturer, plain, key, device)


def calls_of(sides: Sides, tokens: int) -> list[Callable[[], object]]:
    """Plain forward pass, capture, a fresh text to its mosaic, another head of a kept run, a fresh text to its lens."""
    import torch

    from dashboard.engine.api.attention import HeadRequest, TilesRequest
    from dashboard.engine.api.lens import LensRequest
    from dashboard.engine.api.model import CallControl

    engine, card, ids = sides.engine, sides.card, token_ids(tokens, 0)
    texts, looks = itertools.count(1), itertools.count()

    def fresh() -> Any:
        return replace(sides.key, token_ids=token_ids(tokens, next(texts)))

    @torch.inference_mode()
    def forward() -> object:
        return sides.plain(torch.tensor([ids], device=sides.device), use_cache=False, logits_to_keep=1)

    def another_head() -> object:
        at = next(looks)
        request = HeadRequest(replace(sides.key, token_ids=ids), at % card.layers, at // card.layers % card.heads)
        return engine.answer(request)

    return [
        forward,
        lambda: sides.capturer.forward(ids, CallControl()),
        lambda: engine.answer(TilesRequest(fresh())),
        another_head,
        lambda: engine.answer(LensRequest(fresh(), (tokens - 1,))),
    ]


def measure(report: Report, folder: Path, name: str, device: str, dtype: str, lengths: tuple[int, ...]) -> None:
    """Every figure, plain forward passes and ours in turn."""
    import torch

    from dashboard.engine.api.model import RunRequest
    from dashboard.engine.device.devices import synchronize

    sides, shape = both(folder, device, dtype), SHAPES[name]

    def timed(call: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            call()
            synchronize(device)

        return run

    for tokens in lengths:
        summary = sides.engine.answer(RunRequest(replace(sides.key, token_ids=token_ids(tokens, 0))))
        base, capture, mosaic, head, lens = alternating([timed(call) for call in calls_of(sides, tokens)], 5)
        strict = name == GOALS and device.startswith("cuda") and tokens == LENGTHS[-1]
        label = f"{name} {dtype} {device} T={tokens}"
        report.figure(f"{label} plain forward pass", base, "s")
        report.figure(f"{label} capture / plain forward", capture / base, "x", 1.1 if strict else None)
        report.figure(f"{label} prompt to mosaic / plain forward", mosaic / base, "x", 2 if strict else None)
        report.figure(f"{label} one head", 1000 * head, "ms", 20 if strict else None)
        report.figure(f"{label} prompt to lens of the last position", 1000 * lens, "ms")
        size = tokens * torch.empty(0, dtype=getattr(torch, dtype)).element_size()
        stream = (sides.card.layers + 2) * shape.hidden_size
        kept = (summary.nbytes / size - stream) / shape.kept_per_token
        report.figure(f"{label} query and key kept / formula", kept, "x", 1.1 if strict else None)


def main() -> int:
    """Run and report; ends with 2 where model or device are none that there is."""
    from dashboard.engine.device.devices import pick_device
    from dashboard.errors import DeviceUnavailable

    chosen, report = options(), Report()
    try:
        name = shape_of(os.environ.get("LOGITSCOPE_MODEL", PREFIX + "tiny"))
        device = pick_device(os.environ.get("LOGITSCOPE_DEVICE", "auto"))
    except (ValueError, DeviceUnavailable) as error:
        print(error)
        return 2
    dtype = os.environ.get("LOGITSCOPE_DTYPE", "bfloat16" if device.startswith("cuda") else "float32")
    with random_model(SHAPES[name], device, dtype) as folder:
        measure(report, folder, name, device, dtype, QUICK if chosen.quick else LENGTHS)
    return report.end(chosen.check)


if __name__ == "__main__":
    sys.exit(main())
