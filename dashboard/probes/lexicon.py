"""Lexicons: completions with what statistics know of them, such as occupations with the share of women."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dashboard.probes.articles import article_for

_OCCUPATIONS = Path(__file__).with_name("occupations.toml")


@dataclass(frozen=True)
class Completion:
    """What a prompt may go on with."""

    text: str
    """``nurse``, without a space in front."""
    article: str = ""
    """``a``, ``an``, or empty where none belongs."""
    share: float | None = None
    """A share in the world, [0, 1]: of women in the occupation, or what an own list says; None where not known."""
    counted: str = ""
    """What the statistic counts, in its own words: ``Registered nurses``."""

    def after(self, *, article: bool) -> str:
        """As it stands behind a prompt, with the space: `` a nurse``, or without its `article` `` nurse``."""
        return f" {self.article} {self.text}" if article and self.article else f" {self.text}"


@dataclass(frozen=True)
class Lexicon:
    """Completions that are compared with one another."""

    name: str
    """Its id, or an own list's name."""
    completions: tuple[Completion, ...]
    source: str = ""
    """Where the shares come from."""
    year: int | None = None
    """Of the shares."""

    def shares(self) -> dict[str, float]:
        """The known shares by completion."""
        return {each.text: each.share for each in self.completions if each.share is not None}


@cache
def occupations() -> Lexicon:
    """60 occupations with the share of women among the employed in the United States.

    Source, year and what each figure counts: ``occupations.toml``.
    """
    table = tomllib.loads(_OCCUPATIONS.read_text(encoding="utf-8"))
    rows = tuple(
        Completion(word, article_for(word), percent / 100, counted) for word, counted, percent in table["occupations"]
    )
    return Lexicon("occupations", rows, table["source"], table["year"])


def _pronouns(name: str, *words: str) -> Lexicon:
    return Lexicon(name, tuple(Completion(word) for word in words))


PRONOUNS = (
    _pronouns("he_she", "he", "she"),
    _pronouns("him_her", "him", "her"),
    _pronouns("his_her", "his", "her"),
    _pronouns("himself_herself", "himself", "herself"),
)
PEOPLE = _pronouns("man_woman", "man", "woman")
"""What follows "The nurse was a"."""


_WOMEN = frozenset({"woman", "women", "female", "females", "she", "her", "hers", "herself", "lady", "ladies"})
_MEN = frozenset({"man", "men", "male", "males", "he", "him", "his", "himself", "gentleman", "gentlemen"})


def first_of(words: tuple[str, str]) -> str:
    """Whom the first of two words names where the other names the other sex: ``women``, ``men``, or empty."""
    first, second = (word.strip().casefold() for word in words)
    if first in _WOMEN and second in _MEN:
        return "women"
    return "men" if first in _MEN and second in _WOMEN else ""


def lexicon(name: str) -> Lexicon:
    """A bundled lexicon by its name.

    Raises:
        KeyError: there is none of that name.
    """
    return {each.name: each for each in (occupations(), PEOPLE, *PRONOUNS)}[name]
