"""Every statistic that charts show has its words, its entry in docs/numbers.md, and a scale that its values fit."""

import math
import re
from dataclasses import fields
from pathlib import Path

import pytest

from dashboard.engine.api.attention import METRICS
from dashboard.i18n import LANGUAGES, Catalogue
from dashboard.stats import diversity, statistic
from dashboard.stats.benchmarks import StereoScore
from dashboard.stats.statistic import LN_VOCABULARY, SHOWN, Statistic

NUMBERS = Path(__file__).parents[2] / "docs" / "numbers.md"
SECTIONS = {
    heading: re.findall(r"^\|.+\|$", text, re.MULTILINE)
    for heading, _, text in (
        part.partition("\n") for part in re.split(r"^## ", NUMBERS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
}
EVERY = [(section, one) for section, listed in SHOWN.items() for one in listed]
FACTS = {"first": "a", "second": "b"}


def ids(value):
    return value.words if isinstance(value, Statistic) else value


@pytest.mark.parametrize(("section", "one"), EVERY, ids=ids)
def test_it_has_a_name_in_every_language_and_the_name_says_its_unit(section, one):
    for language in LANGUAGES:
        text = Catalogue(language)
        label = one.label(text, **FACTS)
        assert label
        if one.unit in {"nats", "tokens"}:
            assert f"[{one.unit}]" in label
        elif one.unit == "percent":
            assert re.search(r"\[(percent|por ciento)\]", label)


@pytest.mark.parametrize(("section", "one"), EVERY, ids=ids)
def test_docs_numbers_has_its_column_with_its_unit_and_its_upper_end(section, one):
    rows = [cells for row in SECTIONS[section] if f"`{one.column}`" in (cells := re.split(r"(?<!\\)\|", row))[2]]
    assert rows, f"docs/numbers.md, {section}: {one.column}"
    end = {math.log(2): "ln 2", 1.0: "1"}.get(one.high, one.high)
    wanted = [one.unit, end if isinstance(end, str) else ""]
    assert any(all(word in cells[3] for word in wanted) for cells in rows), f"{section}: {one.column}, {wanted}"


def test_the_tables_hold_what_is_computed():
    assert tuple(statistic.HEADS) == METRICS
    assert tuple(statistic.SETS) == tuple(diversity.set_metrics([], []))
    assert {field.name for field in fields(StereoScore)} - {"items", "ties", "left_out"} < set(statistic.BENCHMARKS)


def test_no_statistic_is_left_out():
    """Of those that the module names, alone or in a table."""
    listed = {id(one) for _, one in EVERY}
    for name, value in vars(statistic).items():
        for one in value.values() if isinstance(value, dict) and name != "SHOWN" else [value]:
            if isinstance(one, Statistic):
                assert id(one) in listed, name


@pytest.mark.parametrize(
    ("high", "end"), [(1.0, 1.0), (math.inf, 3.0), ("ln T", 3.0), (LN_VOCABULARY, math.log(50)), (0.0, 0.0)]
)
def test_a_scale_ends_at_the_largest_possible_value_or_at_the_largest_drawn(high, end):
    assert Statistic("x", high=high).scale_end(3.0, vocab=50) == end


def test_a_scale_of_nothing_has_an_end_too():
    assert Statistic("x", high=math.inf).scale_end() == 1


def test_its_column_is_its_name_unless_it_has_another():
    assert Statistic("x").column == "x"
    assert Statistic("x", column="y").column == "y"
