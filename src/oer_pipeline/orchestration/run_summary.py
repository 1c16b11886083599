"""What `kedro run` says at its end: what it made, how good it is, and where to look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kedro.pipeline import Pipeline

from oer_pipeline.common.terminal import Line, summary
from oer_pipeline.orchestration.artefacts import BUNDLE, files_there
from oer_pipeline.orchestration.internals import Catalog
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.orchestration.runner import FreshRunner

PAGES = ".html"
COMPARED = "comparison.text"
"""The dataset that begins with what a comparison comes to."""
MOST = 6
"""Pages, or folders, that are listed."""
HEADLINES = {
    "per_success": "% success",
    "per_normalised": "normalised",
    "per": "return",
}
"""Entries of `summary.json` and their scales; the first that is there leads."""


def run_summary(plan: Plan, runner: FreshRunner) -> str:
    """A title, the headline metric, pages, folders.

    Args:
        plan: of the run.
        runner: after the run.
    """
    pipeline = runner.pipeline
    files = _files(pipeline, runner.catalog, runner.project)
    count = len(pipeline.nodes)
    title = f"Done: {_what(plan, pipeline)}; {len(runner.ran)} of {count} nodes ran"
    if len(runner.ran) < count:
        title += ", the others were up to date"
    lines: list[Line] = []
    if "summary" in pipeline.all_outputs():
        lines += _headline(runner.catalog)
    if COMPARED in pipeline.all_outputs():
        text: str = runner.catalog.load(COMPARED)
        verdict, _, _ = text.partition("\n")
        lines.append(("verdict", verdict))
    pages = [file for file in files if file.suffix == PAGES]
    lines += _some("page", pages)
    lines += _some("files", _places(files))
    return summary(title, lines)


def _what(plan: Plan, pipeline: Pipeline) -> str:
    """What was run: a cell, or cells side by side."""
    if COMPARED not in pipeline.all_outputs():
        return plan.title
    where = f"{plan.suite_folder}, {plan.quality_folder}"
    return f"{', '.join(plan.compare)} compared on {where}"


def _files(pipeline: Pipeline, catalog: Catalog, project: Path) -> list[Path]:
    """What the run's outputs lie in, relative to the project."""
    found = []
    names = pipeline.all_outputs() - {BUNDLE}
    for _, _, path in files_there(catalog, sorted(names)):
        found.append(_place(path.absolute(), project))
    return found


def _place(path: Path, project: Path) -> Path:
    """A file's path in the project, where it is in there."""
    if not path.is_relative_to(project):
        return path
    return path.relative_to(project)


def _folder(file: Path) -> Path:
    """A file's folder; of one per seed, the folder above its seed's."""
    folder = file.parent
    if folder.name.startswith("seed_"):
        return folder.parent
    return folder


def _places(files: Sequence[Path]) -> list[str]:
    """The folders, and how many files are in each."""
    folders = [_folder(file) for file in files]
    places = []
    for folder, number in Counter(folders).items():
        places.append(f"{folder} ({number})")
    return places


def _headline(catalog: Catalog) -> list[Line]:
    """PER in the scale that leads."""
    found: Any = catalog.load("summary")
    for name, scale in HEADLINES.items():
        value = found.get(name)
        if value is not None:
            return [("PER", f"{value:.1f} {scale}")]
    return []


def _some(what: str, values: Sequence[str | Path]) -> list[Line]:
    """A line each, and how many more there are."""
    lines: list[Line] = [(what, value) for value in values[:MOST]]
    more = len(values) - MOST
    if more > 0:
        lines.append(("", f"and {more} more"))
    return lines
