"""The look of every chart: colours, fonts and one Plotly template, light and dark, all of it explicit.

Explicit, because Streamlit once imported makes a template of placeholder colours the default: exports would be black.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.colors import sequential

SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
MONO = "ui-monospace, 'SF Mono', 'Cascadia Mono', 'DejaVu Sans Mono', 'Noto Sans Mono', monospace"
MODES = ("light", "dark")
SCALES = ("indigo", "cividis")

_COLOURS = {
    "light": {
        "paper": "#FFFFFF",
        "text": "#1A1D23",
        "muted": "#5A606B",
        "grid": "#E3E6EC",
        "accent": "#3451B2",
        "selection": "#CC1F1F",
    },
    "dark": {
        "paper": "#101216",
        "text": "#E6E8EC",
        "muted": "#A0A6B1",
        "grid": "#2B3038",
        "accent": "#8DA4EF",
        "selection": "#FF6B60",
    },
}
# Far end's lightness, largest chroma (OKLab), and how far along a half sine of chroma the far end lies; the near end is
# the paper itself. Hues in degrees.
_FAR = {"light": (0.26, 0.17, 0.86), "dark": (0.95, 0.15, 0.86)}
_FAR_DIVERGING = {"light": (0.48, 0.14, 0.62), "dark": (0.74, 0.13, 0.62)}
_INDIGO, _BLUE, _ORANGE = 270.0, 250.0, 55.0
_OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "", "#F0E442")
"""The empty one is the text's own colour: black on light, nearly white on dark."""
_STOPS = 17
BAR_ROOM = 68
"""Top margin of a chart with a colour bar [px]: as much as Plotly keeps free for it, or the plot would lose height."""
_BAR_PAD = 18
"""Above the bar, for its words [px]."""


@dataclass(frozen=True)
class ChartTheme:
    """Colours and template of a chart.

    Args:
        mode: ``light`` or ``dark``.
        scale: sequential scale, ``indigo`` (0 is the paper) or ``cividis`` (0 is its end that is nearer to the paper).
    """

    mode: str = "light"
    scale: str = "indigo"

    def __post_init__(self) -> None:
        if self.mode not in MODES or self.scale not in SCALES:
            raise ValueError(f"mode {self.mode!r} is not in {MODES} or scale {self.scale!r} not in {SCALES}")

    @property
    def paper(self) -> str:
        """Background of page and plot."""
        return _COLOURS[self.mode]["paper"]

    @property
    def text(self) -> str:
        """Labels and titles."""
        return _COLOURS[self.mode]["text"]

    @property
    def muted(self) -> str:
        """Words and lines that should stand back; still readable."""
        return _COLOURS[self.mode]["muted"]

    @property
    def grid(self) -> str:
        """Grid lines and frames."""
        return _COLOURS[self.mode]["grid"]

    @property
    def accent(self) -> str:
        """Bars and lines."""
        return _COLOURS[self.mode]["accent"]

    @property
    def selection(self) -> str:
        """What is chosen: the only red of the page."""
        return _COLOURS[self.mode]["selection"]

    @property
    def categories(self) -> tuple[str, ...]:
        """Eight colours for kinds (Okabe and Ito), told apart with any colour vision; use a marker or dash as well."""
        return tuple(colour or self.text for colour in _OKABE_ITO)

    def lut(self) -> NDArray[np.uint8]:
        """(256, 3) the sequential scale, for canvases."""
        return _lut(self.mode, self.scale).copy()

    def sequential(self) -> list[list[float | str]]:
        """The sequential scale for Plotly, from 0 to 1."""
        return _stops(_lut(self.mode, self.scale))

    def diverging(self) -> list[list[float | str]]:
        """Blue - paper - orange for Plotly; use with ``zmid=0``."""
        half = np.linspace(1, 0, 128)
        blue = _ramp(self.mode, half, _BLUE, _FAR_DIVERGING)
        orange = _ramp(self.mode, half[::-1], _ORANGE, _FAR_DIVERGING)
        return _stops(np.concatenate([blue, orange]))

    def template(self) -> go.layout.Template:
        """Our Plotly template: everything that a chart shows has its colour and font here."""
        return _template(self)

    def apply(self, fig: go.Figure) -> go.Figure:
        """Give `fig` our template (and no other), put the words of its colour bar above it and return it."""
        return _bar_words(fig.update_layout(template=self.template()), self)


def _bar_words(fig: go.Figure, theme: ChartTheme) -> go.Figure:
    """A colour bar's words as the figure's title: Plotly writes a bar's own title over it, the more the lower the plot.

    Args:
        fig: has one colour bar at most, and no title where it has one.
        theme: colours.
    """
    for trace in fig.select_traces(lambda trace: trace.type in ("heatmap", "scatter")):
        bar = trace.colorbar if trace.type == "heatmap" else trace.marker.colorbar
        if bar.title.text:
            fig.update_layout(
                title={
                    "text": bar.title.text,
                    "font": {"size": 12, "color": theme.muted},
                    "xref": bar.xref or "paper",
                    "yref": "container",
                    "y": 1,
                    "yanchor": "top",
                    "pad": {"l": bar.xpad or 0, "t": 2},
                }
            )
            bar.title.text = None
    return fig


