"""Commands of ``python -m dashboard`` and ``logitscope``: start, setup, settings, verify, export, pins. No library."""

from __future__ import annotations

import argparse
import locale
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path

from dashboard import __version__
from dashboard.errors import SettingInvalid
from dashboard.i18n import LANGUAGES, Catalogue
from dashboard.launch import developer
from dashboard.launch.installer import SetupFailed
from dashboard.launch.preparation import CHECKOUT, module, ready_environment, ready_model, surroundings
from dashboard.launch.settings_command import show
from dashboard.settings import BUNDLED, CACHED, Settings, unknown

PORT = 8501
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
START_SECONDS = 120.0
END_SECONDS = 3.0


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit code."""
    passed_on = PASSED_ON.get(arguments[0]) if arguments else None
    options = _parser().parse_args([] if passed_on else list(arguments))
    text = Catalogue(_language(options.language))
    try:
        if passed_on:
            return passed_on(arguments[1:], text)
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
    except BrokenPipeError:  # whoever reads has read enough, as `head`; the rest is not to be written at the end either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dashboard" if CHECKOUT else "logitscope",
        description="Logitscope: start the dashboard (no command), set up what it needs, show its settings, verify a "
        "model, export charts as files (export --help), serve its models to dashboards elsewhere (gate --help), show "
        "and renew the commits that models of the hub are kept at"
        + (", run its tests or a benchmark, or take its pictures." if CHECKOUT else "."),
        epilog="Arguments after 'test' go to pytest, for example: python -m dashboard test -m 'not browser'"
        if CHECKOUT
        else None,
    )
    parser.add_argument("command", nargs="?", choices=[*PASSED_ON, *COMMANDS], default="start")
    benchmark = "which benchmark (see tests/benchmarks), or " if CHECKOUT else ""
    parser.add_argument("name", nargs="?", help=f"{benchmark}the model (verify, pins)")
    parser.add_argument("--port", type=int, help=f"port of the dashboard (default {PORT}, or the next free one)")
    parser.add_argument("--host", default="localhost", help="address to serve on; 0.0.0.0 for all (default localhost)")
    parser.add_argument("--model", help="model that pages open with: bundled id, hub id, or local/<folder>")
    parser.add_argument("--device", help="where the model runs: auto, cuda, cuda:1, mps, xpu, cpu")
    parser.add_argument("--language", choices=sorted(LANGUAGES), help="language of the dashboard and of these messages")
    parser.add_argument("--headless", action="store_true", help="do not open a browser")
    parser.add_argument("--demo", action="store_true", help="open the browser on the tour of the pages")
    parser.add_argument("--schema", action="store_true", help="settings: as a JSON schema of the settings file")
    parser.add_argument("--renew", action="store_true", help="pins: keep to the hub's present commit from now on")
    parser.add_argument("--version", action="version", version=f"Logitscope {__version__}")
    parser.set_defaults(cpu=False)
    if CHECKOUT:
        parser.add_argument("--cpu", action="store_true", help="first start on Linux: fetch torch without CUDA")
        parser.add_argument("--quick", action="store_true", help="benchmark: a short form")
        parser.add_argument("--check", action="store_true", help="benchmark: end non-zero when a goal is missed")
    return parser


def _language(wanted: str | None) -> str:
    chosen = wanted or os.environ.get("LOGITSCOPE_LANGUAGE") or (locale.getlocale()[0] or "en")[:2]
    return chosen if chosen in LANGUAGES else "en"


# -- start --------------------------------------------------------------------------------------------------------
def _start(options: argparse.Namespace, text: Catalogue) -> int:
    given = surroundings(options)
    settings = Settings.load(given)  # refused before anything is downloaded
    for name in unknown():
        print(text("launcher.unknown_setting", name=name))
    if options.host not in LOOPBACK and settings.models == Settings().models:
        # the operator's cache may hold private models: others see it only if he says so
        given["LOGITSCOPE_MODELS"] = ",".join(entry for entry in settings.models if entry != CACHED)
        print(text("launcher.cache_kept_back", entry=CACHED))
    port = pick_port(options.host, options.port)
    if port is None:
        print(text("launcher.port_taken", port=str(options.port)))
        return 1
    if options.port is None and port != PORT:
        print(text("launcher.other_port", taken=str(PORT), port=str(port)))
    python = ready_environment(text, tests=False, cpu=options.cpu)
    flags = ["--server.port", str(port), "--server.address", options.host, "--server.headless", "true"]
    with subprocess.Popen(module(python, "dashboard.launch.server", *flags), env=given) as server:
        # a service manager's stop must reach the server too
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        try:
            _ready_model(python, options, text)  # the server starts meanwhile
            return _serve(server, options, port, text)
        finally:
            _end(server)


def _setup(options: argparse.Namespace, text: Catalogue) -> int:
    """Make ready what a start needs, and start nothing: for images, and for machines that have no network later."""
    ready_model(ready_environment(text, tests=False, cpu=options.cpu), options, text)
    print(text("launcher.set_up"))
    return 0


def _ready_model(python: Path, options: argparse.Namespace, text: Catalogue) -> None:
    """As `ready_model`; where pages open with another model, one can go on without it. Raises SetupFailed."""
    try:
        ready_model(python, options, text)
    except SetupFailed as failure:
        model = Settings.load(surroundings(options)).model
        if model == BUNDLED:
            raise
        print(text("launcher.no_bundled", model=model, **failure.facts))


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


# -- verify -------------------------------------------------------------------------------------------------------
def _verify(options: argparse.Namespace, text: Catalogue) -> int:
    """Compare a model's numbers with plain transformers; the exit code is 1 where some are off."""
    python = ready_environment(text, tests=False)
    command = module(python, "dashboard.engine.verify_command", *([options.name] if options.name else []))
    return subprocess.run(command, env=surroundings(options), check=False).returncode


