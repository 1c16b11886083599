"""The weights of a study's regime: shown, chosen by tuning's rule, and told as the
study's grid takes them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from oer_pipeline.studies import tuning, weights
from oer_pipeline.studies.cells import Cells, cells_named, jobs_of
from oer_pipeline.studies.grid_files import read
from oer_pipeline.studies.tuning import Score

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> Cells:
    monkeypatch.chdir(ROOT)
    return cells_named("lambda_cheetah")


def test_a_weight_per_method_is_chosen_and_told(
    cells: Cells, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`er` and the others have coefficients of different names, at the same values."""
    scores = {}
    for place, method in enumerate(("er", "er_random")):
        scores[method] = [
            Score(1.0, (50.0, 52.0, 54.0)),
            Score(30.0, (60.0 - 20.0 * place, 62.0, 61.0)),
            Score(1000.0, (), "diverged"),
        ]
    monkeypatch.setattr(tuning, "scores_of", lambda cells, outcomes: scores)
    page = tmp_path / "study.md"
    page.write_text("<!-- lambda_cheetah -->\n<!-- /lambda_cheetah -->\n")
    monkeypatch.setattr(Cells, "page", page)
    monkeypatch.chdir(tmp_path)
    text = weights.report(cells, {})
    assert "| er | `learners.er.replay_weight` | 52.0 | **61.0** |" in page.read_text()
    _, _, told = text.partition("method_parameters:\n")
    lines = [line for line in told.splitlines() if ": {" in line]
    assert yaml.safe_load("\n".join(lines)) == {
        "er": {"learners.er.replay_weight": 30.0},
        "er_random": {"learners.er_dbc.replay_weight": 30.0},
    }


def test_every_job_of_a_grid_of_weights_is_a_cell_or_its_data(cells: Cells) -> None:
    """It ended at a comparison of cells that nobody had put side by side."""
    names = {job.name for job in jobs_of(cells)}
    assert {cell.name for cell in cells.cells} <= names
    assert not [name for name in names if name.startswith("comparison")]


@pytest.mark.parametrize(
    "name", ["lambda_cheetah", "lambda_cheetah_default", "lambda_continual_world"]
)
def test_the_page_has_a_place_for_the_weights(name: str) -> None:
    grid = read(name, ROOT / "conf", None)
    assert grid.page == "docs/study.md"
    assert f"<!-- {name} -->" in (ROOT / grid.page).read_text()
