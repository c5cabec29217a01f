"""Commands of ``python -m dashboard``: start, test, benchmark, pictures, verify, pins. Standard library only."""

from __future__ import annotations

import argparse
import locale
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dashboard.errors import SettingInvalid
from dashboard.i18n import LANGUAGES, Catalogue
from dashboard.launch.display import Display
from dashboard.launch.environment import Environment, SetupFailed
from dashboard.settings import Settings, unknown

ROOT = Path(__file__).resolve().parents[2]
PORT = 8501
START_SECONDS = 120.0
END_SECONDS = 3.0
_SHARE = re.compile(r"\d+%")
MOST_WORKERS = 4
"""Of tests that run side by side; each holds models of its own."""


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit code."""
    # what stands after `test` is pytest's, whatever it looks like
    test = list(arguments[:1]) == ["test"]
    options = _parser().parse_args([] if test else list(arguments))
    text = Catalogue(_language(options.language))
    try:
        if test:
            return _test(arguments[1:], text)
        return COMMANDS[options.command](options, text)
    except SetupFailed as failure:
        print(
            "\n" + text(f"launcher.{failure.message_id}", **{"detail": "", "folder": "", "python": ""} | failure.facts)
        )
        return 1
    except SettingInvalid as error:
        print("\n" + text(error.message_id, **error.facts))
        return 1
    except KeyboardInterrupt:
        print("\n" + text("launcher.interrupted"))
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dashboard",
        description="Logitscope: start the dashboard (no command), run its tests or a benchmark, take its pictures, "
        "verify a model, or show and renew the commits that models of the hub are kept at.",
        epilog="Arguments after 'test' go to pytest, for example: python -m dashboard test -m 'not browser'",
    )
    parser.add_argument("command", nargs="?", choices=["test", *COMMANDS], default="start")
    parser.add_argument("name", nargs="?", help="which benchmark (see tests/benchmarks), or the model (verify, pins)")
    parser.add_argument("--port", type=int, help=f"port of the dashboard (default {PORT}, or the next free one)")
    parser.add_argument("--host", default="localhost", help="address to serve on; 0.0.0.0 for all (default localhost)")
    parser.add_argument("--model", help="model that pages open with: bundled id, hub id, or local/<folder>")
    parser.add_argument("--language", choices=sorted(LANGUAGES), help="language of the dashboard and of these messages")
    parser.add_argument("--headless", action="store_true", help="do not open a browser")
    parser.add_argument("--demo", action="store_true", help="open the browser on the tour of the pages")
    parser.add_argument("--quick", action="store_true", help="benchmark: a short form")
    parser.add_argument("--check", action="store_true", help="benchmark: end non-zero when a goal is missed")
    parser.add_argument("--renew", action="store_true", help="pins: keep to the hub's present commit from now on")
    return parser


def _language(wanted: str | None) -> str:
    chosen = wanted or os.environ.get("LOGITSCOPE_LANGUAGE") or (locale.getlocale()[0] or "en")[:2]
    return chosen if chosen in LANGUAGES else "en"


def _ready_environment(text: Catalogue, *, tests: bool) -> Environment:
    environment, display, began = Environment(ROOT), Display(), time.monotonic()
    try:
        environment.ensure(
            tests=tests,
            say=lambda message_id: display.step(text(f"launcher.{message_id}")),
            count=lambda count: display.so_far(
                text("launcher.packages", count=count, seconds=round(time.monotonic() - began))
            ),
        )
    finally:
        display.end()
    return environment


def _ready_model(environment: Environment, options: argparse.Namespace | None, text: Catalogue) -> None:
    """Convert the bundled model, once. Raises SetupFailed."""
    command, display, lines = [str(environment.python), "-m", "dashboard.engine.models.bundled"], Display(), []
    named = False
    piped: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    with subprocess.Popen(command, cwd=ROOT, env=surroundings(options), **piped) as run:
        assert run.stdout is not None
        for line in run.stdout:
            lines.append(line.rstrip())
            if share := _SHARE.search(line):
                if not named:
                    display.step(text("launcher.converting"))
                    named = True
                display.so_far(share[0])
    display.end()
    if run.returncode:
        raise SetupFailed("model_failed", detail="\n".join(lines[-8:]))


def surroundings(options: argparse.Namespace | None = None) -> dict[str, str]:
    """Environment variables of what is started: this project first on the path, and the options."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    given = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path), "PYTHONUTF8": "1"}
    given.setdefault("TQDM_DISABLE", "1")  # bars of libraries would run through what is printed here
    for name in ("model", "language"):
        if options is not None and getattr(options, name):
            given[f"LOGITSCOPE_{name.upper()}"] = getattr(options, name)
    return given


# -- start --------------------------------------------------------------------------------------------------------
def _start(options: argparse.Namespace, text: Catalogue) -> int:
    Settings.load(surroundings(options))  # refused before anything is downloaded
    for name in unknown():
        print(text("launcher.unknown_setting", name=name))
    port = pick_port(options.host, options.port)
    if port is None:
        print(text("launcher.port_taken", port=str(options.port)))
        return 1
    if options.port is None and port != PORT:
        print(text("launcher.other_port", taken=str(PORT), port=str(port)))
    first = not Environment(ROOT).ready(tests=False)
    environment = _ready_environment(text, tests=False)
    if first:
        _ready_model(environment, options, text)
    command = [str(environment.python), "-m", "dashboard.launch.server"]
    command += ["--server.port", str(port), "--server.address", options.host, "--server.headless", "true"]
    with subprocess.Popen(command, cwd=ROOT, env=surroundings(options)) as server:
        # a service manager's stop must reach the server too
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        try:
            if not first:  # a look at the files: the server starts meanwhile
                _ready_model(environment, options, text)
            return _serve(server, options, port, text)
        finally:
            _end(server)


