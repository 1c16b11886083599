"""`kedro grid`: the table at the end, a failure shown with its log, one line for what
is wrong."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner

from oer_pipeline.cli import cli


def grid(project: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`kedro grid ...` in a project, to its end."""
    command = [sys.executable, "-m", "kedro", "grid", *arguments]
    return subprocess.run(
        command, cwd=project.path, capture_output=True, text=True, check=False
    )


def test_a_newcomer_gets_a_table_and_pages(collected: Any) -> None:
    done = grid(
        collected,
        "default",
        "--env=test",
        "--jobs=1",
        "--methods=bc+oer_bc",
        "--params=seeds=0,replay.size=20,tasks=2",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "about" in done.stdout
    assert "paired by seed" in done.stdout
    assert "tcp://" not in done.stdout + done.stderr  # of Dask's own lines
    reports = (
        collected.path
        / "data"
        / "test"
        / "08_reporting"
        / "cheetah_vel_signed"
        / "medium"
    )
    folders = [
        f"{name}-replay.size=20-tasks=2"
        for name in ("comparison-compare=bc+oer_bc", "bc", "oer_bc")
    ]
    assert sorted(path.name for path in reports.iterdir()) == sorted(["data", *folders])
    assert (reports / folders[0] / "table.txt").read_text() in done.stdout
    for page in ("comparison.html", "report.html", "report.html"):
        assert "plotly" in (reports / folders.pop(0) / page).read_text()
    log = collected.path / "logs/default/data_cheetah_vel_signed.log"
    assert "4 of 4 nodes were up to date and kept" in log.read_text()
    assert "Node 1 of" not in log.read_text()
    cell = {"suite": "cheetah_vel_signed", "quality": "medium", "method": "oer_bc"}
    again = {**cell, "seeds": "0", "replay": {"size": 20}, "tasks": 2}
    assert collected.run(**again) == []


def test_a_failed_cell_ends_the_command_after_the_others(project: Any) -> None:
    (project.path / "data" / "test").mkdir(parents=True)
    (project.path / "data" / "test" / "01_raw").write_text(
        "a file where a folder has to be"
    )
    done = grid(project, "default", "--env=test", "--methods=bc")
    assert done.returncode == 1
    assert "data_cheetah_vel_signed failed:" in done.stderr
    assert "bc was not run: data_cheetah_vel_signed failed" in done.stderr


def test_a_folder_that_cannot_be_written_to_is_told_before_any_job(
    project: Any,
) -> None:
    (project.path / "data").mkdir(exist_ok=True)
    (project.path / "data" / "running").write_text("a file where a folder has to be")
    done = grid(project, "default", "--env=test", "--methods=bc")
    assert done.returncode == 1
    assert done.stderr == (
        "Error: data/running: a file lies where a folder belongs; move it\n"
    )
    assert " jobs, " not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["defualt"], "Error: unknown grid 'defualt'; did you mean default?"),
        (
            ["--methods=oer_bb"],
            "Error: grid default has no 'oer_bb' in its methods; did you mean oer_bc?",
        ),
        (
            ["--params=replay.sise=3"],
            "Error: unknown parameter 'replay.sise'; did you mean replay.size?",
        ),
        (
            ["--params=suite=ant_dir"],
            "Error: grid default says suite itself; pick among its suites",
        ),
        (["--env=tset"], "Error: unknown environment 'tset'; did you mean test?"),
    ],
)
def test_what_is_wrong_is_one_line_before_any_work(
    project: Any, arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.path)
    done = CliRunner().invoke(cli, ["grid", *arguments])
    assert done.exit_code == 2, done.output
    [line] = done.stderr.strip().splitlines()
    assert line.startswith(words)
    assert not (project.path / "logs").exists()
    assert not (project.path / "data").exists()


def test_a_process_of_its_own_says_nothing_beside_that_line(project: Any) -> None:
    done = grid(project, "--scheduler=missing.json")
    assert done.returncode == 2
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("Error: scheduler file missing.json is missing")
    assert not (project.path / "logs").exists()
    assert not (project.path / "data").exists()


def test_jobs_are_forked_with_all_code_that_nodes_use() -> None:
    """What a node imports while a grid is at work may have been edited since."""
    code = """
import sys
import oer_pipeline.studies.import_all_code
from oer_pipeline.orchestration import module_files, source_code
from oer_pipeline.pipelines.continual.nodes import train_next
from oer_pipeline.pipelines.reporting.nodes import measure

functions = [train_next, measure]
for function in functions:
    for name in source_code.modules_used(function):
        assert name in sys.modules, name
        assert name in module_files._KEPT, name
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
