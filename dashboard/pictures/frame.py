"""What stands around a chart in a picture: its title above, lines of text below. Into the SVG, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from xml.etree import ElementTree

SVG = "http://www.w3.org/2000/svg"
SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
SIDE = 12
"""Free at both ends of a line [CSS px]."""
_TITLE, _LINE = 15, 11
"""Sizes of the letters [CSS px]."""
_WIDE = 0.56
"""Width of a letter, on the safe side, for each px of its size."""
_PITCH = 1.36
"""From line to line, for each px of the letters' size."""
ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")


@dataclass(frozen=True)
class Frame:
    """The texts around a chart, broken for a picture of `width` [CSS px]."""

    width: int
    title: str = ""
    paragraphs: tuple[str, ...] = ()
    """Below the chart; each begins a line."""
    paper: str = "#FFFFFF"
    ink: str = "#1A1D23"

    @cached_property
    def head(self) -> list[str]:
        """Lines of the title."""
        return _broken([self.title], self.width, _TITLE)

    @cached_property
    def foot(self) -> list[str]:
        """Lines below the chart."""
        return _broken(self.paragraphs, self.width, _LINE)

    @property
    def heights(self) -> tuple[int, int]:
        """Of what stands above and below the chart [CSS px]."""
        return _height(self.head, _TITLE), _height(self.foot, _LINE)

    def texts(self, chart_height: int) -> list[dict[str, str | int]]:
        """Every line with its ``text``, ``y`` (its foot, from the picture's top) and ``size`` [CSS px]."""
        lines = [(self.head, _TITLE, 0), (self.foot, _LINE, self.heights[0] + chart_height)]
        return [
            {"text": line, "y": top + round(_PITCH * size * (i + 1)), "size": size}
            for texts, size, top in lines
            for i, line in enumerate(texts)
        ]

    def around(self, chart: bytes) -> bytes:
        """The chart as SVG, larger by its texts.

        Args:
            chart: an SVG of this width, as Plotly draws it.
        """
        above, below = self.heights
        if not above and not below:
            return chart
        inner = ElementTree.fromstring(chart)
        height = round(float(inner.get("height", "0")))
        inner.set("y", str(above))
        size = {"width": str(self.width), "height": str(above + height + below)}
        root = ElementTree.Element(f"{{{SVG}}}svg", size)
        ElementTree.SubElement(root, f"{{{SVG}}}rect", {**size, "fill": self.paper})
        root.append(inner)
        for line in self.texts(height):
            style = f"font: {line['size']}px {SANS}; white-space: pre"
            place = {"x": str(SIDE), "y": str(line["y"]), "fill": self.ink, "style": style}
            ElementTree.SubElement(root, f"{{{SVG}}}text", place).text = str(line["text"])
        return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _broken(paragraphs: Sequence[str], width: int, size: int) -> list[str]:
    letters = max(8, int((width - 2 * SIDE) / (_WIDE * size)))
    return [line for paragraph in paragraphs for line in textwrap.wrap(paragraph, letters)]


def _height(lines: Sequence[str], size: int) -> int:
    return round(_PITCH * size * len(lines)) + 8 if lines else 0
