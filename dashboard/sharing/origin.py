"""LinkOrigin: the model's revision and the versions that a link was made with, and what differs here."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import NamedTuple

from dashboard import __version__
from dashboard.parsing.unreadable import Unreadable
from dashboard.run_key import ModelVersion

MOST = 300
"""Longest text of an origin [characters]."""
_WORD = re.compile(r"[A-Za-z0-9_.+:/-]{1,80}", re.ASCII)
_NAMED = ("transformers", "torch", "logitscope", "device")
"""Parts that stand with their name; before them stand revision and dtype."""


class Difference(NamedTuple):
    """One thing that is another here than where the link was made."""

    name: str
    """Of a field of `LinkOrigin`; its word is ``share.parts.<name>``."""
    then: str
    now: str


@dataclass(frozen=True)
class LinkOrigin:
    """Where a link was made. Links of older releases do not name all of it; what they lack is empty."""

    revision: str
    """Commit or checksum; older links have its first twelve signs."""
    dtype: str
    transformers: str
    torch: str = ""
    logitscope: str = ""
    device: str = ""

    @classmethod
    def here(cls, version: ModelVersion) -> LinkOrigin:
        """Of a model as it computes here."""
        return cls(
            version.revision, version.dtype, version.transformers, version.torch, __version__, device=version.device
        )

    def written(self) -> str:
        """As a link has it: ``<revision> float32 transformers-5.23.0 torch-2.13.0 logitscope-0.3.0 device-cpu``."""
        named = [f"{name}-{getattr(self, name)}" for name in _NAMED if getattr(self, name)]
        return " ".join([self.revision, self.dtype, *named])

    @classmethod
    def read(cls, text: str) -> LinkOrigin:
        """The origin that `written` wrote, or that of an older link.

        Raises:
            Unreadable: it is neither.
        """
        words = text.split(" ") if len(text) <= MOST else []
        if len(words) < 3 or not all(map(_WORD.fullmatch, words)):
            raise Unreadable("share.unreadable.origin")
        revision, dtype, *named = words
        parts = dict(word.split("-", 1) for word in named if "-" in word)
        if len(parts) != len(named) or "transformers" not in parts or not parts.keys() <= set(_NAMED):
            raise Unreadable("share.unreadable.origin")
        return cls(revision, dtype, **parts)

    def differences(self, here: LinkOrigin) -> list[Difference]:
        """What differs `here`; what this one does not name differs in nothing."""
        pairs = [Difference(entry.name, getattr(self, entry.name), getattr(here, entry.name)) for entry in fields(self)]
        return [pair for pair in pairs if pair.then and not _same(pair)]


def _same(pair: Difference) -> bool:
    if pair.name == "revision":  # shortened in older links
        return len(pair.then) >= 7 and pair.now.startswith(pair.then)
    return pair.then == pair.now
