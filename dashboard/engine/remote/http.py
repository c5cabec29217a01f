"""HttpTransport: calls over HTTP to a gate, with the standard library's client; connections are used again."""

from __future__ import annotations

import contextlib
import http.client
import io
import ssl
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from dashboard.engine.remote.client import RemoteEngine
from dashboard.engine.remote.protocol import Call, raise_error, read_message, unframed, write_call
from dashboard.errors import EngineFailed, EngineKeyWrong, EngineUnreachable

SILENT_SECONDS = 30.0
"""A gate that works says something every half second; one that is silent so long is gone."""
ATTEMPTS = 4
"""Of a call of which nothing came: calls are pure."""
PAUSE_SECONDS = 0.25
"""Before the second attempt; twice as long before each further one."""
MOST_IDLE = 8
"""Connections that are kept open."""


class HttpEngine(RemoteEngine):
    """See `dashboard.engine.api.engine.Engine`: one behind a gate."""

    def __init__(self, address: str, key: str, limit: int, ca_bundle: str = "") -> None:
        """Asks nothing yet.

        Args:
            address: of the gate, ``http://host:port`` or ``https://…``.
            key: that the gate asks for.
            limit: of the answers that are kept here [bytes].
            ca_bundle: file of certificates to trust; empty: the system's.
        """
        super().__init__(HttpTransport(address, key, ca_bundle), limit)


class HttpTransport:
    """See `dashboard.engine.remote.client.Transport`."""

    def __init__(self, address: str, key: str, ca_bundle: str = "") -> None:
        """Opens nothing yet."""
        parts = urlsplit(address)
        self.address = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        self._host, self._port, self._path = parts.hostname or "", parts.port, parts.path.rstrip("/") + "/v1/call"
        self._tls = ssl.create_default_context(cafile=ca_bundle or None) if parts.scheme == "https" else None
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def messages(self, call: Call) -> Iterator[Iterator[bytes]]:
        """See `Transport.messages`."""
        connection, response = self._respond(write_call(call))
        whole = False
        try:
            self._check(response)
            yield self._read(response)
            # the last message was read: what is left is the end of the stream
            whole = response.isclosed() or not response.read(1)
        except (OSError, EOFError, http.client.HTTPException) as error:
            raise self._gone(error) from error
        finally:
            self._leave(connection, whole)

    def _read(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        try:
            yield from unframed(response.read)
        except (OSError, EOFError, http.client.HTTPException) as error:
            raise self._gone(error) from error

    def _respond(self, body: bytes) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """A response, of which nothing is read yet, and its connection; tried again where none came."""
        for attempt in range(1, ATTEMPTS + 1):
            connection, used = self._connection()
            try:
                connection.request("POST", self._path, body, self._headers)
                return connection, connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if attempt == ATTEMPTS or isinstance(error, TimeoutError | ssl.SSLError):
                    raise self._gone(error) from error
                if used:
                    self._forget()  # a gate that was started again knows none of them
                else:
                    time.sleep(PAUSE_SECONDS * 2 ** (attempt - 1))
        raise AssertionError

    def _check(self, response: http.client.HTTPResponse) -> None:
        """Raises what the status says."""
        if response.status == http.client.OK:
            return
        body = response.read(1 << 16)
        if response.status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
            raise EngineKeyWrong(address=self.address)
        if response.status == http.client.CONFLICT:
            name, facts = read_message(next(unframed(io.BytesIO(body).read)))[1]
            raise_error(name, facts)
        if response.status in (http.client.BAD_GATEWAY, http.client.SERVICE_UNAVAILABLE, http.client.NOT_FOUND):
            raise EngineUnreachable(address=self.address, reason=f"HTTP {response.status}")
        raise EngineFailed(reason=f"HTTP {response.status}")

    def _gone(self, error: BaseException) -> EngineUnreachable:
        return EngineUnreachable(address=self.address, reason=str(error) or type(error).__name__)

    # -- connections ------------------------------------------------------------------------------------------------
    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        """A connection, and whether it was used before."""
        with self._lock:
            if self._idle:
                return self._idle.pop(), True
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, self._port, timeout=SILENT_SECONDS, context=self._tls), False
        return http.client.HTTPConnection(self._host, self._port, timeout=SILENT_SECONDS), False

    def _leave(self, connection: http.client.HTTPConnection, whole: bool) -> None:
        """Keep it for the next call, or close it: the gate then cancels what it computes."""
        with self._lock:
            if whole and len(self._idle) < MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _forget(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
