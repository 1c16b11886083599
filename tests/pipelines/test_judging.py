"""The judging pipeline and the study at test size."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pandas as pd
import pytest

from oer_pipeline.common.errors import ConfigurationError

CELL = "{}/cheetah_vel_signed/medium/finetune-tasks=1"


def test_every_selector_is_judged_and_drawn_without_training_on_a_buffer(
    collected: Any,
) -> None:
    collected.run("ingestion", "dynamics", "continual", method="finetune", tasks=1)
    ran = collected.run("judging", method="finetune", tasks=1)
    assert ran == [
        "task_1.visit_as_learned",
        "task_1.judge_selectors",
        "task_1.draw_judgements",
    ]
    folder = collected.path / "data/test" / CELL.format("07_model_output")
    judged = [
        pd.read_parquet(folder / f"seed_{seed}" / "task_1_judged.parquet")
        for seed in (0, 1)
    ]
    names = [
        "uniform",
        "uniform_episodes",
        "reward",
        "surprise",
        "match",
        "coverage",
        "likelihood",
        "reservoir",
    ]
    names += ["mbes", "mbes_any", "mbes_gated", "mbes_paper", "imagined", "oracle"]
    assert list(dict.fromkeys(judged[0]["selector"])) == names
    assert sorted(set(judged[0]["size"])) == [10, 30]
    assert (
        judged[0]["visits_to_buffer"].tolist() != judged[1]["visits_to_buffer"].tolist()
    )
    by_name = judged[0].set_index(["selector", "size"])["visits_to_buffer"]
    assert by_name["oracle", 30] < by_name["uniform", 30]
    chosen = pd.read_parquet(folder / "seed_0" / "task_1_chosen_rows.parquet")
    assert chosen.groupby(["selector", "size"])[
        "row"
    ].nunique().unstack().drop_duplicates().to_numpy().tolist() == [[10, 30]]
    reports = collected.path / "data/test" / CELL.format("08_reporting")
    page = (reports / "task_1_selectors.html").read_text()
    assert "Selectors on cheetah_vel_signed, task 1, M = 30" in page
    assert (reports / "task_1_selectors.png").stat().st_size > 50_000
    assert collected.run("judging", method="finetune", tasks=1) == []


def test_the_dynamics_report_is_drawn(finished: Any) -> None:
    folder = finished.path / "data/test"
    models = folder / "06_models/cheetah_vel_signed/medium/dynamics"
    report = json.loads((models / "task_1_report.json").read_text())
    parts = {"heldout_nll", "rmse", "calibration", "open_loop", "uncertainty"}
    assert parts <= set(report)
    pages = folder / "08_reporting/cheetah_vel_signed/medium/data"
    assert "Plotly.newPlot" in (pages / "dynamics.html").read_text()


def test_a_judging_that_cannot_be_is_refused(project: Any) -> None:
    for judging, words in (
        ({"selectors": "uniform+mbse"}, "mbse.*did you mean mbes"),
        ({"shown": 7}, r"judging.shown is 7.*\[10, 30\]"),
        ({"sizes": "ten"}, "judging.sizes"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            project.run("judging", judging=judging)


@pytest.mark.slow
def test_the_study_ends_in_tables(project: Any) -> None:
    command = [sys.executable, "-m", "kedro", "grid", "selectors", "--env=test"]
    done = subprocess.run(
        command, cwd=project.path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    text = (project.path / "data/test/08_reporting/selection.md").read_text()
    assert text.count("\n| mbes |") == 2 * 6  # a row a direction, suite and quality
    assert text in done.stdout
