"""Published tables that the statistics are checked against; they are not part of the project."""

import csv
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "../shared/data"


@pytest.fixture
def published():
    """Reads a published table as a list of rows, or skips the test where the file is not there."""

    def read(name: str) -> list[dict[str, str]]:
        path = FOLDER / name
        if not path.exists():
            pytest.skip(f"the published table ../shared/data/{name} is not on this machine")
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    return read
