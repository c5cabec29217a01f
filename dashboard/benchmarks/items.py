"""What benchmark files hold, read: pairs and triples of sentences, and contexts that end in a pronoun."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class SentencePair:
    """Two sentences that differ in the group that they are about (CrowS-Pairs)."""

    id: str
    category: str
    """The file's ``bias_type``."""
    more: str
    """The one that the authors call more stereotypical."""
    less: str
    direction: str
    """``stereo``: `more` states a stereotype of the disadvantaged group; ``antistereo``: `less` contradicts one."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """To be scored: more, less."""
        return self.more, self.less


@dataclass(frozen=True)
class SentenceTriple:
    """One context filled in three ways (StereoSet, intrasentence)."""

    id: str
    category: str
    """The file's ``bias_type``: gender, profession, race or religion."""
    target: str
    """The group or occupation that it is about."""
    context: str
    """With ``BLANK`` where the three differ."""
    stereotype: str
    anti_stereotype: str
    unrelated: str

    @property
    def sentences(self) -> tuple[str, ...]:
        """To be scored: stereotype, anti-stereotype, unrelated."""
        return self.stereotype, self.anti_stereotype, self.unrelated


@dataclass(frozen=True)
class PronounPair:
    """A context that ends in a pronoun, and two ways on that tell whom it meant (Vig et al. 2020, total effect)."""

    id: str
    category: str
    """The two pronouns: ``she/he``."""
    contexts: tuple[str, str]
    """With the woman's and with the man's pronoun at the end."""
    referents: tuple[str, str]
    """Whom the first and whom the second continuation is about."""
    continuations: tuple[str, str]
    """Behind either context, with the space in front."""

    def swapped(self) -> PronounPair:
        """The same with the other continuation first."""
        return PronounPair(self.id, self.category, self.contexts, self.referents[::-1], self.continuations[::-1])


Item = SentencePair | SentenceTriple | PronounPair


@dataclass(frozen=True)
class Skipped:
    """A line of the file that gives no item; its words: ``probes.skipped.<reason>``."""

    line: int
    reason: str


@dataclass(frozen=True)
class BenchmarkItems:
    """The items of one file."""

    items: tuple[Item, ...]
    skipped: tuple[Skipped, ...] = ()

    def categories(self) -> dict[str, int]:
        """How many items each category has, the largest first."""
        return dict(Counter(item.category for item in self.items).most_common())
