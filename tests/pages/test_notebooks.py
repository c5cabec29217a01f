"""The notebook of every page gives the numbers that the page shows, and its charts: run in Jupyter's own kernel."""

import json
import math
from concurrent.futures import Future
from dataclasses import replace

import nbformat
import numpy as np
import pandas as pd
import pytest
import streamlit as st
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

from components.shell import waiting
from dashboard import cache
from dashboard.probes.spec import OWN, ProbeSpec
from dashboard.sampling.columns import ColumnSpec, written
from dashboard.scripts.notebook import notebook_bytes
from tests.pages.conftest import opened
from tests.pages.test_sampling import has_texts, waited

PROMPT = "A cat and a cat"
COLUMNS = (
    ColumnSpec(num_beams=2, num_return_sequences=2, max_new_tokens=3),
    ColumnSpec(num_return_sequences=2, max_new_tokens=3),
)
PROBE = ProbeSpec(
    templates=("The {gender} works as a",),
    neutral=("",),
    words=(("gender", "man, woman"),),
    lexicon=OWN,
    own="nurse\nlawyer",
    article=False,
    boundary=False,
)
BIAS = {"bias_probe": PROBE.written()}
LETTERS = {"bias_probe": replace(PROBE, own="\n".join("abcdefgh")).written()}
DRAWS = {"bias_rows": "60", "bias_new": "4", "bias_draw": "true"}
PAGES = {
    "attention": ("attention", {}, ["mosaic", "head", "row", "metric_map"]),
    "next token": (
        "next_token",
        {"next_token_inside": "true"},
        ["candidates", "positions", "trajectories", "lens", "attribution", "head_attribution"],
    ),
    "sampling": (
        "sampling",
        {"sampling_columns": written(COLUMNS), "sampling_value": "kept"},
        ["sequences", "beam_tree", "settings_lines"],
    ),
    "exact scores": ("bias", {**BIAS, "bias_look": "scores"}, ["scores"]),
}
OTHER_VIEWS = {
    "samples": ("bias", {**LETTERS, "bias_view": "sampled", **DRAWS}, ["sampled", "differences"]),
    "gap": ("bias", {**BIAS, "bias_view": "gap"}, ["gap", "head_gap"]),
    "the source notebook's call": ("bias", {**BIAS, "bias_view": "notebook"}, ["notebook"]),
}
TELL = """
import json, pathlib
def plain(numbers):
    if not hasattr(numbers, "columns"):
        return numbers.tolist()
    return json.loads(numbers.to_json(orient="split", double_precision=15))
told = {name: [plain(one["numbers"]), one["figure"].to_dict()["data"]] for name, one in charts.items()}
pathlib.Path("told.json").write_text(json.dumps(told, default=lambda value: value.tolist()))
"""


@pytest.fixture
def open_bundled(bundled_engine, monkeypatch):
    """`opened`, with the bundled model; no work waits for a button."""
    engine = Future()
    engine.set_result(bundled_engine)
    monkeypatch.setenv("LOGITSCOPE_OFFLINE", "1")
    monkeypatch.setattr(cache, "engine", lambda: engine)
    monkeypatch.setattr(waiting, "AT_ONCE_SECONDS", math.inf)
    st.cache_resource.clear()
    yield opened
    st.cache_resource.clear()


@pytest.fixture(scope="module")
def executed(tiny_folder):
    """Run a notebook of several charts; gives their numbers and the traces of their figures, by the charts' names."""
    folder = tiny_folder.parent  # where scripts of the tiny model look for it
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(folder))

    def run(data: bytes) -> dict:
        book = nbformat.reads(data.decode(), as_version=4)
        book.cells = [nbformat.v4.new_code_cell(cell) for cell in ("%reset -f", TELL)]
        book.cells[1:1] = nbformat.reads(data.decode(), as_version=4).cells
        NotebookClient(book, km=manager, timeout=300).execute(reset_kc=False, cleanup_kc=False)
        return json.loads((folder / "told.json").read_text())

    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.model
@pytest.mark.parametrize("case", PAGES)
def test_the_notebook_of_a_page_makes_the_bundled_models_numbers_and_its_charts(open_bundled, executed, case):
    compare(open_bundled, executed, *PAGES[case])


@pytest.mark.parametrize("case", OTHER_VIEWS)
def test_the_notebook_of_another_view_makes_its_numbers_and_its_charts(open_page, executed, monkeypatch, case):
    monkeypatch.setattr(waiting, "AT_ONCE_SECONDS", math.inf)
    compare(open_page, executed, *OTHER_VIEWS[case])


def compare(open_page, executed, slug, params, names):
    at = open_page(slug, {"prompt": PROMPT, **params})
    if slug == "sampling":
        at = waited(at, has_texts)
    assert not at.exception
    panels = at.session_state["_view"].panels
    assert list(panels) == names
    told = executed(notebook_bytes(slug, [panel.scripted() for panel in panels.values()]))
    # the tests of differences are made of the counts above them
    assert list(told) == [name for name in names if name != "differences"]
    for name, (numbers, traces) in told.items():
        assert traces
        same(name, numbers, panels[name].frame())


def same(name, numbers, frame):
    """The numbers of a notebook are those of the page's table."""
    if name == "mosaic":
        tiles = np.array(numbers)[frame["layer"], frame["head"], frame["query"], frame["key"]]
        np.testing.assert_allclose(tiles / 255, frame["weight"], atol=0.005)
    elif name in ("head", "row"):
        table = pd.DataFrame(numbers["data"]).to_numpy(dtype=float)
        shown = frame.pivot(index="query", columns="key", values="weight")
        np.testing.assert_allclose(table[:, shown.columns], shown, atol=1e-5)
    else:
        table = pd.DataFrame(numbers["data"], columns=numbers["columns"])
        assert len(table) == len(frame)
        shared = set(table) & set(frame)
        assert shared >= ({"text", "beam_score"} if name == "notebook" else set(table) - {"ids"})
        for column in shared:
            if frame[column].dtype.kind in "fiu":
                found, shown = (np.asarray(one[column], dtype=float) for one in (table, frame))
                np.testing.assert_allclose(found, shown, rtol=1e-3, atol=1e-4, err_msg=f"{name}: {column}")
            elif "token" not in column:  # ids are compared; blanks of odd kinds have names on the page alone
                assert list(map(str, table[column])) == list(map(str, frame[column])), column
