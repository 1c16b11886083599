"""How a cell's buffers were chosen: rows that a walk led to, and rows that were filled
uniformly."""

from __future__ import annotations

from html import escape

from oer_pipeline.reports.cells import Cell


def buffer_table(metrics: Cell) -> str:
    """An HTML table, a row a seed and a column a task: `walked / rows`; a sentence
    where there are no buffers."""
    buffers = {seed: kept for seed, kept in metrics["buffers"].items() if kept}
    if not buffers:
        return "<p>This learner keeps no buffer.</p>"
    head = "".join(f'<th scope="col">{escape(task)}</th>' for task in metrics["tasks"])
    rows = "".join(
        f"<tr><td>seed {seed}</td>"
        + "".join(f"<td>{b['walked']} / {b['rows']}</td>" for b in kept)
        + "</tr>"
        for seed, kept in buffers.items()
    )
    return (
        "<p>Rows reached by a walk in the transition model, of all rows; the others"
        " were drawn uniformly.</p>"
        f'<div class="wide"><table><thead><tr><th scope="col"></th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
