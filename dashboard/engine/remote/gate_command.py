"""``python -m dashboard gate``: the engine of this machine behind a gate, in one process."""

from __future__ import annotations

import argparse
import contextlib
import locale
import sys

from dashboard.engine.remote.gate import LEAST_KEY, gate
from dashboard.errors import DashboardError
from dashboard.i18n import Catalogue, pick_language
from dashboard.process.folders import cache_folder
from dashboard.process.logs import open_log
from dashboard.settings import Settings

PORT = 8600
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def main(arguments: list[str]) -> int:
    """Serve until it is ended; the exit code."""
    options = _parser().parse_args(arguments)
    settings = Settings.load()
    text = Catalogue(pick_language(None, locale.getlocale()[0], settings.language))
    if refused := refusal(settings.engine_key, options.host, without_key=options.without_key):
        print(text(f"gate.{refused}", least=LEAST_KEY), file=sys.stderr)
        return 1
    open_log(cache_folder(settings))
    from dashboard.engine.local import LocalEngine
    from dashboard.engine.remote.model_list import ModelList
    from dashboard.engine.remote.service import Service

    engine = LocalEngine(settings)
    try:
        engine.describe(settings.model)
    except DashboardError as error:
        print(text(error.message_id, **error.facts), file=sys.stderr)  # others may be opened all the same
    key = None if options.without_key else settings.engine_key
    serve(gate(Service(engine, ModelList(settings)).messages, key), options.host, options.port, text)
    return 0


def refusal(key: str, host: str, *, without_key: bool) -> str:
    """Why no gate is started with that key: an id below ``gate.``; empty: it is."""
    if without_key:
        return "" if host in LOOPBACK else "only_here"
    return "" if len(key) >= LEAST_KEY else "no_key"


def serve(application: object, host: str, port: int, text: Catalogue) -> None:
    """Serve an application until the process is told to end."""
    import uvicorn

    print(text("gate.running", url=f"http://{host}:{port}"), flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.run(
            application,  # type: ignore[arg-type]
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=5,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dashboard gate", description="Serve this machine's models.")
    parser.add_argument("--host", default="localhost", help="address to serve on (default localhost)")
    parser.add_argument("--port", type=int, default=PORT, help=f"port (default {PORT})")
    parser.add_argument("--without-key", action="store_true", help="ask for no key; on this machine alone")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
