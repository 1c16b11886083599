"""The plan: merging, naming, and errors that name the value and what would have been
right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.loading import build
from oer_pipeline.common.ranges import parse_seeds
from oer_pipeline.orchestration.config_schema import check_methods
from oer_pipeline.orchestration.configuration import with_tuned
from oer_pipeline.orchestration.plan import Plan, resolve

CONF = Path(__file__).parents[2] / "conf" / "base"
BASE, SUITES, METHODS = (
    yaml.safe_load((CONF / f"{n}.yml").read_text())
    for n in ("parameters", "suites", "methods")
)


def plan(**runtime: Any) -> Plan:
    return resolve(BASE, runtime, SUITES, METHODS)


def test_default_plan_is_oer_on_the_first_three_tasks() -> None:
    made = plan()
    assert (made.suite.name, made.quality, made.cell, made.seeds) == (
        "cheetah_vel_signed",
        "medium",
        "oer",
        (0, 1, 2, 3, 4),
    )
    assert [task.parameters["target_velocity"] for task in made.tasks] == [
        1.5,
        -1.5,
        2.7,
    ]
    assert made.selector is not None
    assert made.selector.uses_model


def test_what_was_asked_and_what_follows_are_apart() -> None:
    """A user sets the first; nodes see both as parameters."""
    made = plan(seeds="0+3", method="er", tasks=2)
    assert made.asked["seeds"] == "0+3"
    assert made.seeds == (0, 3)
    assert set(made.asked.parameters) == set(BASE)
    told = {"quality", "seeds", "judging"}  # as they are in force
    assert set(made.derived) & set(BASE) == told
    assert made.parameters == {**made.asked.parameters, **made.derived}
    assert made.asked.changed == {"seeds": "0+3", "method": "er", "tasks": 2}
    assert made.chosen.learner.base.name == "td3bc"
    assert made.chosen.first_learner.options == {}
    assert made.parameters["chosen"] == made.chosen.as_parameters()
    assert not set(made.asked.settings) & {"learners", "bases", "selectors"}


def test_a_learner_with_an_option_tasks_is_told_how_many_the_run_has() -> None:
    def told(**runtime: Any) -> list[Any]:
        chosen = plan(method="packnet", **runtime).parameters["chosen"]
        both = (chosen["learner"], chosen["first_learner"])
        return [learner["options"]["tasks"] for learner in both]

    assert told() == [3, 3]
    assert told(tasks=5) == [5, 5]
    assert told(learners={"packnet": {"tasks": 8}}) == [8, 8]
    others = [entry for name, entry in BASE["learners"].items() if name != "packnet"]
    assert not [entry for entry in others if "tasks" in entry]
    assert "tasks" not in plan().parameters["chosen"]["learner"]["options"]


@pytest.mark.parametrize(
    ("runtime", "folders"),
    [
        (
            {"replay": {"size": 1000}},
            ("cheetah_vel_signed", "medium", "oer-replay.size=1000"),
        ),
        (
            {"method": "er_random", "tasks": 5},
            ("cheetah_vel_signed", "medium", "er_random-tasks=5"),
        ),
        (
            {"dynamics": {"members": 7}},
            ("cheetah_vel_signed", "medium-dynamics.members=7", "oer"),
        ),
        (
            {"collection": {"transitions": 400}},
            ("cheetah_vel_signed-collection.transitions=400", "medium", "oer"),
        ),
        (
            {"seeds": "0-9", "compare": "oer", "force": True},
            ("cheetah_vel_signed", "medium", "oer"),
        ),
        ({"replay": {"size": 300}}, ("cheetah_vel_signed", "medium", "oer")),
        ({"checkpoint_seconds": 0}, ("cheetah_vel_signed", "medium", "oer")),
        ({"order_seed": 3}, ("cheetah_vel_signed", "medium", "oer-order_seed=3")),
        (
            {"transfer_evaluation": {"tasks": "4-5"}},
            ("cheetah_vel_signed", "medium", "oer"),
        ),
        (
            {"method": "ewc", "learners": {"ewc": {"penalty": 10}}},
            ("cheetah_vel_signed", "medium", "ewc-learners.ewc.penalty=10.0"),
        ),
        (
            {"method": "ewc", "learners": {"ewc": {"penalty": 1}}},
            ("cheetah_vel_signed", "medium", "ewc"),
        ),
        (
            {"learners": {"ewc": {"penalty": 10}}},
            ("cheetah_vel_signed", "medium", "oer"),
        ),
        (
            {"accelerator": "auto"},
            ("cheetah_vel_signed", "medium-accelerator=auto", "oer"),
        ),  # models differ too
        ({"precision": "high"}, ("cheetah_vel_signed", "medium-precision=high", "oer")),
        ({"graphs": False}, ("cheetah_vel_signed", "medium", "oer-graphs=False")),
        (
            {"bases": {"iql": {"expectile": 0.9}}},
            ("cheetah_vel_signed", "medium", "oer"),
        ),
        (
            {"learner": {"base": "iql"}, "bases": {"iql": {"expectile": 0.9}}},
            (
                "cheetah_vel_signed",
                "medium",
                "oer-bases.iql.expectile=0.9-learner.base=iql",
            ),
        ),
        ({"method": "oer_paper"}, ("cheetah_vel_signed", "medium", "oer_paper")),
    ],
)
def test_what_a_run_changes_is_in_its_folder(
    runtime: dict[str, Any], folders: tuple[str, ...]
) -> None:
    made = plan(**runtime)
    assert (made.suite_folder, made.quality_folder, made.cell) == folders


def test_methods_to_compare_may_be_a_list() -> None:
    assert plan(compare=["bc", "oer_bc"]).compare == ("bc", "oer_bc")
    assert plan(compare="bc+oer_bc").compare == ("bc", "oer_bc")


@pytest.mark.parametrize("group", ["data_seed", "collection", "dynamics", "precision"])
def test_a_preset_changes_nothing_that_methods_share(group: str) -> None:
    """Its results would lie in the folders of the others' data and models."""
    preset = {"learner": {"name": "er"}, group: BASE[group]}
    with pytest.raises(ConfigurationError, match=f"method mine: {group} is of data or"):
        check_methods({"mine": preset})


