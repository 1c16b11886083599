"""Everything that runs is killed with signal 9 at random instants, and goes on to the
bytes that it leaves when nobody kills it: behaviour training, model fits, all stages,
`kedro run`, grids and `dvc repro`.

The trainings of every learner and base are killed in tests/learners/test_kills.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from oer_pipeline.common.atomic import sweep
from oer_pipeline.datasets import JSONDataset, SafetensorsDataset
from oer_pipeline.dynamics.fit import fit_transition_model
from oer_pipeline.dynamics.settings import DynamicsSettings
from oer_pipeline.suites import behaviour_training
from oer_pipeline.suites.behaviour_training import Training, make
from oer_pipeline.suites.ppo import PPOSettings
from oer_pipeline.suites.sac import SACSettings
from oer_pipeline.suites.suite import Suite, Task
from tests.conftest import ROOT, Count, Project
from tests.killing import KILLS, Work, files, goes_on, survives
from tests.learners.conftest import make_data

pytestmark = pytest.mark.slow

SMALL = "tasks=2,seeds=0+1,learner.updates=240,checkpoint_seconds=0"
PPO = PPOSettings(
    steps=4096, environments=2, rollout_steps=64, batch=32, epochs=2, snapshots=8
)
SAC = SACSettings(steps=400, hidden=16, batch=16, warm_up=20, snapshots=8)


@pytest.fixture
def task() -> Task:
    suites = yaml.safe_load((ROOT / "conf/base/suites.yml").read_text())
    suite = Suite.from_config("cheetah_vel_signed", suites["cheetah_vel_signed"])
    return replace(suite.tasks[0], horizon=50)


@pytest.mark.parametrize(("algorithm", "settings"), [("PPO", PPO), ("SAC", SAC)])
def test_a_killed_behaviour_training(
    task: Task,
    algorithm: str,
    settings: Any,
    tmp_path: Path,
    count: Count,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It starts anew; what is trained so short is kept although it learned nothing."""
    monkeypatch.setattr(behaviour_training, "check_trained", lambda *_: None)
    monkeypatch.setattr(behaviour_training, "_medium", lambda *_: 4)
    training = Training(algorithm, settings, episodes=2)

    def run(folder: Path) -> None:
        sweep(folder)
        path = folder / "task.safetensors"
        if not path.is_file():
            make(task, training, path)

    survives(Work(run), tmp_path, 8, seed=3)
    count(KILLS, "behaviour trainings (PPO, SAC)", 8)


def test_a_killed_fit_of_a_transition_model(tmp_path: Path, count: Count) -> None:
    """It starts anew."""
    settings = DynamicsSettings(hidden=(64, 64), max_epochs=40, patience=40)
    data = make_data(1)

    def run(folder: Path) -> None:
        sweep(folder)
        model, record = fit_transition_model(data, settings)
        weights = SafetensorsDataset(str(folder / "model.safetensors"))
        weights.save((model.tensors(), model.header()))
        JSONDataset(str(folder / "record.json")).save(record)

    survives(Work(run), tmp_path, 13, seed=4)
    count(KILLS, "fits of a transition model", 13)


def results(folder: Path) -> dict[str, bytes]:
    """All that a project's runs have made, leftovers included."""
    return files(folder / "data/test")


def a_project(folder: Path) -> None:
    """A project without data in the folder."""
    shutil.rmtree(folder)
    Project(folder)


def all_stages(folder: Path) -> None:
    """From roll-outs to the comparison, and the judging of selectors, in this
    process."""
    project = Project.at(folder)
    params: dict[str, Any] = {
        "tasks": 2,
        "learner": {"updates": 240},
        "checkpoint_seconds": 0.0,
    }
    for method in ("finetune", "oer"):
        project.run(method=method, **params)
    project.run("comparison", compare="finetune+oer", **params)
    project.run("judging", method="finetune", **params)


def test_killed_stages(tmp_path: Path, count: Count) -> None:
    work = Work(all_stages, a_project, results)
    survives(work, tmp_path, 36, seed=5, within=0.15)
    count(KILLS, "runs of all stages in one process", 36)


def command(folder: Path, *words: str, **environment: str) -> None:
    """Become a command of the environment's, in the folder."""
    os.chdir(folder)
    os.environ.update(environment)
    program = shutil.which(words[0], path=os.environ["PATH"])
    assert program is not None
    os.execv(program, words)


def kedro(*words: str) -> Work:
    """`kedro` with these words in a project of its own."""

    def run(folder: Path) -> None:
        command(folder, sys.executable, "-m", "kedro", *words)

    return Work(run, a_project, results)


def test_a_killed_kedro_run(tmp_path: Path, count: Count) -> None:
    work = kedro("run", "--env=test", f"--params={SMALL}")
    survives(work, tmp_path, 6, seed=6, within=0.6)
    count(KILLS, "kedro run", 6)


def test_a_killed_grid(tmp_path: Path, count: Count) -> None:
    """The command alone is killed: its workers and their jobs end themselves."""
    work = kedro(
        "grid", "--env=test", "--jobs=2", "--methods=bc+oer_bc", f"--params={SMALL}"
    )
    survives(work, tmp_path, 6, seed=7, within=0.8)
    count(KILLS, "grids", 6)


def a_clone(folder: Path) -> None:
    """A fresh clone of this repository, at the sizes of conf/test."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    sizes = (folder / "conf/test/parameters.yml").read_text()
    (folder / "conf/local").mkdir(exist_ok=True)
    (folder / "conf/local/parameters.yml").write_text(sizes)


def repro(folder: Path) -> None:
    """Become `dvc repro` in a clone."""
    programs = Path(sys.executable).parent
    command(
        folder,
        str(programs / "dvc"),
        "repro",
        PATH=f"{programs}:{os.environ['PATH']}",
        PYTHONPATH=f"{folder / 'src'}:{folder}",
    )


def hashes(folder: Path) -> dict[str, bytes]:
    """What `dvc repro` has made, and the hashes that it has found."""
    made = files(folder / "data")
    found = {n: b for n, b in made.items() if not n.startswith("running/")}
    return found | {"dvc.lock": (folder / "dvc.lock").read_bytes()}


REPRO = Work(repro, a_clone, hashes, group=True)


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A clone in which `dvc repro` has run, and the seconds that it took."""
    folder = tmp_path_factory.mktemp("one") / "clone"
    a_clone(folder)
    return folder, REPRO.finish(folder)


def test_two_clones_give_one_set_of_hashes(
    reproduced: tuple[Path, float], tmp_path: Path
) -> None:
    """At different paths, of different length."""
    one, _ = reproduced
    two = tmp_path / "a longer path" / "to the other clone"
    two.parent.mkdir()
    a_clone(two)
    REPRO.finish(two)
    wanted, found = hashes(one), hashes(two)
    assert len(wanted) > 200
    assert [name for name in wanted if wanted[name] != found.get(name)] == []
    assert sorted(wanted) == sorted(found)


def test_a_killed_dvc_repro(
    reproduced: tuple[Path, float], tmp_path: Path, count: Count
) -> None:
    whole, seconds = reproduced
    goes_on(REPRO, whole, tmp_path / "killed", 4, 8, 0.4 * seconds)
    count(KILLS, "dvc repro", 4)
