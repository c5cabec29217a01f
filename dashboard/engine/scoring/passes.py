"""Scoring passes: log-probabilities of a forest of prompts and completions, by one trie or in right-padded batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from dashboard.engine.api.arrays import Ints
from dashboard.engine.capture.limits import last_logits
from dashboard.engine.generation.text_generator import DeviceTurn, TextGenerator
from dashboard.engine.models.anatomy import FAMILY_ERRORS, check_ids
from dashboard.engine.models.precision import tolerance_of
from dashboard.engine.scoring.token_trie import CompletionTrie, Ids, PromptForest, build_trie, join_tries, stem_tokens
from dashboard.engine.scoring.tree_attention import BLOCK, TreeAttention, blocks

LOGIT_BYTES = 64 << 20
"""Most logits in memory at once [bytes]."""
ROWS = 32
"""Rows of logits that are normalised at once."""
BATCH_TOKENS = 2048
"""Most tokens in memory at once where every row has a copy of its prompt."""
CHECK_TEXTS = ((0, 1, 2, 3, 4, 5), (0, 1, 2, 6, 7), (0, 1, 5, 2), (0, 1, 5, 2, 3))
"""Texts, as indices of eight tokens, on which tree attention is compared with texts one by one."""


class LogProbReader:
    """Reads logits: ln p of every token behind a prompt, and the mass of a set of tokens after the texts' last ones."""

    def __init__(self, forest: PromptForest, bounds: Tensor | None) -> None:
        """Nothing is read yet.

        Args:
            forest: what is scored.
            bounds: ids of the set; ``None``: no mass is needed.
        """
        self._tokens, self._bounds = forest.trie.tokens, bounds
        tries = list(zip(forest.firsts, forest.completions, strict=True))
        scored = np.concatenate([np.arange(first, first + len(behind.trie)) for first, behind in tries])
        parents = forest.trie.parents[scored]
        order = np.argsort(parents, kind="stable")
        # (child,) in the order of their parents
        self._children, self._parents = scored[order], parents[order]
        self._ends = np.zeros(len(forest.trie), bool)
        if bounds is not None:
            self._ends[np.concatenate([first + behind.ends for first, behind in tries])] = True
        self.needed = self._ends.copy()
        """(node,) whether logits after it are needed."""
        self.needed[parents] = True
        self.log_p = np.full(len(forest.trie), np.nan, np.float32)
        """(node,) ln p of its token, given those on its path; NaN in prompts."""
        self.mass = np.full(len(forest.trie), np.nan, np.float32)
        """(node,) ln of the set's probability after it; NaN where it is not needed."""

    def read(self, nodes: Ints, logits: Tensor) -> None:
        """Read the (A, vocab) float32 logits after (A,) nodes."""
        total = torch.cat([part.logsumexp(-1) for part in logits.split(ROWS)])
        starts = np.searchsorted(self._parents, nodes)
        counts = np.searchsorted(self._parents, nodes, side="right") - starts
        rows = np.repeat(np.arange(len(nodes)), counts)
        order = np.arange(len(rows)) + np.repeat(starts - np.cumsum(counts) + counts, counts)
        children = self._children[order]
        row, tokens = (torch.from_numpy(array).to(logits.device) for array in (rows, self._tokens[children]))
        self.log_p[children] = (logits[row, tokens] - total[row]).cpu().numpy()
        ends = np.flatnonzero(self._ends[nodes])
        if len(ends):
            row = torch.from_numpy(ends).to(logits.device)
            mass = torch.cat([logits[part][:, self._bounds].logsumexp(-1) for part in row.split(ROWS)])
            self.mass[nodes[ends]] = (mass - total[row]).cpu().numpy()

    def read_text(self, nodes: Ints, logits: Tensor) -> None:
        """Read one text: (n,) its nodes, (n + 1, vocab) float32 logits before each and after the last."""
        tokens = torch.from_numpy(self._tokens[nodes]).to(logits.device)[:, None]
        total = logits.logsumexp(-1)
        self.log_p[nodes] = (logits[:-1].gather(-1, tokens)[:, 0] - total[:-1]).cpu().numpy()
        if self._bounds is not None:
            self.mass[nodes[-1]] = float(logits[-1, self._bounds].logsumexp(-1) - total[-1])


