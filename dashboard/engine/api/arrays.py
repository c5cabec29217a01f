"""Array types. Arrays are NumPy and read-only; axes are, in this order, ``layer, head, query, key, pos, k, vocab``."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Array = TypeVar("Array", bound=NDArray[Any])


def read_only(array: Array) -> Array:
    """`array` itself, made read-only: results are shared by all threads."""
    array.flags.writeable = False
    return array
