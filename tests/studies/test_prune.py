"""`kedro prune`: what it lists and removes, and above all what it does not."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from oer_pipeline.cli import cli
from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.locks import hold, path_of
from oer_pipeline.orchestration.configuration import configuration_of
from oer_pipeline.studies.behaviours import task_of
from oer_pipeline.studies.folder_origin import (
    Place,
    changes,
    params_of,
    stem,
    why_orphaned,
)
from oer_pipeline.studies.prune import Waste, find, listing, remove
from oer_pipeline.suites.behaviour import behaviour_name
from tests.conftest import Project

SUITE, QUALITY = "cheetah_vel_signed", "medium"
MODELS = f"data/test/06_models/{SUITE}/{QUALITY}"
OUTPUT = f"data/test/07_model_output/{SUITE}/{QUALITY}"
REPORTS = f"data/test/08_reporting/{SUITE}/{QUALITY}"


@pytest.fixture
def here(resumed: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with one finished cell, of OER."""
    monkeypatch.chdir(resumed.path)
    return resumed


def write(path: str, text: str = "x" * 1000) -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def found(data: bool = False) -> dict[str, str]:
    return {waste.what: waste.reason for waste in find("test", data)}


def test_a_finished_cell_is_no_waste(here: Project) -> None:
    assert found() == {}
    assert found(data=True) == {}


def test_what_the_configuration_names_no_more_is_listed_and_removed(
    here: Project,
) -> None:
    before = here.files()
    for layer in (MODELS, OUTPUT, REPORTS):
        write(f"{layer}/gone-replay.size=30/seed_0/file")
    write(f"data/test/checkpoints/{SUITE}/{QUALITY}/gone-replay.size=30/t.safetensors")
    write(f"{OUTPUT}/oer-replay.sise=30/seed_0/file")
    write(f"{OUTPUT}/oer/seed_0.bak/file")  # somebody's copy: kept
    write(f"{OUTPUT}/oer-0123456789/seed_0/file")  # cannot be told: kept
    write("data/test/07_model_output/old_suite/medium/oer/seed_0/file")
    write("data/test/08_reporting/old_suite/medium/data/card.html")
    assert found() == {
        f"{SUITE}/{QUALITY}/gone-replay.size=30": "there is no method 'gone'",
        f"{SUITE}/{QUALITY}/oer-replay.sise=30": "there is no parameter 'sise'",
        "old_suite/medium/oer": "there is no suite 'old_suite'",
        "old_suite/medium/data": "there is no suite 'old_suite'",
    }
    remove(find("test"))
    kept = f"test/07_model_output/{SUITE}/{QUALITY}/oer-0123456789/seed_0/file"
    copy = kept.replace("-0123456789/seed_0", "/seed_0.bak")
    assert here.files().keys() - before.keys() == {kept, copy}
    assert before.items() <= here.files().items()
    assert not Path("data/test/07_model_output/old_suite").exists()


def test_files_of_other_parameters_and_what_is_made_from_them_are_stale(
    here: Project,
) -> None:
    file = Path("conf/test/parameters.yml")
    file.write_text(file.read_text().replace("learner:", "learner:\n  discount: 0.5"))
    assert list(found()) == [f"{SUITE}/{QUALITY}/oer"]
    remove(find("test"))
    assert found() == {}
    assert not Path(f"{OUTPUT}/oer").exists()
    assert Path(f"{MODELS}/dynamics/task_1.safetensors").is_file()
    assert Path(f"{REPORTS}/oer/metrics.json").is_file()


def test_stale_models_are_listed_and_data_only_when_asked_for(here: Project) -> None:
    file = Path("conf/test/parameters.yml")
    told = file.read_text().replace("dynamics:", "dynamics:\n  learning_rate: 0.1")
    file.write_text(told)
    assert f"{SUITE}/{QUALITY}/dynamics" in found()
    file.write_text(re.sub(r"transitions: \d+", "transitions: 1234", told))
    assert f"01_raw/{SUITE}" not in found()
    assert f"01_raw/{SUITE}" in found(data=True)


def test_raw_data_of_a_suite_that_is_no_more(here: Project) -> None:
    before = here.files()
    write("data/test/01_raw/old_suite/task_1/medium.parquet")
    write("data/test/03_primary/old_suite/medium/task_1.parquet")
    assert found() == {}
    assert found(data=True) == {
        "01_raw/old_suite": "there is no suite 'old_suite'",
        "03_primary/old_suite": "there is no suite 'old_suite'",
    }
    remove(find("test", data=True))
    assert here.files() == before


