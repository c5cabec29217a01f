"""RunKey: everything that changes a number, and nothing else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class RunKey:
    """The full specification of one forward pass: cache key, provenance and file name at once.

    Two runs with equal keys give equal numbers (up to the device's own float noise); looking at a run (a layer, a
    slider, a page) never changes its key.
    """

    model: str
    """Registry id, as in the link."""
    revision: str
    """Commit of the hub, or checksum of the files."""
    dtype: str
    """Of weights and activations, e.g. ``float32``."""
    device: str
    """``cpu``, ``cuda``, …"""
    template: str
    """``raw``: the prompt as typed; ``chat``: inside the model's chat template."""
    token_ids: tuple[int, ...] = field(repr=False)
    """What the model reads, special tokens included."""
    transformers: str
    torch: str

    @property
    def digest(self) -> str:
        """Sixteen hex digits that stand for this key."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:16]

    def provenance(self) -> dict[str, str | int]:
        """What an export says about where its numbers come from (the ids are in the script, not here)."""
        facts = asdict(self)
        ids = facts.pop("token_ids")
        return {**facts, "tokens": len(ids), "run": self.digest}
