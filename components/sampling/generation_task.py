"""Making texts for one person: in a thread of its own, followed by the page, stopped by hand or when nobody looks."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from components.shell.messages import notice
from components.shell.view import View
from dashboard.engine.api.engine import Engine
from dashboard.engine.api.generation import Column, Generated, GenerateRequest, Output, Step
from dashboard.engine.api.model import CallControl
from dashboard.errors import Busy, Cancelled
from dashboard.sampling.forks import Fork, fork_request, left_by, written

POLL_SECONDS = 0.4
"""How often the page looks at what came."""
QUIET_SECONDS = 0.5
"""Work shorter than this is waited for: a flash would only distract."""
ALONE_SECONDS = 10.0
"""Work whose page was left or closed for so long is stopped."""
SETTINGS_IN_LINKS = (
    *(("do_sample", "do_sample"), ("temperature", "temperature"), ("top_k", "top_k"), ("top_p", "top_p")),
    *(("min_p", "min_p"), ("typical_p", "typical_p"), ("repetition_penalty", "repetition_penalty")),
    ("no_repeat_ngram", "no_repeat_ngram_size"),
)
COLUMN_IN_LINKS = (
    *(("rows", "num_return_sequences"), ("max_new_tokens", "max_new_tokens"), ("num_beams", "num_beams")),
    *(("length_penalty", "length_penalty"), ("stop", "stop_strings"), ("seed", "seed")),
)
"""(name that links know, attribute) of decode settings and of a column: a link stays what it is."""
_WORK = "_sampling_work_"
_PAGE = "_sampling_page"


@dataclass(frozen=True)
class GeneratedTexts:
    """Texts of a request and of its forks."""

    generated: Generated
    forks: dict[int, Output]
    """Number of the fork -> its text, with the column of its row; one whose step is not there any more is missing."""
    unfinished: str = ""
    """``cancelled`` or ``busy`` where not all came, as in `Generated.unfinished`."""

    @property
    def cut_off(self) -> dict[str, object]:
        """Where texts were stopped: (text,) its tokens; empty where nothing was, as a request says all then."""
        return {"stopped_at": [len(output.ids) for output in self.with_forks().outputs]} if self.unfinished else {}

    def with_forks(self) -> Generated:
        """All texts: in each column the forks stand behind the rows, numbered on."""
        rows = Counter(output.column for output in self.generated.outputs)
        outputs = list(self.generated.outputs)
        for output in self.forks.values():
            outputs.append(replace(output, row=rows[output.column]))
            rows[output.column] += 1
        outputs.sort(key=lambda output: (output.column, output.row))
        return replace(self.generated, outputs=tuple(outputs))


@dataclass
class GenerationTask:
    """Texts that are being made."""

    name: str
    connected: Callable[[], bool] = lambda: True
    """Whether the person's browser is still there."""
    control: CallControl = field(init=False)
    thread: threading.Thread = field(init=False)
    began: float = field(default_factory=time.monotonic)
    on_page: bool = True
    """Whether it is of the page that the person is on; that page may itself wait for as long as it takes."""
    share: float = 0.0
    before: int = 0
    """So many others come first."""
    steps: list[Step] = field(default_factory=list)
    result: GeneratedTexts | None = None
    error: Exception | None = None
    left: bool = False
    """Whether it was stopped because nobody looked, not by hand."""

    def __post_init__(self) -> None:
        self.control = CallControl(progress=self._at, on_queue=self._behind)

    def _at(self, share: float) -> None:
        self.share = share

    def _behind(self, before: int) -> None:
        self.before = before

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.thread.is_alive()

    @property
    def state(self) -> tuple[object, ...]:
        """What a page shows of it; another one when there is something new."""
        return self.running, self.share, self.before, len(self.steps)

    def start(self, call: Callable[[GenerationTask], GeneratedTexts]) -> None:
        """Begin, with somebody who stops it when nobody looks."""
        self.thread = threading.Thread(target=self._run, args=(call,), daemon=True, name="texts")
        self.thread.start()
        threading.Thread(target=self._watch, daemon=True, name="texts watch").start()

    def _run(self, call: Callable[[GenerationTask], GeneratedTexts]) -> None:
        try:
            self.result = call(self)
        except Exception as error:  # noqa: BLE001 - raised again in the page's own thread
            self.error = error

    def _watch(self) -> None:
        seen = time.monotonic()
        while self.running:
            if self.on_page and self.connected():
                seen = time.monotonic()
            elif time.monotonic() - seen > ALONE_SECONDS:
                self.left = True
                self.control.cancel.set()
            self.thread.join(0.5)


def _connection() -> Callable[[], bool]:
    """Whether this session's browser is connected, to be asked from any thread; where there is no server, always."""
    context = get_script_run_ctx()
    session = context.session_id if context else ""
    return lambda: not runtime.exists() or runtime.get_instance().is_active_session(session)


