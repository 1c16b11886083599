"""`make run`: jobs in the right order, the table at the end, a failure shown with its log."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from oer_pipeline import grid
from oer_pipeline.plan import resolve

CONF = Path(__file__).parents[1] / "conf" / "base"
BASE, SUITES, METHODS = (yaml.safe_load((CONF / f"{n}.yml").read_text()) for n in ("parameters", "suites", "methods"))


def jobs(*options: str, **runtime: Any) -> dict[str, grid.Job]:
    compare = resolve(BASE, runtime, SUITES, METHODS).compare
    plans = [resolve(BASE, {**runtime, "method": method}, SUITES, METHODS) for method in compare]
    return {job.name: job for job in grid.jobs_of(plans, options)}


def test_cells_wait_for_what_they_need_and_the_longest_chain_comes_first() -> None:
    made = jobs("--env=test", "--params=seeds=0-1,method=er")
    assert list(made) == ["data", "dynamics", "oer", "finetune", "er_random", "comparison"]
    assert made["oer"].after == ["data", "dynamics"]
    assert made["finetune"].after == ["data"]
    assert set(made["comparison"].after) == {"finetune", "er_random", "oer"}
    assert made["oer"].arguments == [
        "--pipelines=continual,evaluation,reporting",
        "--env=test",
        "--params=seeds=0-1,method=oer",
    ]
    assert "dynamics" not in jobs(compare="finetune+er_random")


def test_a_newcomer_gets_a_table_and_pages(project: Any) -> None:
    command = [
        sys.executable,
        "-m",
        "oer_pipeline.grid",
        "--env=test",
        "--params=seeds=0,compare=finetune+oer,replay.size=20",
    ]
    done = subprocess.run(command, cwd=project.path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "about" in done.stdout
    assert "paired by seed" in done.stdout
    reports = project.path / "data" / "test" / "08_reporting" / "cheetah_vel_signed" / "medium"
    folders = [f"{name}-replay.size=20" for name in ("comparison-compare=finetune+oer", "finetune", "oer")]
    assert sorted(path.name for path in reports.iterdir()) == sorted(["data", *folders])
    assert (reports / folders[0] / "table.txt").read_text() in done.stdout
    for page in ("comparison.html", "report.html", "report.html"):
        assert "plotly" in (reports / folders.pop(0) / page).read_text()


def test_a_failed_job_shows_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"broken failed; its whole log is logs/broken.log"):
        grid.run_all([grid.Job("broken", ["--no-such-option"], (), 1.0)], 1)
    assert (tmp_path / "logs" / "broken.log").read_text()


def test_a_wrong_name_is_one_line(project: Any) -> None:
    command = [sys.executable, "-m", "oer_pipeline.grid", "--params=compare=oerr"]
    done = subprocess.run(command, cwd=project.path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("Error: unknown method 'oerr'; did you mean oer?")
    assert not (project.path / "logs").exists()