@pytest.mark.parametrize(
    ("preset", "words"),
    [
        (
            {"learner": {"alhpa": 3.0}},
            "unknown parameter 'learner.alhpa' of method oer; did you mean",
        ),
        (
            {"learner": {"alpha": "high"}},
            "parameter learner.alpha of method oer is 'high'; it takes a float",
        ),
        (
            {"learner": 3},
            "parameter learner of method oer is 3; it is a group of",
        ),
    ],
)
def test_a_wrong_parameter_of_a_preset_is_told_as_the_presets(
    preset: dict[str, Any], words: str
) -> None:
    """It once read `unknown method oer 'learner.alhpa'`, as if oer were unknown."""
    with pytest.raises(ConfigurationError, match=words):
        resolve(BASE, {}, SUITES, {**METHODS, "oer": preset})


def test_long_differences_become_a_fingerprint_that_tells_them_apart() -> None:
    many = {
        "learner": {
            "updates": 2,
            "alpha": 1.0,
            "polyak": 0.5,
            "discount": 0.5,
            "batch_size": 3,
        }
    }
    more = {"learner": {**many["learner"], "batch_size": 4}}
    assert len(plan(**many).cell) < 20
    assert plan(**many).cell != plan(**more).cell


@pytest.mark.parametrize(
    ("runtime", "words"),
    [
        (
            {"suite": "cheetah_vel_singed"},
            ["cheetah_vel_singed", "did you mean cheetah_vel_signed"],
        ),
        ({"quality": "best"}, ["quality", "best", "medium_random"]),
        ({"method": "oerr"}, ["method", "oerr", "did you mean oer"]),
        ({"selector": "mbse"}, ["selector", "mbse", "uniform"]),
        ({"learner": {"name": "er_dcb"}}, ["learner", "er_dcb", "er_dbc"]),
        ({"learner": {"base": "td3"}}, ["learner.base", "td3", "td3bc"]),
        (
            {"learner": {"base": "iql"}, "bases": {"iql": {"expectile": 2.0}}},
            ["iql: expectile", "2.0", "1"],
        ),
        (
            {"seeds": "0-99", "learner": {"hidden": [8192, 8192]}},
            ["learner.hidden", "100 network(s)", "0.5 GiB"],
        ),
        (
            {"learner": {"critic_norm": "batch"}},
            ["learner.critic_norm", "batch", "layer"],
        ),
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
        (
            {"learner": {"updates": 5, "policy_delay": 6}},
            ["learner.updates is 5", "after every 6"],
        ),
        (
            {
                "quality": "mix_expert_1_random_99",
                "collection": {"transitions": 10_000},
            },
            ["collection.transitions", "10000", "20000"],
        ),
        ({"judging": {"selectors": []}}, ["judging.selectors", "one or more"]),
        ({"compare": "bc+oer_bc+bc"}, ["compare", "each once"]),
        (
            {"learners": {"er_dbc": {"trunk_start": "foo"}}},
            ["trunk_start", "foo", "continual"],
        ),
        (
            {"learners": {"er_dbc": {"trunk": "self"}}},
            ["learners.er_dbc.trunk", "did you mean", "trunk_start"],
        ),
        (
            {"learners": {"er_dbc": {"replay_weight": -1.0}}},
            ["replay_weight", "-1.0", "at least 0"],
        ),
        ({"learner": {"heads": "many"}}, ["learner.heads", "many", "single"]),
        ({"learner": {"statistics": "last"}}, ["learner.statistics", "last", "first"]),
        ({"precision": "low"}, ["precision", "low", "highest"]),
        ({"graphs": "yes please"}, ["graphs", "yes please", "bool"]),
        ({"dynamics": {"members": 0}}, ["members", "0"]),
        ({"seeds": "0-99999999999999999999"}, ["seeds", "range 0-2"]),
        ({"seeds": "\u00b2"}, ["seeds", "range 0-2"]),
        ({"data_seed": -1}, ["data_seed", "-1", "at least 0"]),
        (
            {"learner": {"discount": 2}},
            ["learner.discount", "2", "at least 0 and below 1"],
        ),
        (
            {"learner": {"hidden": [100000000]}},
            ["learner.hidden", "100000000", "at most 8192"],
        ),
        (
            {"learner": {"updates": 10**12}},
            ["learner.updates", str(10**12), "at most 1000000000"],
        ),
        ({"learner": {"alpha": float("nan")}}, ["learner.alpha", "nan", "at least 0"]),
        (
            {"dynamics": {"holdout": 1.0}},
            ["dynamics.holdout", "1.0", "above 0 and below 1"],
        ),
        (
            {"collection": {"transitions": 10**9}},
            ["collection.transitions", "at most 10000000"],
        ),
        (
            {"collection": {"reference_episodes": 10**6}},
            ["reference_episodes", "at most 100000"],
        ),
        (
            {"evaluation": {"episodes": 10**9}},
            ["evaluation.episodes", "at most 100000"],
        ),
        ({"judging": {"sizes": "0+300"}}, ["judging.sizes", "0", "at least 1"]),
        (
            {"learners": {"ewc": {"penalty": float("inf")}}},
            ["ewc: penalty", "inf", "at most 1e+12"],
        ),
        (
            {"method": "packnet", "learners": {"packnet": {"tasks": 2}}},
            ["learners.packnet.tasks is 2", "at least 3"],
        ),
        ({"learners": {"packnet": {"share": 0}}}, ["packnet: share is 0", "above 0"]),
        ({"learners": {"packnet": {"retrain": 1.0}}}, ["retrain is 1.0", "below 1"]),
        ({"selectors": {"mbes": {"walkers": 0}}}, ["mbes: walkers", "0", "at least 1"]),
        (
            {"selectors": {"coverage": {"radius_quantile": 2.0}}},
            ["radius_quantile", "2", "at most 1"],
        ),
    ],
)
def test_errors_name_the_value_and_what_would_be_right(
    runtime: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        plan(**runtime)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("group", "name", "value"),
    [
        ("collection", "transitions", "many"),
        ("evaluation", "episodes", 2.5),
        ("replay", "size", True),
        ("learner", "hidden", 128),
        ("learner", "updates", "1000"),
        ("learner", "discount", "0.9"),
        ("dynamics", "batch_size", None),
    ],
)
def test_a_file_of_parameters_gets_no_wrong_types_past(
    group: str, name: str, value: Any
) -> None:
    base = {**BASE, group: {**BASE[group], name: value}}
    with pytest.raises(ConfigurationError, match=rf"{group}\.{name} is "):
        resolve(base, {}, SUITES, METHODS)


