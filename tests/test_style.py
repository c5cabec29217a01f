"""Lint, format, types, and the message catalogue."""

import ast
import re
import string
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from dashboard import errors
from dashboard.i18n import LANGUAGES, Catalogue

ROOT = Path(__file__).parents[1]
TOPICS = sorted(path.name for path in (ROOT / "dashboard" / "locale" / "en").glob("*.toml"))


@pytest.mark.parametrize("command", [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]])
def test_the_code_is_clean(command):
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def flat(table: dict, prefix: str = "") -> dict[str, str]:
    found = {}
    for name, value in table.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


def facts(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("topic", TOPICS)
def test_both_languages_say_the_same_things_with_the_same_facts(topic):
    folder = ROOT / "dashboard" / "locale"
    english, spanish = (
        flat(tomllib.loads((folder / lang / topic).read_text(encoding="utf-8"))) for lang in ("en", "es")
    )
    assert english.keys() == spanish.keys()
    for name, text in english.items():
        assert text.strip(), name
        assert spanish[name].strip(), name
        assert facts(text) == facts(spanish[name]), name


def test_every_text_that_the_code_asks_for_is_there():
    catalogue = Catalogue("en")
    asked = {}
    for folder in ("dashboard", "components", "pages"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                named = isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "text" and node.args
                if named and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                    asked[node.args[0].value] = path.name
    assert len(asked) > 50
    missing = {name: place for name, place in asked.items() if name not in catalogue and "." in name}
    assert not missing


def test_every_text_of_the_interface_is_asked_for():
    """A text whose id, or the end of it, stands nowhere in the code is left over."""
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("dashboard", "components", "pages")
        for path in (ROOT / folder).rglob("*.py")
    )
    words = set(re.findall(r"[a-z0-9_]+", code, flags=re.IGNORECASE))
    # f"attention.headline_{what}" asks for every headline_*
    left = [n for n in flat_all("en") if not {n.split(".")[-1], n.split(".")[-1].rpartition("_")[0] + "_"} & words]
    assert not left


def flat_all(language: str) -> dict[str, str]:
    found = {}
    for topic in TOPICS:
        path = ROOT / "dashboard" / "locale" / language / topic
        found |= flat(tomllib.loads(path.read_text(encoding="utf-8")))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_that_a_person_can_mend_has_its_words(language):
    catalogue = Catalogue(language)
    kinds = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, errors.DashboardError)]
    for kind in kinds:
        if kind is not errors.DashboardError:
            assert f"error.{kind.__name__}" in catalogue, kind.__name__
