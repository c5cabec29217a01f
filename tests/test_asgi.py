"""The page's header that names scripts early."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import streamlit

from dashboard.asgi import ELEMENTS, EarlyScripts, Frames, embed_origins, scripts

STATIC = Path(streamlit.__file__).parent / "static"


@pytest.fixture
def static(tmp_path: Path) -> Path:
    folder = tmp_path / "static" / "js"
    folder.mkdir(parents=True)
    (tmp_path / "index.html").write_text('<script src="./static/js/index.0.js"><link href="./static/js/base.0.js">')
    large = " " * 10_000
    for name, imports in {
        "Chart.1": ["helper.2", "base.0", "tiny.5"],
        "helper.2": ["deep.3", "Chart.1"],
        "deep.3": [],
        "tiny.5": ["deep.3"],
        "base.0": [],
        "Other.4": [],
    }.items():
        text = "".join(f'import{{a}}from"./{other}.js";' for other in imports)
        (folder / f"{name}.js").write_text(text + ("" if name == "tiny.5" else large))
    return tmp_path


def test_scripts_are_those_of_the_elements_and_what_they_import_but_not_what_the_page_names(static):
    assert scripts(static, ("Chart",)) == ["Chart.1.js", "helper.2.js", "deep.3.js"]


def test_an_element_that_this_streamlit_does_not_have_is_left_out(static):
    assert scripts(static, ("Gone", "Other")) == ["Other.4.js"]


def test_this_streamlit_has_every_element_and_a_header_that_proxies_take():
    for element in ELEMENTS:
        assert len(list((STATIC / "static" / "js").glob(f"{element}.*.js"))) == 1, element
    names = scripts(STATIC)
    assert any(name.startswith("PlotlyChart.") for name in names)
    assert len(EarlyScripts(_nothing, names).header) < 2_000


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("not called")


@pytest.mark.parametrize(
    ("kind", "scope", "named"),
    [("text/html; charset=utf-8", "http", True), ("text/javascript", "http", False), ("text/html", "websocket", False)],
)
def test_only_pages_name_scripts(kind, scope, named):
    sent: list[dict[str, Any]] = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind.encode())]})
        await send({"type": "http.response.body", "body": b"..."})

    async def keep(message: Any) -> None:
        sent.append(message)

    asyncio.run(EarlyScripts(page, ["PlotlyChart.1.js", "Html.2.js"])({"type": scope}, keep, keep))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    links = [value.decode() for name, value in sent[0]["headers"] if name == b"link"]
    expected = (
        "<./static/js/PlotlyChart.1.js>; rel=modulepreload; crossorigin; fetchpriority=low, "
        "<./static/js/Html.2.js>; rel=modulepreload; crossorigin"
    )
    assert links == ([expected] if named else [])


# -- frames -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("origins", "policy"),
    [
        ((), "frame-ancestors 'self'"),
        (("https://a.example", "http://*.b:80"), "frame-ancestors 'self' https://a.example http://*.b:80"),
    ],
)
def test_a_page_says_in_whose_frames_it_may_stand(origins, policy):
    sent: list[dict[str, Any]] = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        for kind in (b"text/html", b"text/javascript"):
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})

    async def keep(message: Any) -> None:
        sent.append(message)

    asyncio.run(Frames(page, origins)({"type": "http"}, keep, keep))
    assert [dict(message["headers"]).get(b"content-security-policy") for message in sent] == [policy.encode(), None]


def test_whose_frames_is_the_operators_choice_and_nobodys_where_it_cannot_be_read(monkeypatch):
    monkeypatch.delenv("LOGITSCOPE_EMBED_ORIGINS", raising=False)
    assert embed_origins() == ()
    monkeypatch.setenv("LOGITSCOPE_EMBED_ORIGINS", "https://a.example, *")
    assert embed_origins() == ("https://a.example", "*")
    for wrong in ("a.example", "https://a.example; script-src *", "https://a.example/path", "'none'"):
        monkeypatch.setenv("LOGITSCOPE_EMBED_ORIGINS", wrong)
        assert embed_origins() == ()
