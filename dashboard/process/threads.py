"""How torch's threads wait for each other: in the environment before torch is imported. Standard library only."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

SPINS = "100000"
"""About 5 ms. GNU's OpenMP lets a thread that waits for another spin for three times as long: where a neighbour
computes on the other's core, it burns what the other waits for. Not to spin at all (``OMP_WAIT_POLICY=PASSIVE``) makes
long prompts on an idle machine slower by a fifth."""


def wait_quietly(environ: MutableMapping[str, str] = os.environ) -> None:
    """Let threads of torch that wait for each other sleep soon; what the operator has set stays."""
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(environ):
        environ["GOMP_SPINCOUNT"] = SPINS
