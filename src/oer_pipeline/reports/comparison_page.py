"""The page of cells side by side: what it comes to, the figures, and all that one needs
to check or repeat it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from oer_pipeline.reports import (
    comparison_chart,
    forgetting_chart,
    matrices_chart,
    profile_chart,
    sequence_chart,
)
from oer_pipeline.reports.buffer_table import has_walked
from oer_pipeline.reports.card_origin import Card
from oer_pipeline.reports.cell_metrics import (
    MEASURED,
    Cell,
    drawn_scales,
    ranked,
    scale,
)
from oer_pipeline.reports.cell_names import Names, names_of, renamed
from oer_pipeline.reports.comparison_tables import (
    cost_table,
    data_table,
    pairs_table,
    standings_table,
    versions_table,
)
from oer_pipeline.reports.page import (
    Commands,
    FilmFile,
    Folded,
    Links,
    Part,
    PictureFile,
    Section,
    Verdict,
    page,
)
from oer_pipeline.reports.page_markdown import page_markdown
from oer_pipeline.reports.repeat import (
    FILM,
    compare_command,
    film_command,
    run_command,
)
from oer_pipeline.reports.table import Linked, Row, Table
from oer_pipeline.reports.tables import comparison_table
from oer_pipeline.reports.verdict import verdict

PAGE = "comparison.html"
MAIN = "Performance and forgetting"
"""The section of the main figure."""
MAIN_FIGURE = "comparison.png"
"""The same as a file, beside the page."""
PROFILES = (
    "For each score, the share of runs above it; a run is one seed on one task after"
    " the last task. A line further to the upper right is better. Bands are 95 %"
    " intervals over seeds, at each score by itself (Agarwal et al. 2021, with the seed"
    " as the unit)."
)
MATRICES = (
    "Rows: after learning each task; columns: on each task; mean over seeds. What"
    " darkens down a column is forgotten."
)
BUFFERS = (
    "Data, what the deployed policy visits, and the replay buffer, on two principal"
    " components of each task's data (first seed). A buffer should lie where the policy"
    " goes."
)
FILMS = (
    "Rows: after each task; columns: on each task learned by then, all running at once."
    " All methods' films start alike. A film is there once its command has drawn it."
)


@dataclass(frozen=True)
class Compared:
    """Cells to compare, and what is known around them.

    Attributes:
        cells: metrics documents of one suite and quality.
        folder: of the comparison, beside the cells' folders.
        told: cell -> the parameters that it changes of its method, `a=1,b=2`.
        suite, quality: names; the cells' may hold what was changed of them.
        environment: of the configuration, empty for the default.
        cards: data card by the name that the data have.
        libraries: cell -> library -> the version that trained it.
        data: task -> the name that its data have.
    """

    cells: Sequence[Cell]
    folder: str
    told: Mapping[str, str]
    suite: str
    quality: str
    environment: str = ""
    cards: Mapping[str, Card] = field(default_factory=dict)
    libraries: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> Names:
        """What the cells are called on the page."""
        return names_of(self.cells, self.told)

    def page_of(self, cell: str) -> str:
        """A cell's page, relative to this one."""
        return f"../{cell}/report.html#from={self.folder}"

    @property
    def models(self) -> str:
        """The page of the transition models, relative to this one."""
        return f"../data/dynamics.html#from={self.folder}"

    def card_of(self, name: str) -> str:
        """The page of a data card, relative to this one; it belongs to the data set,
        whatever was changed of the transition models."""
        return f"../../{self.quality}/data/{name}_card.html"


def comparison_page(compared: Compared) -> tuple[str, str]:
    """HTML and Markdown of the same.

    Raises:
        DataError: cells that may not be compared (`cell_metrics.ranked`).
    """
    first = compared.cells[0]
    names = compared.names
    title = f"{first['suite']}, {first['quality']}: {len(compared.cells)} methods"
    about = [f"{len(first['tasks'])} tasks, seeds {_seeds(compared.cells)}"]
    about += names.shared
    subtitle = "; ".join(about)
    sections = _sections(compared)
    links = [Linked("table.md", "table.md"), Linked("report.md", "report.md")]
    links.append(Linked("every episode (Parquet)", "episodes.parquet"))
    links.append(Linked("main figure (PNG)", MAIN_FIGURE))
    html = page(title, sections, links, subtitle)
    return html, page_markdown(title, sections, subtitle, PAGE, {MAIN: MAIN_FIGURE})


