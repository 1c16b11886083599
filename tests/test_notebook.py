"""The notebook runs on finished cells, through Kedro's catalog, and shows what it
says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "explore.ipynb"
ASKED = 'METHODS, ENV = ["oer_bc", "er_bc"], None'
"""The cells of `make run`; the tests have others."""
FIGURE = "application/vnd.plotly.v1+json"


@pytest.fixture
def executed(resumed: Any) -> Any:
    """The notebook after its run on an OER cell and one with uniform buffers."""
    resumed.run(method="er_random")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    [cell] = [cell for cell in notebook.cells if ASKED in cell.source]
    told = 'METHODS, ENV = ["oer", "er_random"], "test"'
    cell.source = cell.source.replace(ASKED, told)
    folder = resumed.path / "notebooks"
    folder.mkdir()
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=120, resources=resources).execute()
    return notebook


def test_the_notebook_shows_r_two_buffers_and_a_roll_out(executed: Any) -> None:
    figures = []
    said = []
    for cell in executed.cells:
        for output in cell.get("outputs", []):
            if FIGURE in output.get("data", {}):
                figures.append(output["data"][FIGURE])
            elif output.output_type == "stream":
                said.append(output.text)
    matrices, buffers, roll_out, losses = figures
    assert said == []  # no log lines between text and figures
    assert "after learning each task" in matrices["layout"]["title"]["text"]
    headings = [each["text"] for each in buffers["layout"]["annotations"]]
    assert {"oer, task_1", "er_random, task_1"} <= set(headings)
    lines = {line["name"] for line in roll_out["data"]}
    assert lines == {
        "oer, after task_1",
        "oer, after task_3",
        "er_random, after task_1",
        "er_random, after task_3",
    }
    assert len(losses["data"]) >= 2


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
