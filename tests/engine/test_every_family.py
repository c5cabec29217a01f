"""Every causal type that transformers knows is whole and exact here, or what cannot be is refused by name and reason.

Each is built tiny and random and opened as a person's folder, over a prompt longer than its windows, chunks and top-k.
``python -m tests.engine.test_every_family`` writes the table anew.
"""

import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.engine import family_check
from tests.made import every_family

RELEASE = version("transformers").rpartition(".")[0]
"""Of the installed transformers, such as 5.24: each knows other types."""
TABLE = Path(__file__).with_name("families_table.md")
ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
SAME_ROUNDING = dict.fromkeys(["MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA"], "AVX2") | {
    "ATEN_CPU_CAPABILITY": "avx2"
}
"""On every processor: whether a faster kernel is exact for a family can hang on the last place."""
HEAD = ("type", "kernel", "layers with a map", "lens", "texts", "verdict")


def all_rows():
    """A row each type, in two processes of their own."""
    kinds = every_family.types()
    with tempfile.TemporaryDirectory() as folder:
        parts = [(Path(folder) / f"{i}.json", kinds[i::2]) for i in range(2)]
        command = [sys.executable, "-m", "tests.engine.family_check"]
        surroundings = os.environ | SAME_ROUNDING
        runs = [subprocess.Popen([*command, str(path), *some], cwd=ROOT, env=surroundings) for path, some in parts]
        assert [run.wait() for run in runs] == [0, 0]
        rows = [family_check.Row(**row) for path, _ in parts for row in json.loads(path.read_text(encoding="utf-8"))]
    return sorted(rows, key=lambda row: kinds.index(row.kind))


def table(rows):
    """The rows as Markdown, below the release of transformers that they are of."""
    lines = [HEAD, ("---",) * len(HEAD), *(row.cells for row in rows)]
    written = [f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |" for cells in lines]
    return "\n".join([_title(RELEASE), "", *written]) + "\n"


def _title(release):
    return f"# The causal types of transformers {release}"


def totals():
    """How many types of the written table came to what, and the release that it is of."""
    title, _, _, _, *lines = TABLE.read_text(encoding="utf-8").splitlines()
    verdicts = [line.rsplit(" | ", 1)[1] for line in lines]
    counts = {kind: sum(verdict.startswith(kind) for verdict in verdicts) for kind in ("whole", "refused", "not built")}
    return {"all": len(lines), "release": title.rpartition(" ")[2], **counts}


@pytest.fixture(scope="module")
def rows():
    """What became of every type."""
    return all_rows()


def test_no_type_ends_in_an_exception_or_shows_another_number_than_transformers(rows):
    assert {row.kind: row.verdict for row in rows if row.verdict.startswith(("CRASH", "WRONG"))} == {}


def test_the_table_says_what_became_of_them(rows):
    if totals()["release"] != RELEASE:
        pytest.skip(f"the table is of transformers {totals()['release']}; {RELEASE} is installed")
    assert table(rows).splitlines() == TABLE.read_text(encoding="utf-8").splitlines()


def test_the_readme_cites_the_totals_of_the_table():
    found = totals()
    parts = found["all"] - found["whole"] - found["refused"] - found["not built"]
    said = (
        f"Of the {found['all']} causal types that transformers {found['release']} knows, {found['whole']} are whole, "
        f"{parts} are shown but for parts that are refused by name, {found['refused']} are refused, "
        f"and {found['not built']} transformers itself cannot build there."
    )
    assert said in " ".join(README.read_text(encoding="utf-8").split())


if __name__ == "__main__":
    TABLE.write_text(table(all_rows()), encoding="utf-8")
