"""Whole runs at test size: the DAG follows the plan, artefacts are kept, resumed and
repeated byte for byte."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from oer_pipeline.common import atomic
from oer_pipeline.common.errors import ConfigurationError, OERError

POLICIES = (
    "test/06_models/cheetah_vel_signed/medium/oer/seed_{}/task_{}_policies.safetensors"
)
METRICS = "test/08_reporting/cheetah_vel_signed/medium/{}/metrics.json"


def test_a_run_leaves_every_artefact_with_its_record(finished: Any) -> None:
    files = finished.files()
    made = [name for name in files if "/.made/" not in name]
    assert len(made) > 60
    for name in made:
        folder, _, file = name.rpartition("/")
        record = json.loads(files[f"{folder}/.made/{file}.json"])
        assert record["node"]
        assert len(record["fingerprint"]) == 64
    metrics = json.loads(files[METRICS.format("oer")])
    assert metrics["seeds"] == [0, 1]
    assert [len(row) for row in metrics["matrix"]["0"]] == [3, 3, 3]
    assert metrics["matrix"]["0"][0][1] is None
    assert (
        metrics["cost"]["replay_bytes"]
        == 3 * 40 * 4 * (20 + 6 + 20 + 6 + 1) + 3 * 40 * 2
    )


def test_a_second_run_has_nothing_to_do(resumed: Any) -> None:
    assert resumed.run() == []


def test_more_seeds_train_only_the_new_ones(resumed: Any) -> None:
    before = resumed.files()
    ran = resumed.run(seeds="0-2")
    after = resumed.files()
    assert "task_1.train" in ran
    assert "task_1.fit_dynamics" not in ran
    assert POLICIES.format(2, 3) in after
    assert all(
        after[name] == content for name, content in before.items() if "/seed_" in name
    )
    assert json.loads(after[METRICS.format("oer")])["seeds"] == [0, 1, 2]


def test_a_seed_does_not_depend_on_its_company(finished: Any, collected: Any) -> None:
    collected.run(seeds="1")
    alone, together = collected.files(), finished.files()
    own = [name for name in alone if "/seed_1/" in name]
    assert len(own) > 20
    assert all(alone[name] == together[name] for name in own)


def test_a_killed_run_goes_on_at_the_first_unfinished_task(
    resumed: Any, finished: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (resumed.path / "data").rglob("task_[23]_policies.safetensors"):
        path.unlink()
    from oer_pipeline.training import fit

    real = fit.fit

    def killed_in_task_3(*arguments: Any, **named: Any) -> Any:
        if arguments[4] is not None and arguments[4].tasks == 2:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    monkeypatch.setattr(fit, "fit", killed_in_task_3)
    with pytest.raises(KeyboardInterrupt):
        resumed.run()
    monkeypatch.undo()
    ran = resumed.run()
    assert "task_3.train" in ran
    assert not {
        "task_1.train",
        "task_2.train",
        "task_1.select",
        "task_1.fit_dynamics",
    } & set(ran)
    assert resumed.files() == finished.files()


def test_a_changed_file_is_made_again(resumed: Any, finished: Any) -> None:
    path = resumed.path / "data" / POLICIES.format(1, 2)
    path.write_bytes(path.read_bytes()[:-4] + b"abcd")
    assert "task_2.train" in resumed.run()
    assert resumed.files() == finished.files()


def test_a_changed_parameter_makes_its_own_cell(resumed: Any, finished: Any) -> None:
    ran = resumed.run(replay={"size": 20})
    assert not {"task_1.roll_out", "task_1.ingest", "task_1.fit_dynamics"} & set(ran)
    assert all(
        resumed.files()[name] == content for name, content in finished.files().items()
    )
    assert METRICS.format("oer-replay.size=20") in resumed.files()


def test_tags_and_from_nodes_work_after_a_finished_run(resumed: Any) -> None:
    assert resumed.run("continual", tags=["task_3"], force=True) == [
        "task_3.train",
        "task_3.evaluate",
        "task_3.select",
    ]
    ran = resumed.run("continual", from_nodes=["task_2.select"], force=True)
    assert set(ran) == {
        "task_2.select",
        "task_3.train",
        "task_3.select",
        "task_3.evaluate",
    }


def test_a_method_without_buffers_leaves_those_nodes_out_and_is_compared(
    resumed: Any,
) -> None:
    ran = resumed.run(method="finetune")
    assert not [
        name
        for name in ran
        if name.endswith((".select", ".fit_dynamics")) or "fidelity" in name
    ]
    metrics = json.loads(resumed.files()[METRICS.format("finetune")])
    assert metrics["aggregate"]["cloning_gap"] is None
    assert metrics["cost"]["replay_bytes"] == 0
    resumed.run("comparison", compare="finetune+oer")
    compared = "test/08_reporting/cheetah_vel_signed/medium/comparison-compare={}/{}"
    table = resumed.files()[compared.format("finetune+oer", "table.md")].decode()
    assert "| oer |" in table
    assert "| finetune |" in table


def test_two_sessions_with_different_suites_get_their_own_dags(project: Any) -> None:
    suites = project.path / "conf" / "base" / "suites.yml"
    known = yaml.safe_load(suites.read_text())
    known["short"] = {
        **known["cheetah_vel_signed"],
        "tasks": [{"target_velocity": 1.5}, {"target_velocity": 2.0}],
    }
    suites.write_text(yaml.safe_dump(known))
    from kedro.framework.project import pipelines
    from kedro.framework.startup import bootstrap_project

    from oer_pipeline.orchestration.session import PlanSession

    bootstrap_project(project.path)

    def tasks(**params: Any) -> set[str]:
        with PlanSession.create(
            project.path, env="test", runtime_params=params
        ) as session:
            context = session.load_context()
            assert context.catalog["task_1.transitions"]._describe()["filepath"].split(
                "/"
            )[-3] == params.get("suite", "cheetah_vel_signed")
            return {node.namespace for node in pipelines["continual"].nodes}

    assert tasks() == {"task_1", "task_2", "task_3"}
    assert tasks(suite="short", tasks=2) == {"task_1", "task_2"}
    assert tasks(tasks=5) == {f"task_{k}" for k in range(1, 6)}


def test_no_dataset_falls_back_to_memory(project: Any) -> None:
    from kedro.framework.project import pipelines
    from kedro.framework.startup import bootstrap_project

    from oer_pipeline.orchestration.session import PlanSession

    bootstrap_project(project.path)
    with PlanSession.create(project.path, env="test") as session:
        catalog = session.load_context().catalog
        for name in set().union(*(p.datasets() for p in pipelines.values())):
            if not name.startswith("params:"):
                assert name in catalog, name
                assert hasattr(catalog[name], "paths"), name


def test_a_missing_input_is_named_with_what_to_do(project: Any) -> None:
    with pytest.raises(
        OERError, match=r"task_1.ingest needs task_1.references.*run the stage"
    ):
        project.run("ingestion")


def test_unknown_names_write_nothing(project: Any) -> None:
    for how in ({"suite": "nowhere"}, {"method": "magic"}, {"replay": {"sise": 1}}):
        with pytest.raises(ConfigurationError):
            project.run(**how)
    with pytest.raises(
        ConfigurationError, match=r"environment 'tset'.*did you mean test"
    ):
        project.run(env="tset")
    with pytest.raises(
        ConfigurationError, match=r"pipeline 'continul'.*did you mean continual"
    ):
        project.run("continul")
    with pytest.raises(ConfigurationError, match="task_9"):
        project.run(tags=["task_9"])
    assert project.files() == {}


def test_a_run_killed_with_signal_9_goes_on_and_ends_with_the_same_bytes(
    collected: Any, finished: Any
) -> None:
    command = [sys.executable, "-u", "-m", "kedro", "run", "--env=test"]
    with subprocess.Popen(
        command, cwd=collected.path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "task_2.train" in line:
                process.kill()
                break
    assert process.returncode == -signal.SIGKILL
    ran = collected.run()
    assert "task_1.train" not in ran
    assert "task_3.train" in ran
    assert collected.files() == finished.files()


def test_a_run_sweeps_what_killed_runs_left(resumed: Any, finished: Any) -> None:
    """Beside every output and record; a second run has nothing else to do."""
    name = atomic._beside(Path("x")).name
    left = name.replace(f"-{os.getpid()}.", f"-{_dead_process()}.")
    assert left != name
    for path in sorted((resumed.path / "data/test").rglob("*")):
        if path.is_dir():
            (path / left).write_text("half")
    assert resumed.run() == []
    swept = {n for n in resumed.files() if not n.endswith(".tmp")}
    assert swept == set(finished.files())
    for path in (resumed.path / "data/test").rglob("*.tmp"):
        others = [p for p in path.parent.iterdir() if p.is_file() and p != path]
        assert others == [], path  # a folder of folders, where nothing is written


def _dead_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_a_missing_input_stops_a_partial_run_before_any_work(project: Any) -> None:
    with pytest.raises(
        OERError, match=r"task_3.train needs task_2.policies.*run the stage"
    ):
        project.run(tags=["task_3"])
    assert project.files() == {}


def test_an_unreadable_input_is_named(resumed: Any) -> None:
    path = resumed.path / "data" / POLICIES.format(0, 2)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(OERError, match=r"task_2_policies.safetensors"):
        resumed.run("continual", tags=["task_3"], force=True)


def test_a_run_killed_within_a_task_ends_in_the_same_files(
    resumed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oer_pipeline.training.module import BlockModule

    def run(**how: Any) -> list[str]:
        how = {"method": "finetune", "learner": {"updates": 240}, **how}
        ran: list[str] = resumed.run("continual", tags=["task_1"], **how)
        return ran

    assert run() == ["task_1.train", "task_1.evaluate"]
    whole, step = resumed.files(), BlockModule.training_step

    def killed(module: Any, batch: int, batch_idx: int) -> None:
        if batch_idx == 1:
            raise OSError("killed")
        step(module, batch, batch_idx)

    monkeypatch.setattr(BlockModule, "training_step", killed)
    with pytest.raises(OSError, match="killed"):
        run(checkpoint_seconds=0, force=True)
    monkeypatch.undo()
    assert [name for name in resumed.files() if "/checkpoints/" in name]
    assert run(checkpoint_seconds=0, force=True) == ["task_1.train", "task_1.evaluate"]
    assert resumed.files() == whole
    assert run(checkpoint_seconds=7) == []


def test_returns_of_episodes_that_the_physics_breaks_off_are_continued(
    resumed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np
    import pandas as pd

    from oer_pipeline.suites.suite import FAMILIES

    class Breaks(FAMILIES["cheetah_vel"]):  # type: ignore[misc]
        def step(self, state: Any, action: Any) -> Any:
            if state.time > 0.0:
                state.qvel[:] = np.nan
            return super().step(state, action)

    monkeypatch.setitem(FAMILIES, "cheetah_vel", Breaks)
    resumed.run("continual", from_nodes=["task_3.evaluate"], force=True)
    resumed.run("evaluation", transfer_evaluation={"tasks": "1"}, force=True)
    files = sorted((resumed.path / "data").rglob("*_returns.parquet"))
    tables = [
        pd.read_parquet(f) for f in files if "task_3" in f.name or "after_" in f.name
    ]
    assert len(tables) == 4  # of two seeds each
    for table in tables:
        assert table["diverged"].all()
        assert (table["length"] == 1).all()
        assert (table["return"] < -200).all()  # about -1.6 as far as they went