@pytest.mark.parametrize(
    ("runtime", "words"),
    [
        ({"learner": {"batch_size": 2**20}}, "batch_size 1048576 of hidden"),
        (
            {"learner": {"batch_size": 2**19}, "seeds": "0-3"},
            "is 524288; with 4 seed.s. the random numbers of a block of updates take"
            " 6.2 GiB; give at most 335544",
        ),
        (
            {"learner": {"batch_size": 2**16, "hidden": [1024, 1024]}},
            "batch_size 65536 of hidden .* of hidden units",
        ),
        (
            {"learner": {"batch_size": 2**14, "policy_delay": 1000}},
            "batch_size 16384 of hidden .* of hidden units",
        ),
        (
            {"method": "multitask", "learner": {"batch_size": 2**17}},
            "with 5 seed.s. and 3 task.s. the random numbers .* give at most 89478",
        ),
        (
            {"evaluation": {"episodes": 10_000}},
            "with 5 seed.s. and 3 task.s. it may be 6666",
        ),
        ({"judging": {"sizes": "300+50000", "shown": 300}}, "at most 20000"),
        (
            {"selectors": {"mbes": {"dimensions": [0, 99]}}},
            r"selectors.mbes.dimensions: one is 99; it has to be at least 0 and",
        ),
        (
            {"method": "finetune", "selectors": {"mbes": {"dimensions": [20]}}},
            r"selectors.mbes.dimensions: one is 20; it has to be at least 0 and .* 19",
        ),
        (
            {"selectors": {"mbes": {"uses_model": False}}},
            "selectors.mbes.uses_model tells what the class needs",
        ),
        ({"learner": {"discount": int("1" * 400)}}, "number of 400 digits; .* 0.99"),
        ({"order_seed": 10**400}, "order_seed is 1000"),
    ],
)
def test_what_no_machine_or_class_can_take_is_refused_before_any_work(
    runtime: dict[str, Any], words: str
) -> None:
    """Not by a machine without memory, nor after the first task's training."""
    with pytest.raises(ConfigurationError, match=words):
        plan(**runtime)


