"""``python -m dashboard export LINK``: files of the charts at a link, as the dialog makes them, without a browser."""

from __future__ import annotations

import argparse
import html
import logging
import os
import re
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from streamlit.logger import set_log_level
from streamlit.testing.v1 import AppTest

import dashboard
from components.charts.theme import MODES
from components.shell.export.files import MIME, RECORD, Choice, ExportedChart, file_bytes
from dashboard.errors import DashboardError
from dashboard.i18n import Catalogue, pick_language
from dashboard.navigation import PAGES, page_file
from dashboard.pictures.browser import shared_browser
from dashboard.pictures.picture import LEAST_SIDE, MOST_SIDE, PRESETS, SCALES

_APP = Path(dashboard.__file__).parent / "app.py"
_ADVICE = re.compile(r'class="ls-(?:advice|notice)"[^>]*>(.*?)</', re.DOTALL)
_THREAD = "texts"
"""Name of threads that make texts for a page, which follows them run by run."""


class Refused(Exception):
    """Why nothing was made, in words."""


def main(arguments: Sequence[str]) -> int:
    """Make the files and print their paths; 1 where something was not made, and why is said."""
    text = Catalogue(pick_language(os.environ.get("LOGITSCOPE_LANGUAGE"), None, "en"))
    options = _parser(text).parse_args(arguments)
    set_log_level(logging.ERROR)  # Streamlit warns of what a page lacks without a browser
    try:
        charts = _wanted(charts_at(options.link, text, seconds=options.seconds), options.panel, text)
        return max(_written(chart, options, text) for chart in charts)
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    finally:
        shared_browser().close()


def _parser(text: Catalogue) -> argparse.ArgumentParser:
    said = lambda name, **facts: text(f"export.command.{name}", **facts)  # noqa: E731
    parser = argparse.ArgumentParser(prog="python -m dashboard export", description=said("about"))
    parser.add_argument("link", help=said("link"))
    parser.add_argument("--format", type=_formats, default=["svg"], help=said("format", formats=", ".join(MIME)))
    parser.add_argument("--out", type=Path, default=Path(), help=said("out"))
    parser.add_argument("--panel", action="append", help=said("panel"))
    parser.add_argument("--preset", choices=list(PRESETS), default="screen", help=said("preset"))
    for side in ("width", "height"):
        parser.add_argument(f"--{side}", type=_side, help=said(side, low=LEAST_SIDE, high=MOST_SIDE))
    parser.add_argument("--scale", type=int, choices=SCALES, default=2, help=said("scale"))
    parser.add_argument("--mode", choices=MODES, default="light", help=said("mode"))
    for part, wanted in (("title", True), ("caption", False), ("source", True)):
        parser.add_argument(f"--{part}", action=argparse.BooleanOptionalAction, default=wanted, help=said(part))
    parser.add_argument("--seconds", type=float, default=3600.0, help=said("seconds"))
    return parser


def _formats(names: str) -> list[str]:
    formats = [name.strip().lower() for name in names.split(",") if name.strip()]
    if not formats or not set(formats) <= set(MIME):
        raise argparse.ArgumentTypeError(", ".join(MIME))
    return formats


def _side(number: str) -> int:
    value = int(number)
    if not LEAST_SIDE <= value <= MOST_SIDE:
        raise argparse.ArgumentTypeError(f"{LEAST_SIDE}–{MOST_SIDE}")
    return value


def charts_at(link: str, text: Catalogue, *, seconds: float) -> list[ExportedChart]:
    """The charts of the page at `link`, in their order, made by the page's own script; long work begins unasked.

    Args:
        link: with host or without, or the part from ``?`` on (of the first page).
        text: the catalogue.
        seconds: the longest that the page may take.

    Raises:
        Refused: it names no page, a part of it cannot be read, or the page did not come to its end.
    """
    parts = urlsplit(link)
    slug = parts.path.rstrip("/").rpartition("/")[2] or PAGES[0].slug
    if slug not in [entry.slug for entry in PAGES]:
        raise Refused(text("export.command.no_page", page=slug, pages=", ".join(entry.slug for entry in PAGES)))
    at = AppTest.from_file(str(_APP), default_timeout=seconds)
    at.context = {"locale": "en-US", "theme": "light"}
    for name, values in parse_qs(parts.query, keep_blank_values=True).items():
        at.query_params[name] = values if len(values) > 1 else values[0]
    if slug != PAGES[0].slug:
        at.switch_page(str(page_file(slug)))
    charts: list[ExportedChart] = []
    at.session_state[RECORD] = charts
    try:
        _run(at, charts)
    except RuntimeError as error:  # of AppTest, when its time is over
        raise Refused(text("export.command.too_slow", seconds=seconds)) from error
    if at.exception:
        raise Refused("\n".join(element.message for element in at.exception))
    if dropped := _dropped(at, text):
        raise Refused("\n".join(dropped))
    if not charts:
        raise Refused("\n".join([text("export.command.no_chart"), *_advice(at)]))
    return charts


def _run(at: AppTest, charts: list[ExportedChart]) -> None:
    """Run the page, and once more whenever texts have come that it began to make."""
    at.run()
    while making := [thread for thread in threading.enumerate() if thread.name == _THREAD]:
        for thread in making:
            thread.join()
        charts.clear()
        at.run()


def _dropped(at: AppTest, text: Catalogue) -> list[str]:
    """What the link says and the page does not follow: another chart than the one that was meant is none."""
    state = at.session_state
    problems = state["_link_dropped"] if "_link_dropped" in state else {}  # noqa: SIM401 - it has no `get`
    return [
        text(f"link.{problem.reason}", name=problem.name, value=problem.value, **dict(problem.facts))
        for problem in problems.values()
    ]


def _advice(at: AppTest) -> list[str]:
    """What the page says instead of a chart."""
    bodies = (str(element.proto.body) for element in at.get("html"))
    return [html.unescape(said) for body in bodies for said in _ADVICE.findall(body)]


def _wanted(charts: list[ExportedChart], names: list[str] | None, text: Catalogue) -> list[ExportedChart]:
    there = [chart.name for chart in charts]
    for name in names or ():
        if name not in there:
            raise Refused(text("export.command.no_panel", panel=name, panels=", ".join(dict.fromkeys(there))))
    return [chart for chart in charts if not names or chart.name in names]


def _written(chart: ExportedChart, options: argparse.Namespace, text: Catalogue) -> int:
    """Write the files of one chart; 1: not all of them."""
    code = 0
    look = {name: getattr(options, name) for name in ("preset", "width", "height", "scale", "mode")}
    look |= {name: getattr(options, name) for name in ("title", "caption", "source")}
    for form in options.format:
        if form not in chart.formats:
            if options.panel:  # of a page's charts, those that have the format are meant
                print(text("export.command.no_format", panel=chart.name, format=form), file=sys.stderr)
                code = 1
            continue
        path = options.out / f"{chart.stem}.{form}"
        try:
            data = file_bytes(chart, Choice(form, **look), shared_browser())
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except DashboardError as error:
            print(f"{path.name}: {text(error.message_id, **error.facts)}", file=sys.stderr)
            code = 1
        except OSError as error:
            raise Refused(text("export.command.not_written", path=path, reason=error.strerror)) from error
        else:
            print(path, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
