"""TokenizedProbe: a probe's prompts and completions as tokens, with what the checks of tokenization say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.errors import NothingToScore, PromptEmpty
from dashboard.probes.continuations import Ids, Rows, Tokenise, continuations, shared
from dashboard.probes.lexicon import Completion
from dashboard.probes.spec import ProbeSpec
from dashboard.probes.templates import size
from dashboard.probes.tokenization_checks import Finding, Tokenised, findings

MOST_PAIRS = 50_000
"""Up to so many pairs of a prompt and a completion are all tokenised here; a job tokenises more, chunk by chunk."""
CHECKED = 20
"""Prompts behind which completions are looked at where there are more pairs: each template's first, then others."""


@dataclass(frozen=True)
class TokenizedProbe:
    """Prompts and completions of a probe as tokens."""

    spec: ProbeSpec
    prompts: tuple[str, ...]
    """Template by template its groups, then the neutral prompts."""
    prompt_ids: tuple[tuple[int, ...], ...]
    completions: tuple[Completion, ...]
    """Those that have tokens."""
    texts: tuple[str, ...]
    """(completion,) as they stand behind a prompt."""
    completion_ids: tuple[tuple[int, ...], ...]
    """What is scored of each behind the first prompt."""
    findings: tuple[tuple[str, tuple[str, ...]], ...]
    """(kind, completions) to know about, worst first."""
    by_prompt: Rows = ()
    """(prompt, completion) where completions have other tokens behind some prompts, or the end of a prompt is read
    otherwise; empty where `completion_ids` follow `prompt_ids` everywhere."""
    whole: bool = True
    """Whether every pair was looked at: there are no more than MOST_PAIRS."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many (template, group, completion)."""
        return len(self.spec.probe.templates), self.spec.probe.groups, len(self.completions)

    @property
    def group_names(self) -> tuple[str, ...]:
        """(group,) the words of each."""
        probe = self.spec.probe
        return tuple(probe.group(group).name for group in range(probe.groups))

    @property
    def lengths(self) -> tuple[int, ...]:
        """(completion,) most tokens that are scored of each."""
        if not self.by_prompt:
            return tuple(map(len, self.completion_ids))
        return tuple(
            max(len(continuation.scored) for continuation in column) for column in zip(*self.by_prompt, strict=True)
        )

    def by_template(self, log_p: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """(template, group, completion) scores, and (template, completion) behind the neutral prompts, NaN without one.

        Args:
            log_p: (prompt, completion), prompts in order.
        """
        templates, groups, completions = self.shape
        scores = log_p[: templates * groups].reshape(templates, groups, completions)
        have = [at for at, template in enumerate(self.spec.probe.templates) if template.neutral]
        if not have:
            return scores, None
        neutral = np.full((templates, completions), np.nan)
        neutral[have] = log_p[templates * groups :]
        return scores, neutral


def tokenize_probe(spec: ProbeSpec, tokenise: Tokenise) -> TokenizedProbe:
    """Tokenise a probe and look at what tokenisation does to it.

    Raises:
        DashboardError: the probe cannot be read, is too large, or nothing of it can be scored.
    """
    probe, lexicon = spec.probe, spec.completions
    size(probe, len(lexicon.completions))  # refuses before anything is built
    pairs = [(template, group) for template in range(len(probe.templates)) for group in range(probe.groups)]
    prompts = [probe.prompt(template, group) for template, group in pairs]
    prompts += [template.neutral for template in probe.templates if template.neutral]
    texts = [completion.after(article=spec.article) for completion in lexicon.completions]
    prompt_ids = [tuple(ids) for ids in tokenise(prompts, False)]
    if not all(prompt_ids):
        raise PromptEmpty
    whole = len(prompts) * len(texts) <= MOST_PAIRS
    looked_at = list(range(len(prompts))) if whole else _looked_at(prompts, probe.groups)
    checked_prompts, checked_ids = [prompts[at] for at in looked_at], [prompt_ids[at] for at in looked_at]
    rows = continuations(checked_ids, checked_prompts, texts, tokenise)
    checked = _findings(checked_prompts, checked_ids, list(zip(texts, tokenise(texts, True), strict=True)), rows)
    scorable = [at for at in range(len(texts)) if all(row[at].scorable for row in rows)]
    if not scorable:
        raise NothingToScore(place=1)
    rows = tuple(tuple(row[at] for at in scorable) for row in rows)
    return TokenizedProbe(
        spec=spec,
        prompts=tuple(prompts),
        prompt_ids=tuple(prompt_ids),
        completions=tuple(lexicon.completions[at] for at in scorable),
        texts=tuple(texts[at] for at in scorable),
        completion_ids=tuple(continuation.scored for continuation in rows[0]),
        findings=tuple((finding.kind, tuple(texts[at].strip() for at in finding.which)) for finding in checked),
        by_prompt=() if not whole or shared(rows, prompt_ids) else rows,
        whole=whole,
    )


def _looked_at(prompts: Sequence[str], groups: int) -> list[int]:
    """The first prompt of each template, then the others, CHECKED at most."""
    first = list(range(0, len(prompts), groups))
    return [*first, *(at for at in range(len(prompts)) if at not in set(first))][:CHECKED]


def _findings(
    prompts: Sequence[str], prompt_ids: Sequence[Ids], completions: Sequence[tuple[str, Ids]], rows: Rows
) -> list[Finding]:
    """Of all prompts looked at together: a completion is named once for each thing that holds of it somewhere.

    Args:
        prompts: texts.
        prompt_ids: of each.
        completions: text and ids alone.
        rows: each completion behind each prompt.
    """
    holds: dict[str, set[int]] = {}
    for prompt, ids, row in zip(prompts, prompt_ids, rows, strict=True):
        behind = [
            Tokenised(text, continuation.ids, alone)
            for (text, alone), continuation in zip(completions, row, strict=True)
        ]
        for finding in findings(prompt, ids, behind):
            holds.setdefault(finding.kind, set()).update(finding.which)
    holds["by_prompt"] = {at for at in range(len(completions)) if len({row[at].scored for row in rows}) > 1}
    return [Finding(kind, tuple(sorted(which))) for kind, which in holds.items() if which]
