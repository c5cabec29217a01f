"""Checks of tokenization: completions of other lengths, lost boundaries, articles that shut words out."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.probes.articles import article_for, split_article
from dashboard.probes.continuations import Continuation


@dataclass(frozen=True)
class Tokenised:
    """A completion and its token ids, none of them special tokens that a tokenizer adds by itself."""

    text: str
    """As it stands behind the prompt: `` a nurse``."""
    whole: tuple[int, ...]
    """Of prompt and completion as one text, with the prompt's own beginning."""
    alone: tuple[int, ...]
    """Of the completion as a text of its own."""

    def behind(self, prompt_ids: Sequence[int]) -> Continuation:
        """Which of its tokens are scored."""
        return Continuation.of(tuple(prompt_ids), self.whole)


@dataclass(frozen=True)
class Finding:
    """One thing to know about completions behind a prompt; its words: ``probes.finding.<kind>``."""

    kind: str
    """
    - ``empty``: adds no token, so it has no probability;
    - ``no_beginning``: differs from the prompt in the very first token: nothing is given, so it has no probability;
    - ``boundary_lost``: the ids of prompt + completion do not begin with the prompt's: its end is read otherwise;
    - ``by_prompt``: has other tokens behind some prompts than behind others (found over all prompts together);
    - ``inside_word``: goes on with the prompt's last word instead of beginning its own;
    - ``double_space``: the prompt ends in white space and the completion begins with it;
    - ``alone_differs``: as a text of its own it has other tokens than behind the prompt;
    - ``same_tokens``: has the tokens of a completion before it;
    - ``begins_another``: its tokens begin another completion, whose probability is part of its own;
    - ``lengths``: has not as many tokens as most;
    - ``article``: does not take the article in which the prompt ends;
    - ``article_twice``: brings an article although the prompt ends in one.
    """
    which: tuple[int, ...]
    """Places of the completions that it holds of."""


def token_counts(prompt_ids: Sequence[int], completions: Sequence[Tokenised]) -> tuple[int, ...]:
    """Tokens of each completion that are scored."""
    return tuple(len(completion.behind(prompt_ids).scored) for completion in completions)


def findings(prompt: str, prompt_ids: Sequence[int], completions: Sequence[Tokenised]) -> tuple[Finding, ...]:
    """Findings, worst first; each holds of one completion at least.

    Args:
        prompt: its text.
        prompt_ids: its tokens.
        completions: in the lexicon's order; findings name their indices.
    """
    start = tuple(prompt_ids)
    counts = token_counts(start, completions)
    behind = [completion.behind(start) for completion in completions]
    whole = [pair.given == len(start) for pair in behind]
    tails = [pair.scored if keeps else () for pair, keeps in zip(behind, whole, strict=True)]
    article = _last_word(prompt).lower()
    ends_in_article = article in {"a", "an"}
    holds: dict[str, list[bool]] = {
        "empty": [not pair.scored for pair in behind],
        "no_beginning": [bool(pair.scored) and not pair.given for pair in behind],
        "boundary_lost": [bool(pair.scored) and 0 < pair.given < len(start) for pair in behind],
        "inside_word": [_inside_word(prompt, completion.text) for completion in completions],
        "double_space": [prompt[-1:].isspace() and each.text[:1].isspace() for each in completions],
        "alone_differs": [bool(tail) and tail != each.alone for tail, each in zip(tails, completions, strict=True)],
        "same_tokens": _seen_before(tails),
        "begins_another": _begin_another(tails),
        "lengths": _unlike_most(counts),
        "article": [ends_in_article and _other_article(each.text, article) for each in completions],
        "article_twice": [ends_in_article and bool(split_article(each.text.strip())[0]) for each in completions],
    }
    indices = {kind: tuple(at for at, true in enumerate(flags) if true) for kind, flags in holds.items()}
    return tuple(Finding(kind, which) for kind, which in indices.items() if which)


def _last_word(prompt: str) -> str:
    return prompt.rsplit(maxsplit=1)[-1] if prompt.strip() else ""


def _inside_word(prompt: str, text: str) -> bool:
    return prompt[-1:].isalnum() and text[:1].isalnum()


def _other_article(text: str, article: str) -> bool:
    """Whether the word takes another article than the prompt's; one that brings its own is not asked."""
    with_it, _ = split_article(text.strip())
    return not with_it and article_for(text) not in ("", article)


def _seen_before(tails: Sequence[tuple[int, ...]]) -> list[bool]:
    first: dict[tuple[int, ...], int] = {}
    return [bool(tail) and first.setdefault(tail, at) < at for at, tail in enumerate(tails)]


def _begin_another(tails: Sequence[tuple[int, ...]]) -> list[bool]:
    """In sorted order a sequence stands right before those that it begins."""
    order = sorted({tail for tail in tails if tail})
    begins = {tail for tail, after in itertools.pairwise(order) if after[: len(tail)] == tail}
    return [tail in begins for tail in tails]


def _unlike_most(counts: Sequence[int]) -> list[bool]:
    """Whether each differs from the commonest count, the smallest of several."""
    if not counts:
        return []
    tally = Counter(counts)
    usual = min(count for count, times in tally.items() if times == max(tally.values()))
    return [count != usual for count in counts]
