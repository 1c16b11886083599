"""What a run says at its end, under a command line and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

FOLDER = "data/test/08_reporting/cheetah_vel_signed/medium"


def run(project: Any, *pipelines: str, **params: Any) -> None:
    from kedro.framework.startup import bootstrap_project

    from oer_pipeline.orchestration.session import PlanSession

    bootstrap_project(project.path)
    with PlanSession.create(project.path, env="test", runtime_params=params) as session:
        session.run(pipeline_names=list(pipelines))


def said(project: Any, capsys: pytest.CaptureFixture[str], *given: str) -> list[str]:
    """The summary's lines."""
    with click.Context(click.Command("run")):
        run(project, *given, compare="oer")
    lines = capsys.readouterr().out.splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("Done: "))
    return lines[first:]


@pytest.fixture(autouse=True)
def here(resumed: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(resumed.path)
    path: Path = resumed.path
    return path


def test_a_cell(resumed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    title, per, *places = said(resumed, capsys, "reporting")
    assert title.startswith("Done: oer on cheetah_vel_signed, medium: 2 seeds, 0, 1;")
    assert title.endswith("0 of 4 nodes ran, the others were up to date")
    assert per.split()[0] == "PER"
    assert per.endswith(" normalised")
    assert places == [
        f"  page      {FOLDER}/oer/report.html",
        f"  files     {FOLDER}/oer (9)",
    ]


def test_a_comparison(resumed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    title, verdict, *places = said(resumed, capsys, "comparison")
    assert title == (
        "Done: oer compared on cheetah_vel_signed, medium; 2 of 3 nodes ran, the others"
        " were up to date"
    )
    alone = "oer alone: there is nothing to compare it with."
    assert verdict == f"  verdict   {alone}"
    folder = f"{FOLDER}/comparison-compare=oer"
    assert places == [
        f"  page      {folder}/comparison.html",
        f"  files     {folder} (6)",
    ]


def test_a_program_is_told_nothing(
    resumed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run(resumed, "reporting")
    assert "Done" not in capsys.readouterr().out
