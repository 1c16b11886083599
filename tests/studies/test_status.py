"""`kedro status`: finished, running, stale and missing jobs of a grid, and what its
exit status says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from oer_pipeline.cli import COLOURS, cli
from oer_pipeline.common.locks import hold, is_held, path_of
from oer_pipeline.orchestration import freshness
from oer_pipeline.studies.cells import Cells, cells_of, jobs_of
from oer_pipeline.studies.grid_files import from_config
from oer_pipeline.studies.status import JobState, statuses, summary

DATA = ["data_cheetah_vel_signed", "data_cheetah_vel_signed_medium"]
MODELS = "dynamics_cheetah_vel_signed_medium"


def cells(params: str = "", **more: Any) -> Cells:
    told = {
        "suites": ["cheetah_vel_signed"],
        "qualities": ["medium"],
        "methods": ["oer"],
        "stages": ["continual", "evaluation"],
        "report": "mine:report",
    }
    return cells_of(from_config("mine", {**told, **more}), params, "test")


def states(of: Cells) -> dict[str, str]:
    return {status.name: status.state.value for status in statuses(of)}


@pytest.fixture
def here(resumed: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one finished cell, of OER."""
    monkeypatch.chdir(resumed.path)
    path: Path = resumed.path
    return path


def test_what_is_made_is_finished_and_what_is_not_is_missing(here: Path) -> None:
    found = statuses(cells(methods=["oer", "er"]))
    lines = [status.line for status in found]
    finished = [*DATA, MODELS, "oer"]
    assert lines == [*(f"finished  {name}" for name in finished), "missing   er"]
    assert summary(found) == "4 of 5 finished, 1 missing"


def test_a_cell_that_lacks_a_seed_says_how_much_is_there(here: Path) -> None:
    [*_, cell] = statuses(cells("seeds=0-2"))
    assert cell.state is JobState.MISSING
    there, of = cell.detail.removesuffix(" files").split(" of ")
    assert int(there) == int(of) * 2 // 3


def test_other_parameters_make_stale_what_they_are_used_for(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = here / "conf" / "test" / "parameters.yml"
    file.write_text(file.read_text().replace("learner:", "learner:\n  discount: 0.5"))
    found = statuses(cells())
    assert [status.state.value for status in found] == ["finished"] * 3 + ["stale"]
    assert found[-1].detail.startswith("task_1.train and ")


def test_an_edited_file_makes_stale_what_is_made_from_it(here: Path) -> None:
    cell = here / "data/test/07_model_output/cheetah_vel_signed/medium/oer"
    for path in sorted(cell.glob("seed_0/task_1_curves.parquet")):
        path.write_bytes(b"edited")
    assert states(cells())["oer"] == "stale"


def test_a_comparison_of_cells_that_are_not_finished_is_stale(here: Path) -> None:
    of = cells(methods=["oer", "er"], stages=["reporting"], report="comparison")
    [*_, comparison] = statuses(of)
    assert comparison.name == "comparison"
    assert comparison.state is not JobState.FINISHED


def test_a_job_at_work_is_running_and_a_killed_one_is_not(here: Path) -> None:
    """The lock is the operating system's: it ends with the process, however that
    ends."""
    [lock] = {job.lock for job in jobs_of(cells()) if job.name == "oer"}
    code = (
        "import pathlib, sys, time; from oer_pipeline.common.locks import hold;"
        f" hold(pathlib.Path({lock!r})); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=here, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert states(cells())["oer"] == "running"
        # the same cell of another grid, with other words
        other = cells(suites=["cheetah_vel_signed", "ant_dir"])
        [same] = [job for job in jobs_of(other) if job.lock == lock]
        assert same.name == "cheetah_vel_signed-oer"
        os.kill(process.pid, signal.SIGKILL)
    end = time.monotonic() + 5.0
    while is_held(Path(lock)) and time.monotonic() < end:
        time.sleep(0.05)
    assert states(cells())["oer"] == "finished"


def test_locks_are_per_place_and_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert path_of("data/a/medium/oer") != path_of("data/test/a/medium/oer")
    path = path_of("data/a/medium/oer")
    assert not is_held(path)
    first = hold(path)
    second = hold(path)
    os.close(first)
    assert is_held(path)
    os.close(second)
    assert not is_held(path)


def test_the_command_says_so_and_its_status_too(here: Path) -> None:
    whole = "suites: [cheetah_vel_signed]\nqualities: [medium]\nmethods: [oer]\n"
    grids = here / "conf" / "base" / "grids"
    (grids / "whole.yml").write_text(f"{whole}report: comparison\n")
    done = CliRunner().invoke(cli, ["status", "whole", "--env=test"])
    assert done.exit_code == 1, done.output  # the comparison has not been made
    assert done.output.splitlines()[-1] == "4 of 5 finished, 1 missing"
    grid = here / "conf" / "local" / "grids" / "mine.yml"
    grid.parent.mkdir(parents=True)
    grid.write_text(f"{whole}stages: [continual]\nreport: mine:report\n")
    (grids / "mine.yml").write_text(grid.read_text())
    done = CliRunner().invoke(cli, ["status", "mine", "--env=test"])
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "4 of 4 finished")


def test_nothing_heavy_is_imported(here: Path) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from oer_pipeline.cli import"
        " cli; CliRunner().invoke(cli, ['status', '--env=test']);"
        " print([name for name in ('torch', 'distributed') if name in"
        " sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stdout == "[]\n", done.stderr


def test_what_nothing_can_be_said_of_has_no_inputs(here: Path) -> None:
    for path in (here / "data/test/03_primary").rglob("*.parquet"):
        path.unlink()
    told = {"method": "oer", "suite": "cheetah_vel_signed"}
    states = {
        output.node: output.state.value
        for output in freshness.outputs_of(["dynamics", "continual"], "test", told)
    }
    assert states["task_1.train"] == "unknown"


def test_every_state_has_a_colour() -> None:
    assert set(COLOURS) == {state.value for state in JobState}