def rgb(colour: str) -> NDArray[np.float64]:
    """(3,) sRGB in [0, 1] of ``#RRGGBB``."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def _linear(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3) sRGB in [0, 1] -> (...) relative luminance in [0, 1] (WCAG 2)."""
    return np.asarray(_linear(rgb) @ np.array([0.2126, 0.7152, 0.0722]))


def oklab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3) sRGB in [0, 1] -> (..., 3) OKLab (Ottosson 2020): equal distances look equal."""
    return np.asarray(np.cbrt(_linear(rgb) @ _TO_LMS.T) @ _TO_LAB.T)


def _from_oklab(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3) OKLab -> (..., 3) sRGB, clipped to [0, 1]."""
    linear = (lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_LMS).T
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _ramp(
    mode: str, share: NDArray[np.float64], hue: float, far: dict[str, tuple[float, float, float]]
) -> NDArray[np.uint8]:
    """(n, 3) colours from the paper (share 0) to the far end of `hue` (share 1): lightness changes evenly."""
    paper = oklab(rgb(_COLOURS[mode]["paper"]))
    lightness, most, turn = far[mode]
    # most colour in the middle, where sRGB has room for it
    chroma = most * np.sin(np.pi * share * turn) ** 0.9
    angle = np.radians(hue)
    lab = np.stack(
        [
            paper[0] + share * (lightness - paper[0]),
            paper[1] * (1 - share) + chroma * np.cos(angle),
            paper[2] * (1 - share) + chroma * np.sin(angle),
        ],
        axis=-1,
    )
    return np.rint(_from_oklab(lab) * 255).astype(np.uint8)


@cache
def _lut(mode: str, scale: str) -> NDArray[np.uint8]:
    if scale == "indigo":
        return _ramp(mode, np.linspace(0, 1, 256), _INDIGO, _FAR)
    stops = np.array([rgb(colour) * 255 for colour in sequential.Cividis])
    # more is further from the paper in both modes
    stops = stops[::-1] if mode == "light" else stops
    at = np.linspace(0, 1, len(stops))
    channels = [np.interp(np.linspace(0, 1, 256), at, stops[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def _stops(colours: NDArray[np.uint8]) -> list[list[float | str]]:
    rows = np.rint(np.linspace(0, len(colours) - 1, _STOPS)).astype(int)
    return [[i / (_STOPS - 1), "#{:02X}{:02X}{:02X}".format(*colours[row])] for i, row in enumerate(rows)]


@cache
def _template(theme: ChartTheme) -> go.layout.Template:
    axis = {
        "gridcolor": theme.grid,
        "linecolor": theme.grid,
        "tickcolor": theme.grid,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "automargin": True,
        "ticklabeloverflow": "allow",  # nothing overflows; looking takes a third of a heatmap's time
        "tickfont": {"size": 12, "color": theme.text},
        "title": {"font": {"size": 12, "color": theme.muted}, "standoff": 8},
    }
    # lies above the plot at its left end and takes no width from the chart; the chart leaves BAR_ROOM at the top
    bar = {
        "orientation": "h",
        "thickness": 8,
        "len": 240,
        "lenmode": "pixels",
        "x": 0,
        "xanchor": "left",
        "xpad": 0,
        "yref": "container",
        "y": 1,
        "yanchor": "top",
        "ypad": _BAR_PAD,
        "outlinewidth": 1,
        "outlinecolor": theme.grid,
        "tickcolor": theme.grid,
        "ticks": "",
        "tickfont": {"size": 11, "color": theme.text},
    }
    scale = theme.sequential()
    diverging = theme.diverging()
    layout = go.Layout(
        paper_bgcolor=theme.paper,
        plot_bgcolor=theme.paper,
        font={"family": SANS, "size": 13, "color": theme.text},
        title={"font": {"size": 15, "color": theme.text}, "x": 0, "xanchor": "left", "xref": "paper"},
        colorway=list(theme.categories),
        colorscale={"sequential": scale, "sequentialminus": scale[::-1], "diverging": diverging},
        coloraxis={"colorscale": scale, "colorbar": bar},
        xaxis=axis,
        yaxis=axis,
        margin={"l": 8, "r": 12, "t": 12, "b": 8},
        hoverlabel={
            "bgcolor": theme.paper,
            "bordercolor": theme.muted,
            "font": {"family": SANS, "size": 13, "color": theme.text},
            "align": "left",
            "namelength": -1,
        },
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": theme.muted, "activecolor": theme.accent, "orientation": "v"},
        newselection={"line": {"color": theme.selection, "width": 2}},
        showlegend=False,
    )
    heatmap = go.Heatmap(colorscale=scale, colorbar=bar)
    bars = go.Bar(marker={"color": theme.accent, "line": {"width": 0}}, textfont={"color": theme.text, "size": 12})
    scatter = go.Scatter(marker={"color": theme.accent, "colorbar": bar}, line={"color": theme.accent})
    return go.layout.Template(layout=layout, data={"heatmap": [heatmap], "bar": [bars], "scatter": [scatter]})
