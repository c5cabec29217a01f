"""The README names every page, setting, error and file; a thing that is not in it is not done."""

import ast
import dataclasses
import re
from pathlib import Path

import pytest

from dashboard import errors
from dashboard.i18n import Catalogue
from dashboard.navigation import PAGES
from dashboard.settings import PREFIX, Settings
from tests.file_map import file_map, written

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("slug", [entry.slug for entry in PAGES])
def test_the_readme_names_every_page(slug):
    assert f"**{Catalogue('en')(f'{slug}.title')}**" in README


@pytest.mark.parametrize("setting", [field.name for field in dataclasses.fields(Settings)])
def test_the_readme_names_every_setting(setting):
    assert f"| `{PREFIX}{setting.upper()}` |" in README


@pytest.mark.parametrize("name", [k for k, v in vars(errors).items() if isinstance(v, type) and k[0].isupper()])
def test_the_readme_names_every_error_that_a_person_can_mend(name):
    cls = getattr(errors, name)
    if issubclass(cls, errors.DashboardError) and cls is not errors.DashboardError:
        assert f"`{name}`" in README


def test_the_file_map_is_that_of_the_files():
    """By path: files of one name in several folders do not hide one another."""
    assert written().splitlines() == file_map().splitlines(), "write it anew: python -m tests.file_map"


def test_the_readme_has_the_two_commands_as_they_are():
    blocks = re.findall(r"```\n(.*?)\n```", README, flags=re.DOTALL)
    assert "python -m dashboard" in blocks
    assert "python -m dashboard test" in blocks


def test_every_module_says_what_it_is():
    for folder in ("dashboard", "components", "pages", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.read_text(encoding="utf-8").strip():
                assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path
