"""A suite is configuration; what is wrong with it is said in one line that names the
thing and what would be right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.suites.suite import Suite
from oer_pipeline.suites.task_lists import task_lists

Named = Callable[[str], Suite]
GOOD: dict[str, Any] = {
    "family": "cheetah_vel",
    "horizon": 50,
    "tasks": [{"target_velocity": 1}, {"target_velocity": 2}],
}


def changed(**change: Any) -> dict[str, Any]:
    return {**GOOD, **change}


def sourced(source: Any) -> dict[str, Any]:
    return changed(tasks=[{"target_velocity": 1, "source": source}])


def gym(*tasks: dict[str, Any]) -> dict[str, Any]:
    return changed(family="gymnasium", tasks=list(tasks))


MISTAKES = {
    "not a mapping": (
        "cheetah",
        "suite mine: found 'cheetah'; it takes family, horizon and tasks",
    ),
    "unknown family": (
        changed(family="cheeta_vel"),
        "unknown family 'cheeta_vel'; did you mean cheetah_vel",
    ),
    "family a list": (
        changed(family=["ant_dir"]),
        r"unknown family \['ant_dir'\]; .*choose one of ant_dir, cheetah_vel",
    ),
    "unknown key": (
        changed(horizons=3),
        r"unknown keys \['horizons'\]; it takes \['family', 'horizon', 'tasks'\]",
    ),
    "missing key": (
        {"family": "ant_dir", "tasks": {"ids": "0"}},
        r"missing or unknown keys \['horizon'\]",
    ),
    "key a number": ({1: 2}, r"unknown keys \[1, 'family', 'horizon', 'tasks'\]"),
    "horizon none": (
        changed(horizon=0),
        "horizon is 0; it takes a number of steps, such as 200",
    ),
    "horizon text": (
        changed(horizon="200"),
        "horizon is '200'; it takes a number of steps",
    ),
    "horizon true": (
        changed(horizon=True),
        "horizon is True; it takes a number of steps",
    ),
    "no tasks": (changed(tasks=[]), "suite mine: it has no tasks; list at least one"),
    "tasks text": (
        changed(tasks="0-4"),
        "suite mine: it has no tasks; list at least one",
    ),
    "task nothing": (
        changed(tasks=[None]),
        "task 1: found None; a task is a mapping of its parameters",
    ),
    "parameter missing": (
        changed(tasks=[{"target_velocity": 1}, {}]),
        r"suite mine, task 2: missing or unknown keys \['target_velocity'\]",
    ),
    "parameter unknown": (
        changed(tasks=[{"target_velocity": 1, "gravity": 2}]),
        r"task 1: .* unknown keys \['gravity'\]",
    ),
    "parameter text": (
        changed(tasks=[{"target_velocity": "fast"}]),
        "suite mine, task 1: target_velocity is 'fast'; it takes a finite number",
    ),
    "parameter infinite": (
        changed(tasks=[{"target_velocity": float("inf")}]),
        "target_velocity is inf; it takes a finite",
    ),
    "walker incomplete": (
        changed(family="walker_par", tasks=[{"body_mass": [1]}]),
        "task 1: missing .*body_inertia",
    ),
    "walker too small": (
        changed(
            family="walker_par",
            tasks=[{**task_lists()["walker_par"][0], "dof_damping": [1, 2]}],
        ),
        (
            r"suite mine, task 1: walker_par: dof_damping has 2 values; the model takes"
            r" \(9,\)"
        ),
    ),
    "ids out of range": (
        changed(tasks={"ids": "0+40"}),
        r"suite mine: ids \[40\] of '0\+40'; each of 0 to 39",
    ),
    "ids twice": (
        changed(tasks={"ids": [1, 1]}),
        r"ids \[1\] of \[1, 1\]; each of 0 to 39 at most once",
    ),
    "ids of no list": (
        gym() | {"tasks": {"ids": "0"}},
        "family 'gymnasium' has no list of tasks; list the tasks'",
    ),
    "ids misspelt": (
        changed(tasks={"id": "0"}),
        r"tasks: missing or unknown keys \['id', 'ids'\]; it takes \['ids'\]",
    ),
    "order": (
        changed(tasks={"ids": "0", "order_seed": "x"}),
        "suite mine: order_seed is 'x'; it takes 0, 1, ..., or null",
    ),
    "id unknown": (
        gym({"id": "Pendulum-v9"}),
        "task 1: environment 'Pendulum-v9': .*did you mean Pendulum-v1",
    ),
    "id unregistered": (
        gym({"id": "Nothing/Of-v0"}),
        "suite mine, task 1: environment 'Nothing/Of-v0'",
    ),
    "id of no module": (
        gym({"id": "no_module:Of-v0"}),
        "environment 'no_module:Of-v0'.*No module named",
    ),
    "id a number": (
        gym({"id": 3}),
        "suite mine, task 1: environment 3: it takes an id",
    ),
    "id missing": (
        gym({"kwargs": {}}),
        (
            r"task 1: missing or unknown keys \['id'\]; it takes \['id'\], and may have"
            r" \['kwargs', 'success_key'\]"
        ),
    ),
    "kwargs unknown": (
        gym({"id": "Pendulum-v1", "kwargs": {"gg": 5}}),
        "environment 'Pendulum-v1' with {'gg': 5}: .*'gg'",
    ),
    "kwargs a number": (
        gym({"id": "Pendulum-v1", "kwargs": 5}),
        "'Pendulum-v1': kwargs is 5; it takes a mapping",
    ),
    "actions discrete": (
        gym({"id": "CartPole-v1"}),
        r"CartPole-v1: its action space is Discrete\(2\); .* flat Box",
    ),
    "observations discrete": (
        gym({"id": "FrozenLake-v1"}),
        r"its observation space is Discrete\(16\); it has to be a flat Box",
    ),
    "spaces disagree": (
        gym({"id": "Pendulum-v1"}, {"id": "InvertedPendulum-v5"}),
        (
            r"suite mine: task_2 has 4 observation .* \[3.0\], task_1 3 observation .*"
            r" \[2.0\]; all have to agree"
        ),
    ),
    "bounds disagree": (
        gym({"id": "InvertedPendulum-v5"}, {"id": "InvertedDoublePendulum-v5"}),
        "task_2 has 9 observation and 1 action dimensions within .*; all have to agree",
    ),
    "source nothing": (
        sourced(None),
        "suite mine, task 1, source: found None; it takes path, format, clip_actions",
    ),
    "source text": (
        sourced("data.hdf5"),
        "task 1, source: found 'data.hdf5'; it takes path",
    ),
    "source without path": (
        sourced({"format": "d4rl"}),
        "source: path is None; give the path of the data",
    ),
    "source key": (
        sourced({"path": "a.h5", "clip_action": True}),
        "unknown key 'clip_action'; did you mean clip_actions",
    ),
    "source format": (
        sourced({"path": "a.h5", "format": "csv"}),
        (
            "unknown format 'csv'; choose one of d4rl, minari, npz, npz_episodes,"
            " ogbench, parquet, robomimic"
        ),
    ),
    "source clip": (
        sourced({"path": "a.h5", "clip_actions": "yes"}),
        "clip_actions is 'yes'; it takes true or false",
    ),
    "source terminals": (
        sourced({"path": "a.h5", "terminals_at_horizon": "drop"}),
        "terminals_at_horizon is 'drop'; it takes timeout",
    ),
    "an environment of another package": (
        changed(family="gymnasium", tasks=[{"id": "Unheard-v0"}]),
        (
            "task 1: environment 'Unheard-v0': .*doesn't exist.*; if another package"
            " registers it, name that one's module before it, id:"
            " package.module:Unheard-v0"
        ),
    ),
    "an environment of a module that is not there": (
        changed(family="gymnasium", tasks=[{"id": "no_such_module:Unheard-v0"}]),
        "environment 'no_such_module:Unheard-v0'.*: No module named 'no_such_module'",
    ),
    "source pickle": (
        sourced({"path": "a/b.pickle"}),
        (
            "source: path is 'a/b.pickle'; .pickle files are read by unpickling, which"
            " runs what is in them, and nothing is unpickled here: docs/data.md says"
            " how you make an .npz of one"
        ),
    ),
    "source ending": (
        sourced({"path": "a/b.csv"}),
        "path is 'a/b.csv'; the ending .csv tells no format: give one of",
    ),
    "source reversed": (
        sourced({"path": "a.h5", "reversed": "yes"}),
        "reversed is 'yes'; it takes true or false",
    ),
    "source reversed episodes": (
        sourced({"path": "a", "reversed": True}),
        "reversed is true; format minari has whole episodes: d4rl and npz take it",
    ),
    "source columns": (
        sourced({"path": "a.h5", "columns": "obs"}),
        "columns are 'obs'; give the file's names, such as {observations: obs}",
    ),
    "source columns key": (
        sourced({"path": "a.h5", "columns": {"observation": "obs"}}),
        "columns: unknown 'observation'; did you mean observations",
    ),
    "source columns value": (
        sourced({"path": "a.h5", "columns": {"rewards": 3}}),
        "columns: rewards is 3; give what the file calls it, or null for none",
    ),
    "source columns on two lines": (
        sourced({"path": "a.h5", "columns": {"rewards": "a\nb"}}),
        r"columns: rewards is 'a\\nb'; give what the file calls it",
    ),
    "source columns null": (
        sourced({"path": "a.h5", "columns": {"actions": None}}),
        "columns: actions is null; there are no data without them",
    ),
    "source columns twice": (
        sourced(
            {"path": "a.npz", "columns": {"terminals": "dones", "timeouts": "dones"}}
        ),
        "columns: 'dones' is named twice; each is one column",
    ),
    "source columns of Minari": (
        sourced({"path": "a/b-v0", "columns": {"rewards": "r"}}),
        (
            "rewards is 'r'; in format minari columns have one name each: only rewards:"
            " null can be said"
        ),
    ),
    "source columns of OGBench": (
        sourced({"path": "a.npz", "format": "ogbench", "columns": {"timeouts": "t"}}),
        "'t'; format ogbench has observations, actions, terminals, rewards$",
    ),
    "source keys": (
        sourced({"path": "a.h5", "format": "robomimic", "observation_keys": "object"}),
        (
            "observation_keys are 'object'; give a list of names, each once, in the"
            " order to join them"
        ),
    ),
    "source keys of another format": (
        sourced({"path": "a.h5", "observation_keys": ["object"]}),
        (
            "observation_keys are given; format d4rl has one column of observations:"
            " robomimic and minari take them"
        ),
    ),
    "source dimensions": (
        sourced({"path": "a.h5", "observation_dimensions": "0-"}),
        (
            "observation_dimensions is '0-'; give a range 0-26, numbers 0.2, or a list"
            " of numbers, each once"
        ),
    ),
    "source dimensions backwards": (
        sourced({"path": "a.h5", "observation_dimensions": "5-3"}),
        "observation_dimensions is '5-3'; give a range",
    ),
    "source dimensions without end": (
        sourced({"path": "a.h5", "observation_dimensions": "0-99999999999"}),
        "observation_dimensions is '0-99999999999'; give a range",
    ),
    "source dimensions that are no numbers": (
        sourced({"path": "a.h5", "observation_dimensions": [True]}),
        "observation_dimensions is .True.; give a range",
    ),
    "source dimensions twice": (
        sourced({"path": "a.h5", "observation_dimensions": [1, 1]}),
        "observation_dimensions is .1, 1.; give a range",
    ),
    "source references": (
        sourced({"path": "a", "references": 5}),
        "references are 5; give mean returns by name",
    ),
    "source references half": (
        sourced({"path": "a", "references": {"random": 1}}),
        "references are {'random': 1}; give random and expert, or none",
    ),
    "source reference name": (
        sourced({"path": "a", "references": {"random": 1, "expert": 2, "expret": 1}}),
        (
            "unknown reference 'expret'; did you mean expert. choose one of expert,"
            " medium, random, zero"
        ),
    ),
    "source reference": (
        sourced({"path": "a", "references": {"random": "x", "expert": 2}}),
        "reference random is 'x'; it takes a mean return",
    ),
    "source references that do not differ": (
        sourced({"path": "a", "references": {"random": 5, "expert": 5}}),
        "reference expert is 5; it has to be above random, 5",
    ),
    "source references the wrong way round": (
        sourced({"path": "a", "references": {"random": 5, "expert": -5}}),
        "reference expert is -5; it has to be above random, 5",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name: str) -> None:
    config, message = MISTAKES[name]

    def whole() -> None:
        suite = Suite.from_config("mine", config)
        suite.sequence(len(suite.tasks))

    with pytest.raises(ConfigurationError, match=message) as caught:
        whole()
    assert "mine" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", [0, 3, -1, True, "2", 1.0])
def test_more_tasks_than_there_are_or_none_are_refused(number: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=f"tasks is {number!r}; suite mine has 1 to 2"
    ):
        Suite.from_config("mine", GOOD).sequence(number)


def test_tasks_count_from_one_and_know_their_physics() -> None:
    suite = Suite.from_config("mine", GOOD)
    assert [(t.index, t.name, t.suite, t.horizon) for t in suite.tasks] == [
        (1, "task_1", "mine", 50),
        (2, "task_2", "mine", 50),
    ]
    assert suite.tasks[1].physics().target_velocity == 2.0  # type: ignore[attr-defined]
    assert suite.sequence(1) == suite.tasks[:1]


@pytest.mark.parametrize(
    ("name", "family", "ids"),
    [
        ("cheetah_vel", "cheetah_vel", [0, 1, 2, 3, 4]),
        ("cheetah_vel_spread", "cheetah_vel", [0, 10, 20, 30, 39]),
        ("ant_dir", "ant_dir", [0, 1, 2, 3, 4]),
        ("walker_par", "walker_par", [0, 1, 2, 3, 4]),
        ("cheetah_vel_40", "cheetah_vel", list(range(40))),
        ("ant_dir_50", "ant_dir", list(range(50))),
        ("walker_par_50", "walker_par", list(range(50))),
    ],
)
def test_the_named_suites_are_the_literatures(
    named: Named,
    name: str,
    family: str,
    ids: list[int],
) -> None:
    suite = named(name)
    assert (suite.family, suite.horizon) == (family, 200)
    assert [task.key for task in suite.tasks] == [f"id_{i}" for i in ids]
    assert [dict(task.parameters) for task in suite.tasks] == [
        task_lists()[family][i] for i in ids
    ]


def test_the_signed_suites_directions_conflict(named: Named) -> None:
    assert [
        t.parameters["target_velocity"] for t in named("cheetah_vel_signed").tasks
    ] == [1.5, -1.5, 2.7, -2.7, 0.6]
    assert named("cheetah_vel_signed").tasks[1].key == "target_velocity=-1.5"


def test_an_order_seed_permutes_the_whole_list_and_the_first_tasks_are_taken_from_it(
    named: Named,
) -> None:
    suite = named("ant_dir_50")
    whole, again, other = (suite.sequence(50, seed) for seed in (3, 3, 4))
    assert whole == again != other
    assert sorted(t.parameters["goal_angle"] for t in whole) == sorted(
        t.parameters["goal_angle"] for t in suite.tasks
    )
    assert [t.index for t in whole] == list(range(1, 51))
    assert suite.sequence(3, 3) == whole[:3]
    assert suite.sequence(50) == suite.tasks
    assert [t.key for t in whole] != [t.key for t in suite.tasks]


def test_an_order_in_the_suite_itself_does_the_same() -> None:
    def keys(**order: Any) -> list[str]:
        config = {"family": "ant_dir", "horizon": 10, "tasks": {"ids": "0-9", **order}}
        return [task.key for task in Suite.from_config("mine", config).tasks]

    assert keys(order_seed=1) == keys(order_seed=1) != keys(order_seed=2)
    assert sorted(keys(order_seed=1)) == sorted(keys())
    assert keys(order_seed=None) == keys() == [f"id_{i}" for i in range(10)]


def test_a_key_names_the_mdp_wherever_it_stands() -> None:
    def key(family: str, parameters: dict[str, Any]) -> str:
        config = {"family": family, "horizon": 9, "tasks": [parameters]}
        return Suite.from_config("mine", config).tasks[0].key

    assert key("cheetah_vel", {"target_velocity": 0.15}) == "id_1"
    assert key("gymnasium", {"id": "Pendulum-v1"}) == "id=Pendulum-v1"
    spaced = key("gymnasium", {"id": "Pendulum-v1", "kwargs": {"g": 9.0}})
    assert len(spaced) == 10
    assert spaced != key("gymnasium", {"id": "Pendulum-v1", "kwargs": {"g": 8.0}})
    body = task_lists()["walker_par"][0]
    assert key("walker_par", body) == "id_0"
    assert key("walker_par", {**body, "dof_damping": [0.5] * 9}) != "id_0"


def test_any_registered_environment_makes_a_suite() -> None:
    suite = Suite.from_config("mine", gym({"id": "InvertedPendulum-v5"}))
    bounds = suite.tasks[0].physics().bounds
    assert bounds is not None
    np.testing.assert_array_equal((bounds.low, bounds.high), [[-3.0], [3.0]])
    assert (suite.observation_size, suite.action_size, suite.distance_dimensions) == (
        4,
        1,
        (0, 1, 2, 3),
    )
    heavy = gym({"id": "Pendulum-v1"}, {"id": "Pendulum-v1", "kwargs": {"g": 20.0}})
    assert len(Suite.from_config("mine", heavy).sequence(2)) == 2
    ours = gym({"id": "oer/AntDir-v0", "kwargs": {"task_id": 1}})
    assert Suite.from_config("mine", ours).tasks[0].physics().bounds is None


def test_a_suite_may_say_which_dimensions_count_in_distances() -> None:
    config = gym({"id": "InvertedPendulum-v5"})
    told = Suite.from_config("mine", {**config, "distance_dimensions": [3, 1]})
    assert told.distance_dimensions == (1, 3)
    far = Suite.from_config("mine", {**config, "distance_dimensions": [1, 4]})
    with pytest.raises(ConfigurationError, match=r"has 4; .* dimensions 0 to 3"):
        far.distance_dimensions  # noqa: B018
    for wrong in ([], "1", 2, [1, 1], [-1], [0.5]):
        with pytest.raises(ConfigurationError, match="mine: distance_dimensions is"):
            Suite.from_config("mine", {**config, "distance_dimensions": wrong})


def test_a_source_stays_with_its_task() -> None:
    suite = Suite.from_config(
        "mine",
        sourced(
            {
                "path": "a/b.h5",
                "clip_actions": True,
                "references": {"random": 1, "expert": 2},
            }
        ),
    )
    source = suite.sequence(1, 5)[0].source
    assert source is not None
    assert (source["path"], source["format"], source["clip_actions"]) == (
        "a/b.h5",
        "d4rl",
        True,
    )
    assert source["references"] == {"random": 1, "expert": 2}
    formats = {
        "x.hdf5": "d4rl",
        "x.parquet": "parquet",
        "x.npz": "npz",
        "D4RL/pen/expert-v2": "minari",
    }
    for path, expected in formats.items():
        [task] = Suite.from_config("mine", sourced({"path": path})).tasks
        assert task.source is not None
        assert task.source["format"] == expected
    assert Suite.from_config("mine", GOOD).tasks[0].source is None
