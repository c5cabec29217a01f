"""Token tries: by hand, and against the texts that they were built from."""

import numpy as np
import pytest

from dashboard.engine.scoring.token_trie import build_trie, common_prefix, join_tries, stem_tokens
from dashboard.engine.scoring.tree_attention import blocks, visible_nodes


def test_texts_that_begin_alike_share_those_nodes():
    found = build_trie(((5, 7), (5, 6, 9), (5,), (8,), (5, 7)))
    # depth first, in the order of the ids: 5, 5 6, 5 6 9, 5 7, 8
    assert found.trie.tokens.tolist() == [5, 6, 9, 7, 8]
    assert found.trie.parents.tolist() == [-1, 0, 1, 0, -1]
    assert found.trie.depths.tolist() == [0, 1, 2, 1, 0]
    assert found.ends.tolist() == [3, 2, 0, 4, 3]
    assert found.paths.tolist() == [[0, 3, -1], [0, 1, 2], [0, -1, -1], [4, -1, -1], [0, 3, -1]]


def test_only_nodes_with_something_to_say_go_through_the_model():
    texts = ((5, 7), (5, 6, 9), (5,), (8,))
    assert build_trie(texts).run.tolist() == [0, 1]
    assert build_trie(texts, beyond=True).run.tolist() == [0, 1, 2, 3, 4]
    assert build_trie(((5, 6, 7), (8,)), beyond=True).run.tolist() == [0, 1, 2, 3]
    assert build_trie(((4,), (9,))).run.tolist() == []


def test_rows_hold_every_node_that_goes_through_the_model():
    found = build_trie(((1, 2, 3), (1, 2, 4), (1, 5, 6), (7, 8), (9,)))
    tokens = [[int(found.trie.tokens[node]) for node in row] for row in found.rows]
    assert tokens == [[1, 2], [1, 5], [7]]


def test_a_forest_has_prompts_that_share_their_beginnings_and_completions_behind_each():
    completions = build_trie(((5,), (5, 6)))
    prompts = [(1, 2), (1, 2, 5), (1, 4)]
    found = join_tries(prompts, [completions] * 3)
    assert found.trie.tokens.tolist() == [1, 2, 5, 6, 5, 5, 6, 4, 5, 6]
    assert found.trie.parents.tolist() == [-1, 0, 1, 2, 1, 4, 5, 0, 7, 8]
    assert found.trie.depths.tolist() == [0, 1, 2, 3, 2, 3, 4, 1, 2, 3]
    assert found.lasts.tolist() == [1, 4, 7]
    assert found.firsts.tolist() == [2, 5, 8]
    assert stem_tokens(prompts) == 4


@pytest.mark.parametrize(("one", "other", "count"), [((), (1,), 0), ((1, 2), (1, 2), 2), ((1, 2), (1, 3, 4), 1)])
def test_equal_beginnings_are_counted(one, other, count):
    assert common_prefix(one, other) == count == common_prefix(other, one)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_a_node_sees_its_own_path_and_nothing_else(size):
    rng = np.random.default_rng(0)
    texts = tuple(tuple(int(i) for i in rng.integers(0, 3, rng.integers(1, 7))) for _ in range(25))
    tree = build_trie(texts).trie
    for start in range(0, len(tree), size):
        stop = min(start + size, len(tree))
        way = [*tree.path(start)[:-1], *range(start, stop)]
        for row, seen in enumerate(visible_nodes(tree, start, stop)):
            assert [node for node, there in zip(way, seen, strict=True) if there] == tree.path(start + row)


def test_blocks_cover_all_nodes_in_order_and_keep_both_limits():
    asked = np.array([1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 1], bool)
    assert list(blocks(asked, 4, 99)) == [(0, 4), (4, 8), (8, 11)]
    assert list(blocks(asked, 99, 99)) == [(0, 11)]
    assert list(blocks(asked, 99, 3)) == [(0, 6), (6, 10), (10, 11)]
    assert list(blocks(asked, 5, 1)) == [(0, 1), (1, 5), (5, 6), (6, 7), (7, 8), (8, 10), (10, 11)]
