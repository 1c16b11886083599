"""`kedro ...` of this project: options, help, exit statuses, one line for what is
wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from oer_pipeline.cli import cli
from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.trajectories.exchange.d4rl import read_d4rl
from oer_pipeline.trajectories.exchange.round_trip import restore
from oer_pipeline.trajectories.table import Trajectories, write_trajectories

ROOT = Path(__file__).parents[1]
COMMANDS = sorted(cli.commands)


@pytest.fixture(autouse=True)
def in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_every_study_and_tool_is_a_command() -> None:
    assert COMMANDS == [
        "bases",
        "behaviours",
        "clones",
        "export",
        "film",
        "grid",
        "prune",
        "replicate",
        "status",
        "tune",
        "ui",
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_that_the_command_takes(name: str) -> None:
    told = invoke(name, "--help")
    assert told.exit_code == 0
    [example] = [line for line in told.output.splitlines() if "Example: " in line]
    words = example.partition("Example: ")[2].split()
    assert words[:2] == ["kedro", name]
    command = cli.commands[name]
    assert command.make_context(name, words[2:])


def test_options_of_the_same_name_are_the_same() -> None:
    seen: dict[str, Any] = {}
    for name in COMMANDS:
        for parameter in cli.commands[name].params:
            if parameter.name in ("env", "params", "jobs", "scheduler", "folder"):
                told = (parameter.opts, parameter.default, parameter.help)  # type: ignore[attr-defined]
                assert seen.setdefault(str(parameter.name), told) == told, name
    assert len(seen) == 5


@pytest.mark.parametrize(
    "arguments", [["--env", "test"], ["--env=test"], ["-e", "test"]]
)
def test_an_option_is_heard_in_every_form(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make run ARGS="--env test"` once planned one size and ran another."""
    heard: dict[str, Any] = {}

    def run_grid(name: str, **given: Any) -> str:
        heard.update(given, name=name)
        return "table"

    monkeypatch.setattr("oer_pipeline.studies.command.run_grid", run_grid)
    done = invoke("grid", *arguments, "--params", "seeds=0", "--jobs", "3")
    assert (done.exit_code, done.output) == (0, "table\n")
    assert (heard["name"], heard["env"], heard["jobs"]) == ("default", "test", 3)
    assert heard["params"] == "seeds=0"


