"""Templates with slots, word lists, the groups that are their product, and the size of a probe before it is built."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dashboard.errors import (
    NeutralWithSlots,
    ProbeTooLarge,
    SlotNameInvalid,
    SlotsDiffer,
    SlotUnknown,
    TemplateEmpty,
    TemplateStrayBrace,
    TemplateUnclosed,
    TemplateWithoutSlots,
    WordListEmpty,
    WordRepeated,
)
from dashboard.tokens import shortened

MAX_PROMPTS = 50_000
"""Most prompts of one probe: groups x templates, neutral ones included."""
MAX_SCORES = 5_000_000
"""Most scores of one probe: prompts x completions."""
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|\{|\}")
_SLOT_NAME = re.compile(r"\w+([ -]\w+)*")
_BETWEEN_WORDS = re.compile(r"[\n,;|]")


@dataclass(frozen=True)
class Part:
    """A piece of a template: literal text, or a slot by its name."""

    text: str
    slot: bool = False


@dataclass(frozen=True)
class Template:
    """A template, ``The {race} {gender} works as``; ``{{`` and ``}}`` are braces of the text itself."""

    text: str
    """As it was written."""
    parts: tuple[Part, ...]
    neutral: str = ""
    """The neutral reference prompt (``The person works as``), braces resolved; empty: none."""

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of its slots, each once, in order."""
        return tuple(dict.fromkeys(part.text for part in self.parts if part.slot))

    def filled(self, words: Mapping[str, str]) -> str:
        """The prompt with a word in each slot."""
        return "".join(words[part.text] if part.slot else part.text for part in self.parts)


def parsed(text: str, neutral: str = "", number: int = 1) -> Template:
    """Read a template and its neutral form.

    Args:
        text: with slots in braces; spaces at its ends count.
        neutral: the prompt to compare with, a text without slots; empty: none.
        number: the template's place, 1 = first, for what an error says.

    Raises:
        TemplateEmpty, TemplateUnclosed, TemplateStrayBrace, SlotNameInvalid, TemplateWithoutSlots, NeutralWithSlots: as
            their names say.
    """
    if not text.strip():
        raise TemplateEmpty(number=number)
    parts = _parts(text, number)
    if not any(part.slot for part in parts):
        raise TemplateWithoutSlots(number=number)
    reference = _parts(neutral, number) if neutral.strip() else ()
    if any(part.slot for part in reference):
        raise NeutralWithSlots(number=number)
    return Template(text, parts, "".join(part.text for part in reference))


def _parts(text: str, number: int) -> tuple[Part, ...]:
    parts: list[Part] = []
    literal, behind = "", 0
    for match in _PIECE.finditer(text):
        literal += text[behind : match.start()]
        behind = match.end()
        if match[0] in ("{{", "}}"):
            literal += match[0][0]
        elif match[0] == "{":
            raise TemplateUnclosed(number=number, place=match.start() + 1)
        elif match[0] == "}":
            raise TemplateStrayBrace(number=number, place=match.start() + 1)
        else:
            parts += [Part(literal), Part(_slot_name(match[1], number), slot=True)]
            literal = ""
    parts.append(Part(literal + text[behind:]))
    return tuple(part for part in parts if part.text)


def _slot_name(written: str, number: int) -> str:
    name = written.strip()
    if not _SLOT_NAME.fullmatch(name):
        raise SlotNameInvalid(number=number, name=shortened(name, 40))
    return name


def words_of(text: str) -> tuple[str, ...]:
    """The words of a list as a person writes it, one a line or with ``,``, ``;`` or ``|`` between; blanks left out."""
    return tuple(word for piece in _BETWEEN_WORDS.split(text) if (word := piece.strip()))


@dataclass(frozen=True)
class Group:
    """One choice of a word for every slot."""

    words: Mapping[str, str]
    """By slot."""

    @property
    def name(self) -> str:
        """``black woman``."""
        return " ".join(self.words.values())