def logit_rows(generator: TextGenerator) -> int:
    """Most rows of logits in memory at once."""
    return max(ROWS, LOGIT_BYTES // (4 * generator.model.get_input_embeddings().weight.shape[0]))


# -- by one trie --------------------------------------------------------------------------------------------------
def by_tree(
    generator: TextGenerator,
    forest: PromptForest,
    log_probs: LogProbReader,
    turn: DeviceTurn | None,
    block: int = BLOCK,
) -> None:
    """Read the whole forest in blocks of at most `block` nodes. Raises Busy, Cancelled."""
    # a leaf goes through the model only where logits after it are needed
    run = np.union1d(forest.trie.parents[forest.trie.parents >= 0], np.flatnonzero(log_probs.needed))
    tree_attention, needed = TreeAttention(generator.model, forest.trie.subtrie(run), block), log_probs.needed[run]
    for start, stop in blocks(needed, block, logit_rows(generator)):
        nodes = start + np.flatnonzero(needed[start:stop])
        log_probs.read(run[nodes], tree_attention.step(start, stop, nodes))
        _tell(turn, stop / len(run))


def tree_tokens(prompts: Sequence[Ids], completions: Sequence[CompletionTrie]) -> int:
    """Tokens that `by_tree` puts through the model."""
    return stem_tokens(prompts) + sum(len(behind.run) for behind in completions)


def tree_matches_model(generator: TextGenerator) -> bool:
    """Whether tree attention gives the log-probabilities of texts one by one."""
    ids = check_ids(generator.model, 8)
    check = [tuple(ids[i % len(ids)] for i in text) for text in CHECK_TEXTS]
    prompt, texts = check[0][:1], [text[1:] for text in check]
    forest = join_tries([prompt], [build_trie(texts)])
    log_probs = LogProbReader(forest, None)
    try:
        by_tree(generator, forest, log_probs, None, block=4)
    except FAMILY_ERRORS:
        return False
    longest = max(len(text) for text in check)
    padded = generator.ids([token for text in check for token in (*text, *[0] * (longest - len(text)))])
    padded = padded.view(len(check), longest)
    log_p = generator.model(input_ids=padded, use_cache=False).logits.float().log_softmax(-1)
    expected = log_p[:, :-1].gather(-1, padded[:, 1:, None])[..., 0].cpu().numpy()
    paths = forest.completions[0].paths
    error = np.abs(log_probs.log_p[forest.firsts[0] + paths] - expected)[paths >= 0].max()
    tolerance = tolerance_of(generator.model.dtype)
    return bool(error <= tolerance * max(1.0, float(np.abs(expected).max())))


# -- in batches ---------------------------------------------------------------------------------------------------
def by_batches(generator: TextGenerator, forest: PromptForest, log_probs: LogProbReader, turn: DeviceTurn) -> None:
    """Read the whole forest prompt by prompt, right-padded rows behind each. Raises Busy, Cancelled."""
    done, total = 0, batch_tokens(generator, forest.prompts, forest.completions)
    parts = zip(forest.prompts, forest.completions, forest.lasts, forest.firsts, strict=True)
    for prompt, behind, last, first in parts:
        if crosses(generator, prompt, behind):
            for path in behind.paths:
                done += _read_whole(generator, prompt, first + path[path >= 0], forest, log_probs)
                _tell(turn, done / total)
            continue
        computed = generator.prompt(generator.ids(prompt), turn.control)
        log_probs.read(np.array([last]), computed.logits[None])
        done += len(prompt)
        seen: set[int] = set()
        for rows in _batches(behind.rows, len(prompt), logit_rows(generator)):
            longest = len(rows[0])
            ids = [int(behind.trie.tokens[node]) for row in rows for node in row + row[:1] * (longest - len(row))]
            logits = computed.begin(len(rows)).step(generator.ids(ids).view(len(rows), longest))
            cells = [(node, i, j) for i, row in enumerate(rows) for j, node in enumerate(row) if node not in seen]
            seen |= {node for node, _, _ in cells}
            nodes, i, j = np.array(cells).T
            log_probs.read(first + nodes, logits[generator.ids(i.tolist()), generator.ids(j.tolist())])
            done += len(rows) * _width(generator, longest, len(prompt))
            _tell(turn, done / total)


def batch_tokens(generator: TextGenerator, prompts: Sequence[Ids], completions: Sequence[CompletionTrie]) -> int:
    """Tokens that `by_batches` puts through the model."""
    most, tokens = logit_rows(generator), 0
    for prompt, behind in zip(prompts, completions, strict=True):
        if crosses(generator, prompt, behind):
            tokens += sum(len(prompt) + int((path >= 0).sum()) for path in behind.paths)
            continue
        batches = _batches(behind.rows, len(prompt), most)
        tokens += len(prompt) + sum(len(rows) * _width(generator, len(rows[0]), len(prompt)) for rows in batches)
    return tokens


def crosses(generator: TextGenerator, prompt: Ids, behind: CompletionTrie) -> bool:
    """Whether a text behind `prompt` crosses a length at which the cache of the prompt becomes invalid."""
    return generator.prompt_cache.crosses(len(prompt), len(prompt) + behind.paths.shape[1])


def _read_whole(
    generator: TextGenerator, prompt: Ids, nodes: Ints, forest: PromptForest, log_probs: LogProbReader
) -> int:
    """Read one text by one pass over prompt and text; the tokens that went through the model."""
    text = [*prompt, *forest.trie.tokens[nodes].tolist()]
    log_probs.read_text(nodes, last_logits(generator.model, text, len(nodes) + 1))
    return len(text)


def _width(generator: TextGenerator, new: int, before: int) -> int:
    """Tokens that a row of `new` ones behind `before` puts through the model."""
    return new + before if generator.prompt_cache.name(new + before) == "anew" else new


def _batches(rows: list[list[int]], before: int, most: int) -> Iterator[list[list[int]]]:
    """Rows, the longest first, as many at once as fit.

    Args:
        rows: the longest first.
        before: tokens of the prompt, of which each has a copy.
        most: rows of logits.
    """
    start = 0
    while start < len(rows):
        longest = len(rows[start])
        stop = start + max(1, min(most // longest, BATCH_TOKENS // (before + longest)))
        yield rows[start:stop]
        start = stop


def _tell(turn: DeviceTurn | None, share: float) -> None:
    if turn is not None:
        turn.control.progress(min(1.0, share))
        turn.give_way()
