"""README and docs name every page, setting, error and file; a thing that is not in them is not done."""

import ast
import dataclasses
import re
from pathlib import Path

import pytest

from dashboard import __version__, errors
from dashboard.i18n import Catalogue
from dashboard.launch import commands
from dashboard.navigation import PAGES
from dashboard.settings import PREFIX, Settings
from tests.file_map import FLOORS, file_map, written

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
PAPERS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
FIRST_CELLS = re.compile(r"^\| (.+?) \|", re.MULTILINE)
LARGEST_PICTURE = 250 * 1024
LARGEST_ANIMATION = 3 * 1024**2
"""Bytes."""


# -- README ---------------------------------------------------------------------------------------------------------
def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("slug", [entry.slug for entry in PAGES])
def test_the_readme_names_every_page(slug):
    assert f"| **{Catalogue('en')(f'{slug}.title')}** |" in README


def test_the_readme_has_the_two_commands_as_they_are():
    blocks = re.findall(r"```\n(.*?)\n```", README, flags=re.DOTALL)
    assert blocks == ["python -m dashboard", "python -m dashboard test"]


def test_the_readme_leads_to_every_other_page():
    assert {f"docs/{name}.md" for name in DOCS} <= set(links(README))


def test_the_readme_shows_three_small_pictures_and_no_more_than_an_animation():
    from tests import pictures

    targets = [ROOT / target for target in re.findall(r"!\[[^]]+\]\((.+?)\)", README)]
    still = [path for path in targets if path.suffix == ".png"]
    assert sorted(targets) == sorted((ROOT / "docs" / "pictures").iterdir())
    assert {path.stem for path in still} == set(pictures.PICTURES)
    assert max(path.stat().st_size for path in still) <= LARGEST_PICTURE
    assert all(path.stat().st_size <= LARGEST_ANIMATION for path in targets)


# -- links and paths ------------------------------------------------------------------------------------------------
def links(text):
    """Targets of Markdown links and pictures that lead to files of this project."""
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]


def anchors(path):
    """What headings of a file are called in links."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path):
    for target in links(path.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), f"{path.name} links to {target}"
        assert not anchor or anchor in anchors(file), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", [path for path in PAPERS if path.stem != "CHANGELOG"], ids=lambda path: path.name)
def test_lines_of_prose_are_not_too_long(path):
    long = [
        line
        for line in path.read_text(encoding="utf-8").splitlines()
        if len(line) > 120 and not line.startswith(("|", "    "))
    ]
    assert long == []


def paths(text):
    """Files and folders of this project that are named in code."""
    return re.findall(r"`((?:pages|components|dashboard|tests|docs)/[\w./-]*)`", text)


@pytest.mark.parametrize("path", [path for path in PAPERS if path.stem != "CHANGELOG"], ids=lambda path: path.name)
def test_every_file_that_is_named_is_there(path):
    missing = [name for name in paths(path.read_text(encoding="utf-8")) if not (ROOT / name).exists()]
    assert not missing


def test_names_are_in_the_files_that_are_named_for_them():
    """As in "an entry of `PAGES` in `dashboard/navigation.py`": whoever follows the sentence finds it there."""
    named = re.findall(r"`(\w+)` (?:in |\()`([\w./-]+\.py)`", DOCS["architecture"])
    assert len(named) >= 8
    defined = re.compile(r"^(?:class |def )?(\w+)\b", re.MULTILINE)
    wrong = [(name, path) for name, path in named if name not in defined.findall((ROOT / path).read_text("utf-8"))]
    assert not wrong


# -- operators ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("setting", [field.name for field in dataclasses.fields(Settings)])
def test_operators_find_every_setting(setting):
    assert f"| `{PREFIX}{setting.upper()}` |" in DOCS["operators"]


def test_operators_find_every_command_option_and_benchmark():
    part = DOCS["operators"].partition("\n## Start and stop\n")[2].partition("\n## ")[0]
    options = {name for action in commands._parser()._actions for name in action.option_strings} - {"-h", "--help"}
    measured = {path.stem for path in (ROOT / "tests" / "benchmarks").glob("*.py")} - {"__init__", "report"}
    wanted = {f"`{name}`" for name in measured} | options
    wanted |= {f"python -m dashboard {name}" for name in commands.COMMANDS if name != "start"}
    assert {name for name in wanted if name not in part} == set()


def test_operators_find_no_setting_that_there_is_not():
    known = {f"{PREFIX}{field.name.upper()}" for field in dataclasses.fields(Settings)}
    rows = set(re.findall(rf"^\| `({PREFIX}\w+)` \|", DOCS["operators"], re.MULTILINE))
    assert rows == known


def mendable():
    """Names of the errors that a person can mend."""
    classes = [entry for entry in vars(errors).values() if isinstance(entry, type)]
    mended = [cls for cls in classes if issubclass(cls, errors.DashboardError) and cls is not errors.DashboardError]
    return sorted(cls.__name__ for cls in mended)


def error_rows():
    """Names in the first cells of the table of errors."""
    part = DOCS["operators"].partition("\n## When something goes wrong\n")[2].partition("\n## ")[0]
    return re.findall(r"`(\w+)`", " ".join(FIRST_CELLS.findall(part)))


def test_every_error_that_a_person_can_mend_has_one_row():
    assert sorted(error_rows()) == mendable()


# -- glossary -------------------------------------------------------------------------------------------------------
def glossary():
    """Its words."""
    return [word for word in FIRST_CELLS.findall(DOCS["glossary"]) if word not in {"word", "---"}]


@pytest.mark.parametrize("word", glossary())
def test_each_word_of_the_glossary_is_used(word):
    """On screen or in the other pages: a glossary of words that nobody uses teaches another language."""
    others = [README, *(text for name, text in DOCS.items() if name != "glossary")]
    catalogue = [path.read_text(encoding="utf-8") for path in (ROOT / "dashboard/locale/en").glob("*.toml")]
    assert re.search(rf"\b{re.escape(word)}s?\b", " ".join("\n".join(others + catalogue).split()), re.IGNORECASE)


def test_the_glossary_is_one():
    assert 20 <= len(glossary()) <= 45
    assert len(set(glossary())) == len(glossary())


# -- architecture ---------------------------------------------------------------------------------------------------
def test_the_file_map_is_that_of_the_files():
    """By path: files of one name in several folders do not hide one another."""
    assert written().splitlines() == file_map().splitlines(), "write it anew: python -m tests.file_map"


def test_every_module_says_what_it_is():
    for folder in (*FLOORS, "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.read_text(encoding="utf-8").strip():
                assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


# -- changelog ------------------------------------------------------------------------------------------------------
def test_the_changelog_begins_with_this_version():
    releases = re.findall(r"^## (\S+) \((\d{4}-\d\d-\d\d)\)$", CHANGELOG, re.MULTILINE)
    assert releases[0][0] == __version__
    dates = [date for _, date in releases]
    assert dates == sorted(dates, reverse=True)
