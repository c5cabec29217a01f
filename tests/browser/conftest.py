"""A real server and a real Chromium for the whole project, and a watch on what pages do behind the person's back."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from re import Pattern
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    BrowserContext,
    BrowserType,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    TimeoutError,
    expect,
)

from dashboard.pictures.browser import NAMES, PLACES

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
START_SECONDS = 60.0
expect.set_options(timeout=30_000)  # as long as Playwright waits for what is clicked
LIST_SECONDS, CLICK_SECONDS = 3.0, 15.0
"""A list that is open shows its options before the one, and before the other takes a click even on a busy machine."""
TAB_HOLDS = {
    "Numbers": "[role=tabpanel] [data-testid=stTable], [role=tabpanel] [data-testid=stDataFrame]",
    "Code": "[role=tabpanel] pre",
    "Download": "[role=tabpanel] button",
}
"""Tab of a panel -> what stands in it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


# -- Chromium -----------------------------------------------------------------------------------------------------
def find_chromium(own: str) -> str | None:
    """The Chromium to drive: ``$CHROMIUM``, one on the path, one where systems keep it, or Playwright's `own`."""
    if named := os.environ.get("CHROMIUM"):
        return named if Path(named).exists() else None
    on_path = (shutil.which(name) for name in NAMES)
    installed = (os.path.expandvars(place) for place in PLACES)
    return next((path for path in (*on_path, *installed, own) if path and Path(path).exists()), None)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type: BrowserType) -> dict[str, Any]:
    chromium = find_chromium(browser_type.executable_path)
    if chromium is None:
        reason = "no Chromium found: install one, or name it in CHROMIUM"
        if os.environ.get("LOGITSCOPE_REQUIRE_BROWSER") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    quiet = ["background-networking", "component-update", "sync", "quic", "gpu", "default-apps", "dev-shm-usage"]
    arguments = ["--no-first-run", *(f"--disable-{name}" for name in quiet)]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium refuses to sandbox root
    return {"executable_path": chromium, "args": arguments}


@dataclass
class Watch:
    """What went wrong in the browser during one test; a test may take out what it provoked on purpose."""

    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    """Requests to anywhere but this machine."""

    def console(self, message: ConsoleMessage) -> None:
        # opened on a page's own path, Streamlit first looks for itself below that path
        probe = "/_stcore/" in message.location.get("url", "")
        if message.type == "error" and not probe:
            self.errors.append(message.text)

    def request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob", "about", "file"} and parts.hostname not in {"localhost", "127.0.0.1"}:
            self.strangers.append(request.url)


@pytest.fixture(autouse=True)
def watch(context: BrowserContext) -> Iterator[Watch]:
    """Every browser test fails on an error of the page or the console and on a request that leaves this machine."""
    seen = Watch()
    context.on("console", seen.console)
    context.on("weberror", lambda error: seen.errors.append(str(error.error)))
    context.on("request", seen.request)
    yield seen
    assert not seen.errors, "the page reported errors"
    assert not seen.strangers, "the page asked other machines"


# -- servers ------------------------------------------------------------------------------------------------------
def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serve(script: Path, **environment: str) -> Iterator[str]:
    """Run `script` under Streamlit on a free port; gives its address once it is healthy and ends it afterwards."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    command += ["--server.headless", "true", "--server.address", "127.0.0.1", "--browser.gatherUsageStats", "false"]
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    surroundings = {"PYTHONPATH": os.pathsep.join(path for path in paths if path), "LOGITSCOPE_OFFLINE": "1"}
    # an app of the tests, too, has the look that the dashboard's own folder gives
    process = subprocess.Popen(command, cwd=ROOT / "dashboard", env=os.environ | surroundings | environment)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(process, address)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_until_healthy(process: subprocess.Popen[bytes], address: str) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail(f"the server ended at once with code {process.returncode}", pytrace=False)
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
                if answer.read() == b"ok":
                    return
        except OSError:
            pass  # not listening yet
        time.sleep(0.1)
    pytest.fail(f"the server was not healthy within {START_SECONDS:.0f} s", pytrace=False)


@pytest.fixture(scope="session")
def app_server() -> Iterator[str]:
    """Address of the dashboard itself."""
    with serve(ROOT / "dashboard" / "asgi.py") as address:
        yield address


@pytest.fixture(scope="session")
def serve_script() -> Callable[..., Any]:
    """`serve`, for a test's own script."""
    return serve


def wait_ready(page: Page, label: str = "Model", seconds: float = 60.0) -> None:
    """Wait until `label` is there and the script has ended; before the first run its state says so too."""
    expect(page.get_by_label(label).first).to_be_visible(timeout=seconds * 1000)
    settled(page, seconds)


def settled(page: Page, seconds: float = 60.0) -> None:
    """Wait until the script has ended."""
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=seconds * 1000)


def ran(page: Page, seconds: float = 60.0) -> None:
    """Wait until the script has ended that what was just done begins.

    It begins a moment later, and may be over before it is seen.
    """
    app = page.get_by_test_id("stApp")
    with suppress(AssertionError):
        expect(app).to_have_attribute("data-test-script-state", "running", timeout=1000)
    settled(page, seconds)


def choose(picker: Locator, option: str | Pattern[str], seconds: float = 60.0) -> None:
    """Choose an `option` of the select whose field is `picker`, as patiently as a person: its list is opened again.

    A list closes when the fold around it scrolls, as one does that is still unfolding.
    """
    page = picker.page
    settled(page, seconds)
    wanted = page.get_by_role("option", name=option)
    end = time.monotonic() + seconds
    while True:
        if not wanted.is_visible():
            picker.click()
        try:
            wanted.wait_for(timeout=LIST_SECONDS * 1000)
            wanted.click(timeout=CLICK_SECONDS * 1000)
        except TimeoutError:
            if time.monotonic() > end:
                raise
        else:
            return


def open_tab(page: Page, name: str, seconds: float = 60.0) -> None:
    """Open the tab of that name in the first panel, and wait until what it holds stands: the page runs for it."""
    tab = page.get_by_role("tab", name=name, exact=True).first
    tab.click()
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(page.locator(TAB_HOLDS[name]).first).to_be_visible(timeout=seconds * 1000)
    settled(page, seconds)


@pytest.fixture(scope="session")
def ready() -> Callable[..., None]:
    return wait_ready
