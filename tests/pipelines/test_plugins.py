"""Plug-ins through Kedro: refused before any work, answers held against requests, hints
where a name is not known."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.orchestration.configuration import plans_of

THEIRS = """
import numpy as np

from oer_pipeline.learners.bases.bc import BehaviourCloning
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.selection.protocol import Selection, Selector


class First(Selector):
    def __init__(self, fewer=0):
        self.fewer = fewer

    def select(self, request):
        return Selection.unwalked(np.arange(request.size - self.fewer))


class Plain(Learner):
    pass


class Greedy(Learner):
    def __init__(self):
        self.replays = True


class Replaying(Learner):
    replays = True


class Copying(BehaviourCloning):
    pass


class Unfinished(Selector):
    pass
"""
CONFIGURATION = {
    "learners": {
        "plain": {"class": "theirs_here:Plain"},
        "greedy": {"class": "theirs_here:Greedy"},
        "replaying": {"class": "theirs_here:Replaying"},
        "no_learner": {"class": "theirs_here:First"},
        "no_class": {"name": "Plain"},
        "shouting": {"class": "theirs_here:Plain", "replays": True},
    },
    "bases": {
        "copying": {"class": "theirs_here:Copying"},
        "no_base": {"class": "theirs_here:Plain"},
    },
    "selectors": {
        "first": {"class": "theirs_here:First", "fewer": 0},
        "lost": {"class": "nobody_has_this:First"},
        "leaving": {"class": "leaves_here:First"},
        "no_selector": {"class": "theirs_here:Copying"},
        "built_in_elsewhere": {"class": "oer_pipeline.learners.er:ExperienceReplay"},
        "misspelt": {"class": "oer_pipeline.selection.uniform:Unifrom"},
        "unfinished": {"class": "theirs_here:Unfinished"},
    },
}


def furnish(project: Any) -> None:
    (project.path / "plugins").mkdir()
    (project.path / "plugins" / "theirs_here.py").write_text(THEIRS)
    leaves = "import sys\n\nsys.exit(0)\n"
    (project.path / "plugins" / "leaves_here.py").write_text(leaves)
    (project.path / "conf/base/parameters_theirs.yml").write_text(
        yaml.safe_dump(CONFIGURATION)
    )


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    sys.modules.pop("theirs_here", None)


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "a module that is not there": (
        {"selector": "lost"},
        r"class 'nobody_has_this:First' cannot be loaded.*plugins",
    ),
    "a module that ends the process": (
        {"selector": "leaving"},
        "class 'leaves_here:First' cannot be loaded: importing it fails: SystemExit",
    ),
    "no selector": (
        {"selector": "no_selector"},
        "class 'theirs_here:Copying' is not a Selector",
    ),
    "a class of another group": (
        {"selector": "built_in_elsewhere"},
        "is none of the selectors",
    ),
    "a misspelt class of ours": (
        {"selector": "misspelt"},
        "has no Unifrom; did you mean Uniform",
    ),
    "an abstract class": (
        {"selector": "unfinished"},
        "theirs_here:Unfinished cannot be made with .*abstract",
    ),
    "no learner": (
        {"learner": {"name": "no_learner"}},
        "class 'theirs_here:First' is not a Learner",
    ),
    "an entry without class": (
        {"learner": {"name": "no_class"}},
        r"learners\.no_class is .*a group with class",
    ),
    "a flag beside the class": (
        {"learner": {"name": "shouting"}},
        r"learners\.shouting\.replays is True; leave it out, the class says",
    ),
    "a flag that the class does not say": (
        {"learner": {"name": "greedy"}},
        r"learners\.greedy: theirs_here:Greedy wants replays.*replays = True in the",
    ),
    "no base": (
        {"learner": {"base": "no_base"}},
        "class 'theirs_here:Plain' is not a Base",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_class_that_does_not_do_is_refused_before_any_work(
    project: Any, name: str
) -> None:
    furnish(project)
    how, words = MISTAKES[name]
    with pytest.raises(ConfigurationError, match=words) as caught:
        project.run(**how)
    assert "\n" not in str(caught.value)
    assert not (project.path / "data").exists()


def test_classes_that_a_run_does_not_use_are_not_imported(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(project)
    monkeypatch.chdir(project.path)
    plans_of(["", "method=oer,learners.ewc.penalty=3.0"], "test")
    assert "theirs_here" not in sys.modules
    [made] = plans_of(
        ["method=finetune,selector=lost"], "test"
    )  # fine-tuning selects nothing
    assert made.selector is None
    plans_of(["method=oer,selector=first"], "test")
    assert "theirs_here" in sys.modules


def test_a_learners_class_alone_says_that_it_replays(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(project)
    monkeypatch.chdir(project.path)
    plain, replaying = plans_of(["method=plain", "method=replaying"], "test")
    assert plain.selector is None
    assert replaying.selector is not None


def test_a_selectors_wrong_answer_stops_the_run_by_name(resumed: Any) -> None:
    furnish(resumed)
    how = {"method": "er_random", "selector": "first", "tasks": 2}
    with pytest.raises(
        DataError, match=r"selector first: chose 37 rows; it was asked for 40"
    ):
        resumed.run("continual", selectors={"first": {"fewer": 3}}, **how)
    assert not [
        name
        for name in resumed.files()
        if "er_random" in name and name.endswith("_buffer.parquet")
    ]
    assert "task_2.select" in resumed.run("continual", **how)


def test_a_learner_without_a_preset_is_a_method_of_its_name(resumed: Any) -> None:
    furnish(resumed)
    ran = resumed.run(
        "continual", method="plain", tags=["task_1"], learner={"base": "copying"}
    )
    assert ran == ["task_1.train", "task_1.evaluate"]
    assert [n for n in resumed.files() if "/plain-learner.base=copying/" in n]


def test_what_is_no_method_but_something_else_says_how(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(project)
    monkeypatch.chdir(project.path)
    for name, words in {
        "first": "it is one of the selectors: give a method and selector=first",
        "copying": "it is one of the bases: give a method and learner.base=copying",
        "er_dbc": "it is one of the learners: give a method and learner.name=er_dbc",
        "plian": "did you mean plain",
    }.items():
        with pytest.raises(
            ConfigurationError, match=f"unknown method '{name}'; {words}"
        ):
            plans_of([f"method={name}"], "test")
    [made] = plans_of(["compare=finetune+plain"], "test")
    assert made.compared_cells == ("finetune", "plain")


def test_what_only_the_local_configuration_has_is_named_where_it_is_not_read(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.path)
    local = project.path / "conf/local"
    (local / "parameters.yml").write_text(
        yaml.safe_dump({"learners": {"mine": {"class": "theirs_here:Plain"}}})
    )
    suite = {
        "family": "cheetah_vel",
        "horizon": 200,
        "tasks": [{"target_velocity": 1.0}],
    }
    (local / "suites_own.yml").write_text(yaml.safe_dump({"own_suite": suite}))
    (local / "garbled.yml").write_text("{")
    parameters, suites = "conf/local/parameters.yml", "conf/local/suites_own.yml"
    for run, file in {
        "learner.name=mine": parameters,
        "method=mine": parameters,
        "learners.mine.strength=1": parameters,
        "suite=own_suite": suites,
    }.items():
        with pytest.raises(
            ConfigurationError,
            match=f"--env=test does not read {file}, which has it; move it to",
        ):
            plans_of([run], "test")
    with pytest.raises(ConfigurationError, match="unknown suite 'nowhere'") as caught:
        plans_of(["suite=nowhere"], "test")
    assert "does not read" not in str(caught.value)
    with pytest.raises(
        ConfigurationError, match="cannot be loaded"
    ):  # known there, though its class is not
        plans_of(["method=mine"], None)
