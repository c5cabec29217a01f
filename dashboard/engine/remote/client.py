"""RemoteEngine: the methods of an engine, asked over a transport; no torch here."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from dashboard.conversation import ALONE, Conversation
from dashboard.engine.api.engine import Ids
from dashboard.engine.api.generation import OnStep
from dashboard.engine.api.model import CallControl, ModelCard, ModelSpec, PinnedCommit, TokenizedPrompt
from dashboard.engine.api.request import Answer, Cost, Request
from dashboard.engine.remote.protocol import (
    ANSWER,
    DOWNLOAD,
    ERROR,
    PROGRESS,
    QUEUE,
    STEP,
    Call,
    raise_error,
    read_message,
)
from dashboard.engine.result_cache import ResultCache
from dashboard.errors import Cancelled, EngineFailed
from dashboard.tokens import Token

PATIENCE = 20
"""Messages that are still read of a call that was cancelled: its texts so far may be among them."""


class Transport(Protocol):
    """Brings a call to an engine elsewhere, and its messages back."""

    def messages(self, call: Call) -> AbstractContextManager[Iterator[bytes]]:
        """The messages of a call; left before the last, the call is cancelled.

        Raises EngineUnreachable, EngineKeyWrong, EngineVersionDiffers, EngineBusy, ModelNotDeployed.
        """


class RemoteEngine:
    """See `dashboard.engine.api.engine.Engine`: one in another process, whose answers are kept here too."""

    def __init__(self, transport: Transport, limit: int) -> None:
        """Asks nothing yet.

        Args:
            transport: to the engine.
            limit: of the answers that are kept here [bytes].
        """
        self._transport = transport
        self._answers = ResultCache(limit)
        self.last_listed: tuple[ModelSpec, ...] = ()
        """What `listed_models` gave last."""

    def describe(self, model: str, control: CallControl | None = None) -> ModelCard:
        """See `Engine.describe`."""
        (card,) = self._ask(Call("describe", model, id=uuid.uuid4().hex), control)[0]
        return card  # type: ignore[no-any-return]

    def tokenizer(self, model: str) -> RemoteTokenizer:
        """See `Engine.tokenizer`."""
        return RemoteTokenizer(self, model)

    def cost(self, request: Request[Any]) -> Cost:
        """See `Engine.cost`."""
        return self.ask("cost", request.version.model, request)  # type: ignore[no-any-return]

    def kept(self, request: Request[Answer]) -> Answer | None:
        """See `Engine.kept`."""
        answer = self._answers.cached(request)
        if answer is None:
            call = Call("kept", request.version.model, (request,))
            (answer,), nbytes = self._ask(call)
            if answer is not None:
                self._answers.keep(request, answer, nbytes)
        return answer

    def answer(
        self, request: Request[Answer], control: CallControl | None = None, on_step: OnStep | None = None
    ) -> Answer:
        """See `Engine.answer`."""
        answer = self._answers.cached(request)
        if answer is None:
            call = Call("answer", request.version.model, (request,), uuid.uuid4().hex, on_step is not None)
            (answer, whole), nbytes = self._ask(call, control, on_step)
            if whole:
                self._answers.keep(request, answer, nbytes)
        return answer

    def health(self) -> dict[str, object]:
        """See `Engine.health`: of the engine there, and of what is kept here."""
        return {**self.ask("health", ""), **{f"here_{name}": value for name, value in self._answers.facts().items()}}

    def listed_models(self) -> tuple[ModelSpec, ...]:
        """The models there that a person can choose from, in the operator's order."""
        self.last_listed = self.ask("listed", "")
        return self.last_listed

    def find_model(self, model: str) -> ModelSpec:
        """The model there of an id. Raises the ``Model…`` errors."""
        return self.ask("find", model, model)  # type: ignore[no-any-return]

    def newest_commit(self, model: str) -> PinnedCommit:
        """The commit that is kept to there, and the hub's. Raises the ``Model…`` errors."""
        return self.ask("newest", model, model)  # type: ignore[no-any-return]

    def ask(self, method: str, model: str, *arguments: Any) -> Any:
        """What one call that says nothing on its way gives."""
        (value,), _ = self._ask(Call(method, model, arguments))
        return value

    def _ask(
        self, call: Call, control: CallControl | None = None, on_step: OnStep | None = None
    ) -> tuple[tuple[Any, ...], int]:
        """The values of a call's answer, and how long that was [bytes]."""
        control, after = control or CallControl(), 0
        if control.cancel.is_set():
            raise Cancelled
        with self._transport.messages(call) as messages:
            for data in messages:
                kind, values = read_message(data)
                if kind == ANSWER:
                    return values, len(data)
                if kind == ERROR:
                    raise_error(*values)
                _tell(kind, values, control, on_step)
                if control.cancel.is_set():
                    if after == 0:
                        self._cancel(call)
                    after += 1
                    if after > PATIENCE:
                        raise Cancelled
        raise EngineFailed(reason="no answer")

    def _cancel(self, call: Call) -> None:
        """Ask the call to end; what it has by then still comes."""
        stop = Call("cancel", call.model, (call.route, call.id))
        with self._transport.messages(stop) as messages:
            for _ in messages:
                pass


def _tell(kind: str, values: tuple[Any, ...], control: CallControl, on_step: OnStep | None) -> None:
    if kind == PROGRESS:
        control.progress(*values)
    elif kind == QUEUE:
        control.on_queue(*values)
    elif kind == DOWNLOAD:
        control.on_download(*values)
    elif kind == STEP and on_step is not None:
        on_step(*values)


class RemoteTokenizer:
    """See `dashboard.engine.api.engine.Tokenizer`."""

    def __init__(self, engine: RemoteEngine, model: str) -> None:
        """Asks nothing yet."""
        self._engine, self._model = engine, model

    def read(self, prompt: str, *, chat: bool, answer: str = "", conversation: Conversation = ALONE) -> TokenizedPrompt:
        """See `Tokenizer.read`."""
        return self._ask("read", prompt, chat, answer, conversation)  # type: ignore[no-any-return]

    def ids(self, texts: Sequence[str], *, alone: bool = False) -> tuple[Ids, ...]:
        """See `Tokenizer.ids`."""
        return self._ask("ids", tuple(texts), alone)  # type: ignore[no-any-return]

    def tokens(self, ids: Sequence[int]) -> tuple[Token, ...]:
        """See `Tokenizer.tokens`."""
        return self._ask("tokens", tuple(map(int, ids)))  # type: ignore[no-any-return]

    def decode(self, sequences: Sequence[Sequence[int]]) -> tuple[str, ...]:
        """See `Tokenizer.decode`."""
        return self._ask("decode", tuple(tuple(map(int, ids)) for ids in sequences))  # type: ignore[no-any-return]

    def search(self, text: str, limit: int) -> tuple[Token, ...]:
        """See `Tokenizer.search`."""
        return self._ask("search", text, limit)  # type: ignore[no-any-return]

    def word_ends(self) -> Ids:
        """See `Tokenizer.word_ends`."""
        return self._ask("word_ends")  # type: ignore[no-any-return]

    def text_starts(self) -> Ids:
        """See `Tokenizer.text_starts`."""
        return self._ask("text_starts")  # type: ignore[no-any-return]

    def _ask(self, method: str, *arguments: Any) -> Any:
        return self._engine.ask(method, self._model, *arguments)
