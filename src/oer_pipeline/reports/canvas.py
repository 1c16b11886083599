"""matplotlib's figures without a window, with a bundled font."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 150
GRID = "#E6E6E6"


def blank(width: float, height: float) -> Figure:
    """An empty figure (inches) that belongs to no window and no global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def canvas(
    width: float, height: float, rows: int = 1, columns: int = 1
) -> tuple[Figure, list[Axes]]:
    """A blank figure with axes, row by row.

    Args:
        width: inches.
        height: inches.
        rows: of axes.
        columns: of axes.
    """
    figure = blank(width, height)
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.flat)


def tidy(axes: Axes) -> None:
    """No box, a light grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def png_bytes(figure: Figure) -> bytes:
    """The figure as PNG, drawn by Agg; no date and no version in it, so that equal
    figures are equal bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure)  # attaches itself to the figure
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
