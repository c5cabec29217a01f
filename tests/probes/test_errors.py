"""Errors of probes: the words ask for the facts that the code gives, no more and no fewer."""

import ast
import string
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCALE = ROOT / "dashboard/locale/en"
OWN = tomllib.loads((LOCALE / "probe_errors.toml").read_text(encoding="utf-8"))["error"]
WORDS = OWN | tomllib.loads((LOCALE / "score_errors.toml").read_text(encoding="utf-8"))["error"]
RAISED = [
    (path.name, node.exc.func.id, {keyword.arg for keyword in node.exc.keywords})
    for room in ("probes", "parsing", "benchmarks")
    for path in sorted((ROOT / "dashboard" / room).glob("*.py"))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)
    if node.exc.func.id != "Unreadable"  # a reason for the page, not an error of its own
]


@pytest.mark.parametrize(("file", "name", "facts"), RAISED)
def test_an_error_is_given_the_facts_that_its_words_tell(file, name, facts):
    asked = {fact for _, fact, _, _ in string.Formatter().parse(WORDS[name]) if fact is not None}
    assert asked == facts, file


def test_every_error_of_probes_is_raised_somewhere():
    assert set(OWN) <= {name for _, name, _ in RAISED} <= set(WORDS)