def _test(arguments: Sequence[str], text: Catalogue) -> int:
    """Run the tests; pytest's exit code."""
    return developer.test(arguments, text)


def _export(arguments: Sequence[str], text: Catalogue) -> int:
    """Save the charts at a link as files; the exit code is 1 where some were not made."""
    python = ready_environment(text, tests=False)
    ready_model(python, None, text)
    command = module(python, "components.shell.export.command", *arguments)
    return subprocess.run(command, env=surroundings(), check=False).returncode


def _gate(arguments: Sequence[str], text: Catalogue) -> int:
    """Serve this machine's models to dashboards elsewhere."""
    python = ready_environment(text, tests=False)
    ready_model(python, None, text)
    return _until_ended(module(python, "dashboard.engine.remote.gate_command", *arguments))


def _until_ended(command: Sequence[str]) -> int:
    """The exit code of a command that a service manager's stop must reach too."""
    with subprocess.Popen(command, env=surroundings()) as server:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        try:
            return server.wait()
        finally:
            server.terminate()


def _pins(options: argparse.Namespace, text: Catalogue) -> int:
    """Show the commits that models of the hub are kept at, or renew one."""
    python = ready_environment(text, tests=False)
    named = [*([options.name] if options.name else []), *(["--renew"] if options.renew else [])]
    command = module(python, "dashboard.engine.hub.pins_command", *named)
    return subprocess.run(command, env=surroundings(options), check=False).returncode


COMMANDS: dict[str, Callable[[argparse.Namespace, Catalogue], int]] = {
    "start": _start,
    "setup": _setup,
    "settings": show,
    "verify": _verify,
    "pins": _pins,
    **({"benchmark": developer.benchmark, "pictures": developer.pictures} if CHECKOUT else {}),
}
PASSED_ON: dict[str, Callable[[Sequence[str], Catalogue], int]] = {
    **({"test": _test} if CHECKOUT else {}),
    "export": _export,
    "gate": _gate,
}
"""Commands whose arguments are pytest's, or that command's own, whatever they look like."""
