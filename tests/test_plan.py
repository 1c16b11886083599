"""The plan: merging, naming, and errors that name the value and what would have been right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from oer_pipeline.errors import ConfigurationError
from oer_pipeline.plan import Plan, parse_seeds, resolve

CONF = Path(__file__).parents[1] / "conf" / "base"
BASE, SUITES, METHODS = (yaml.safe_load((CONF / f"{n}.yml").read_text()) for n in ("parameters", "suites", "methods"))


def plan(**runtime: Any) -> Plan:
    return resolve(BASE, runtime, SUITES, METHODS)


def test_default_plan_is_oer_on_the_first_three_tasks() -> None:
    made = plan()
    assert (made.suite.name, made.quality, made.cell, made.seeds) == ("cheetah_vel_signed", "medium", "oer", (0, 1, 2))
    assert [task.parameters["target_velocity"] for task in made.tasks] == [1.5, -1.5, 2.7]
    assert made.selector is not None
    assert made.selector["uses_model"]


@pytest.mark.parametrize(
    ("runtime", "folders"),
    [
        ({"replay": {"size": 1000}}, ("cheetah_vel_signed", "medium", "oer-replay.size=1000")),
        ({"method": "er_random", "tasks": 5}, ("cheetah_vel_signed", "medium", "er_random-tasks=5")),
        ({"dynamics": {"members": 7}}, ("cheetah_vel_signed", "medium-dynamics.members=7", "oer")),
        ({"collection": {"transitions": 400}}, ("cheetah_vel_signed-collection.transitions=400", "medium", "oer")),
        ({"seeds": "0-9", "compare": "oer", "force": True}, ("cheetah_vel_signed", "medium", "oer")),
        ({"replay": {"size": 300}}, ("cheetah_vel_signed", "medium", "oer")),
    ],
)
def test_what_a_run_changes_is_in_its_folder(runtime: dict[str, Any], folders: tuple[str, ...]) -> None:
    made = plan(**runtime)
    assert (made.suite_folder, made.quality_folder, made.cell) == folders


def test_long_differences_become_a_fingerprint_that_tells_them_apart() -> None:
    many = {"learner": {"updates": 1, "alpha": 1.0, "polyak": 0.5, "discount": 0.5, "batch_size": 3}}
    more = {"learner": {**many["learner"], "batch_size": 4}}
    assert len(plan(**many).cell) < 20
    assert plan(**many).cell != plan(**more).cell


@pytest.mark.parametrize(
    ("runtime", "words"),
    [
        ({"suite": "cheetah_vel_singed"}, ["cheetah_vel_singed", "did you mean cheetah_vel_signed"]),
        ({"quality": "best"}, ["quality", "best", "medium_random"]),
        ({"method": "oerr"}, ["method", "oerr", "did you mean oer"]),
        ({"selector": "mbse"}, ["selector", "mbse", "uniform"]),
        ({"learner": {"name": "er_dcb"}}, ["learner", "er_dcb", "er_dbc"]),
        ({"replay": {"sise": 3}}, ["replay.sise", "did you mean replay.size"]),
        ({"replay": 3}, ["replay", "group", "size"]),
        ({"replay": {"size": "many"}}, ["replay.size", "many", "int"]),
        ({"tasks": 6}, ["tasks", "6", "1 to 5"]),
        ({"tasks": 0}, ["tasks", "0", "1 to 5"]),
        ({"seeds": "a-b"}, ["seeds", "a-b", "0-2"]),
        ({"seeds": "0+0"}, ["seeds", "twice"]),
        ({"compare": "oer+nothing"}, ["method", "nothing", "finetune"]),
        ({"accelerator": "tpu"}, ["accelerator", "tpu", "cpu"]),
        ({"seeds": "0-300000000"}, ["seeds", "more than"]),
        ({"evaluation": {"episodes": 0}}, ["evaluation.episodes", "0", "at least 1"]),
        ({"replay": {"size": 999999}}, ["replay.size", "999999", "at most 20000"]),
        ({"replay": {"size": 0}}, ["replay.size", "at least 1"]),
        ({"replay": {"target_action": "x"}}, ["target_action", "policy"]),
        ({"collection": {"transitions": 10}}, ["collection.transitions", "10", "400"]),
        ({"learner": {"updates": 0}}, ["learner.updates", "0"]),
        ({"learner": {"trunk_start": "foo"}}, ["trunk_start", "foo", "continual"]),
        ({"dynamics": {"members": 0}}, ["members", "0"]),
    ],
)
def test_errors_name_the_value_and_what_would_be_right(runtime: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        plan(**runtime)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("given", "seeds"),
    [("0-2", (0, 1, 2)), ("0+3", (0, 3)), ("0-1+7", (0, 1, 7)), (4, (4,)), ([2, 5], (2, 5))],
)
def test_seeds_are_a_range_a_sum_a_number_or_a_list(given: Any, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(given) == seeds
