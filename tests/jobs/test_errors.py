"""Errors of jobs: the words ask for the facts that the code gives, no more and no fewer."""

import ast
import string
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORDS = tomllib.loads((ROOT / "dashboard/locale/en/job_errors.toml").read_text(encoding="utf-8"))["error"]


def given():
    """Name of an error -> the facts with which the code makes it; a bare name has none."""
    found = {}
    for path in sorted((ROOT / "dashboard/jobs").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in WORDS:
                call = called.get(id(node))
                facts = frozenset(keyword.arg for keyword in call.keywords) if call else frozenset()
                found.setdefault(node.id, set()).add(facts)
    return found


def test_an_error_is_given_the_facts_that_its_words_tell():
    for name, facts in given().items():
        asked = {fact for _, fact, _, _ in string.Formatter().parse(WORDS[name]) if fact is not None}
        assert facts == {frozenset(asked)}, name


def test_every_error_of_jobs_is_used_somewhere():
    assert given().keys() == WORDS.keys()
