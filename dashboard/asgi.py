"""The dashboard as an ASGI application: ``streamlit run dashboard/asgi.py``. Browsers fetch every script at once.

Streamlit's own page fetches the script of a chart when the first chart arrives, of a slider when the first slider
does, and so on, one wait after another. Here the page names those that every page needs in its header, so that they
are fetched and compiled while the first run of a page is still under way. ``streamlit run dashboard/app.py`` shows
the same pages, later, and in anyone's frames.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # streamlit puts only this file's folder on the path
    sys.path.insert(0, str(ROOT))

from dashboard.errors import DashboardError  # noqa: E402
from dashboard.settings import Settings  # noqa: E402

ELEMENTS = (
    *("PlotlyChart", "BidiComponent", "Html", "TextArea", "Selectbox"),
    *("ButtonGroup", "Checkbox", "PageLink", "Button"),
)
"""Streamlit's scripts, by element, that the first screen of our pages needs."""
LEAST_BYTES = 8_000
"""Smaller ones come in no time; a proxy takes headers of 4 KB."""
LAST = "PlotlyChart"
"""The largest (5 MB); the others go before it."""
_IMPORTED = re.compile(r"""\b(?:from|import)\s*["']\./([^"']+\.js)["']""")


def scripts(static: Path, elements: tuple[str, ...] = ELEMENTS) -> list[str]:
    """Names of the scripts of `elements` and of all that they import, from LEAST_BYTES on.

    Args:
        static: Streamlit's folder of files for the browser. What its ``index.html`` names itself is left out.
        elements: names of scripts without the hash; one that this Streamlit does not have is left out.
    """
    folder, itself = static / "static" / "js", (static / "index.html").read_text("utf-8")
    waiting = [path.name for element in elements for path in sorted(folder.glob(f"{element}.*.js"))]
    sizes: dict[str, int] = {}
    while waiting:
        name = waiting.pop(0)
        if name not in sizes and name not in itself:
            script = (folder / name).read_bytes()
            sizes[name] = len(script)
            waiting += _IMPORTED.findall(script.decode("utf-8"))
    return [name for name, size in sizes.items() if size >= LEAST_BYTES]


class EarlyScripts:
    """Middleware: an HTML page names scripts to fetch at once in its ``Link`` header.

    See https://html.spec.whatwg.org/multipage/links.html#link-type-modulepreload.
    """

    def __init__(self, app: ASGIApp, names: list[str]) -> None:
        self.app = app
        links = (
            # relative, as in index.html: right below a base path and behind a proxy
            f"<./static/js/{name}>; rel=modulepreload; crossorigin"
            + ("; fetchpriority=low" if name.startswith(LAST) else "")
            for name in names
        )
        self.header = ", ".join(links)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the header to what is sent as HTML."""

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if self.header and headers.get("content-type", "").startswith("text/html"):
                    headers.append("link", self.header)
            await send(message)

        await self.app(scope, receive, named if scope["type"] == "http" else send)


class Frames:
    """Middleware: whose pages may show ours in a frame (https://www.w3.org/TR/CSP3/#directive-frame-ancestors)."""

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        self.app = app
        self.policy = " ".join(["frame-ancestors", "'self'", *origins])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the policy to what is sent as HTML."""

        async def framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.append("content-security-policy", self.policy)
            await send(message)

        await self.app(scope, receive, framed if scope["type"] == "http" else send)


def embed_origins() -> tuple[str, ...]:
    """As the operator set them; none where a setting cannot be read, which every page says."""
    try:
        return Settings.load().embed_origins
    except DashboardError:
        return ()


app = st.App(
    Path(__file__).parent / "app.py",
    middleware=[
        Middleware(EarlyScripts, names=scripts(Path(st.__file__).parent / "static")),
        Middleware(Frames, origins=embed_origins()),
    ],
)
