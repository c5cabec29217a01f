"""Token tries: texts that begin alike share those tokens; one node a token, in depth-first order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dashboard.engine.api.arrays import Ints

Ids = tuple[int, ...]


@dataclass(frozen=True)
class TokenTrie:
    """Nodes in depth-first order: a node's descendants follow it at once."""

    tokens: Ints
    """(node,)"""
    parents: Ints
    """(node,) -1: a root."""
    depths: Ints
    """(node,) tokens before it."""

    def __len__(self) -> int:
        """The number of nodes."""
        return len(self.tokens)

    def subtrie(self, nodes: Ints) -> TokenTrie:
        """The trie of these nodes, ascending; it must hold the parents of all of them."""
        index = np.full(len(self) + 1, -1)  # the last: that of parent -1
        index[nodes] = np.arange(len(nodes))
        return TokenTrie(self.tokens[nodes], index[self.parents[nodes]], self.depths[nodes])

    def path(self, node: int, start: int = 0) -> list[int]:
        """The nodes from the root down to `node`, without those before `start`."""
        nodes = []
        while node >= start and node >= 0:
            nodes.append(node)
            node = int(self.parents[node])
        return nodes[::-1]


@dataclass(frozen=True)
class CompletionTrie:
    """Completions of a prompt as a trie."""

    trie: TokenTrie
    """Depths count from the prompt's end."""
    ends: Ints
    """(text,) node of its last token."""
    run: Ints
    """(node',) nodes whose next token is needed, ascending: these go through the model."""

    @cached_property
    def paths(self) -> Ints:
        """(text, token) nodes of each text; -1 after its last."""
        paths = np.full((len(self.ends), int(self.trie.depths.max()) + 1), -1)
        for row, end in zip(paths, self.ends.tolist(), strict=True):
            path = self.trie.path(end)
            row[: len(path)] = path
        return paths

    @cached_property
    def rows(self) -> list[list[int]]:
        """Paths that together hold every node of `run`, the longest first."""
        inner = set(self.trie.parents[self.run].tolist())
        paths = [self.trie.path(node) for node in self.run.tolist() if node not in inner]
        return sorted(paths, key=len, reverse=True)


def common_prefix(a: Ids, b: Ids) -> int:
    """How many tokens are equal at the start of both."""
    length = min(len(a), len(b))
    if a[:length] == b[:length]:
        return length
    return next(i for i in range(length) if a[i] != b[i])


def build_trie(texts: Sequence[Ids], *, beyond: bool = False, apart: bool = False) -> CompletionTrie:
    """The trie of some texts.

    Args:
        texts: of at least one token each; not empty.
        beyond: whether the next token after the last of each is needed too.
        apart: whether texts share no nodes, although they begin alike.
    """
    tokens: list[int] = []
    parents: list[int] = []
    depths: list[int] = []
    ends = np.zeros(len(texts), np.int64)
    path: list[int] = []
    last: Ids = ()
    # sorted, each text branches off the one before it
    for number in sorted(range(len(texts)), key=texts.__getitem__):
        text = texts[number]
        del path[0 if apart else common_prefix(last, text) :]
        for token in text[len(path) :]:
            tokens.append(token)
            parents.append(path[-1] if path else -1)
            depths.append(len(path))
            path.append(len(tokens) - 1)
        ends[number] = path[-1]
        last = text
    trie = TokenTrie(np.array(tokens, np.int64), np.array(parents, np.int64), np.array(depths, np.int64))
    inner = trie.parents[trie.parents >= 0]
    return CompletionTrie(trie, ends, np.unique(np.concatenate([inner, ends]) if beyond else inner))


@dataclass(frozen=True)
class PromptForest:
    """Prompts and the completions of each, as one trie."""

    prompts: Sequence[Ids]
    completions: Sequence[CompletionTrie]
    """(prompt,)"""
    trie: TokenTrie
    lasts: Ints
    """(prompt,) node of its last token."""
    firsts: Ints
    """(prompt,) first node of its completions."""


def join_tries(prompts: Sequence[Ids], completions: Sequence[CompletionTrie]) -> PromptForest:
    """One trie of prompts and their completions.

    Args:
        prompts: all different, ascending; not empty.
        completions: (prompt,) of each.
    """
    parts: list[tuple[Ints, Ints, Ints]] = []
    lasts, firsts = np.zeros(len(prompts), np.int64), np.zeros(len(prompts), np.int64)
    path: list[int] = []
    last: Ids = ()
    count = 0
    for number, (prompt, behind) in enumerate(zip(prompts, completions, strict=True)):
        del path[common_prefix(last, prompt) :]
        new = len(prompt) - len(path)
        stem = np.arange(count, count + new)
        parents = np.concatenate([path[-1:] or [-1], stem])[:new]
        parts.append((np.array(prompt[len(path) :], np.int64), parents, np.arange(len(path), len(prompt))))
        path += stem.tolist()
        count += new
        lasts[number], firsts[number] = path[-1], count
        trie = behind.trie
        parents = np.where(trie.parents < 0, path[-1], trie.parents + count)
        parts.append((trie.tokens, parents, trie.depths + len(prompt)))
        count += len(trie)
        last = prompt
    tokens, parents, depths = (np.concatenate(column).astype(np.int64) for column in zip(*parts, strict=True))
    return PromptForest(prompts, completions, TokenTrie(tokens, parents, depths), lasts, firsts)


def stem_tokens(prompts: Sequence[Ids]) -> int:
    """Nodes of the trie of prompts alone; these are all different and ascending."""
    return sum(len(text) - common_prefix(last, text) for last, text in zip([(), *prompts], prompts, strict=False))