def test_behaviours_that_no_suite_has_go_with_the_data_alone(here: Project) -> None:
    task = task_of(SUITE, 1)
    write(f"data/01_raw/behaviours/{behaviour_name(task.family, task.key)}")
    unused = "data/01_raw/behaviours/cheetah_vel/target_velocity=77.0.safetensors"
    write(unused)
    assert [waste.what for waste in find(None)] == []
    assert [waste.what for waste in find(None, data=True)] == [unused]


def test_what_killed_runs_left_and_logs(here: Project) -> None:
    old = write(f"{OUTPUT}/oer/seed_0/.task_1_returns.parquet.0a1b2c3d.tmp")
    young = write(f"{OUTPUT}/oer/seed_0/.task_2_returns.parquet.0a1b2c3d.tmp")
    raw = write(f"data/test/01_raw/{SUITE}/task_1/.medium.parquet.0a1b2c3d.tmp")
    hours_ago = time.time() - 7200
    for path in (old, raw):
        os.utime(path, (hours_ago, hours_ago))
    log = write("logs/mine/oer.log")
    assert found() == {
        "temporary files": "left by killed runs",
        "logs/**/*.log": "logs of grids",
    }
    remove(find("test"))
    assert (old.exists(), log.exists()) == (False, False)
    assert young.exists()
    assert raw.exists()
    remove(find("test", data=True))
    assert not raw.exists()


def test_checkpoints_of_stopped_trainings_are_listed(here: Project) -> None:
    place = f"data/test/checkpoints/{SUITE}/{QUALITY}"
    path = write(f"{place}/finetune/task_1-01234567.safetensors")
    write(f"{place}/gone/task_1-01234567.safetensors")
    wastes = {waste.what: waste for waste in find("test")}
    assert wastes["checkpoints"].paths == (path,)
    assert f"{SUITE}/{QUALITY}/gone" in wastes
    [line, _] = listing([wastes["checkpoints"]]).splitlines()
    assert line.endswith(
        "checkpoints: of trainings that were stopped; without them these begin anew"
    )


def test_nothing_is_touched_while_a_job_runs(here: Project) -> None:
    handle = hold(path_of("data/test/somewhere"))
    with pytest.raises(ConfigurationError, match="jobs of a grid are at work"):
        find("test")
    os.close(handle)
    assert find("test") == []


def test_only_yes_removes(here: Project) -> None:
    write(f"{OUTPUT}/gone/seed_0/file", "x" * 2_500_000)
    before = here.files()
    done = CliRunner().invoke(cli, ["prune", "--env=test"])
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        f"      2.5 MB  {SUITE}/{QUALITY}/gone: there is no method 'gone'",
        "      2.5 MB  in all",
        "nothing was removed; --yes removes it",
    ]
    assert here.files() == before
    done = CliRunner().invoke(cli, ["prune", "--env=test", "--yes"])
    assert done.output.splitlines()[-1] == "removed"
    assert not Path(f"{OUTPUT}/gone").exists()


def test_sizes_are_those_of_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_bytes(b"x" * 1_000_000)
    (tmp_path / "b").write_bytes(b"x" * 500_000)
    waste = Waste("it", "why", (tmp_path / "folder", tmp_path / "b"))
    assert waste.bytes == 1_500_000
    assert listing([waste]).splitlines()[-1] == "      1.5 MB  in all"
    assert listing([]) == "      0.0 MB  in all"


@pytest.mark.parametrize(
    "told",
    [
        "method=oer",
        "method=oer,replay.size=30,tasks=2",
        "method=er,learner.alpha=0.00001,data_seed=3",
        "method=oer,dynamics.patience=7,learner.heads=single",
        "suite=ant_dir,quality=medium_random,method=ewc,learners.ewc.penalty=30.0",
    ],
)
def test_a_folders_name_tells_the_run(here: Project, told: str) -> None:
    from oer_pipeline.orchestration.run_parameters import parameters_of

    configured = configuration_of("test")
    plan = configured.plan(parameters_of(told))
    place = Place(plan.suite_folder, plan.quality_folder, plan.cell)
    again = params_of(place, configured)
    assert again is not None
    assert configured.plan(parameters_of(again)).parameters == plan.parameters
    assert why_orphaned(place, configured) == ""


def test_parts_of_names() -> None:
    assert stem("oer-replay.size=30-tasks=2") == "oer"
    assert changes("er-learner.alpha=1e-05-tasks=2") == [
        "learner.alpha=1e-05",
        "tasks=2",
    ]
    assert (stem("oer-0123456789"), changes("oer-0123456789")) == ("oer", [])
    assert (stem("of-two"), changes("of-two")) == ("of-two", [])
