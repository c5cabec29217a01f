"""Question: what a lesson asks about a run, with its right answer; and RunContext, what that is computed from."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from dashboard.engine.api.engine import Engine
from dashboard.engine.api.model import CallControl, ModelCard, RunRequest, TokenizedPrompt
from dashboard.engine.api.request import Answer, Request
from dashboard.i18n import Message
from dashboard.run_key import RunKey, digest_of
from dashboard.tokens import Token, visible

MOST_OPTIONS = 4
TIE = 1e-3
"""Values that differ by less than this share of the larger one are equally right: no screen tells them apart."""
_MOST_DIGITS = 40
_MINUS = str.maketrans(dict.fromkeys("\u2212\u2010\u2011\u2013", "-"))
"""The minus sign and hyphens and dashes that keyboards put in its place."""
_THOUSANDS = re.compile(r"-?\d{1,3}([.,]\d{3})+", re.ASCII)


class Unanswerable(ValueError):
    """This prompt or model gives no clear answer; `message` says why."""

    def __init__(self, reason: str, **facts: object) -> None:
        """`reason`: an id below ``lessons.unanswerable.``."""
        self.message = Message(f"lessons.unanswerable.{reason}", facts)
        super().__init__(reason)


@dataclass(frozen=True)
class Option:
    """One answer to choose."""

    value: str
    """As in the link: letters, digits, ``.`` and ``-``."""
    label: str | Message
    """A tokenizer's own text, or words of the catalogue."""


@dataclass(frozen=True)
class Question:
    """What can be answered, and what is right."""

    right: frozenset[str] = frozenset()
    """Values of the right options; several where they are equally right."""
    options: tuple[Option, ...] = ()
    """To choose from; empty: a number is typed."""
    number: float = math.nan
    """The right number."""
    tolerance: float = 0.0
    """How far a typed number may be off."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What question, hint and explanation name."""

    @property
    def whole(self) -> bool:
        """Whether a whole number is asked for."""
        return not self.options and self.tolerance == 0 and self.number.is_integer()

    def is_right(self, given: str) -> bool | None:
        """Whether an answer is right; ``None``: it is no answer to this question."""
        if self.options:
            return given in self.right if any(given == option.value for option in self.options) else None
        value = number_of(given)
        return None if value is None else abs(value - self.number) <= self.tolerance + 1e-9

    @property
    def right_labels(self) -> tuple[str | Message, ...]:
        """The labels of the right options."""
        return tuple(option.label for option in self.options if option.value in self.right)