@pytest.mark.parametrize(
    ("given", "seeds"),
    [
        ("0-2", (0, 1, 2)),
        ("0+3", (0, 3)),
        ("0-1+7", (0, 1, 7)),
        (4, (4,)),
        ([2, 5], (2, 5)),
    ],
)
def test_seeds_are_a_range_a_sum_a_number_or_a_list(
    given: Any, seeds: tuple[int, ...]
) -> None:
    assert parse_seeds(given) == seeds


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            3,
            (
                "oer on cheetah_vel_signed, medium: one seed, number 3; 3 seeds are"
                " seeds=0-2"
            ),
        ),
        ("0", "oer on cheetah_vel_signed, medium: one seed, number 0"),
        ("0-2", "oer on cheetah_vel_signed, medium: 3 seeds, 0, 1, 2"),
    ],
)
def test_a_run_says_which_seeds_it_takes(given: Any, told: str) -> None:
    assert plan(seeds=given).title == told


def test_an_order_seed_shuffles_the_whole_suite_before_the_first_tasks_are_taken() -> (
    None
):
    made = plan(order_seed=1, tasks=3, suite="cheetah_vel_40")
    again = plan(order_seed=1, tasks=5, suite="cheetah_vel_40")
    assert [t.key for t in made.tasks] == [t.key for t in again.tasks[:3]]
    assert [t.index for t in made.tasks] == [1, 2, 3]
    assert {t.key for t in again.tasks} != {f"id_{i}" for i in range(5)}


