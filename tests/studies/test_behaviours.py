"""`kedro behaviours`: a job per task, what is there is kept, what fails is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.studies import behaviours
from oer_pipeline.studies.behaviours import (
    suites_of,
    task_of,
    train_behaviours,
    train_one,
)
from oer_pipeline.studies.jobs import Job
from oer_pipeline.suites.behaviour import BehaviourFile

MINE = """
mine:
  family: cheetah_vel
  horizon: 50
  tasks: [{ target_velocity: 4.4 }, { target_velocity: 5.5 }, { target_velocity: 4.4 }]
"""
TINY = """
cheetah_vel: { algorithm: PPO, steps: 256, environments: 2, rollout_steps: 64,
               batch: 32, epochs: 2, snapshots: 4, episodes: 1 }
"""


@pytest.fixture
def here(project: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a suite of its own, trained too short to learn anything."""
    monkeypatch.chdir(project.path)
    local = project.path / "conf" / "local"
    local.mkdir(exist_ok=True)
    (local / "suites_mine.yml").write_text(MINE)
    (local / "behaviours.yml").write_text(TINY)
    path: Path = project.path
    return path


@pytest.fixture
def handed_out(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Jobs that would be run on workers, and are not."""
    jobs: list[Job] = []

    class Nobody:
        def __enter__(self) -> None: ...

        def __exit__(self, *_: Any) -> None: ...

    monkeypatch.setattr(behaviours, "workers", lambda jobs, scheduler: Nobody())
    monkeypatch.setattr(behaviours, "run_all", lambda told, client: jobs.extend(told))
    return jobs


def test_each_different_task_that_has_no_file_is_a_job(
    here: Path, handed_out: list[Job], capsys: pytest.CaptureFixture[str]
) -> None:
    kept = here / behaviours.FOLDER / "cheetah_vel" / "target_velocity=4.4.safetensors"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"kept")
    said = train_behaviours(["mine", "cheetah_vel_signed"])
    assert "trained 1, kept 6\n" in said
    assert said.endswith(" data/01_raw/behaviours")
    assert "1 tasks to train, 6 are there" in capsys.readouterr().out
    [job] = handed_out
    assert job.name == "behaviours_cheetah_vel_target_velocity=5.5"
    assert job.arguments == ("mine", "2", "data/01_raw/behaviours", "")
    handed_out.clear()
    train_behaviours(["mine"], again=True)
    assert [job.arguments[1] for job in handed_out] == ["1", "2"]
    assert kept.read_bytes() == b"kept"


def test_nothing_to_do_starts_no_workers(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def workers(*_: Any) -> None:
        raise AssertionError("workers were started")

    monkeypatch.setattr(behaviours, "workers", workers)
    train_behaviours(["cheetah_vel_signed", "ant_dir"])


def test_a_job_trains_by_the_configuration_and_says_what_failed(here: Path) -> None:
    folder = here / "policies"
    with pytest.raises(ValueError, match=r"mine task_2 .* is untrained"):
        train_one("mine", "2", str(folder), "")
    assert not folder.exists()


def test_what_a_training_does_not_take_is_refused_before_any_work(
    here: Path, handed_out: list[Job]
) -> None:
    (here / "conf" / "local" / "behaviours.yml").write_text("cheetah_vel: {step: 1}\n")
    with pytest.raises(ConfigurationError, match="unknown setting 'step' of PPO"):
        train_behaviours(["mine"])
    with pytest.raises(ConfigurationError, match="unknown suite 'nine'"):
        train_behaviours(["mine", "nine"])
    assert not handed_out


def test_suites_and_tasks_are_those_of_the_configuration(here: Path) -> None:
    assert [suite.name for suite in suites_of(["mine", "ant_dir"])] == [
        "mine",
        "ant_dir",
    ]
    assert task_of("mine", 2).parameters == {"target_velocity": 5.5}
    for wrong in (0, 4):
        with pytest.raises(ConfigurationError, match="task of suite mine is"):
            task_of("mine", wrong)
    # local is not read by other environments
    with pytest.raises(ConfigurationError, match="unknown suite 'mine'"):
        suites_of(["mine"], "test")


@pytest.mark.slow
def test_the_command_trains_on_workers_and_goes_on(here: Path) -> None:
    """Two real trainings, on the engine; the second command finds nothing to do."""
    (here / "conf" / "local" / "behaviours.yml").write_text(
        "cheetah_vel: { algorithm: PPO, steps: 200000, snapshots: 20, episodes: 4 }\n"
    )
    suite = here / "conf" / "local" / "suites_mine.yml"
    suite.write_text(MINE.replace("4.4", "1.9").replace("5.5", "2.1"))
    train_behaviours(["mine"], jobs=2)
    files = sorted((here / behaviours.FOLDER / "cheetah_vel").iterdir())
    assert len(files) == 2
    assert BehaviourFile.load(files[0]).record["settings"]["steps"] == 200000
    before = [path.stat().st_mtime_ns for path in files]
    train_behaviours(["mine"], jobs=2)
    assert [path.stat().st_mtime_ns for path in files] == before