@pytest.mark.parametrize(
    "jobs", ["0", "-1", "x", "1.5", "1025", "9" * 30, "0000100000000", ""]
)
@pytest.mark.parametrize("name", ["grid", "bases", "behaviours"])
def test_a_number_of_jobs_that_is_none_is_one_line(name: str, jobs: str) -> None:
    done = invoke(name, f"--jobs={jobs}")
    assert done.exit_code == 2
    assert done.output == (
        f"Error: --jobs is {jobs!r}; it takes a number from 1 to 1024\n"
    )


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigurationError("no such thing"), 2),
        (DataError("a broken file"), 1),
        (OSError("disk\nfull"), 1),
    ],
)
def test_statuses_tell_wrong_usage_from_failure(
    error: Exception, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_grid(*_: Any, **__: Any) -> str:
        raise error

    monkeypatch.setattr("oer_pipeline.studies.command.run_grid", run_grid)
    done = invoke("grid")
    assert done.exit_code == status
    assert done.output == f"Error: {' '.join(str(error).split())}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["behaviours"], "which suites? such as kedro behaviours ant_dir"),
        (["behaviours", "ant_dri"], "unknown suite 'ant_dri'; did you mean ant_dir?"),
        (["behaviours", "--table", "ant_dri"], "unknown suite 'ant_dri'"),
        (["behaviours", "ant_dir", "--env=tset"], "unknown environment 'tset'"),
        (["film", "ant_dri", "1", "zero", "a.png"], "unknown suite 'ant_dri'"),
        (["film", "ant_dir", "6", "zero", "a.png"], "task of suite ant_dir is 6; it"),
        (["film", "ant_dir", "1", "zero", "a.avi"], "the file's ending is '.avi'"),
        (["film", "ant_dir", "1", "last", "a.png"], "stage is 'last'; choose one of"),
        (["film", "cheetah_vel_40", "38", "final", "a.png"], "no behaviour policies"),
        (["film", "ant_dir", "x", "zero", "a.png"], "film of 'ant_dir x zero a.png'"),
        (["film", "ant_dir", "1", "zero"], "film of 'ant_dir 1 zero'; it takes SUITE"),
        (["film", "--params=method=ore"], "unknown method 'ore'; did you mean oer?"),
        (["film", "ant_dir", "1", "zero", "a.png", "--after=1"], "--params, --after"),
        (["export", "nowhere.parquet", "out"], "out: the format is not clear"),
        (["bases", "basis"], "study is 'basis'; did you mean bases? choose"),
        (["bases", "--params=suite=ant_dir"], "study bases says suite itself"),
        (["bases", "choice", "--params=tasks=1,quality=x"], "study choice says"),
        (["bases", "--params=learner.alpha=1.0"], "study bases says learner.alpha"),
        (["bases", "--points=many"], "--points is 'many'"),
        (["bases", "--variants=td3bc"], "--variants is td3bc; bc has to be among"),
        (["status", "defualt"], "unknown grid 'defualt'; did you mean default?"),
        (["tune", "--params=method=oer"], "grid tuning says method itself"),
        (["tune", "--methods=oerr"], "grid tuning: unknown method 'oerr'; did you"),
        (["tune", "--suites=ant_dir"], "grid tuning has no 'ant_dir' in its suites"),
        (["prune", "--env=tset"], "unknown environment 'tset'; did you mean test?"),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], words: str) -> None:
    done = invoke(*arguments)
    assert done.exit_code == 2, done.output
    [line] = done.output.splitlines()
    assert line.startswith(f"Error: {words}")


def test_a_broken_file_is_a_failure() -> None:
    done = invoke("export", "nowhere.parquet", "out.hdf5")
    assert done.exit_code == 1
    assert "no such file" in done.output
    assert done.output.count("\n") == 1


def test_export_writes_what_others_read(tmp_path: Path) -> None:
    steps = np.zeros((5, 3), np.float32)
    table = Trajectories(
        steps[:-1],
        np.zeros((4, 2), np.float32),
        steps[1:],
        np.ones(4, np.float32),
        np.zeros(4, bool),
        np.arange(4) == 3,
        np.zeros(4, np.int32),
        np.arange(4, dtype=np.int32),
        {"suite": "s", "horizon": 4},
    )
    write_trajectories(tmp_path / "table.parquet", table)
    out = tmp_path / "out.hdf5"
    done = invoke("export", str(tmp_path / "table.parquet"), str(out))
    assert (done.exit_code, done.output) == (0, f"{out}\n")
    assert restore(read_d4rl(out)).metadata == {"suite": "s", "horizon": 4}


def test_a_film_says_where_it_is_and_which_page_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = tmp_path / "film.mp4"
    monkeypatch.setattr("oer_pipeline.cli._drawn", lambda words, **given: film)
    alone = invoke("film", "ant_dir", "1", "zero", str(film))
    assert alone.output == f"Done: drawn\n  film      {film}\n"
    page = tmp_path / "report.html"
    page.touch()
    shown = invoke("film", "--params=method=oer")
    assert shown.output == f"{alone.output}  page      {page}\n"


def test_the_table_of_behaviours_is_the_pages() -> None:
    done = invoke("behaviours", "--table", "ant_dir")
    assert done.exit_code == 0
    rows = done.output.splitlines()[2:]
    page = (ROOT / "docs" / "data.md").read_text()
    assert len(rows) == 5
    assert all(row in page for row in rows)


