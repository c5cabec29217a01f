"""The gate: a small HTTP application before an engine: fixed methods, one key, JSON in, safetensors out."""

from __future__ import annotations

import hmac
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from dashboard.engine.remote.codec import NotReadable
from dashboard.engine.remote.protocol import MOST_CALL_BYTES, Call, framed, read_call, write_error
from dashboard.errors import EngineVersionDiffers

PATH = "/v1/call"
MEDIA = "application/octet-stream"
LEAST_KEY = 16
"""Characters of a key; a shorter one is guessed."""

Messages = Callable[[Call], AsyncIterator[bytes]]
"""Answers a call: `Service.messages`, or the same of a replica elsewhere."""


Endpoint = Callable[[Request], Awaitable[Response]]


def gate(messages: Messages, key: str | None, most_bytes: int = MOST_CALL_BYTES) -> Starlette:
    """The application: `endpoint` at its only address."""
    return Starlette(routes=[Route(PATH, endpoint(messages, key, most_bytes), methods=["POST"])])


def endpoint(messages: Messages, key: str | None, most_bytes: int = MOST_CALL_BYTES) -> Endpoint:
    """What answers a request.

    Args:
        messages: answers calls.
        key: that every request must bear; ``None``: none is asked for.
        most_bytes: longest body that is read.
    """

    async def call(request: Request) -> Response:
        if key is not None and not _bears(request, key):
            return Response("a key is needed", 401, {"WWW-Authenticate": "Bearer"})
        try:
            body = await _body(request, most_bytes)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return Response(f"at most {most_bytes} bytes are read", 413)
        try:
            asked = read_call(body)
        except EngineVersionDiffers as error:
            return Response(framed(write_error(error)), 409, media_type=MEDIA)
        except NotReadable as error:
            return Response(str(error), 400, media_type="text/plain")
        return StreamingResponse(_stream(request, messages(asked)), media_type=MEDIA)

    return call


def _bears(request: Request, key: str) -> bool:
    given = request.headers.get("authorization", "").encode("utf-8", "replace")
    return hmac.compare_digest(given, f"Bearer {key}".encode())


async def _body(request: Request, most: int) -> bytes | None:
    """The body; ``None`` where it is too long, which is noticed before it is all here."""
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > most:
        return None
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)


async def _stream(request: Request, messages: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Messages until the last, or until nobody listens: closing them cancels the call."""
    async with aclosing(messages) as open_messages:  # type: ignore[type-var]
        async for message in open_messages:
            if await request.is_disconnected():
                return
            yield framed(message)
