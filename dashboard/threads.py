"""How torch's threads wait for each other: in the environment before torch is imported. Standard library only."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}
"""OpenMP's own default is to spin: a thread whose partner lost its core to a neighbour burns the core that the partner
waits for, and a step takes ten to forty times as long."""


def wait_quietly(environ: MutableMapping[str, str] = os.environ) -> None:
    """Let threads of torch that wait for each other sleep; what the operator has set stays."""
    for name, value in WAITING.items():
        environ.setdefault(name, value)