def test_tab_completes_commands_and_grids() -> None:
    """README's line switches this on; Click answers it."""
    for words, place, wanted in (
        ("kedro sta", 1, "status"),
        ("kedro grid def", 2, "default"),
        ("kedro status learn", 2, "learners"),
    ):
        done = subprocess.run(
            [Path(sys.executable).with_name("kedro")],
            env={
                **os.environ,
                "_KEDRO_COMPLETE": "bash_complete",
                "COMP_WORDS": words,
                "COMP_CWORD": str(place),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert f"plain,{wanted}" in done.stdout.splitlines(), done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a=@", "--params='a=@"),
        ("a=" + "9" * 5_000, "--params='a=999"),
        ("a=!!x", "--params='a=!!x"),
    ],
)
def test_params_that_kedro_cannot_read_are_one_line(text: str, words: str) -> None:
    """Of `kedro run` itself, and of every command that takes them."""
    from kedro.framework.cli.project import run

    own = CliRunner().invoke(run, [f"--params={text}"])
    assert own.exit_code == 2
    ours = invoke("status", f"--params={text}")
    assert ours.exit_code == 2
    for done in (own, ours):
        [line] = done.output.splitlines()
        assert line.startswith(f"Error: {words}")
        assert " is not readable: " in line


def kedro(project: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kedro", *arguments]
    return subprocess.run(
        command, cwd=project.path, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["run", "--env=test", "--params=suite=ant"], 2, "unknown suite 'ant'"),
        (["run", "--env=test", "--pipelines=dynamic"], 2, "unknown pipeline 'dynamic'"),
        (["run", "--env=tset"], 2, "tset"),
        (["run", "--env=test", "--pipelines=dynamics"], 1, "is missing; run the stage"),
        (["grid", "learner", "--env=test"], 2, "unknown grid 'learner'"),
    ],
)
def test_the_exit_status_says_whose_fault_it_is(
    project: Any, arguments: list[str], status: int, words: str
) -> None:
    """2: what was asked for cannot be; 1: it could not be done."""
    done = kedro(project, *arguments)
    assert done.returncode == status, done.stderr
    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith("Error: ")
    assert words in said


def test_a_grid_names_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its page nor the names of its jobs, which are those of logs."""
    from oer_pipeline.studies.cells import _named
    from oer_pipeline.studies.combinations import Combination
    from oer_pipeline.studies.grid_files import from_config

    outside = tmp_path / "page.md"
    outside.write_text("a page")
    told = {"suites": ["ant_dir"], "qualities": ["medium"], "methods": ["er"]}
    for page in (str(outside), os.path.relpath(outside, ROOT), 3):
        with pytest.raises(ConfigurationError, match="it takes a page in the project"):
            from_config("mine", {**told, "page": page})
    grid = from_config("mine", told)
    varied = {"learner.note": "../../../escape"}
    cell = Combination("ant_dir", "medium", "er", varied, varied)
    name = _named(grid, cell, "er")
    assert name.startswith("er-note=")
    assert "/" not in name


def test_the_runs_are_shown_by_mlflow_at_the_address_that_the_links_have(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begun: list[list[str]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin")  # of an environment that is not activated
    monkeypatch.setattr("os.execv", lambda _, command: begun.append(command))
    monkeypatch.setattr(
        "oer_pipeline.orchestration.tracked_view.links_at",
        lambda address: [f"ant_dir/medium  {address}/#/experiments/1"],
    )
    done = invoke("ui", "--port=5001")
    assert done.exit_code == 0
    assert done.output == "ant_dir/medium  http://127.0.0.1:5001/#/experiments/1\n"
    programs = os.environ["PATH"].split(os.pathsep)
    assert programs == [str(Path(sys.executable).parent), "/usr/bin"]
    [command] = begun
    assert command[1:] == [
        "-m",
        "kedro",
        "mlflow",
        "ui",
        "--port=5001",
        "--host=127.0.0.1",
    ]
