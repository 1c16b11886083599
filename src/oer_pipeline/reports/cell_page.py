"""The page of one cell, its pictures, and its matrix as rows to plot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oer_pipeline.reports import heatmap, projection, returns
from oer_pipeline.reports.buffer_table import buffer_table
from oer_pipeline.reports.cell_metrics import MEASURED, Cell, drawn_scales
from oer_pipeline.reports.cell_names import names_of, renamed
from oer_pipeline.reports.chart import Chart
from oer_pipeline.reports.page import Commands, FilmFile, Section, page
from oer_pipeline.reports.repeat import FILM, film_command, run_command
from oer_pipeline.reports.table import Linked
from oer_pipeline.reports.tables import cell_table

LINKS = {
    "table.md": "table",
    "metrics.json": "metrics (JSON)",
    "episodes.parquet": "every episode (Parquet)",
    "returns.png": "figures: returns",
    "heatmap.png": "matrix R",
    "projection.png": "states",
}
"""Files beside the page, and what they are."""


def cell_page(
    metrics: Cell,
    states: Chart,
    repeat: Mapping[str, str],
) -> str:
    """Tables and charts of a cell.

    Args:
        metrics: the cell's document.
        states: what `projection.chart` shows of the first seed.
        repeat: `suite`, `quality`, `environment` and the changed parameters `told`
            that the cell was run with.
    """
    command = run_command(metrics, **repeat)
    film = film_command(metrics, **repeat)
    names = names_of([metrics], {metrics["cell"]: repeat["told"]})
    [metrics] = renamed([metrics], names)
    sections = [Section("Metrics", [cell_table(metrics)])]
    for shown in drawn_scales([metrics]):
        sections += _over_the_sequence(metrics, shown)
    about_states = (
        f"Seed {metrics['seeds'][0]}, states on the first two principal components of"
        " each task's data."
    )
    heading = "What data, buffer and deployed policy cover"
    sections += [
        Section("How the buffers were chosen", buffer_table(metrics)),
        Section(heading, [about_states, states]),
        Section("The deployed policies at work", [_film(metrics, film)]),
        Section("To repeat it", [Commands([command])]),
    ]
    title = f"{metrics['cell']} on {metrics['suite']}, {metrics['quality']}"
    links = [Linked(text, file) for file, text in LINKS.items()]
    return page(title, sections, links, subtitle=", ".join(names.shared))


def _film(metrics: Cell, command: str) -> FilmFile:
    seed = metrics["seeds"][0]
    summary = f"Film of seed {seed}: after each task, on each task learned by then"
    return FilmFile(summary, FILM, command)


def _over_the_sequence(
    metrics: Cell,
    shown: str,
) -> list[Section]:
    """R in a scale, as a map and as curves."""
    what = MEASURED[shown].capitalize()
    heading = "Matrix R of success" if shown == "success" else "Matrix R"
    text = f"{what} on each task after learning each task."
    return [
        Section(heading, [text, heatmap.chart(metrics, shown)]),
        Section(f"{what} over the sequence", [returns.chart(metrics, shown)]),
    ]


def states_of(
    given: dict[str, dict[str, Any]],
    seed: int,
) -> list[projection.States]:
    """What the projection shows of a seed.

    Args:
        given: `transitions`, task -> its data; `visits` and, where the learner keeps
            buffers, `buffer`: task -> seed -> table.
        seed: the seed that is shown.
    """
    found = []
    for task, data in given["transitions"].items():
        visits = given["visits"][task][seed]
        buffer = given["buffer"][task][seed] if "buffer" in given else None
        states = projection.States(
            task,
            data.observation,
            visits.observation,
            None if buffer is None else buffer.observation,
        )
        found.append(states)
    return found


def plot_rows(metrics: Cell) -> list[dict[str, Any]]:
    """R as rows for `dvc plots`: {seed, task, learned, return} and, where there is any,
    success in per cent."""
    rows = []
    for seed, matrix in metrics["matrix"].items():
        for place, task in enumerate(metrics["tasks"]):
            for learned in range(place, len(matrix)):
                found = matrix[learned][place]
                if found is None:
                    continue
                row = {
                    "seed": int(seed),
                    "task": task,
                    "learned": learned + 1,
                    "return": found,
                }
                if "success" in metrics:
                    success = metrics["success"]["matrix"][seed]
                    row["success"] = success[learned][place]
                rows.append(row)
    return rows
