"""The shell: what stands on every page, and what a page is given (`view`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Protocol, TypeVar

import pandas as pd
import streamlit as st

from components.charts.theme import ChartTheme
from components.shell.messages import about, advice, notice
from components.shell.panel import Panel, chart_panel
from components.shell.waiting import allow, numbered, wait_for
from dashboard.conversation import Conversation
from dashboard.engine.api.engine import Engine, Tokenizer
from dashboard.engine.api.model import CallControl, ModelCard, RunRequest, RunSummary, TokenizedPrompt
from dashboard.engine.api.request import Answer, Request
from dashboard.errors import Cancelled, DashboardError, OutOfMemory
from dashboard.export import Export
from dashboard.i18n import Catalogue
from dashboard.run_key import Origin, RunKey

T = TypeVar("T")


@dataclass(frozen=True)
class Shown:
    """A chart that the page has drawn, for what is said of its numbers beside it."""

    result: Export
    numbers: Callable[[], pd.DataFrame]
    """Makes the table that a link's fingerprint is of."""


class Collector(Protocol):
    """Takes charts into a report."""

    def drawn(self, panel: Panel) -> None:
        """A panel stands on the page."""

    def button(self, panel: Panel) -> None:
        """Draw the button of a panel that adds its chart."""


@dataclass
class View:
    """What a page works with: the person's choices and, asked for in turn, card, tokens and run."""

    text: Catalogue
    theme: ChartTheme
    model: str
    prompt: str
    chat: bool
    conversation: Conversation
    """Around the prompt in a chat."""
    engine: Engine = field(init=False)
    """Set by `load`."""
    card: ModelCard = field(init=False)
    """Set by `load`."""
    tokens: TokenizedPrompt = field(init=False)
    """Set by `read_prompt`."""
    shown: list[Shown] = field(default_factory=list, init=False)
    """The charts of this script run, the page's main one first."""
    check: Callable[[View, str, Sequence[Origin], Callable[[], None]], None] | None = field(default=None, init=False)
    """Draws the foot of a chart (name, what it shows, what draws its badge) with a button that checks its numbers."""
    collector: Collector | None = field(default=None, init=False)
    """Takes the page's charts into the report; the entry of the dashboard sets it."""
    panels: dict[str, Panel] = field(default_factory=dict, init=False)
    """The panels that stand on the page so far, by the names of their charts."""
    _first_panel: str = field(default="", init=False)

    def load(self, making: Future[Engine]) -> None:
        """Wait for the engine, and load the model if need be. Raises DashboardError, Cancelled."""
        label = self.text("work.loading", model=self.model)
        self.engine = self.wait(lambda _: making.result(), label, "engine")
        self.card = self._describe(label)

    def read_prompt(self) -> None:
        """Read the prompt with the model's tokenizer. Raises as `Tokenizer.read`."""
        self.tokens = self.read()

    def read(self, answer: str = "") -> TokenizedPrompt:
        """The prompt as the model reads it, in its chat where it stands in one, with `answer` behind it."""
        return self.tokenizer.read(self.prompt, chat=self.chat, answer=answer, conversation=self.conversation)

    def _describe(self, label: str) -> ModelCard:
        """The model's card; while it is downloaded, how much of it is here is said."""
        bytes_here = [(0, 0)]

        def describe(control: CallControl) -> ModelCard:
            count = lambda done, total: bytes_here.__setitem__(0, (done, total))  # noqa: E731
            return self.engine.describe(self.model, replace(control, on_download=count))

        def said() -> str:
            done, total = bytes_here[0]
            if done == total:
                return label
            megabytes = [self.text.number(round(nbytes / 1e6)) for nbytes in (done, total)]
            return self.text("work.downloading", model=self.model, done=megabytes[0], total=megabytes[1])

        return self.wait(describe, said, f"load {self.model}")

    @cached_property
    def key(self) -> RunKey:
        """The key of this prompt's run."""
        return self.card.run_key(self.tokens)

    @cached_property
    def run(self) -> RunSummary:
        """This prompt's run; makes it (with progress and Stop) when it is not there."""
        cost = self.engine.cost(RunRequest(self.key))
        label = self.text("work.running", tokens=cost.tokens, about=about(self.text, cost.seconds))
        return self.answer(RunRequest(self.key), label)

    @property
    def loaded(self) -> bool:
        """Whether the model's card is here."""
        return hasattr(self, "card")

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's texts and tokens."""
        return self.engine.tokenizer(self.model)

    def answer(self, request: Request[Answer], label: str) -> Answer:
        """The engine's answer, with progress on the page, where it can be stopped. Raises as `Engine.answer`."""
        return self.wait(lambda control: self.engine.answer(request, control), label, request.digest)

    def seconds_left(self, requests: Iterable[Request[Any]]) -> float:
        """About how long the answers take that are not kept; NaN: nobody knows."""
        return sum(self.engine.cost(request).seconds for request in requests if self.engine.kept(request) is None)

    def panel(
        self,
        name: str,
        origins: Sequence[Origin],
        *,
        figure: Callable[..., Any] | None,
        explained: bool = True,
        **rest: Any,
    ) -> None:
        """A chart of this page in its panel; see `components.shell.panel.Panel` for what else it takes.

        Args:
            name: the chart's, as in the catalogue.
            origins: what is shown: the requests whose answers the chart holds, a run, or a job.
            figure: makes the figure, given `text` and `theme` of the page; ``None``: the table is the chart.
            explained: how to read it stands open below the page's first panel; ``False``: this is not the one.
            rest: the other fields of a panel by their names.
        """
        drawn = None if figure is None else partial(figure, text=self.text, theme=self.theme)
        if explained:
            self._first_panel = self._first_panel or name
        unfolded = name == self._first_panel
        given: dict[str, Any] = {"text": self.text, "theme": self.theme, "unfolded": unfolded, **rest}
        given |= {"collect": self.collector.button} if self.collector is not None else {}
        panel = Panel(name=name, origins=origins, figure=drawn, **given)
        self.shown.append(Shown(panel.result, panel.numbers or panel.table or panel.frame))
        self.panels[name] = panel
        if self.collector is not None:
            self.collector.drawn(panel)
        chart_panel(replace(panel, check=partial(self.check, self, name, origins)) if self.check else panel)

    def wait(self, call: Callable[[CallControl], T], label: str | Callable[[], str], what: str) -> T:
        """`call` with progress on the page; see `components.shell.waiting.wait_for`."""
        return wait_for(call, label, text=self.text, what=what)


