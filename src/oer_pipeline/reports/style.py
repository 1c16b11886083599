"""One look for every figure: colours that colour-blind readers tell apart, light
grounds, a bundled font."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#7F5F00",
    "#444444",
)  # after Okabe and Ito
GREY = "#B8B8B8"
DPI = 150


def colour(index: int) -> str:
    """The palette's colour, from the start again when it is used up."""
    return PALETTE[index % len(PALETTE)]


def layout(title: str, height: int, **more: Any) -> dict[str, Any]:
    """Keyword arguments of plotly's `update_layout` that all figures share."""
    margin = {"l": 70, "r": 30, "t": 70, "b": 60}
    return {
        "title": {"text": title},
        "template": "plotly_white",
        "height": height,
        "margin": margin,
        **more,
    }


def canvas(
    width: float, height: float, rows: int = 1, columns: int = 1
) -> tuple[Figure, list[Axes]]:
    """A matplotlib figure (inches) that belongs to no window and no global state, and
    its axes row by row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.flat)


def tidy(axes: Axes) -> None:
    """No box, a light grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E6E6E6", linewidth=0.8)
    axes.set_axisbelow(True)


def png_bytes(figure: Figure) -> bytes:
    """The figure as PNG, drawn by Agg; no date and no version in it, so equal figures
    are equal bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure)  # attaches itself to the figure
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