def _serve(server: subprocess.Popen[bytes], options: argparse.Namespace, port: int, text: Catalogue) -> int:
    host = "localhost" if options.host in {"0.0.0.0", "::", ""} else options.host
    url = f"http://{host}:{port}"
    end = time.monotonic() + START_SECONDS
    while not healthy(url):
        if server.poll() is not None or time.monotonic() > end:
            print(text("launcher.not_started", code=str(server.poll())))
            return 1
        time.sleep(0.1)
    print(text("launcher.running", url=url), flush=True)
    if not options.headless:
        webbrowser.open(url + (tour(options.language) if options.demo else ""))
    return server.wait()


def tour(language: str | None) -> str:
    """The part of the address that opens the first step of the tour."""
    return "/?lesson=tour&lesson_step=1" + (f"&lang={language}" if language else "")


def _end(server: subprocess.Popen[bytes]) -> None:
    """Streamlit waits for open pages to close before it ends; nobody who pressed Ctrl+C wants to."""
    server.terminate()
    try:
        server.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()


def healthy(url: str) -> bool:
    """Whether Streamlit answers there; any unknown path answers too, so the body decides."""
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
            return bool(answer.read() == b"ok")
    except OSError:
        return False


def pick_port(host: str, wanted: int | None) -> int | None:
    """`wanted` if it is free, else ``None``; without a wish the first free port from PORT on."""
    candidates = [wanted] if wanted is not None else range(PORT, PORT + 100)
    return next((port for port in candidates if _free(host, port)), None)


def _free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name != "nt":  # as the server does: what an ended one left behind for a minute is no obstacle
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError):
            return False
    return True


# -- test and benchmark -------------------------------------------------------------------------------------------
def _test(arguments: Sequence[str], text: Catalogue) -> int:
    """Run every test, those without a browser side by side; or what `arguments` ask pytest for."""
    environment = _ready_environment(text, tests=True)
    python = str(environment.python)
    _ready_model(environment, None, text)
    workers = str(max(1, min(os.cpu_count() or 1, MOST_WORKERS)))
    # a core each: threads that wait for one another's cores take many times as long
    side_by_side = (["-m", "not browser", "-n", workers, "--dist", "loadfile"], {"OMP_NUM_THREADS": "1"})
    # a browser that shares its cores with them would wait longer than it is given
    runs = [(list(arguments), {})] if arguments else [side_by_side, (["-m", "browser"], {})]
    codes = [
        subprocess.run([python, "-m", "pytest", *run], cwd=ROOT, env=surroundings() | variables, check=False).returncode
        for run, variables in runs
    ]
    return next((code for code in codes if code), 0)  # a killed run's code is below 0


def _benchmark(options: argparse.Namespace, text: Catalogue) -> int:
    folder = ROOT / "tests" / "benchmarks"
    there = sorted(path.stem for path in folder.glob("*.py") if path.stem not in {"__init__", "report"})
    if options.name not in there:
        print(text("launcher.no_benchmark", name=str(options.name), there=", ".join(there)))
        return 2
    environment = _ready_environment(text, tests=True)
    flags = [f"--{name}" for name in ("quick", "check") if getattr(options, name)]
    command = [str(environment.python), "-m", f"tests.benchmarks.{options.name}", *flags]
    return subprocess.run(command, cwd=ROOT, env=surroundings(options), check=False).returncode


def _pictures(options: argparse.Namespace, text: Catalogue) -> int:
    """Take the README's pictures again, from the app itself."""
    environment = _ready_environment(text, tests=True)
    _ready_model(environment, options, text)
    command = [str(environment.python), "-m", "tests.pictures"]
    return subprocess.run(command, cwd=ROOT, env=surroundings(options), check=False).returncode


# -- verify -------------------------------------------------------------------------------------------------------
def _verify(options: argparse.Namespace, text: Catalogue) -> int:
    """Compare a model's numbers with plain transformers; the exit code is 1 where some are off."""
    environment = _ready_environment(text, tests=False)
    command = [
        str(environment.python),
        "-m",
        "dashboard.engine.verify_command",
        *([options.name] if options.name else []),
    ]
    return subprocess.run(command, cwd=ROOT, env=surroundings(options), check=False).returncode


# -- pins ---------------------------------------------------------------------------------------------------------
def _pins(options: argparse.Namespace, text: Catalogue) -> int:
    """Show the commits that models of the hub are kept at, or renew one."""
    environment = _ready_environment(text, tests=False)
    named = [*([options.name] if options.name else []), *(["--renew"] if options.renew else [])]
    command = [str(environment.python), "-m", "dashboard.engine.hub.pins_command", *named]
    return subprocess.run(command, cwd=ROOT, env=surroundings(options), check=False).returncode


COMMANDS: dict[str, Callable[[argparse.Namespace, Catalogue], int]] = {
    "start": _start,
    "benchmark": _benchmark,
    "pictures": _pictures,
    "verify": _verify,
    "pins": _pins,
}
"""Beside ``test``, whose arguments are pytest's."""
