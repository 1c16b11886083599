"""The notebook runs on a finished run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "explore.ipynb"


def test_the_notebook_executes_on_a_finished_run(finished: Any, tmp_path: Path) -> None:
    shutil.copytree(finished.path / "data" / "test", tmp_path / "data")
    (tmp_path / "notebooks").mkdir()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        # The cell of `make run`; the tests' finished run is another method's.
        cell.source = cell.source.replace("/medium/oer_bc", "/medium/oer")
    client = NotebookClient(
        notebook,
        timeout=120,
        resources={"metadata": {"path": str(tmp_path / "notebooks")}},
    )
    client.execute()
    figures = [
        o
        for c in notebook.cells
        for o in c.get("outputs", [])
        if "application/vnd.plotly.v1+json" in o.get("data", {})
    ]
    assert len(figures) == 3