@dataclass(frozen=True)
class RunContext:
    """One prompt and one model, as questions look at them."""

    engine: Engine
    card: ModelCard
    prompt: TokenizedPrompt
    control: CallControl = field(default_factory=CallControl)

    @cached_property
    def key(self) -> RunKey:
        """Of the prompt's run."""
        return self.card.run_key(self.prompt)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Of the prompt."""
        return self.prompt.tokens

    @property
    def last(self) -> int:
        """Position of the last token."""
        return len(self.tokens) - 1

    def answer(self, request: Request[Answer]) -> Answer:
        """The engine's answer. Raises as `Engine.answer`."""
        return self.engine.answer(request, self.control)

    @property
    def forward(self) -> RunRequest:
        """The forward pass over the prompt."""
        return RunRequest(self.key)

    def named(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Tokens of the vocabulary, every character visible."""
        return tuple(visible(token) for token in self.engine.tokenizer(self.card.model).tokens(tuple(map(int, ids))))

    def position(self, pos: int) -> Message:
        """A token of the prompt with its position."""
        return Message("lessons.position", {"token": visible(self.tokens[pos]), "pos": pos})

    def need_tokens(self, least: int) -> None:
        """Raises Unanswerable where the prompt is shorter."""
        if len(self.tokens) < least:
            raise Unanswerable("short", least=least)

    @property
    def mark(self) -> str:
        """Six hex digits that stand for model and prompt, whatever machine computes."""
        version = self.card.version
        return digest_of([version.model, version.revision, self.key.template, self.key.token_ids])[:6]


def number_of(text: str, *, whole: bool = False) -> float | None:
    """A number as people type it: ``0.25``, ``0,25``, ``−3``, ``25 %``, ``3,222.8``; ``None``: it is none.

    Args:
        text: what was typed.
        whole: a whole number is asked for: ``49,152`` has thousands, not decimals.
    """
    typed = "".join(text.split()).translate(_MINUS) if len(text) <= _MOST_DIGITS else ""
    share = typed.endswith("%")
    typed = typed.removesuffix("%")
    signs = [character for character in typed if character in ".,"]
    if len(set(signs)) == 2:
        typed = typed.replace("," if signs[-1] == "." else ".", "")
    elif (whole or len(signs) > 1) and _THOUSANDS.fullmatch(typed):
        typed = typed.replace(",", "").replace(".", "")
    try:
        value = float(typed.replace(",", ".")) / (100 if share else 1)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def rounded(value: float, digits: int = 3) -> float:
    """`value` with so many significant digits, as explanations name it."""
    return float(f"{float(value):.{digits}g}")


def as_number(value: float) -> Message:
    """A number as an option, in the signs of whoever reads it."""
    return Message("lessons.option.number", {"value": rounded(value)})


def number(value: float, facts: Mapping[str, object], *, tolerance: float = 0.0, share: float = 0.0) -> Question:
    """A question for a number, which may be off by `tolerance` or by a `share` of it, whichever is more."""
    return Question(number=float(value), tolerance=max(tolerance, share * abs(float(value))), facts=facts)


def choice(run: RunContext, labels: Mapping[str, str | Message], right: Iterable[str], **facts: object) -> Question:
    """A question with options, in an order that only the run decides: it hints at nothing.

    Args:
        run: what is asked about.
        labels: value -> what is shown.
        right: values that are right.
        facts: what the texts name.
    """
    order = sorted(labels, key=lambda value: digest_of([run.key.digest, value]))
    return Question(frozenset(right), tuple(Option(value, labels[value]) for value in order), facts=facts)


def words(right: str, among: Sequence[str], **facts: object) -> Question:
    """A question with a few fixed answers, ``lessons.option.<name>`` each, in their own order."""
    options = tuple(Option(name, Message(f"lessons.option.{name}")) for name in among)
    return Question(frozenset({right}), options, facts=facts)


def yes_no(right: bool, **facts: object) -> Question:
    """A question for yes or no."""
    return words("yes" if right else "no", ("yes", "no"), **facts)


def compared(change: float, **facts: object) -> Question:
    """A question whether something goes up, goes down, or stays."""
    name = "same" if abs(change) <= TIE else "up" if change > 0 else "down"
    return words(name, ("up", "down", "same"), **facts)


def spread_over(values: np.ndarray) -> list[int]:
    """At most MOST_OPTIONS indices of `values` (n,): the largest, and others down to the smallest; NaN is left out."""
    order = [int(at) for at in np.argsort(-values, kind="stable") if not np.isnan(values[at])]
    places = np.linspace(0, len(order) - 1, min(MOST_OPTIONS, len(order))).round().astype(int)
    return [order[place] for place in places]


def largest(values: np.ndarray, among: Sequence[int]) -> list[int]:
    """Which of `among` have the largest of `values` (n,), up to TIE."""
    best = max(float(values[at]) for at in among)
    return [at for at in among if float(values[at]) >= best - TIE * abs(best)]


Ask = Callable[..., Question]
Requests = Callable[..., Iterable[Request[Any]]]

QUESTIONS: dict[str, Ask] = {}
"""Name in a lesson's file -> the function that asks it: ``(run, **settings of the step)``."""
REQUESTS: dict[str, Requests] = {}
"""The same name -> the requests that its answer takes, forward passes included; arguments as of the function.

What is known only from an earlier answer (a token, say) is stood in for by what costs the same.
"""


def question(requests: Requests) -> Callable[[Ask], Ask]:
    """Enter a function in QUESTIONS by its name, and in REQUESTS what it takes."""

    def enter(ask: Ask) -> Ask:
        QUESTIONS[ask.__name__], REQUESTS[ask.__name__] = ask, requests
        return ask

    return enter


def nothing(_: RunContext, **__: object) -> tuple[Request[Any], ...]:
    """For `question`: the prompt and the model's card are enough."""
    return ()


def seconds(run: RunContext, requests: Iterable[Request[Any]]) -> float:
    """How long those of `requests` take that are not kept, each once [s]; NaN where nobody knows."""
    costs = (run.engine.cost(request) for request in dict.fromkeys(requests))
    return math.fsum(cost.seconds for cost in costs if not cost.kept)
