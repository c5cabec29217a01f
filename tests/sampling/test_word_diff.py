"""Texts beside each other, and forks that leave them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, Generated, GenerateRequest, Output, TokenFacts
from dashboard.sampling.forks import MOST, Fork, fork_request, left_by, read, written
from dashboard.sampling.word_diff import differing, first_difference
from tests.made.samples import RUN


@pytest.mark.parametrize(
    ("one", "other", "step"),
    [([1, 2, 3], [1, 2, 3], None), ([1, 2], [1, 9], 1), ([], [1], None), ([1, 2], [1], None), ([5], [6], 0)],
)
def test_texts_part_at_the_first_token_that_differs(one, other, step):
    assert first_difference(one, other) == step


def test_only_words_that_differ_are_marked_whatever_the_tokens():
    pieces = [" a", " sec", "urity", " guard", ",", " and"]
    assert differing(pieces, " a waiter, and") == [False, True, True, True, False, False]
    assert differing(pieces, "".join(pieces)) == [False] * 6
    # moved behind, a word is still there; what stands before it is new
    assert differing([" b", " a", " nurse"], " a nurse") == [True, False, False]


def test_blanks_alone_are_no_words():
    assert differing([" ", "\n", "x"], "x") == [False, False, False]
    assert differing([], "x") == []


FORKS = (Fork(0, 3, -1, 5, 318), Fork(0, 3, 0, 7, 4), Fork(2, 0, -1, 0, 49_151))


def test_forks_are_a_tree_in_the_link():
    assert written(FORKS) == "0.3.5.318,f0.7.4,2.0.0.49151"
    assert read(written(FORKS)) == FORKS
    assert read("") == ()


LEFT = st.tuples(st.integers(0, 999), st.integers(0, 9999), st.integers(0, 99_999), st.integers())


@given(st.lists(LEFT, max_size=MOST))
def test_any_tree_of_forks_comes_back_from_its_link(drawn):
    forks = []
    for column, row, step, left in drawn:
        parent = left % (len(forks) + 1) - 1
        origin = forks[parent] if parent >= 0 else Fork(column, row, -1, 0, 0)
        forks.append(Fork(origin.column, origin.row, parent, step, abs(left) % 10**7))
    assert read(written(forks)) == tuple(forks)


@pytest.mark.parametrize("text", ["f0.1.2", "1.2.3", "a.b.c.d", "0.3.5.-1", "0.3.5.318,", "1" * 50, "٣.3.5.3"])
def test_forks_that_cannot_be_are_named(text):
    with pytest.raises(ValueError, match=r".*"):
        read(text)


def test_there_are_only_so_many_forks():
    with pytest.raises(ValueError, match=str(MOST)):
        read(",".join(["0.0.0.1"] * (MOST + 1)))


def output(column, row, ids):
    none = np.zeros(len(ids), np.float32)
    tens = np.zeros((len(ids), 10), np.int64)
    facts = TokenFacts(np.array(ids), none, none, tens[:, 0], none, tens, tens, tens, tens)
    return Output(**vars(facts), column=column, row=row, stopped="limit")


def test_a_fork_begins_as_its_text_and_keeps_its_rows_noise():
    request = GenerateRequest(
        RUN, (Column(DecodeSettings(top_k=5), num_return_sequences=4, seed=9), Column(DecodeSettings(), num_beams=2))
    )
    made = Generated((output(0, 3, [10, 11, 12]), output(1, 0, [1])), ((), ()), (None, None), (0, 0), 1, 1, "shared")
    first = Fork(0, 3, -1, 2, 99)
    left = left_by(first, made, {})
    found = fork_request(request, first, left)
    assert found.forced == (10, 11, 99)
    assert found.first_row == 3
    assert (found.columns[0].num_return_sequences, found.columns[0].seed) == (1, 9)
    second = fork_request(request, Fork(0, 3, 0, 0, 5), output(0, 3, [10, 11, 99, 7]))
    assert second.forced == (5,)


def test_a_fork_of_a_text_that_is_gone_asks_for_nothing():
    request = GenerateRequest(RUN, (Column(DecodeSettings()), Column(DecodeSettings(), num_beams=2)))
    made = Generated((output(0, 0, [1]), output(1, 0, [1, 2])), ((), ()), (None, None), (0, 0), 1, 1, "shared")
    assert left_by(Fork(0, 5, -1, 0, 1), made, {}) is None
    assert left_by(Fork(0, 0, 0, 0, 1), made, {}) is None
    with pytest.raises(ValueError, match="no step 4"):
        fork_request(request, Fork(0, 0, -1, 4, 1), made.outputs[0])
    with pytest.raises(ValueError, match="no step"):
        fork_request(request, Fork(1, 0, -1, 0, 1), made.outputs[1])
