"""A probe in a link: every field is read strictly, and what is of another kind is named, not taken for something."""

import json

import pytest

from dashboard.parsing.unreadable import Unreadable
from dashboard.probes.presets import presets
from dashboard.probes.spec import ProbeSpec, read
from dashboard.sampling.columns import ColumnSpec
from dashboard.sampling.columns import read as read_columns

FACTS = ProbeSpec.of(presets()[0]).facts()
VALUES = [None, True, 0, 1, 0.5, "", "false", "true", "0", [], ["x"], [1], {}, {"x": "y"}, {"x": 1}]


def same_kind(value, right):
    """Whether JSON gives both in one form; of lists and objects, of texts alone."""
    if isinstance(right, dict):
        return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
    if isinstance(right, list):
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    return type(value) is type(right)


def test_what_was_written_is_read_back():
    spec = ProbeSpec.of(presets()[1])
    assert read(spec.written()) == spec


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("name", FACTS)
def test_a_field_of_another_kind_is_named(name, value):
    text = json.dumps(FACTS | {name: value})
    if not same_kind(value, FACTS[name]):
        with pytest.raises(Unreadable) as refused:
            read(text)
        assert refused.value.message.id.startswith("probes.unreadable.")
    elif name in ("article", "boundary"):
        assert getattr(read(text), name) is value


def test_an_older_link_without_its_switches_has_them_on():
    spec = read(json.dumps({name: value for name, value in FACTS.items() if name not in ("article", "boundary")}))
    assert spec.article
    assert spec.boundary


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("name", ["do_sample", "temperature", "top_k", "num_beams", "seed", "name", "stop_strings"])
def test_a_column_of_a_link_is_read_as_strictly(name, value):
    right = getattr(ColumnSpec(), name)
    text = json.dumps([{name: value}])
    kinds = (int, float) if isinstance(right, float) else (list,) if name == "stop_strings" else (type(right),)
    if type(value) not in kinds:
        with pytest.raises(Unreadable):
            read_columns(text)
    elif isinstance(right, bool | str):
        assert getattr(read_columns(text)[0], name) is value or getattr(read_columns(text)[0], name) == value
