"""A job's specification: plain data, one form, and an id that changes with everything in it."""

import hashlib
import json
import math

import pytest

import dashboard
from dashboard.jobs.spec import ID, JobSpec, run_facts
from dashboard.run_key import ModelVersion
from tests.made.jobs import HOSTILE, RUN, made_spec


def test_the_id_is_a_hash_of_the_whole_specification():
    """Worked out here from the rule, not from the code."""
    spec = JobSpec("squares", {"model": "m"}, {"power": 2}, [1, "é"], chunk=4)
    written = '{"chunk":4,"format":1,"items":[1,"\\u00e9"],"kind":"squares","request":{"power":2},"run":{"model":"m"}}'
    assert spec.text == written
    assert spec.id == hashlib.sha256(written.encode()).hexdigest()[:32]
    assert ID.fullmatch(spec.id)


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "cubes"},
        {"run": RUN | {"revision": "other"}},
        {"run": RUN | {"torch": "2.14.0"}},
        {"request": {"power": 3}},
        {"request": {"power": 2.5}},
        {"items": list(range(9))},
        {"items": [1, 0, *range(2, 10)]},
        {"chunk": 4},
    ],
)
def test_a_changed_specification_is_another_job(changed):
    assert made_spec(**changed).id != made_spec().id


def test_equal_specifications_are_one_job_however_they_are_written():
    one = made_spec(request={"a": (1, 2), "b": {"c": None}}, items=[("x", 1), ("y", 2)])
    other = made_spec(request={"b": {"c": None}, "a": [1, 2]}, items=[["x", 1], ["y", 2]])
    assert one == other
    assert one.id == other.id


def test_work_sees_the_same_before_and_after_a_restart():
    spec = made_spec(request={"ids": (1, 2)}, items=[(1, 2), {"text": "a"}])
    again = JobSpec.read(spec.text)
    assert again == spec
    assert again.id == spec.id
    assert spec.request["ids"] == [1, 2]
    assert spec.items[0] == [1, 2]


@pytest.mark.parametrize("text", [*HOSTILE, "lone \ud800 surrogate", "\udfff"])
def test_any_text_may_be_an_item(text):
    spec = made_spec(items=[text], request={text: text})
    assert spec.text.isascii()
    again = JobSpec.read(spec.text)
    assert again.items == [text]
    assert again.request == {text: text}
    assert again.id == spec.id


@pytest.mark.parametrize("bad", [{"items": []}, {"chunk": 0}, {"items": [math.nan]}, {"items": [b"bytes"]}])
def test_what_is_not_plain_data_is_our_mistake(bad):
    with pytest.raises((TypeError, ValueError)):
        made_spec(**bad)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '{"format":1}', json.dumps({"format": 2, "kind": "k"}), '{"format":1,"x":2}']
)
def test_what_is_no_specification_is_not_read(text):
    with pytest.raises(ValueError, match=r".*"):
        JobSpec.read(text)


def test_the_last_chunk_may_be_shorter():
    spec = made_spec(items=10, chunk=3)
    assert spec.chunks == 4
    assert [list(spec.items_of(chunk)) for chunk in range(4)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]


def test_users_texts_are_not_in_a_repr():
    assert "secret" not in repr(made_spec(items=["secret"], request={"prompt": "secret"}))


def test_the_facts_of_a_job_are_those_that_do_not_depend_on_a_prompt():
    assert run_facts(ModelVersion("m", "r", "float32", "cpu", "5.23.0", "2.13.0")) == {
        "model": "m",
        "revision": "r",
        "dtype": "float32",
        "device": "cpu",
        "template": "raw",
        "transformers": "5.23.0",
        "torch": "2.13.0",
        "dashboard": dashboard.__version__,
    }