def page_turned(slug: str) -> None:
    """The person is on this page now: what another page follows is not shown any more."""
    if st.session_state.get(_PAGE, slug) != slug:
        for name in [name for name in st.session_state if str(name).startswith(_WORK)]:
            st.session_state[name].on_page = False
    st.session_state[_PAGE] = slug


def at_work() -> bool:
    """Whether texts of this session's page are being made."""
    return any(
        work is not None and work.on_page and work.running
        for name, work in st.session_state.items()
        if str(name).startswith(_WORK)
    )


def name_in_link(request: GenerateRequest) -> str:
    """Twelve hex digits that stand for the texts of a request, on any server: no versions in them."""
    run, columns = request.run, ", ".join(map(_column_in_link, request.columns)) + "," * (len(request.columns) == 1)
    texts = f"columns=({columns}), forced={request.forced}, first_row={request.first_row}"
    named = f"{run.version.model} {run.template} {run.token_ids} GenerateRequest({texts})"
    return hashlib.sha256(named.encode()).hexdigest()[:12]


def _column_in_link(column: Column) -> str:
    """Every setting by the name that links know it by; links are older than model rules, which act where none say."""
    values = [(name, getattr(column.settings, attribute)) for name, attribute in SETTINGS_IN_LINKS]
    values += [] if column.settings.model_rules else [("model_rules", False)]
    settings = ", ".join(f"{name}={value!r}" for name, value in values)
    rest = ", ".join(f"{name}={getattr(column, attribute)!r}" for name, attribute in COLUMN_IN_LINKS)
    return f"Column(settings=DecodeSettings({settings}), {rest})"


def make(engine: Engine, request: GenerateRequest, forks: Sequence[Fork], work: GenerationTask) -> GeneratedTexts:
    """All texts, the forks one after the other; what is kept already is not made again."""
    rows = engine.answer(request, work.control, work.steps.append)
    texts: dict[int, Output] = {}
    unfinished = rows.unfinished
    for number, wanted in _fork_requests(request, forks, rows, texts):
        if unfinished or work.control.cancel.is_set():
            break
        try:
            fork = engine.answer(wanted, work.control)
        except Busy:
            unfinished = "busy"
            break
        texts[number] = replace(fork.outputs[0], column=forks[number].column)
        unfinished = fork.unfinished
    return GeneratedTexts(rows, texts, unfinished or ("cancelled" if work.control.cancel.is_set() else ""))


def in_memory(engine: Engine, request: GenerateRequest, forks: Sequence[Fork]) -> GeneratedTexts | None:
    """All texts, if the engine still has them."""
    rows = engine.kept(request)
    if rows is None:
        return None
    texts: dict[int, Output] = {}
    for number, wanted in _fork_requests(request, forks, rows, texts):
        text = engine.kept(wanted)
        if text is None:
            return None
        texts[number] = replace(text.outputs[0], column=forks[number].column)
    return GeneratedTexts(rows, texts)


def _fork_requests(
    request: GenerateRequest, forks: Sequence[Fork], rows: Generated, texts: Mapping[int, Output]
) -> Iterator[tuple[int, GenerateRequest]]:
    """Requests of the forks whose step is there, each asked for when the texts before it are in `texts`."""
    for number, fork in enumerate(forks):
        left = left_by(fork, rows, texts)
        if left is not None:
            with contextlib.suppress(ValueError):  # a step that is not there any more
                yield number, fork_request(request, fork, left)


def follow(
    view: View, request: GenerateRequest, forks: Sequence[Fork], *, go: bool, slot: str = "texts"
) -> tuple[GeneratedTexts | None, GenerationTask | None]:
    """The texts when they are there, and the work while they are made; what stopped because nobody looked begins again.

    Args:
        view: of the page.
        request: checked.
        forks: of its texts.
        go: whether they are wanted; otherwise only texts that are there are given.
        slot: one piece of work of a slot goes on at a time.

    Raises:
        DashboardError: the engine's.
    """
    name = request.digest + written(forks)
    work: GenerationTask | None = st.session_state.get(_WORK + slot)
    if work is not None:
        work.on_page = work.name == name
    ready = in_memory(view.engine, request, forks)
    if ready is not None:
        return ready, None
    if work is None or work.name != name or (go and work.left and not work.running):
        if not go:
            return None, None
        if work is not None:
            work.control.cancel.set()
        engine = view.engine
        work = st.session_state[_WORK + slot] = GenerationTask(name, _connection())
        work.start(lambda task: make(engine, request, forks, task))
    work.thread.join(QUIET_SECONDS)
    if work.running:
        return None, work
    if isinstance(work.error, Cancelled):
        notice(view.text("sampling.stopped_early"))
    elif work.error is not None:
        raise work.error
    return work.result, None


def forget(slot: str = "texts") -> None:
    """The person asked again: what was stopped before is no answer."""
    work: GenerationTask | None = st.session_state.pop(_WORK + slot, None)
    if work is not None:
        work.control.cancel.set()
