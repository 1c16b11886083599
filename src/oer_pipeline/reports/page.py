"""Interactive pages that open from a file, without server or network, and whose text
and tables need no JavaScript."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import plotly.graph_objects as go

Section: TypeAlias = "tuple[str, str, go.Figure | None]"
"""Heading (plain text), HTML of text and tables, a figure below it or None."""

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff }
body { max-width: 1100px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.2rem }
h2 { border-bottom: 1px solid #ddd; padding-bottom: .2rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .9rem }
table { font-variant-numeric: tabular-nums; white-space: nowrap }
th, td { padding: .3rem .7rem; text-align: right }
th[scope=row], th:first-child, td:nth-child(2) { text-align: left }
th[scope=row] { font-weight: normal }
thead { border-bottom: 2px solid #888 } tbody { border-bottom: 1px solid #bbb } 
tbody tr:nth-child(even) { background: #f6f6f6 }
dl { font-size: .85rem; color: #555; display: grid; gap: .1rem 1rem }
dl { grid-template-columns: max-content 1fr }
dt { font-weight: 600 }
dd { margin: 0 }
img { max-width: 100% }
pre { overflow-x: auto }
"""
NOSCRIPT = (
    "<noscript><p>The interactive figure here needs JavaScript; text and tables do"
    " not.</p></noscript>"
)


def page(title: str, sections: Sequence[Section]) -> str:
    """One self-contained HTML document: equal input gives equal text. plotly.js is in
    it once, if there is a figure."""
    body = "".join(_section(n, *section) for n, section in enumerate(sections, start=1))
    plots = {
        n: figure
        for n, (_, _, figure) in enumerate(sections, start=1)
        if figure is not None
    }
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{body}{_scripts(plots)}</body>\n</html>\n"
    )


def _section(number: int, heading: str, html: str, figure: go.Figure | None) -> str:
    height = (
        ""
        if figure is None
        else f' style="min-height: {figure.layout.height or 450}px"'
    )
    place = (
        ""
        if figure is None
        else f'<div id="figure-{number}"{height}>{NOSCRIPT}</div>\n'
    )
    return (
        f'<section id="section-{number}">\n<h2>{escape(heading)}</h2>\n'
        f"{html}\n{place}</section>\n"
    )


def _scripts(plots: dict[int, go.Figure]) -> str:
    """The bundle, then one call a figure; they stand last, so that text shows before 5
    MB of script are read."""
    if not plots:
        return ""
    from plotly.offline import get_plotlyjs

    calls = "".join(_call(number, figure) for number, figure in plots.items())
    return f"<script>{get_plotlyjs()}</script>\n{calls}"


def _call(number: int, figure: go.Figure) -> str:
    ordered = json.dumps(
        json.loads(figure.to_json()), sort_keys=True, separators=(",", ":")
    )
    data = ordered.replace(
        "</", "<\\/"
    )  # a task called </script> must not end the script
    options = "{responsive: true, displaylogo: false}"
    return (
        f"<script>(function (figure) {{ Plotly.newPlot('figure-{number}', figure.data,"
        f" figure.layout, {options}) }})({data})</script>\n"
    )
