"""Trees of tokens: texts that begin alike share those tokens; one node a token, depth first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dashboard.engine.api.arrays import Ints

Ids = tuple[int, ...]


@dataclass(frozen=True)
class TokenTrie:
    """Nodes in the order of a walk that goes as deep as it can: a node's children and theirs follow it at once."""

    tokens: Ints
    """(node,)"""
    parents: Ints
    """(node,) -1: nothing before it in this tree."""
    depths: Ints
    """(node,) tokens before it."""

    def __len__(self) -> int:
        """Nodes."""
        return len(self.tokens)

    def only(self, kept: Ints) -> TokenTrie:
        """The tree of these nodes, ascending; the parents of all of them must be among them."""
        place = np.full(len(self) + 1, -1)  # the last: that of parent -1
        place[kept] = np.arange(len(kept))
        return TokenTrie(self.tokens[kept], place[self.parents[kept]], self.depths[kept])

    def path(self, node: int, start: int = 0) -> list[int]:
        """The nodes from the first down to `node`, none before `start`."""
        found = []
        while node >= start and node >= 0:
            found.append(node)
            node = int(self.parents[node])
        return found[::-1]


@dataclass(frozen=True)
class CompletionTrie:
    """What may follow a prompt."""

    tree: TokenTrie
    """Depths count from the prompt's end."""
    ends: Ints
    """(text,) node of its last token."""
    run: Ints
    """(node',) nodes whose next token is asked for, ascending: these go through the model."""

    @cached_property
    def paths(self) -> Ints:
        """(text, token) nodes of each text; -1 after its last."""
        found = np.full((len(self.ends), int(self.tree.depths.max()) + 1), -1)
        for row, end in zip(found, self.ends.tolist(), strict=True):
            path = self.tree.path(end)
            row[: len(path)] = path
        return found

    @cached_property
    def rows(self) -> list[list[int]]:
        """Paths that hold every node of `run`, the longest first."""
        inner = set(self.tree.parents[self.run].tolist())
        paths = [self.tree.path(node) for node in self.run.tolist() if node not in inner]
        return sorted(paths, key=len, reverse=True)


def common(one: Ids, other: Ids) -> int:
    """So many tokens are equal at the start of both."""
    length = min(len(one), len(other))
    if one[:length] == other[:length]:
        return length
    return next(i for i in range(length) if one[i] != other[i])


def build_trie(texts: Sequence[Ids], *, beyond: bool = False, apart: bool = False) -> CompletionTrie:
    """The tree of some texts.

    Args:
        texts: of at least one token each; not empty.
        beyond: whether what follows the last token of each is asked for too.
        apart: every text has nodes of its own, although it begins as others do.
    """
    tokens: list[int] = []
    parents: list[int] = []
    depths: list[int] = []
    ends = np.zeros(len(texts), np.int64)
    path: list[int] = []
    last: Ids = ()
    # in this order each text leaves the one before it where it leaves the tree
    for number in sorted(range(len(texts)), key=texts.__getitem__):
        text = texts[number]
        del path[0 if apart else common(last, text) :]
        for token in text[len(path) :]:
            tokens.append(token)
            parents.append(path[-1] if path else -1)
            depths.append(len(path))
            path.append(len(tokens) - 1)
        ends[number] = path[-1]
        last = text
    tree = TokenTrie(np.array(tokens, np.int64), np.array(parents, np.int64), np.array(depths, np.int64))
    inner = tree.parents[tree.parents >= 0]
    return CompletionTrie(tree, ends, np.unique(np.concatenate([inner, ends]) if beyond else inner))


@dataclass(frozen=True)
class PromptForest:
    """Prompts, and behind each what may follow it, as one tree."""

    prompts: Sequence[Ids]
    branches: Sequence[CompletionTrie]
    """(prompt,)"""
    tree: TokenTrie
    lasts: Ints
    """(prompt,) node of its last token."""
    firsts: Ints
    """(prompt,) first node of its branches."""


def join_tries(prompts: Sequence[Ids], branches: Sequence[CompletionTrie]) -> PromptForest:
    """One tree of prompts and their branches.

    Args:
        prompts: all different, ascending; not empty.
        branches: (prompt,) what may follow each.
    """
    parts: list[tuple[Ints, Ints, Ints]] = []
    lasts, firsts = np.zeros(len(prompts), np.int64), np.zeros(len(prompts), np.int64)
    path: list[int] = []
    last: Ids = ()
    count = 0
    for number, (prompt, behind) in enumerate(zip(prompts, branches, strict=True)):
        del path[common(last, prompt) :]
        new = len(prompt) - len(path)
        stem = np.arange(count, count + new)
        parents = np.concatenate([path[-1:] or [-1], stem])[:new]
        parts.append((np.array(prompt[len(path) :], np.int64), parents, np.arange(len(path), len(prompt))))
        path += stem.tolist()
        count += new
        lasts[number], firsts[number] = path[-1], count
        own = behind.tree
        parts.append((own.tokens, np.where(own.parents < 0, path[-1], own.parents + count), own.depths + len(prompt)))
        count += len(own)
        last = prompt
    tokens, parents, depths = (np.concatenate(some).astype(np.int64) for some in zip(*parts, strict=True))
    return PromptForest(prompts, branches, TokenTrie(tokens, parents, depths), lasts, firsts)


def stem_tokens(prompts: Sequence[Ids]) -> int:
    """Nodes of the prompts alone, which are all different and ascending."""
    return sum(len(text) - common(last, text) for last, text in zip([(), *prompts], prompts, strict=False))
