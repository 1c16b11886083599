"""Scripts as behaviours: what they do, what their files say, and that others' noise is
as it was."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.suites.behaviour import (
    GRID,
    Acting,
    UniformPolicy,
    behaviour_path,
    play,
)
from oer_pipeline.suites.behaviour_data import collect, references
from oer_pipeline.suites.rollout import episode_generators
from oer_pipeline.suites.scripted import (
    ScriptedPolicy,
    Scripts,
    load_behaviours,
    script_of,
)
from oer_pipeline.suites.suite import Suite, Task

pytest.importorskip(
    "metaworld",
    reason="Meta-World is not installed: pip install 'oer_pipeline[metaworld]'",
)

CONF = Path(__file__).parents[2] / "conf" / "base" / "suites_continual_world.yml"
CONFIG = yaml.safe_load(CONF.read_text())
SEQUENCE = Suite.from_config("continual_world_10", CONFIG["continual_world_10"])
TUNING = Suite.from_config("continual_world_tuning", CONFIG["continual_world_tuning"])
TASKS = [*SEQUENCE.tasks, *TUNING.tasks]


@pytest.fixture
def push() -> Task:
    return TASKS[6]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: str(task.key))
def test_the_package_has_a_level_for_every_task_at_which_about_half_succeed(
    task: Task,
) -> None:
    scripts = Scripts.load(behaviour_path(task.family, task.key))
    scripts.check_task(task)
    record = scripts.record
    assert 0.4 <= record["success"]["medium"] <= 0.7
    assert (
        record["success"]["random"]
        <= 0.2
        < record["success"]["medium"]
        < record["success"]["final"]
    )
    assert scripts.policies["medium"].bias == record["bias"] > 0.0
    tried = dict(record["curve"])
    best = min(abs(success - 0.5) for success in tried.values())
    assert abs(tried[record["bias"]] - 0.5) == best
    assert record["versions"] == {"metaworld": "3.0.0", "mujoco": "3.3.7"}


def test_the_expert_is_the_script_with_noise(push: Task) -> None:
    observation = play(push, UniformPolicy(), 4, "scripts").observation[:, 0]
    noise = np.random.default_rng(0).standard_normal((4, 5))
    found = ScriptedPolicy("push-v3").act(observation, noise)
    for row, seen, drawn in zip(found, observation, noise, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            planned = np.clip(
                script_of("push-v3").get_action(seen.astype(float)), -1, 1
            )
        np.testing.assert_allclose(row, planned + 0.1 * drawn[:4])


def test_mediums_hand_goes_beside_its_targets_by_the_bias_on_average(
    push: Task,
) -> None:
    """Where the script moves in proportion, its action shifts by ten times the bias."""
    observation = np.tile(
        play(push, UniformPolicy(), 1, "scripts").observation[:, 0], (2000, 1)
    )
    observation[:, :3] = observation[:, 4:7] + np.array([0.03, 0.0, 0.3], np.float32)
    noise = np.random.default_rng(0).standard_normal((2000, 5))
    there, beside = (
        ScriptedPolicy("push-v3", bias, 0.0).act(observation, noise)
        for bias in (0.0, 0.01)
    )
    shift = (beside - there)[:, 0]
    assert shift.mean() == pytest.approx(0.1, abs=0.01)
    assert shift.min() >= 0.0
    assert shift.std() > 0.04


def test_an_episode_keeps_its_draw_and_other_behaviours_noise_is_as_it_was() -> None:
    scripted = Acting.of(
        ScriptedPolicy("push-v3"), episode_generators("x", 0, 1, 3), 7, 4
    ).noise
    plain = Acting.of(UniformPolicy(), episode_generators("x", 0, 1, 3), 7, 4).noise
    assert plain.shape == (3, 7, 4)
    drawn = [
        generator.standard_normal((7, 4))
        for generator in episode_generators("x", 0, 1, 3)
    ]
    np.testing.assert_array_equal(plain, drawn)
    np.testing.assert_array_equal(scripted[:, :, :4], plain)
    assert (scripted[:, :, 4] == scripted[:, :1, 4]).all()
    assert len(set(scripted[:, 0, 4])) == 3


def test_collected_data_say_who_solved_the_task(push: Task) -> None:
    scripts = load_behaviours(behaviour_path(push.family, push.key))
    raw = {
        kind: collect(push, scripts, kind, 5000, data_seed=0)
        for kind in ("random", "medium", "expert")
    }
    for kind, table in raw.items():
        assert table.success is not None
        assert table.solved is not None
        assert len(table.solved) == 25
        assert table.metadata["metaworld"] == "3.0.0"
        np.testing.assert_array_equal(np.rint(table.action * GRID) / GRID, table.action)
        np.testing.assert_array_equal(
            table.success, np.repeat(table.solved, table.lengths)
        )
        assert (kind == "random") == isinstance(table.metadata["collector"], str)
    again = collect(push, scripts, "medium", 5000, data_seed=0)
    assert again.content_hash() == raw["medium"].content_hash()
    measured = references(push, raw, 0, 4)
    rates = {
        kind: float(table.solved.mean())
        for kind, table in raw.items()
        if table.solved is not None
    }
    assert {kind: measured[kind]["success"] for kind in rates} == rates
    assert rates["random"] < rates["medium"] < rates["expert"]
    assert measured["zero"]["success"] == 0.0
    with pytest.raises(ConfigurationError, match="unknown raw kind 'medium_replay'"):
        collect(push, scripts, "medium_replay", 5000, data_seed=0)


def own(tmp_path: Path, **changes: Any) -> Path:
    record = json.loads(behaviour_path("meta_world", "env_name=push-v3").read_text())
    path = tmp_path / "meta_world" / "env_name=push-v3.json"
    path.parent.mkdir()
    path.write_text(json.dumps({**record, **changes}))
    return path


def test_a_users_own_level_comes_first(tmp_path: Path) -> None:
    path = own(tmp_path, bias=0.5)
    assert behaviour_path("meta_world", "env_name=push-v3", tmp_path) == path
    assert load_behaviours(path).policies["medium"] == ScriptedPolicy("push-v3", 0.5)


def test_another_tasks_level_is_refused(tmp_path: Path, push: Task) -> None:
    path = own(tmp_path, task={"env_name": "reach-v3"})
    with pytest.raises(
        DataError,
        match=r"task_7: found on \{'env_name': 'reach-v3'\}; the task is .*push-v3",
    ):
        load_behaviours(path).check_task(push)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_text("{"),
        lambda path: path.write_text("[]"),
        lambda path: path.write_text(json.dumps({"task": {}, "bias": 0.1})),
        lambda path: path.write_text(
            json.dumps({"task": {}, "script": "x", "bias": -1, "noise": 0.1})
        ),
        lambda path: path.write_text(
            json.dumps({"task": {}, "script": "x", "bias": "much", "noise": 0.1})
        ),
    ],
)
def test_what_is_no_file_of_scripts_is_named(
    tmp_path: Path,
    damage: Callable[[Path], None],
) -> None:
    path = own(tmp_path)
    damage(path)
    with pytest.raises(DataError, match="not a file of scripts") as caught:
        load_behaviours(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_level_says_how_to_find_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="make behaviours SUITE=name"):
        load_behaviours(tmp_path / "env_name=door-lock-v3.json")


def test_a_scripts_level_is_found_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `kedro behaviours` does for a suite of the user's own."""
    from oer_pipeline.suites import behaviour_training

    path = tmp_path / "meta_world" / "x.json"
    found = {"task": {}, "returns": {"final": 1.0}}
    monkeypatch.setattr(behaviour_training.script_levels, "level", lambda task: found)
    training = behaviour_training.Training.from_config("meta_world", {})
    assert "final 1.0" in behaviour_training.make(TASKS[0], training, path)
    assert json.loads(path.read_text()) == found