def test_every_order_has_the_data_that_the_suite_numbers() -> None:
    made = plan(order_seed=1, tasks=3, suite="cheetah_vel_40")
    assert [made.data_of(task) for task in made.tasks] != ["task_1", "task_2", "task_3"]
    by_name = {task.name: task for task in made.suite.tasks}
    for task in made.tasks:
        assert by_name[made.data_of(task)].key == task.key
    indices = [task.index for task in made.data_tasks]
    assert indices == sorted(indices)
    assert {made.data_of(task) for task in made.tasks} == {
        task.name for task in made.data_tasks
    }
    told = made.parameters
    assert list(told["order"]) == ["task_1", "task_2", "task_3"]
    assert list(told["sequence"]) == [task.name for task in made.data_tasks]
    as_listed = plan(tasks=3, suite="cheetah_vel_40")
    assert as_listed.data_tasks == as_listed.tasks
    assert "order" not in as_listed.parameters


def test_the_transfer_evaluation_takes_any_tasks_of_the_suite() -> None:
    made = plan(transfer_evaluation={"tasks": "2+5", "after": 1}).transfer_evaluation
    assert made is not None
    assert (made.name, [t.index for t in made.tasks]) == ("after_1_on_2+5", [2, 5])
    assert plan().transfer_evaluation is None