def _sections(compared: Compared) -> list[Section]:
    names = compared.names
    cells = ranked(renamed(compared.cells, names))
    reference = names.short[compared.cells[0]["cell"]]
    pages = {}
    for cell, name in names.short.items():
        pages[name] = compared.page_of(cell)
    everything = comparison_table(cells, reference)
    sections = [
        Section("What it comes to", [Verdict(verdict(cells))]),
        Section(MAIN, [comparison_chart.chart(cells)]),
        Section(
            "Methods by rank",
            [
                standings_table(cells, pages),
                Folded("Every pair of methods", pairs_table(cells)),
                Folded("All metrics, in every scale", everything),
            ],
        ),
    ]
    for shown in drawn_scales(cells):
        sections += _over_the_sequence(cells, shown)
    in_scale = scale(cells)
    profiles: list[Part] = [PROFILES, profile_chart.chart(cells, in_scale)]
    sections.append(Section("Performance profiles", profiles))
    sections += _buffers(compared)
    sections.append(Section("The deployed policies at work", _films(compared)))
    if compared.cards:
        pages = {name: compared.card_of(name) for name in compared.cards}
        table = data_table(compared.data, compared.cards, pages)
        data: list[Part] = [table]
        if any(has_walked(cell) for cell in cells):
            data.append(
                Links([Linked("How good the transition models are", compared.models)])
            )
        sections.append(Section("Data", data))
    # No seconds: equal runs give equal pages. `kedro grid` prints them.
    sections.append(Section("Cost", [cost_table(cells, {})]))
    sections.append(Section("To repeat it", _repeat(compared)))
    sections.append(Section("Pages and files", [_files(compared)]))
    return sections


def _over_the_sequence(cells: Sequence[Cell], shown: str) -> list[Section]:
    what = MEASURED[shown]
    sections = [
        Section(
            f"{what.capitalize()} over the sequence",
            [sequence_chart.chart(cells, shown)],
        ),
        Section(
            f"Matrix R of {what}, all methods",
            [MATRICES, matrices_chart.chart(cells, shown)],
        ),
    ]
    forgotten = forgetting_chart.chart(cells, shown)
    if forgotten is not None:
        sections.append(Section(f"Forgetting per task, {what}", [forgotten]))
    return sections


def _buffers(compared: Compared) -> list[Section]:
    """The pictures of those cells that keep buffers."""
    parts: list[Part] = [BUFFERS]
    for cell in ranked(compared.cells):
        folder = cell["cell"]
        if any(cell["buffers"].values()):
            name = compared.names.short[folder]
            file = f"../{folder}/projection.png"
            parts.append(PictureFile(file, name, compared.page_of(folder)))
    return [Section("Buffers", parts)] if len(parts) > 1 else []


def _films(compared: Compared) -> list[Part]:
    """A film per cell, to unfold: what `kedro film` lays beside the cell's page."""
    parts: list[Part] = [FILMS]
    for cell in ranked(compared.cells):
        folder = cell["cell"]
        summary = f"{compared.names.short[folder]}, seed {cell['seeds'][0]}"
        command = film_command(
            cell,
            compared.told.get(folder, ""),
            compared.suite,
            compared.quality,
            compared.environment,
        )
        parts.append(FilmFile(summary, f"../{folder}/{FILM}", command))
    return parts


def _repeat(compared: Compared) -> list[Part]:
    """The commands, and what it was made with."""
    lines = []
    for cell in compared.cells:
        told = compared.told.get(cell["cell"], "")
        lines.append(
            run_command(
                cell,
                told,
                compared.suite,
                compared.quality,
                compared.environment,
            )
        )
    lines.append(
        compare_command(
            [cell["method"] for cell in compared.cells],
            ",".join(compared.names.shared),
            compared.suite,
            compared.quality,
            compared.environment,
            compared.cells[0]["seeds"],
        )
    )
    parts: list[Part] = [Commands(lines)]
    made_with = versions_table(compared.libraries, compared.cards)
    if made_with is not None:
        parts.append(made_with)
    return parts


def _files(compared: Compared) -> Table:
    """A row per method: the folder, under its whole name, and what to read there."""
    rows: list[Row] = []
    for cell in ranked(compared.cells):
        folder = cell["cell"]
        page_of = compared.page_of(folder)
        rows.append(
            (
                compared.names.short[folder],
                Linked("page", page_of),
                Linked("table", f"../{folder}/table.md"),
                Linked("metrics", f"../{folder}/metrics.json"),
                Linked("episodes", f"../{folder}/episodes.parquet"),
                folder,
            )
        )
    return Table(("method", "", "", "", "", "folder"), tuple(rows), words=6)


def _seeds(cells: Sequence[Any]) -> str:
    """Those of the cells, once where they all have the same."""
    told = dict.fromkeys(", ".join(map(str, cell["seeds"])) for cell in cells)
    return " or ".join(told)