@dataclass(frozen=True)
class Probe:
    """Templates and word lists: group g is the g-th element of the product, the last slot's word changing fastest."""

    templates: tuple[Template, ...]
    slots: tuple[str, ...]
    """In the order of the first template."""
    words: tuple[tuple[str, ...], ...]
    """(slot, word)"""

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return math.prod(len(words) for words in self.words)

    def group(self, index: int) -> Group:
        """The words of one group, `index` in [0, groups)."""
        chosen = {}
        for slot, words in zip(reversed(self.slots), reversed(self.words), strict=True):
            index, position = divmod(index, len(words))
            chosen[slot] = words[position]
        return Group({slot: chosen[slot] for slot in self.slots})

    def prompt(self, template: int, group: int) -> str:
        """The prompt of a group in a template; both are places."""
        return self.templates[template].filled(self.group(group).words)

    def partner(self, group: int, slot: str, word: str) -> int:
        """The counterfactual partner: the same group but for `word` in `slot`."""
        at = self.slots.index(slot)
        stride = math.prod(len(words) for words in self.words[at + 1 :])
        there = group // stride % len(self.words[at])
        return group + (self.words[at].index(word) - there) * stride

    def partners(self, group: int) -> Iterator[tuple[str, int]]:
        """Every counterfactual partner of a group, with the slot in which they differ."""
        for slot, words in zip(self.slots, self.words, strict=True):
            others = (self.partner(group, slot, word) for word in words)
            yield from ((slot, other) for other in others if other != group)

    def pairs(self, slot: str, first: str, second: str) -> Iterator[tuple[int, int]]:
        """Groups with `first` in `slot`, each with its partner that has `second` there."""
        for group in range(self.groups):
            if self.partner(group, slot, first) == group:
                yield group, self.partner(group, slot, second)


def probe(templates: Sequence[Template], lists: Mapping[str, Sequence[str]]) -> Probe:
    """Templates with their word lists, checked; nothing of the product is built.

    Args:
        templates: one or more, all with the same slots, whatever their order.
        lists: the words by slot; lists that no template names are left out.

    Raises:
        SlotUnknown, SlotsDiffer, WordListEmpty, WordRepeated: as their names say.
    """
    slots = templates[0].slots
    for number, template in enumerate(templates, start=1):
        unknown = next((slot for slot in template.slots if slot not in lists), None)
        if unknown is not None:
            raise SlotUnknown(slot=unknown, known=shortened(", ".join(lists), 200) or "–")
        if set(template.slots) != set(slots):
            raise SlotsDiffer(number=number, slots=", ".join(template.slots), first=", ".join(slots))
    return Probe(tuple(templates), slots, tuple(_checked(slot, lists[slot]) for slot in slots))


def _checked(slot: str, words: Sequence[str]) -> tuple[str, ...]:
    stripped = tuple(word.strip() for word in words if word.strip())
    if not stripped:
        raise WordListEmpty(slot=slot)
    seen: set[str] = set()
    for word in stripped:
        if word in seen:
            raise WordRepeated(slot=slot, word=shortened(word, 40))
        seen.add(word)
    return stripped


@dataclass(frozen=True)
class ProbeSize:
    """What a probe would compute."""

    groups: int
    templates: int
    neutral: int
    """Neutral prompts: templates that have one."""
    completions: int

    @property
    def prompts(self) -> int:
        """Prompts in all, neutral ones included."""
        return self.groups * self.templates + self.neutral

    @property
    def scores(self) -> int:
        """Prompts x completions."""
        return self.prompts * self.completions


def size(probe: Probe, completions: int) -> ProbeSize:
    """How large a probe with so many completions would be, before any of it is built.

    Raises:
        ProbeTooLarge: more than MAX_PROMPTS prompts or MAX_SCORES scores; it gives the numbers.
    """
    neutral = sum(bool(template.neutral) for template in probe.templates)
    probe_size = ProbeSize(probe.groups, len(probe.templates), neutral, completions)
    if probe_size.prompts > MAX_PROMPTS or probe_size.scores > MAX_SCORES:
        raise ProbeTooLarge(
            prompts=probe_size.prompts,
            completions=completions,
            scores=probe_size.scores,
            most_prompts=MAX_PROMPTS,
            most_scores=MAX_SCORES,
        )
    return probe_size
