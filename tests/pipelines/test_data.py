"""Whole runs on other data: imported files, every quality, other suites, stored policies elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from oer_pipeline.errors import DataError, OERError
from oer_pipeline.trajectories.qualities import QUALITIES

DATA = "test/03_primary/{}/{}/task_{}.parquet"


def add_suite(project: Any, name: str, **suite: Any) -> None:
    (project.path / "conf" / "base" / f"suites_{name}.yml").write_text(yaml.safe_dump({name: suite}))


def table_of(project: Any, name: str) -> Any:
    from oer_pipeline.trajectories.table import read_trajectories

    return read_trajectories(project.path / "data" / name)


@pytest.fixture
def imported(project: Any, finished: Any) -> Any:
    """A suite whose tasks come from a Parquet and an HDF5 file."""
    from oer_pipeline.export import export

    source = finished.path / "data/test/01_raw/cheetah_vel_signed"
    mine = project.path / "mine"
    mine.mkdir()
    (mine / "one.parquet").write_bytes((source / "task_1/medium.parquet").read_bytes())
    export(source / "task_2/medium.parquet", mine / "two.hdf5")
    tasks = [
        {"target_velocity": 1.5, "source": {"path": "mine/one.parquet"}},
        {"target_velocity": -1.5, "source": {"path": "mine/two.hdf5"}},
    ]
    add_suite(project, "mine", family="cheetah_vel", horizon=200, tasks=tasks)
    return project


def test_imported_data_run_through_all_stages(imported: Any, finished: Any) -> None:
    ran = imported.run(suite="mine", tasks=2)
    assert {"task_1.import", "task_2.import", "task_2.train"} <= set(ran)
    assert not [name for name in ran if name.endswith(("roll_out", "references"))]
    for task in (1, 2):
        made = table_of(imported, DATA.format("mine", "imported", task))
        raw = table_of(finished, f"test/01_raw/cheetah_vel_signed/task_{task}/medium.parquet")
        assert made.content_hash() == raw.content_hash()
        assert made.metadata["mended"]["clipped_actions"] == 0
        assert not Path(made.metadata["source"]["path"]).is_absolute()
    files = imported.files()
    card = json.loads(files["test/03_primary/mine/imported/task_2_card.json"])
    assert "normalised_return" not in card
    metrics = json.loads(files["test/08_reporting/mine/imported/oer-tasks=2/metrics.json"])
    assert metrics["references"] is None
    assert not [name for name in metrics["aggregate"] if name.endswith("_normalised")]
    assert b"normalised" not in files["test/08_reporting/mine/imported/oer-tasks=2/table.md"]
    assert b"<html" in files["test/08_reporting/mine/imported/data/task_1_card.html"]
    assert imported.run(suite="mine", tasks=2) == []


def test_a_changed_source_is_imported_again(imported: Any) -> None:
    imported.run("collection", suite="mine", tasks=2)
    one, two = imported.path / "mine/one.parquet", imported.path / "mine/two.hdf5"
    two_before = two.read_bytes()
    from oer_pipeline.export import export

    two.unlink()
    export(one, two)
    assert two.read_bytes() != two_before
    assert imported.run("collection", suite="mine", tasks=2) == ["task_2.import"]


def test_given_references_bring_the_normalised_columns(imported: Any) -> None:
    path = imported.path / "conf/base/suites_mine.yml"
    suites = yaml.safe_load(path.read_text())
    for task in suites["mine"]["tasks"]:
        task["source"]["references"] = {"random": -300.0, "expert": -20.0}
    path.write_text(yaml.safe_dump(suites))
    imported.run(suite="mine", tasks=2, method="finetune")
    metrics = json.loads(imported.files()["test/08_reporting/mine/imported/finetune-tasks=2/metrics.json"])
    assert metrics["references"]["task_1"] == {"expert": -20.0, "random": -300.0}
    assert metrics["aggregate"]["per_normalised"] is not None


def test_a_missing_source_or_behaviour_is_named_before_any_work(project: Any) -> None:
    add_suite(
        project,
        "mine",
        family="cheetah_vel",
        horizon=200,
        tasks=[{"target_velocity": 1.0, "source": {"path": "no.hdf5"}}],
    )
    with pytest.raises(OERError, match=r"task_1.source.*no\.hdf5 is missing; suite mine names it"):
        project.run(suite="mine", tasks=1)
    add_suite(project, "mine", family="cheetah_vel", horizon=200, tasks=[{"target_velocity": 9.0}])
    with pytest.raises(OERError, match=r"target_velocity=9\.0.*make behaviours SUITE=mine"):
        project.run(suite="mine", tasks=1)
    assert not (project.path / "data").exists()


def test_random_data_need_no_trained_behaviours(project: Any) -> None:
    tasks = [{"target_velocity": 1.45}, {"target_velocity": 1.5}]  # the second has behaviours, the first has none
    add_suite(project, "mine", family="cheetah_vel", horizon=200, tasks=tasks)
    ran = project.run(suite="mine", tasks=2, quality="random", method="finetune")
    assert {"task_1.roll_out", "task_1.references", "task_2.train"} <= set(ran)
    raw = project.files("data/test/01_raw/mine")
    assert {name for name in raw if name.startswith("task_1/") and "/.made/" not in name} == {
        "task_1/random.parquet",
        "task_1/references.json",
    }
    assert "task_2/medium_replay.parquet" in raw
    assert set(json.loads(raw["task_1/references.json"])) == {"random", "zero"}
    files = project.files()
    assert "normalised_return" not in json.loads(files["test/03_primary/mine/random/task_1_card.json"])
    metrics = json.loads(files["test/08_reporting/mine/random/finetune-tasks=2/metrics.json"])
    assert metrics["references"] is None
    assert project.run(suite="mine", tasks=2, quality="random", method="finetune") == []
    trained = project.path / "data/01_raw/behaviours/cheetah_vel/target_velocity=1.45.safetensors"
    from oer_pipeline.suites.behaviour import BehaviourFile, behaviour_path
    from oer_pipeline.suites.behaviour_training import save

    one = BehaviourFile.load(behaviour_path("cheetah_vel", "id_19"))
    save(BehaviourFile(one.policies, {**one.record, "task": {"target_velocity": 1.45}}), trained)
    again = project.run("collection", suite="mine", tasks=2, quality="random", data_seed=1)
    assert "task_1.roll_out" in again  # with behaviours, all kinds and references as ever


def test_other_qualities_say_that_random_needs_no_behaviours(project: Any) -> None:
    add_suite(project, "mine", family="cheetah_vel", horizon=200, tasks=[{"target_velocity": 9.0}])
    with pytest.raises(OERError, match=r"make behaviours SUITE=mine.*quality=random needs none"):
        project.run(suite="mine", tasks=1)


def test_every_quality_of_every_named_suite_can_be_ingested(project: Any) -> None:
    for suite in ("ant_dir", "walker_par", "cheetah_vel_spread"):
        project.run("collection", suite=suite, tasks=1)
        for quality in QUALITIES:
            project.run("ingestion", suite=suite, tasks=1, quality=quality)
            made = table_of(project, DATA.format(suite, quality, 1))
            assert 0 < len(made) <= 1000
            assert made.metadata["quality"] == quality
    files = project.files()
    returns = {
        q: json.loads(files[f"test/03_primary/ant_dir/{q}/task_1_card.json"])["returns"]["mean"] for q in QUALITIES
    }
    assert returns["random"] < returns["medium_replay"] < returns["expert"]
    assert returns["medium"] < returns["expert"]


def test_medium_replay_mixes_the_policies_on_the_way_to_medium(project: Any) -> None:
    project.run("collection", tasks=1)
    replay = table_of(project, "test/01_raw/cheetah_vel_signed/task_1/medium_replay.parquet")
    assert (np.diff(replay.episode) >= 0).all()
    assert replay.metadata["collector"]["replay_steps"] == sorted(replay.metadata["collector"]["replay_steps"])
    spread = {
        k: table_of(project, f"test/01_raw/cheetah_vel_signed/task_1/{k}.parquet").returns.std()
        for k in ("medium", "medium_replay")
    }
    assert spread["medium_replay"] > spread["medium"]


def test_a_stored_policy_runs_on_tasks_that_it_has_not_learned(resumed: Any, finished: Any) -> None:
    ran = resumed.run("evaluation", elsewhere={"tasks": "2+5", "after": 2})
    assert ran == ["evaluation.elsewhere_task_2", "evaluation.elsewhere_task_5", "evaluation.elsewhere"]
    files = resumed.files()
    table = files["test/08_reporting/cheetah_vel_signed/medium/oer/after_2_on_2+5.md"].decode()
    assert "| task_2 | raw | learned | 2 |" in table
    assert "| task_5 | raw | not learned | 2 |" in table
    assert all(files[name] == content for name, content in finished.files().items())
    import pandas as pd

    folder = resumed.path / "data/test/07_model_output/cheetah_vel_signed/medium/oer/seed_1"
    own = pd.read_parquet(folder / "task_2_returns.parquet")
    again = pd.read_parquet(folder / "after_2_on_2+5_task_2_returns.parquet")
    learned = own[(own["policy"] == "deployed") & (own["task"] == 2)]
    assert again["return"].tolist() == learned["return"].tolist()


def test_a_flawed_file_stops_the_run_and_leaves_nothing(project: Any, finished: Any) -> None:
    import h5py

    raw = table_of(finished, "test/01_raw/cheetah_vel_signed/task_1/medium.parquet")
    with h5py.File(project.path / "bad.hdf5", "w") as file:
        for column in ("observation", "action", "reward", "terminal", "timeout"):
            file[f"{column}s"] = getattr(raw, column)
        file["actions"][3, 0] = 1.5
    tasks = [{"target_velocity": 1.5, "source": {"path": "bad.hdf5"}}]
    add_suite(project, "mine", family="cheetah_vel", horizon=200, tasks=tasks)
    with pytest.raises(DataError, match=r"clip_actions"):
        project.run("collection", suite="mine", tasks=1)
    assert not [name for name in project.files() if name.endswith(".parquet")]
