"""What is asked and said: a call as JSON, then messages as safetensors until its answer or its error."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dashboard import errors
from dashboard.engine.api.request import Request, RunQuestion
from dashboard.engine.remote import codec
from dashboard.engine.remote.wire_types import PROTOCOL, REQUESTS
from dashboard.errors import Cancelled, DashboardError, EngineFailed, EngineVersionDiffers

METHODS = (
    *("describe", "cost", "kept", "answer", "health", "cancel"),
    *("read", "ids", "tokens", "decode", "search", "word_ends", "text_starts"),
    *("listed", "find", "newest"),
)
"""All that can be asked: of `Engine`, of `Tokenizer`, of `ModelList`."""
OF_LIST = ("listed", "find", "newest")
STREAMED = ("describe", "answer")
"""Those that say how far they are."""

MOST_CALL_BYTES = 64 << 20
"""Longest call that is read."""
MOST_ANSWER_BYTES = 4 << 30
"""Longest message that is read."""

ANSWER, ERROR, WAITING, PROGRESS, QUEUE, DOWNLOAD, STEP = (
    *("answer", "error", "waiting", "progress", "queue", "download", "step"),
)
"""Kinds of messages."""
LAST = (ANSWER, ERROR)
"""Those that end a call."""

_OURS = {kind.__name__: kind for kind in (ValueError, TypeError, IndexError, KeyError)}
"""Mistakes of who asks, raised there as they would be in one process."""


@dataclass(frozen=True)
class Call:
    """One question to an engine elsewhere."""

    method: str
    """One of METHODS."""
    model: str
    """Id of the model that it is about; empty: of none."""
    arguments: tuple[Any, ...] = ()
    id: str = ""
    """By which it can be cancelled; nobody else knows it."""
    steps: bool = False
    """Whether every token of texts is to be told."""

    @property
    def route(self) -> str:
        """What calls have in common that the same replica should answer: the digest of their run."""
        first: Any = self.arguments[0] if self.arguments else None
        if self.method == "cancel":
            return str(first)
        asked = first.of[0] if hasattr(first, "of") else first
        return asked.run.digest if isinstance(asked, RunQuestion) else getattr(asked, "digest", self.model)


def write_call(call: Call) -> bytes:
    """A call as JSON."""
    said = {"method": call.method, "model": call.model, "id": call.id, "steps": call.steps, "protocol": PROTOCOL}
    return codec.write_text({**said, "arguments": call.arguments}).encode()


def read_call(data: bytes) -> Call:
    """The call that `write_call` wrote.

    Raises:
        NotReadable: no call.
        EngineVersionDiffers: who asks has other types.
    """
    if len(data) > MOST_CALL_BYTES:
        raise codec.NotReadable(f"{len(data)} bytes, at most {MOST_CALL_BYTES} are read")
    said = codec.read_text(_checked(data))
    named = isinstance(said, dict) and {"method", "model", "arguments", "id", "steps"} <= said.keys()
    if not named or said["method"] not in METHODS or not all(isinstance(said[name], str) for name in ("model", "id")):
        raise codec.NotReadable("no call")
    arguments = said["arguments"]
    asks = said["method"] in ("cost", "kept", "answer")
    if not isinstance(arguments, tuple) or (asks and [type(one) in REQUESTS for one in arguments] != [True]):
        raise codec.NotReadable("not the arguments of this call")
    if asks and said["model"] != _model_of(arguments[0]):
        raise codec.NotReadable("a request of another model")
    return Call(said["method"], said["model"], arguments, said["id"], bool(said["steps"]))


def _model_of(request: Request[Any]) -> str:
    return request.version.model


def _checked(data: bytes) -> bytes:
    """`data`, if it says that it was written with the same types; looked at before anything of it is made."""
    try:
        pairs = json.loads(data)["dict"]
        theirs = next((str(value) for name, value in pairs if name == "protocol"), "")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise codec.NotReadable("no call") from error
    if theirs != PROTOCOL:
        raise EngineVersionDiffers(here=theirs[:40], there=PROTOCOL)
    return data


# -- messages -------------------------------------------------------------------------------------------------------
def write_message(kind: str, *values: Any) -> bytes:
    """One message of a call."""
    return codec.write(values, kind)


def read_message(data: bytes) -> tuple[str, tuple[Any, ...]]:
    """(kind, values) of a message. Raises NotReadable."""
    values = codec.read(data, MOST_ANSWER_BYTES)
    if not isinstance(values, tuple):
        raise codec.NotReadable("no message")
    return codec.kind_of(data), values


def write_error(error: BaseException) -> bytes:
    """An error as its name and facts; of what nobody expected the name alone, as its text may hold users' words."""
    if isinstance(error, DashboardError):
        facts = {name: value if _travels(value) else str(value) for name, value in error.facts.items()}
        return write_message(ERROR, type(error).__name__, facts)
    if isinstance(error, Cancelled):
        return write_message(ERROR, "Cancelled", {})
    return write_message(ERROR, type(error).__name__, {})


def _travels(value: object) -> bool:
    try:
        codec.write(value)
    except TypeError:
        return False
    return True


def raise_error(name: str, facts: dict[str, Any]) -> None:
    """Raise the error that was written."""
    kind = vars(errors).get(name)
    if name == "Cancelled":
        raise Cancelled
    if isinstance(kind, type) and issubclass(kind, DashboardError):
        error = kind.__new__(kind)
        DashboardError.__init__(error, **facts)
        raise error
    if name in _OURS:
        raise _OURS[name]("the engine refused the request")
    raise EngineFailed(reason=name)


# -- messages one behind another -------------------------------------------------------------------------------------
_SIZE = struct.Struct("<Q")


def framed(message: bytes) -> bytes:
    """A message behind its length, as it stands in a stream."""
    return _SIZE.pack(len(message)) + message


def unframed(read: Any) -> Iterator[bytes]:
    """Messages of a stream.

    Args:
        read: gives so many bytes, fewer only at the end.

    Raises:
        EOFError: it ended within a message.
    """
    while head := read(_SIZE.size):
        size = _SIZE.unpack(head)[0] if len(head) == _SIZE.size else -1
        if not 0 <= size <= MOST_ANSWER_BYTES:
            raise EOFError
        message = read(size)
        if len(message) < size:
            raise EOFError
        yield message
