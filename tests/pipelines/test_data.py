"""Whole runs on other data: imported files, every quality, other suites, stored
policies on other tasks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from oer_pipeline.common.errors import ConfigurationError, DataError, OERError
from oer_pipeline.trajectories.qualities import QUALITIES

DATA = "test/03_primary/{}/{}/task_{}.parquet"


def add_suite(project: Any, name: str, **suite: Any) -> None:
    (project.path / "conf" / "base" / f"suites_{name}.yml").write_text(
        yaml.safe_dump({name: suite})
    )


def table_of(project: Any, name: str) -> Any:
    from oer_pipeline.trajectories.table import read_trajectories

    return read_trajectories(project.path / "data" / name)


@pytest.fixture
def imported(project: Any, finished: Any) -> Any:
    """A suite whose tasks come from a Parquet and an HDF5 file."""
    from oer_pipeline.trajectories.exchange.export import export

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
        raw = table_of(
            finished, f"test/01_raw/cheetah_vel_signed/task_{task}/medium.parquet"
        )
        assert made.content_hash() == raw.content_hash()
        assert made.metadata["mended"]["clipped_actions"] == 0
        assert not Path(made.metadata["source"]["path"]).is_absolute()
    files = imported.files()
    card = json.loads(files["test/03_primary/mine/imported/task_2_card.json"])
    assert "normalised_return" not in card
    metrics = json.loads(
        files["test/08_reporting/mine/imported/oer-tasks=2/metrics.json"]
    )
    assert metrics["references"] is None
    assert not [name for name in metrics["aggregate"] if name.endswith("_normalised")]
    assert (
        b"normalised"
        not in files["test/08_reporting/mine/imported/oer-tasks=2/table.md"]
    )
    assert b"<html" in files["test/08_reporting/mine/imported/data/task_1_card.html"]
    assert imported.run(suite="mine", tasks=2) == []


def test_a_changed_source_is_imported_again(imported: Any) -> None:
    imported.run("collection", suite="mine", tasks=2)
    one, two = imported.path / "mine/one.parquet", imported.path / "mine/two.hdf5"
    two_before = two.read_bytes()
    from oer_pipeline.trajectories.exchange.export import export

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
    metrics = json.loads(
        imported.files()[
            "test/08_reporting/mine/imported/finetune-tasks=2/metrics.json"
        ]
    )
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
    with pytest.raises(
        OERError, match=r"task_1.source.*no\.hdf5 is missing; suite mine names it"
    ):
        project.run(suite="mine", tasks=1)
    add_suite(
        project,
        "mine",
        family="cheetah_vel",
        horizon=200,
        tasks=[{"target_velocity": 9.0}],
    )
    with pytest.raises(
        OERError, match=r"target_velocity=9\.0.*make behaviours SUITE=mine"
    ):
        project.run(suite="mine", tasks=1)
    assert project.files() == {}


def test_random_data_need_no_trained_behaviours(project: Any) -> None:
    tasks = [
        {"target_velocity": 1.45},
        {"target_velocity": 1.5},
    ]  # the second has behaviours, the first has none
    add_suite(project, "mine", family="cheetah_vel", horizon=200, tasks=tasks)
    ran = project.run(suite="mine", tasks=2, quality="random", method="finetune")
    assert {"task_1.roll_out", "task_1.references", "task_2.train"} <= set(ran)
    raw = project.files("data/test/01_raw/mine")
    assert {
        name for name in raw if name.startswith("task_1/") and "/.made/" not in name
    } == {
        "task_1/random.parquet",
        "task_1/references.json",
    }
    assert "task_2/medium_replay.parquet" in raw
    assert set(json.loads(raw["task_1/references.json"])) == {"random", "zero"}
    files = project.files()
    assert "normalised_return" not in json.loads(
        files["test/03_primary/mine/random/task_1_card.json"]
    )
    metrics = json.loads(
        files["test/08_reporting/mine/random/finetune-tasks=2/metrics.json"]
    )
    assert metrics["references"] is None
    assert project.run(suite="mine", tasks=2, quality="random", method="finetune") == []
    trained = (
        project.path
        / "data/01_raw/behaviours/cheetah_vel/target_velocity=1.45.safetensors"
    )
    from oer_pipeline.suites.behaviour import BehaviourFile, behaviour_path
    from oer_pipeline.suites.behaviour_training import save

    one = BehaviourFile.load(behaviour_path("cheetah_vel", "id_19"))
    save(
        BehaviourFile(one.policies, {**one.record, "task": {"target_velocity": 1.45}}),
        trained,
    )
    again = project.run(
        "collection", suite="mine", tasks=2, quality="random", data_seed=1
    )
    assert (
        "task_1.roll_out" in again
    )  # with behaviours, all kinds and references as ever


def test_other_qualities_say_that_random_needs_no_behaviours(project: Any) -> None:
    add_suite(
        project,
        "mine",
        family="cheetah_vel",
        horizon=200,
        tasks=[{"target_velocity": 9.0}],
    )
    with pytest.raises(
        OERError, match=r"make behaviours SUITE=mine.*quality=random needs none"
    ):
        project.run(suite="mine", tasks=1)


def test_every_quality_can_be_ingested(project: Any) -> None:
    returns: dict[str, float] = {}
    for quality in QUALITIES:
        stages = ("ingestion",) if returns else ("collection", "ingestion")
        project.run(*stages, suite="ant_dir", tasks=1, quality=quality)
        made = table_of(project, DATA.format("ant_dir", quality, 1))
        assert 0 < len(made) <= 1000
        assert made.metadata["quality"] == quality
        card = f"data/test/03_primary/ant_dir/{quality}/task_1_card.json"
        told = json.loads((project.path / card).read_text())
        returns[quality] = told["returns"]["mean"]
    assert returns["random"] < returns["medium_replay"] < returns["expert"]
    assert returns["medium"] < returns["expert"]


@pytest.mark.parametrize("suite", ["walker_par", "cheetah_vel_spread"])
def test_data_of_other_suites_can_be_ingested(project: Any, suite: str) -> None:
    how = {"suite": suite, "tasks": 1, "quality": "medium_random"}
    project.run("collection", "ingestion", **how)
    assert 0 < len(table_of(project, DATA.format(suite, "medium_random", 1))) <= 1000


def test_medium_replay_mixes_the_policies_on_the_way_to_medium(finished: Any) -> None:
    replay = table_of(
        finished, "test/01_raw/cheetah_vel_signed/task_1/medium_replay.parquet"
    )
    assert (np.diff(replay.episode) >= 0).all()
    assert replay.metadata["collector"]["replay_steps"] == sorted(
        replay.metadata["collector"]["replay_steps"]
    )
    spread = {
        k: table_of(
            finished, f"test/01_raw/cheetah_vel_signed/task_1/{k}.parquet"
        ).returns.std()
        for k in ("medium", "medium_replay")
    }
    assert spread["medium_replay"] > spread["medium"]


def test_a_stored_policy_runs_on_tasks_that_it_has_not_learned(
    resumed: Any, finished: Any
) -> None:
    ran = resumed.run("evaluation", transfer_evaluation={"tasks": "2+5", "after": 2})
    assert ran == [
        "evaluation.transfer_evaluation_task_2",
        "evaluation.transfer_evaluation_task_5",
        "evaluation.transfer_evaluation",
    ]
    files = resumed.files()
    table = files[
        "test/08_reporting/cheetah_vel_signed/medium/oer/after_2_on_2+5.md"
    ].decode()
    assert "| task_2 | raw | learned | 2 |" in table
    assert "| task_5 | raw | not learned | 2 |" in table
    assert all(files[name] == content for name, content in finished.files().items())
    import pandas as pd

    folder = (
        resumed.path / "data/test/07_model_output/cheetah_vel_signed/medium/oer/seed_1"
    )
    own = pd.read_parquet(folder / "task_2_returns.parquet")
    again = pd.read_parquet(folder / "after_2_on_2+5_task_2_returns.parquet")
    learned = own[(own["policy"] == "deployed") & (own["task"] == 2)]
    assert again["return"].tolist() == learned["return"].tolist()


def test_a_flawed_file_stops_the_run_and_leaves_nothing(
    project: Any, finished: Any
) -> None:
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


@pytest.fixture
def rewardless(project: Any, finished: Any) -> Any:
    """A suite of two tasks whose data have no rewards."""
    (project.path / "mine").mkdir()
    tasks = []
    for task in (1, 2):
        raw = table_of(
            finished, f"test/01_raw/cheetah_vel_signed/task_{task}/medium.parquet"
        )
        names = ("observation", "action", "next_observation", "terminal", "timeout")
        np.savez(
            project.path / f"mine/{task}.npz",
            **{f"{n}s": getattr(raw, n) for n in names},
        )
        file = {"path": f"mine/{task}.npz", "columns": {"rewards": None}}
        tasks.append({"target_velocity": 1.5 if task == 1 else -1.5, "source": file})
    add_suite(project, "mine", family="cheetah_vel", horizon=200, tasks=tasks)
    return project


def test_data_without_rewards_are_cloned(rewardless: Any) -> None:
    """Rewards and what is made of them are absent, not zero, from import to report."""
    import pyarrow.parquet as pq

    small = {"suite": "mine", "tasks": 2, "seeds": "0"}
    cloning = {**small, "learner": {"base": "bc"}}
    ran = rewardless.run(**cloning)
    assert {"task_1.fit_dynamics", "task_2.train", "task_1.select"} <= set(ran)
    cell = "oer-learner.base=bc-tasks=2"
    files = rewardless.files()
    [out] = {
        n.split("/")[4]
        for n in files
        if n.startswith("test/07_model_output/mine/imported/")
    }
    assert out == cell
    parquet = [
        n
        for n in files
        if n.endswith(("task_1.parquet", "imported.parquet", "_buffer.parquet"))
    ]
    assert len(parquet) > 3
    for name in parquet:
        assert "reward" not in pq.read_schema(rewardless.path / "data" / name).names, (
            name
        )
    card = json.loads(files["test/03_primary/mine/imported/task_1_card.json"])
    assert set(card["coverage"]) == {"observation", "action"}
    assert not {"returns", "normalised_return"} & set(card)
    assert card["plausibility"]["error"] < 1e-5
    assert "reward_error" not in card["plausibility"]
    page = files["test/08_reporting/mine/imported/data/task_1_card.html"].decode()
    assert "Rewards</th><td" in page
    assert "undiscounted return" not in page
    [report] = [c for n, c in files.items() if n.endswith("task_1_report.json")]
    dynamics = json.loads(report)
    assert len(dynamics["rmse"]["ensemble"]) == len(dynamics["nll"]["ensemble"]) == 20
    metrics = json.loads(files[f"test/08_reporting/mine/imported/{cell}/metrics.json"])
    assert metrics["references"] is None
    assert not [name for name in metrics["aggregate"] if name.endswith("_normalised")]
    assert (
        b"normalised" not in files[f"test/08_reporting/mine/imported/{cell}/table.md"]
    )
    assert rewardless.run(**cloning) == []
    rewardless.run("judging", tags=["task_1"], **cloning)
    [judged] = [
        n for n in rewardless.files() if n.endswith("seed_0/task_1_judged.parquet")
    ]
    columns = pq.read_schema(rewardless.path / "data" / judged).names
    assert not [name for name in columns if "return" in name or "reward" in name]
    chosen = pq.read_table(rewardless.path / "data" / judged)["selector"].to_pylist()
    assert "mbes" in chosen
    assert not {"reward", "surprise"} & set(chosen)


NEEDY = {
    "the default base": ({}, "learner.base is 'td3bc'"),
    "another base": ({"learner": {"base": "iql"}}, "learner.base is 'iql'"),
    "a selector": (
        {"learner": {"base": "bc"}, "selector": "surprise"},
        "selector is 'surprise'",
    ),
    "a selector to judge": (
        {"learner": {"base": "bc"}, "judging": {"selectors": "uniform+reward"}},
        "judging.selectors: 'reward'",
    ),
}


@pytest.mark.parametrize("case", NEEDY)
def test_what_needs_rewards_is_refused_before_any_work(
    rewardless: Any, case: str
) -> None:
    chosen, says = NEEDY[case]
    with pytest.raises(ConfigurationError) as caught:
        rewardless.run(suite="mine", tasks=2, **chosen)
    assert str(caught.value).startswith(says)
    assert "needs rewards, which the data of task 1 of suite mine do not have" in str(
        caught.value
    )
    assert "\n" not in str(caught.value)
    assert not (rewardless.path / "data").exists()


def test_one_episode_is_no_transition_model_and_the_task_is_named(
    project: Any, finished: Any
) -> None:
    raw = table_of(finished, "test/01_raw/cheetah_vel_signed/task_1/medium.parquet")
    from oer_pipeline.trajectories.exchange.d4rl import write_d4rl

    write_d4rl(project.path / "one.hdf5", raw.select(raw.episode == 0))
    tasks = [{"target_velocity": 1.5, "source": {"path": "one.hdf5"}}]
    add_suite(project, "mine", family="cheetah_vel", horizon=200, tasks=tasks)
    with pytest.raises(
        DataError, match=r"suite mine, task 1: a transition model needs 2 episodes"
    ):
        project.run(suite="mine", tasks=1)


MISSING = {
    "an id": (
        {"path": "D4RL/none-v0"},
        "no Minari data set of that id is installed",
        "minari download D4RL/none-v0",
    ),
    "a folder": (
        {"path": "mine"},
        "mine holds 0.npz, 1.npz",
        "say format: npz_episodes",
    ),
    "a folder of none": (
        {"path": "empty", "format": "npz_episodes"},
        "empty has to hold 0.npz, 1.npz",
    ),
}


@pytest.mark.parametrize("case", MISSING)
def test_what_a_missing_source_lacks_is_said(
    project: Any, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(project.path / "none"))
    for name in ("mine", "empty"):
        (project.path / name).mkdir()
    for number in range(2):
        np.savez(project.path / f"mine/{number}.npz", actions=np.zeros(1))
    source, *says = MISSING[case]
    tasks = [{"target_velocity": 1.0, "source": source}]
    add_suite(project, "mine", family="cheetah_vel", horizon=200, tasks=tasks)
    with pytest.raises(
        OERError, match=r"suite mine names it as the source of task_1"
    ) as caught:
        project.run(suite="mine", tasks=1)
    for part in says:
        assert part in str(caught.value)
    assert project.files() == {}


def test_a_minari_data_set_is_imported_again_when_its_metadata_change(
    project: Any, finished: Any
) -> None:
    from oer_pipeline.trajectories.exchange.export import export

    raw = finished.path / "data/test/01_raw/cheetah_vel_signed/task_1/medium.parquet"
    export(raw, project.path / "mine/own-v0", "minari")
    tasks = [{"target_velocity": 1.5, "source": {"path": "mine/own-v0"}}]
    add_suite(project, "mine", family="cheetah_vel", horizon=200, tasks=tasks)
    assert project.run("collection", suite="mine", tasks=1) == ["task_1.import"]
    assert project.run("collection", suite="mine", tasks=1) == []
    metadata = project.path / "mine/own-v0/data/metadata.json"
    said = json.loads(metadata.read_text())
    metadata.write_text(json.dumps({**said, "license": "MIT"}))
    assert project.run("collection", suite="mine", tasks=1) == ["task_1.import"]


def test_a_changed_episode_of_a_folder_is_imported_again(
    project: Any, finished: Any
) -> None:
    raw = table_of(finished, "test/01_raw/cheetah_vel_signed/task_1/medium.parquet")
    names = (
        "observation",
        "action",
        "next_observation",
        "reward",
        "terminal",
        "timeout",
    )
    (project.path / "mine").mkdir()
    for number in range(2):
        own = raw.select(raw.episode == number)
        np.savez(
            project.path / f"mine/{number}.npz",
            **{f"{n}s": getattr(own, n) for n in names},
        )
    source = {"path": "mine", "format": "npz_episodes"}
    tasks = [{"target_velocity": 1.5, "source": source}]
    add_suite(project, "mine", family="cheetah_vel", horizon=200, tasks=tasks)
    assert project.run("collection", suite="mine", tasks=1) == ["task_1.import"]
    assert project.run("collection", suite="mine", tasks=1) == []
    (project.path / "mine/1.npz").unlink()
    assert project.run("collection", suite="mine", tasks=1) == ["task_1.import"]
