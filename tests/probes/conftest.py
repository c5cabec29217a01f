"""Reference data for tests about probes, where it is."""

from pathlib import Path

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def reference():
    """The bytes of a file of reference data, by its name; the test is skipped where it is not there."""

    def read(name):
        if not (DATA / name).is_file():
            pytest.skip(f"the reference data file {name} is not on this machine")
        return (DATA / name).read_bytes()

    return read
