"""Notebooks of charts: the text of their scripts in cells, deterministic, each thing once, hostile texts as data."""

import ast
import json
import re
from dataclasses import replace

import nbformat
import pytest
from markdown_it import MarkdownIt

from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, GenerateRequest
from dashboard.scripts import attention, prediction, sampling
from dashboard.scripts.notebook import ScriptedChart, escaped, notebook_bytes
from tests.made import samples
from tests.made.recorded_engine import card

HOSTILE = 'x\'"""\n# <script>alert(1)</script> [a](http://b.test) $y$ `z`\n```\nimport os\ud800'


def charts_of(*made, title="A chart"):
    return [ScriptedChart(name, title, script, samples.run_key().provenance()) for name, script in made]


def read(charts, title="Page"):
    book = nbformat.reads(notebook_bytes(title, charts).decode(), as_version=4)
    nbformat.validate(book)
    return book


def code(book):
    return [cell.source for cell in book.cells if cell.cell_type == "code"]


@pytest.fixture
def made():
    key = samples.run_key()
    return (
        ("head", attention.head_script(card(), key, 0, 1)),
        ("map", attention.metric_script(card(), key)),
        ("bars", attention.head_script(card(), key, 0, 1, rows=(1, 2))),
        ("next", prediction.candidates_script(card(), key, 0, 5)),
    )


def test_a_notebook_of_one_chart_is_its_script_in_cells(made):
    for name, script in made:
        cells = code(read(charts_of((name, script))))
        lines = {line for cell in cells for line in cell.splitlines()}
        body = ast.parse(script).body
        kept = script.splitlines()[body[0].end_lineno : body[-1].lineno - 1]
        assert [line for line in kept if line not in lines] == []
        assert cells[-1].endswith("figure")


def test_equal_charts_give_equal_bytes_and_cells_with_fixed_names(made):
    book = read(charts_of(*made))
    assert notebook_bytes("Page", charts_of(*made)) == notebook_bytes("Page", charts_of(*made))
    assert [cell.id for cell in book.cells] == [f"cell-{place}" for place in range(len(book.cells))]


def test_a_page_loads_the_model_once_and_repeats_nothing_that_is_there(made):
    cells = code(read(charts_of(*made)))
    assert sum("= load()" in cell for cell in cells) == 1
    assert sum("def forward(" in cell for cell in cells) == 1
    assert sum("TOKEN_IDS =" in cell for cell in cells) == 1
    assert sum("def literal(" in cell for cell in cells) == 1


def test_what_another_section_changed_is_there_again(made):
    third = attention.head_script(card(), samples.run_key(), 0, 0)
    cells = code(read(charts_of(made[0], made[2], ("other head", third))))
    rows = [line for cell in cells for line in cell.splitlines() if line.startswith("ROWS")]
    assert len(rows) == 3
    assert rows[0] == rows[2] != rows[1]


def test_a_chart_of_another_model_loads_it(made):
    other = samples.run_key(model="other/model", revision="f" * 40)
    cells = code(read(charts_of(made[0], ("other", attention.head_script(card(), other, 0, 1)))))
    assert sum("= load()" in cell for cell in cells) == 2


def test_charts_that_one_script_makes_are_one_section(made):
    book = read(charts_of(made[0], ("same", made[0][1].replace("'raw'", "'chat'"))))
    assert sum(cell.source == "numbers" for cell in book.cells) == 1
    assert len(book.metadata["logitscope"]["charts"]) == 2


def test_a_function_whose_default_is_a_constant_is_made_again_for_another_one():
    request = GenerateRequest(samples.RUN, (Column(DecodeSettings(), 1, 3),))
    one, two = (sampling.texts_script(card(), samples.RUN, asked) for asked in (request, forced(request)))
    cells = code(read(charts_of(("one", one), ("two", two))))
    assert sum("def written(" in cell for cell in cells) == 2
    assert sum("def log_probs(" in cell for cell in cells) == 1


def forced(request):
    return replace(request, forced=(1,))


def test_where_it_comes_from_stands_in_the_metadata(made):
    book = read(charts_of(*made))
    facts = samples.run_key().provenance()
    assert book.metadata["logitscope"]["charts"] == [facts] * 4
    last = [cell.metadata["logitscope"]["charts"] for cell in book.cells if "logitscope" in cell.metadata]
    assert last == [[facts]] * 4


def test_texts_of_others_are_data_and_never_markdown_or_code(made):
    key = samples.run_key(model=HOSTILE)
    chart = ScriptedChart(HOSTILE, HOSTILE, attention.head_script(card(), key, 0, 1), {"model": HOSTILE})
    book = read([chart, replace(chart, script=made[1][1])], title=HOSTILE)
    for cell in book.cells:
        if cell.cell_type == "markdown":
            shown = MarkdownIt("commonmark", {"html": True}).render(cell.source)
            assert set(re.findall(r"<(\w+)", shown)) <= {"h1", "h2", "p", "pre", "code"}
            assert shown.count("<h") == 1
        else:
            tree = ast.parse(cell.source)
            assert "os" not in {
                alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
            }


def test_signs_of_markdown_are_escaped_and_lines_joined():
    assert escaped("a_b\n# c $d$ <e>") == r"a\_b \# c \$d\$ \<e\>"


def test_it_is_json_that_other_programs_read(made):
    assert json.loads(notebook_bytes("Page", charts_of(*made)))["nbformat"] == 4
