"""ProbeSpec: a probe as a person writes it (templates, word lists, completions), and its form in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dashboard.parsing.strict_json import read_json
from dashboard.parsing.unreadable import Unreadable
from dashboard.probes.lexicon import PEOPLE, PRONOUNS, Lexicon, lexicon
from dashboard.probes.own_lists import OwnList, from_lines
from dashboard.probes.presets import Preset
from dashboard.probes.templates import Probe, parsed, probe, words_of

OWN = "own"
LEXICONS = ("occupations", PEOPLE.name, *(pronouns.name for pronouns in PRONOUNS))
_KINDS = {"templates": list, "neutral": list, "words": dict, "lexicon": str, "own": str}
"""Field of a probe in JSON -> its kind; others have a default."""


@dataclass(frozen=True)
class ProbeSpec:
    """Everything that makes a probe, as text."""

    templates: tuple[str, ...]
    neutral: tuple[str, ...]
    """(template,) its neutral form; empty where it has none."""
    words: tuple[tuple[str, str], ...]
    """(slot, its words with commas between)"""
    lexicon: str
    """One of LEXICONS, or OWN."""
    own: str = ""
    """An own list, a completion a line."""
    article: bool = True
    """Completions bring their article."""
    boundary: bool = True
    """Scores count the end of the word."""

    @classmethod
    def of(cls, preset: Preset) -> ProbeSpec:
        """A preset; for lists of one-word completions the word's end counts."""
        return cls(
            templates=tuple(text for text, _ in preset.templates),
            neutral=tuple(neutral for _, neutral in preset.templates),
            words=tuple((slot, ", ".join(words)) for slot, words in preset.lists.items()),
            lexicon=preset.lexicon,
            article=preset.article,
        )

    @cached_property
    def probe(self) -> Probe:
        """Templates and lists, checked. Raises DashboardError as `dashboard.probes.templates` does."""
        read = [
            parsed(text, neutral, number)
            for number, (text, neutral) in enumerate(zip(self.templates, self.neutral, strict=True), start=1)
        ]
        return probe(read or [parsed("")], {slot: words_of(words) for slot, words in self.words})

    @cached_property
    def own_list(self) -> OwnList:
        """The own list, checked. Raises DashboardError as `dashboard.probes.own_lists` does."""
        return from_lines(self.own, OWN, articles=True)

    @cached_property
    def completions(self) -> Lexicon:
        """What prompts may go on with."""
        return self.own_list.lexicon if self.lexicon == OWN else lexicon(self.lexicon)

    def written(self) -> str:
        """Compact JSON."""
        return json.dumps(self.facts(), separators=(",", ":"), ensure_ascii=False)

    def facts(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "templates": list(self.templates),
            "neutral": list(self.neutral),
            "words": dict(self.words),
            "lexicon": self.lexicon,
            "own": self.own,
            "article": self.article,
            "boundary": self.boundary,
        }


def read(text: str) -> ProbeSpec:
    """The probe that `ProbeSpec.written` wrote. Raises Unreadable."""
    return of_facts(read_json(text))


def of_facts(facts: Any) -> ProbeSpec:
    """The probe that `ProbeSpec.facts` gives.

    Raises:
        Unreadable: a field is missing or of another kind, or there is no such lexicon.
    """
    if not isinstance(facts, Mapping) or not all(isinstance(facts.get(name), kind) for name, kind in _KINDS.items()):
        raise Unreadable("probes.unreadable.fields", names=", ".join(_KINDS))
    templates, neutral, words = facts["templates"], facts["neutral"], facts["words"]
    if not all(isinstance(text, str) for text in (*templates, *neutral, *words.values())) or len(templates) != len(
        neutral
    ):
        raise Unreadable("probes.unreadable.texts")
    article, boundary = facts.get("article", True), facts.get("boundary", True)
    if not (isinstance(article, bool) and isinstance(boundary, bool)):
        raise Unreadable("probes.unreadable.switches")
    if facts["lexicon"] not in (*LEXICONS, OWN):
        raise Unreadable("probes.unreadable.lexicon", name=facts["lexicon"][:40])
    return ProbeSpec(
        templates=tuple(templates),
        neutral=tuple(neutral),
        words=tuple(words.items()),
        lexicon=facts["lexicon"],
        own=facts["own"],
        article=article,
        boundary=boundary,
    )