@pytest.mark.parametrize(
    ("transfer_evaluation", "words"),
    [
        ({"tasks": "6"}, "tasks 1 to 5"),
        ({"tasks": "0-1"}, "tasks 1 to 5"),
        ({"tasks": "all"}, "range 1-5"),
        ({"tasks": "2", "after": 4}, "learns tasks 1 to 3"),
    ],
)
def test_a_transfer_evaluation_that_cannot_be_is_refused(
    transfer_evaluation: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        plan(transfer_evaluation=transfer_evaluation)


IMPORTED = {"target_velocity": 1.5, "source": {"path": "mine.hdf5"}}


def with_suite(tasks: list[dict[str, Any]], **runtime: Any) -> Plan:
    suites = {
        **SUITES,
        "mine": {"family": "cheetah_vel", "horizon": 200, "tasks": tasks},
    }
    return resolve(
        BASE, {"suite": "mine", "tasks": len(tasks), **runtime}, suites, METHODS
    )


def test_a_suite_of_imported_data_has_a_quality_of_its_own() -> None:
    made = with_suite([IMPORTED])
    assert made.quality == made.parameters["quality"] == "imported"
    assert made.raw_kinds(made.tasks[0]) == ("imported",)
    with pytest.raises(ConfigurationError, match=r"expert.*imported: leave it out"):
        with_suite([IMPORTED], quality="expert")
    assert (
        with_suite([IMPORTED], collection={"transitions": 10}).quality == "imported"
    )  # there is nothing to collect
    with pytest.raises(ConfigurationError, match=r"collection\.transitions is 10"):
        plan(collection={"transitions": 10})


def test_imported_and_collected_tasks_go_together() -> None:
    made = with_suite([IMPORTED, {"target_velocity": -1.5}], quality="medium_random")
    assert [made.raw_kinds(t) for t in made.tasks] == [
        ("imported",),
        ("medium", "random"),
    ]
    with pytest.raises(ConfigurationError, match="imported"):
        with_suite([IMPORTED, {"target_velocity": -1.5}], quality="imported")


@pytest.mark.parametrize("name", BASE["learners"])
def test_a_learners_options_are_its_classs_arguments_with_their_defaults(
    name: str,
) -> None:
    from inspect import signature

    from oer_pipeline.common.loading import load_class
    from oer_pipeline.learners.protocol import Learner

    chosen = plan(learner={"name": name}).parameters["chosen"]["learner"]
    arguments = signature(load_class(chosen["class"], Learner)).parameters
    defaults = {argument: p.default for argument, p in arguments.items()}
    if "tasks" in defaults:
        defaults["tasks"] = 3  # the run says so
    assert chosen["options"] == defaults
    learner = build(chosen["class"], Learner, chosen["options"])
    assert (learner.replays, learner.together) == (
        chosen["replays"],
        chosen["together"],
    )


def test_every_learner_has_a_method() -> None:
    used = {
        plan(method=method).parameters["chosen"]["learner"]["name"]
        for method in METHODS
    }
    assert used == set(BASE["learners"])


def test_a_learner_of_all_tasks_at_once_has_policies_after_the_last_alone() -> None:
    made = plan(method="multitask")
    assert [t.index for t in made.stops] == [3]
    assert [t.index for t in plan().stops] == [1, 2, 3]
    assert (
        plan(
            method="multitask", transfer_evaluation={"tasks": "4"}
        ).transfer_evaluation.name
        == "after_3_on_4"
    )  # type: ignore[union-attr]
    with pytest.raises(
        ConfigurationError,
        match=r"transfer_evaluation\.after is 1; learner multitask.*leave it out",
    ):
        plan(method="multitask", transfer_evaluation={"tasks": "4", "after": 1})


TUNED = {
    "ewc": {
        "parameters": {"learners": {"ewc": {"penalty": 30}}},
        "provenance": {"seeds": [1000, 1001]},
    }
}


def test_tuned_values_come_on_top_of_a_preset_and_below_the_command_line() -> None:
    methods = with_tuned(METHODS, TUNED)
    assert methods["ewc"]["learner"] == {"name": "ewc"}
    assert METHODS["ewc"] == {"learner": {"name": "ewc"}}
    made = resolve(BASE, {"method": "ewc"}, SUITES, methods)
    assert made.parameters["chosen"]["learner"]["options"] == {"penalty": 30.0}
    assert made.cell == "ewc"  # a preset's folder tells what a run changes of it
    other = resolve(
        BASE, {"method": "ewc", "learners": {"ewc": {"penalty": 1.0}}}, SUITES, methods
    )
    assert other.parameters["chosen"]["learner"]["options"] == {"penalty": 1.0}
    assert other.cell == "ewc-learners.ewc.penalty=1.0"
    assert resolve(BASE, {"method": "oer"}, SUITES, methods) == plan(method="oer")


def test_tuned_values_deep_in_a_preset_leave_the_rest_of_it() -> None:
    tuned = {"bc": {"parameters": {"learner": {"alpha": 1.0}}}}
    assert with_tuned(METHODS, tuned)["bc"] == {
        "learner": {"name": "finetune", "base": "bc", "alpha": 1.0}
    }
    assert with_tuned(METHODS, {}) == METHODS


def test_a_tuned_group_where_the_preset_has_a_value_is_one_line() -> None:
    """It once ended in a traceback."""
    tuned = {"bc": {"parameters": {"learner": {"base": {"name": "bc"}}}}}
    methods = with_tuned(METHODS, tuned)
    words = r"parameter learner\.base of method bc is \{'name': 'bc'\}; it takes a str"
    with pytest.raises(ConfigurationError, match=words):
        resolve(BASE, {"method": "bc"}, SUITES, methods)


@pytest.mark.parametrize(
    ("tuned", "words"),
    [
        (
            {"ewcc": {"parameters": {}}},
            r"unknown method 'ewcc' in tuned\.yml; did you mean ewc",
        ),
        ({"ewc": {"penalty": 3.0}}, r"tuned\.yml: ewc is .*parameters"),
        ({"ewc": None}, r"tuned\.yml: ewc is None"),
    ],
)
def test_a_wrong_tuned_file_is_refused(tuned: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        with_tuned(METHODS, tuned)


def test_the_papers_settings_are_one_name_whatever_the_defaults_are() -> None:
    made = plan(method="oer_paper")
    learner, selector = (
        made.parameters["learner"],
        made.parameters["chosen"]["selector"],
    )
    assert (learner["base"], learner["alpha"], learner["critic_norm"]) == (
        "td3bc",
        2.5,
        "none",
    )
    assert made.parameters["chosen"]["learner"]["options"]["replay_weight"] == 1.0
    assert selector is not None
    assert (selector["options"]["walkers"], selector["options"]["revisit"]) == (
        1,
        "any",
    )


def test_a_comparisons_folder_tells_its_methods_and_the_options_of_all() -> None:
    made = plan(compare="oer+ewc", learners={"ewc": {"penalty": 10}})
    assert made.compared_cells == ("oer", "ewc-learners.ewc.penalty=10.0")
    assert (
        made.comparison_folder == "comparison-compare=oer+ewc-learners.ewc.penalty=10.0"
    )


def test_a_comparison_of_other_cells_has_another_folder() -> None:
    """A value that is the files' own still changes a preset that has another one."""
    presets = {**METHODS, "ewc": {**METHODS["ewc"]}}
    presets["ewc"]["learners"] = {"ewc": {"penalty": 100.0}}

    def made(**runtime: Any) -> Plan:
        return resolve(BASE, {"compare": "oer+ewc", **runtime}, SUITES, presets)

    base = BASE["learners"]["ewc"]["penalty"]
    same = made(learners={"ewc": {"penalty": 100.0}})
    other = made(learners={"ewc": {"penalty": base}})
    assert same.compared_cells == made().compared_cells
    assert same.comparison_folder == made().comparison_folder
    assert other.compared_cells != made().compared_cells
    assert other.comparison_folder != made().comparison_folder


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_an_interval_between_checkpoints_is_a_number_of_seconds(seconds: float) -> None:
    with pytest.raises(
        ConfigurationError, match=r"checkpoint_seconds is .*; it takes a number"
    ):
        plan(checkpoint_seconds=seconds)


def test_equal_tasks_share_their_data() -> None:
    again = {
        "family": "cheetah_vel",
        "horizon": 200,
        "tasks": [{"target_velocity": v} for v in (1.0, -1.0, 1.0)],
    }
    made = resolve(BASE, {"suite": "again", "tasks": 3}, {"again": again}, METHODS)
    assert [made.data_of(task) for task in made.tasks] == ["task_1", "task_2", "task_1"]
    assert [task.name for task in made.data_tasks] == ["task_1", "task_2"]
    sources = [
        {"target_velocity": 1.0, "source": {"path": f"{n}.hdf5"}} for n in (1, 2, 1)
    ]
    imported = {"family": "cheetah_vel", "horizon": 200, "tasks": sources}
    made = resolve(BASE, {"suite": "mine", "tasks": 3}, {"mine": imported}, METHODS)
    assert [made.data_of(task) for task in made.tasks] == ["task_1", "task_2", "task_1"]


def test_a_quality_that_scripts_do_not_have_is_refused_by_name() -> None:
    pytest.importorskip(
        "metaworld",
        reason="Meta-World is not installed: pip install 'oer_pipeline[metaworld]'",
    )
    suites = yaml.safe_load((CONF / "suites_continual_world.yml").read_text())
    for quality in ("random", "medium", "medium_random", "expert"):
        asked = {"suite": "continual_world_3", "quality": quality}
        assert resolve(BASE, asked, suites, METHODS).quality == quality
    asked["quality"] = "medium_replay"
    with pytest.raises(
        ConfigurationError,
        match=r"quality is 'medium_replay'; the behaviours of suite continual_w",
    ):
        resolve(BASE, asked, suites, METHODS)
