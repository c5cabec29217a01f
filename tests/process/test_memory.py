"""Freed memory: it goes back to the system although kept blocks lie above it."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

HOLES = """
import ctypes
from dashboard.process.memory import return_freed

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

blocks = [ctypes.create_string_buffer(60_000) for _ in range(2000)]
for block in blocks:
    ctypes.memset(block, 1, 60_000)
kept = blocks[9::10]
del blocks, block
before = resident()
return_freed()
print(before - resident())
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc's malloc alone"
)
def test_freed_blocks_between_kept_ones_go_back_to_the_system():
    printed = subprocess.run([sys.executable, "-c", HOLES], check=True, capture_output=True, text=True).stdout
    assert int(printed) > 80_000_000  # nine tenths of 120 MB were freed
