"""A chart as a picture: how large, in which format, with which texts around it; and the file."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.errors import PictureTooLarge, PictureTooSmall
from dashboard.pictures.browser import Browser
from dashboard.pictures.frame import Frame
from dashboard.pictures.metadata import DPI, MM_PER_INCH, described_pdf, described_png, described_svg

FORMATS = ("png", "svg", "pdf")
SCALES = (1, 2, 3, 4)
"""Of a PNG: pixels for each CSS px."""
LEAST_SIDE, MOST_SIDE = 200, 6000
"""Width and height of a picture [CSS px]."""
MOST_PIXELS = 64_000_000
"""Larger canvases fail in some browsers without a word."""
LEAST_CHART = 120
"""A chart needs so much height [CSS px]."""
NARROW = 600
"""In a picture below this width a colour bar is as wide as the plot, which may be less than the bar's own [CSS px]."""
SCREEN = (900, 600)
"""Width and height of a chart that does not say [CSS px]."""


def px(millimetres: float) -> int:
    """CSS pixels of a length."""
    return round(millimetres / MM_PER_INCH * DPI)


PRESETS: dict[str, tuple[int | None, int | None]] = {
    "screen": (None, None),
    "single": (px(89), None),
    "double": (px(183), None),
    "slide": (1280, 720),
}
"""Name -> width and height [CSS px]; ``None``: the chart's own. A column of a journal, both, and a slide of 16:9."""


def preset_size(preset: str, width: int | None, height: int | None) -> tuple[int, int]:
    """Width and height of a picture [CSS px].

    Args:
        preset: one of PRESETS.
        width: which the chart asks for [CSS px], if any.
        height: the same.
    """
    own = (width or SCREEN[0], height or SCREEN[1])
    sides = (asked or side for asked, side in zip(PRESETS[preset], own, strict=True))
    chosen = [min(max(int(side), LEAST_SIDE), MOST_SIDE) for side in sides]
    return chosen[0], chosen[1]


@dataclass(frozen=True)
class Picture:
    """What a picture is to look like."""

    form: str
    """One of FORMATS."""
    width: int
    """[CSS px]"""
    height: int
    """With the texts around the chart [CSS px]."""
    scale: int = 2
    """Pixels of a PNG for each CSS px."""

    def __post_init__(self) -> None:
        if self.form not in FORMATS or self.scale not in SCALES:
            raise ValueError(f"format {self.form!r} is not in {FORMATS} or scale {self.scale!r} not in {SCALES}")
        pixels = self.width * self.height * (self.scale**2 if self.form == "png" else 1)
        if pixels > MOST_PIXELS:
            scale = self.scale if self.form == "png" else 1
            raise PictureTooLarge(width=self.width * scale, height=self.height * scale)

    def chart_height(self, frame: Frame) -> int:
        """What the frame leaves for the chart [CSS px]. Raises PictureTooSmall."""
        taken = sum(frame.heights)
        if self.height - taken < LEAST_CHART:
            raise PictureTooSmall(width=self.width, height=self.height, needed=taken + LEAST_CHART)
        return self.height - taken


def picture_bytes(
    figure_json: str, picture: Picture, frame: Frame, provenance: Mapping[str, object], browser: Browser
) -> bytes:
    """The file.

    Args:
        figure_json: the figure as ``Figure.to_json`` writes it.
        picture: format and size.
        frame: the texts around the chart, for the picture's width.
        provenance: where the numbers come from; written into the file.
        browser: draws it.

    Raises:
        PictureTooSmall: the texts leave no room for the chart.
        DashboardError: as `Browser.draw`.
    """
    figure, height = fitted(json.loads(figure_json), picture.width), picture.chart_height(frame)
    size = (picture.width, picture.height)
    if picture.form == "svg" or frame.head or frame.foot:
        svg = frame.around(browser.draw(figure, "svg", (picture.width, height)))
        if picture.form == "svg":
            return described_svg(svg, provenance)
        figure = _as_figure(svg)
    drawn = browser.draw(figure, picture.form, size, picture.scale if picture.form == "png" else 1)
    if picture.form == "png":
        return described_png(drawn, provenance, picture.scale)
    return described_pdf(drawn, provenance, frame.title)


def fitted(figure: dict[str, Any], width: int) -> dict[str, Any]:
    """The figure with colour bars that a picture of `width` [CSS px] has room for."""
    if width < NARROW:
        for bar in _bars(figure):
            bar |= {"lenmode": "fraction", "len": 1}
    return figure


def _bars(part: object) -> Iterator[dict[str, Any]]:
    """Colour bars with a length in pixels, wherever they are."""
    if isinstance(part, dict):
        if part.get("lenmode") == "pixels":
            yield part
        for inner in part.values():
            yield from _bars(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _bars(inner)


def _as_figure(svg: bytes) -> dict[str, Any]:
    """A figure that shows the SVG and nothing else: what is around the chart is drawn by the same exporter."""
    address = "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": 1, "sizex": 1, "sizey": 1, "sizing": "stretch"}
    hidden = {"visible": False}
    margin = dict.fromkeys("lrtb", 0)
    layout = {"images": [{"source": address, **place}], "margin": margin, "xaxis": hidden, "yaxis": hidden}
    return {"data": [], "layout": layout}
