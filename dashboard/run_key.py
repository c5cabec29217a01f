"""ModelVersion and RunKey: everything that changes a run's numbers, and nothing else; and digests of plain data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from functools import cached_property
from typing import Any, Protocol


class Origin(Protocol):
    """Where numbers come from: a run, a request to an engine, a job, or what an export makes of them."""

    @property
    def version(self) -> ModelVersion:
        """Whose numbers they are."""

    @property
    def token_ids(self) -> tuple[int, ...]:
        """What the model reads; empty where there are texts of their own."""

    @property
    def digest(self) -> str:
        """Sixteen hex digits that stand for it."""

    def provenance(self) -> dict[str, str | int]:
        """What an export says about where its numbers come from."""


@dataclass(frozen=True)
class ModelVersion:
    """One model as it computes here: the same version gives the same numbers, up to the device's own float noise."""

    model: str
    """Registry id, as in the link."""
    revision: str
    """Commit of the hub, or checksum of the files."""
    dtype: str
    """Of weights and activations, e.g. ``float32``."""
    device: str
    """``cpu``, ``cuda``, …"""
    transformers: str
    torch: str

    def facts(self, template: str) -> dict[str, str]:
        """What an export says of the model, by name; `template` among it, as in a `RunKey`."""
        own = {name: getattr(self, name) for name in ("model", "revision", "dtype", "device")}
        return {**own, "template": template, "transformers": self.transformers, "torch": self.torch}


@dataclass(frozen=True)
class RunKey:
    """The full specification of one forward pass.

    Two runs with equal keys give equal numbers; looking at a run (a layer, a slider, a page) never changes its key.
    """

    version: ModelVersion
    template: str
    """``raw``: the prompt as typed; ``chat``: inside the model's chat template."""
    token_ids: tuple[int, ...] = field(repr=False)
    """What the model reads, special tokens included."""

    @cached_property
    def digest(self) -> str:
        """Sixteen hex digits that stand for this key."""
        version = asdict(self.version)
        packages = {name: version.pop(name) for name in ("transformers", "torch")}
        return digest_of({**version, "template": self.template, "token_ids": self.token_ids, **packages})

    def provenance(self) -> dict[str, str | int]:
        """What an export says about where its numbers come from (the ids are in the script, not here)."""
        return {**self.version.facts(self.template), "tokens": len(self.token_ids), "run": self.digest}

    def columns(self) -> dict[str, str]:
        """What every row of an exported table says about where it comes from."""
        return {"model": self.version.model, "revision": self.version.revision, "run": self.digest}


# -- plain data, in one form ---------------------------------------------------------------------------------------
def digest_of(value: object) -> str:
    """Sixteen hex digits that stand for `value`: equal values have equal ones."""
    return hashlib.sha256(json.dumps(_plain(value)).encode()).hexdigest()[:16]


def written_as_json(value: object) -> str:
    """`value` as JSON for people: equal values are written equally."""
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> object:
    """`value` as JSON has it: dataclasses by their fields, whole floats as integers, NumPy's numbers as Python's."""
    if is_dataclass(value):
        return {entry.name: _plain(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if value is None or isinstance(value, str | bool | int | float) else _plain(value.item())