def model_facts(view: View, seconds: float | None, origin: Origin | None = None) -> list[str]:
    """What the facts of every badge end with: kernel, dtype, device, time, model, run (`origin`, else the prompt's)."""
    text, card = view.text, view.card
    return [
        text("strip.kernel", kernel=card.kernel, dtype=precision(card, text), device=card.device),
        "" if seconds is None else text("strip.seconds", seconds=text.number(seconds, 2)),
        text("strip.model", model=card.label, revision=card.revision[:12]),
        text("strip.run", run=(origin or view.key).digest),
    ]


def precision(card: ModelCard, text: Catalogue) -> str:
    """In which numbers a model computes, and of which they were made where its weights are stored quantised."""
    if not card.quantized:
        return card.dtype
    kind = "dequantized" if card.dequantized else "packed"
    return text(f"strip.{kind}", method=card.quantized, dtype=card.dtype)


def current() -> View:
    """The view of the script run that is under way; pages begin with it."""
    view: View = st.session_state["_view"]
    return view


@contextmanager
def error_frame(text: Catalogue, *, last: bool = False) -> Iterator[None]:
    """Show what a person can mend as advice, and let the rest of the page live, or (`last`) end it there."""
    try:
        yield
    except (DashboardError, MemoryError) as raised:
        error = OutOfMemory(reason=type(raised).__name__) if isinstance(raised, MemoryError) else raised
        advice(text(error.message_id, **error.facts))
        if last:
            st.stop()
    except Cancelled:
        notice(text("work.stopped"))
        st.button(text("work.again"), on_click=allow, key=numbered("work_again"))


def run_facts(view: View) -> list[str]:
    """The facts that the badge of a run ends with."""
    return model_facts(view, view.run.seconds)
