"""A probe ready to be scored: its prompts and completions as tokens, and what there is to know about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.errors import NothingToScore
from dashboard.probes.lexicon import Completion
from dashboard.probes.spec import ProbeSpec
from dashboard.probes.templates import size
from dashboard.probes.tokenised import Finding, Tokenised, findings

Tokenise = Callable[[Sequence[str], bool], Sequence[tuple[int, ...]]]
"""(texts, alone) -> ids of each; alone: without the special tokens that a prompt begins with."""
CHECKED = 20
"""Prompts behind which every completion's tokens are looked at: the first of each template, then others."""


@dataclass(frozen=True)
class Prepared:
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
    findings: tuple[tuple[str, tuple[str, ...]], ...]
    """(kind, completions) to know about, worst first."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many (template, group, completion)."""
        return len(self.spec.probe.templates), self.spec.probe.groups, len(self.completions)

    @property
    def group_names(self) -> tuple[str, ...]:
        """(group,) the words of each."""
        probe = self.spec.probe
        return tuple(probe.group(group).name for group in range(probe.groups))

    def arranged(self, log_p: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
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


def prepared(spec: ProbeSpec, tokenise: Tokenise) -> Prepared:
    """Tokenise a probe and look at what tokenisation does to it.

    Raises:
        DashboardError: the probe cannot be read, is too large, or nothing of it can be scored.
    """
    probe, lexicon = spec.probe, spec.completions
    size(probe, len(lexicon.completions))  # refuses before anything is built
    pairs = [(template, group) for template in range(len(probe.templates)) for group in range(probe.groups)]
    prompts = [probe.prompt(template, group) for template, group in pairs]
    prompts += [template.neutral for template in probe.templates if template.neutral]
    texts = [one.after(article=spec.article) for one in lexicon.completions]
    prompt_ids = list(tokenise(prompts, False))
    alone = list(tokenise(texts, True))
    shown = _looked_at(prompts, probe.groups)
    whole = tokenise([prompts[at] + text for at in shown for text in texts], False)
    found = _findings([(prompts[at], prompt_ids[at]) for at in shown], list(zip(texts, alone, strict=True)), whole)
    empty = {at for finding in found if finding.kind == "empty" for at in finding.which}
    empty |= {at for at, ids in enumerate(alone) if not ids}
    kept = [at for at in range(len(texts)) if at not in empty]
    if not kept:
        raise NothingToScore(place=1)
    return Prepared(
        spec=spec,
        prompts=tuple(prompts),
        prompt_ids=tuple(prompt_ids),
        completions=tuple(lexicon.completions[at] for at in kept),
        texts=tuple(texts[at] for at in kept),
        completion_ids=tuple(alone[at] for at in kept),
        findings=tuple((one.kind, tuple(texts[at].strip() for at in one.which)) for one in found),
    )


def _looked_at(prompts: Sequence[str], groups: int) -> list[int]:
    """The first prompt of each template, then the others, CHECKED at most."""
    first = list(range(0, len(prompts), groups))
    return [*first, *(at for at in range(len(prompts)) if at not in set(first))][:CHECKED]


def _findings(
    prompts: Sequence[tuple[str, tuple[int, ...]]],
    completions: Sequence[tuple[str, tuple[int, ...]]],
    whole: Sequence[tuple[int, ...]],
) -> list[Finding]:
    """Of all prompts looked at together: a completion is named once for each thing that holds of it somewhere.

    Args:
        prompts: text and ids.
        completions: text and ids alone.
        whole: ids of each completion behind each prompt, completions fastest.
    """
    holds: dict[str, set[int]] = {}
    for place, (prompt, ids) in enumerate(prompts):
        rows = whole[place * len(completions) : (place + 1) * len(completions)]
        behind = [Tokenised(text, row, alone) for (text, alone), row in zip(completions, rows, strict=True)]
        for finding in findings(prompt, ids, behind):
            holds.setdefault(finding.kind, set()).update(finding.which)
    return [Finding(kind, tuple(sorted(which))) for kind, which in holds.items()]
