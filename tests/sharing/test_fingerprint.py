"""A chart's numbers in a link: equal ones agree to the last bit, any other number is noticed, any damage refused."""

import base64
import dataclasses
import zlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dashboard.engine.api.attention import HeadRequest
from dashboard.export import Export
from dashboard.parsing.unreadable import Unreadable
from dashboard.sharing.fingerprint import SAMPLED, Fingerprint, question_of
from tests.made import samples

RUN = samples.run_key()
EXPORT = Export.of([HeadRequest(RUN, 1, 2)], "head", {"own_scale": False})


def fingerprint(values, name="weight", **more):
    return Fingerprint.of(EXPORT, pd.DataFrame({"token": ["x"] * len(values), name: values, **more}))


FLOATS = arrays(np.float32, st.integers(0, 60), elements=st.floats(width=32))


@given(FLOATS)
def test_a_fingerprint_comes_back_from_its_link_and_equal_numbers_agree(values):
    first = fingerprint(values)
    read = Fingerprint.read(first.written())
    assert read == first
    assert len(read.values) <= SAMPLED
    assert read.compared(fingerprint(values.copy())).identical


@given(FLOATS.filter(len), st.data())
def test_one_other_number_anywhere_is_noticed(values, data):
    place = data.draw(st.integers(0, len(values) - 1))
    changed = values.copy()
    changed[place] = np.nextafter(changed[place], np.float32(np.inf)) if np.isfinite(changed[place]) else 0
    expected = values.tobytes() == changed.tobytes() or (values[place] == changed[place])
    assert fingerprint(values).compared(fingerprint(changed)).identical is bool(expected)


def test_the_largest_differences_are_those_of_hand():
    compared = fingerprint([1.0, 2.0, -4.0, 0.0]).compared(fingerprint([1.0, 2.5, -4.25, 0.125]))
    assert (compared.identical, compared.sampled, compared.unequal) == (False, 4, 3)
    assert compared.absolute == 0.5
    assert compared.relative == 0.25
    assert compared.counts == (4, 4)


def test_numbers_that_differ_beside_the_sample_are_no_same_numbers():
    values = np.arange(1000, dtype=np.float32)
    first = fingerprint(values)
    places = {int(value) for value in first.values}
    other = values.copy()
    other[next(place for place in range(1000) if place not in places)] += 1
    compared = first.compared(fingerprint(other))
    assert (compared.identical, compared.unequal, compared.absolute) == (False, 0, 0)


def test_another_number_of_values_is_said_and_nothing_compared():
    compared = fingerprint([1.0, 2.0]).compared(fingerprint([1.0, 2.0, 3.0]))
    assert (compared.identical, compared.counts, compared.sampled) == (False, (2, 3), 0)


def test_minus_nought_and_every_nan_are_one():
    assert fingerprint([0.0, np.nan]).compared(fingerprint([-0.0, -np.nan])).identical


def test_tokens_are_compared_one_by_one_and_are_equal_or_not():
    compared = fingerprint(np.array([5, 6, 49151]), "id").compared(fingerprint(np.array([5, 7, 9]), "id"))
    assert compared.ids
    assert (compared.sampled, compared.unequal) == (3, 2)


def test_counts_beside_floats_are_checked_but_floats_sampled():
    first, other = (fingerprint([0.5], head=[number]) for number in (1, 2))
    assert first.values == (0.5,)
    assert not first.compared(other).identical


def test_a_question_is_the_same_whichever_version_answers_and_another_for_any_other_view():
    elsewhere = dataclasses.replace(
        RUN, version=dataclasses.replace(RUN.version, transformers="6.0", revision="f" * 40)
    )
    assert question_of(Export.of([HeadRequest(elsewhere, 1, 2)], "head", {"own_scale": False})) == question_of(EXPORT)
    others = [
        Export.of([HeadRequest(RUN, 1, 3)], "head", {"own_scale": False}),
        Export.of([HeadRequest(RUN, 1, 2)], "head", {"own_scale": True}),
        Export.of([HeadRequest(RUN, 1, 2)], "lines", {"own_scale": False}),
        Export.of([HeadRequest(dataclasses.replace(RUN, token_ids=(1, 2)), 1, 2)], "head", {"own_scale": False}),
    ]
    assert len({question_of(export) for export in [EXPORT, *others]}) == 5


WRITTEN = fingerprint(np.linspace(0, 1, 50)).written()


@pytest.mark.parametrize("place", range(0, len(WRITTEN), 3))
def test_an_edited_fingerprint_is_refused(place):
    edited = WRITTEN[:place] + ("A" if WRITTEN[place] != "A" else "B") + WRITTEN[place + 1 :]
    with pytest.raises(Unreadable):
        Fingerprint.read(edited)


@pytest.mark.parametrize("end", range(1, len(WRITTEN)))
def test_a_fingerprint_that_was_cut_off_is_refused(end):
    with pytest.raises(Unreadable):
        Fingerprint.read(WRITTEN[:end])


@given(st.one_of(st.text(), st.binary(max_size=150).map(lambda data: base64.urlsafe_b64encode(data).decode())))
def test_whatever_else_stands_there_is_refused(text):
    with pytest.raises(Unreadable):
        Fingerprint.read(text)


def sealed(data):
    return base64.urlsafe_b64encode(data + zlib.crc32(data).to_bytes(4)).decode().rstrip("=")


def test_a_later_version_says_so_and_counts_that_do_not_fit_are_refused():
    data = base64.urlsafe_b64decode(WRITTEN + "=" * (-len(WRITTEN) % 4))[:-4]
    assert Fingerprint.read(sealed(data)).written() == WRITTEN
    with pytest.raises(Unreadable, match=r"share\.unreadable\.version"):
        Fingerprint.read(sealed(b"\x02" + data[1:]))
    for changed in (data[:1] + b"\x09" + data[2:], data[:1] + b"\x07" + data[2:], data + b"\0\0\0\0"):
        with pytest.raises(Unreadable, match=r"share\.unreadable\.numbers"):
            Fingerprint.read(sealed(changed))
    with pytest.raises(Unreadable):
        Fingerprint.read("A" * 100_000)


def test_whole_numbers_of_which_some_are_missing_are_compared_as_well():
    first, same, other = (
        fingerprint([0.5, 0.25], rank=pd.array(ranks, dtype="Int64")) for ranks in ([1, None], [1, None], [1, 0])
    )
    assert first.compared(same).identical
    assert not first.compared(other).identical
