"""What one run is: what was asked, and all that follows from it, checked before
anything is done.

Plain Python: the context builds a plan from the configuration; pipelines, parameters
and paths follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.ranges import parse_seeds
from oer_pipeline.orchestration import plan_checks
from oer_pipeline.orchestration.asked import (
    Asked,
    Parameters,
    Presets,
    known_method,
    known_name,
    several,
)
from oer_pipeline.orchestration.chosen import (
    Chosen,
    Judging,
    SelectorChoice,
    chosen,
    judging,
)
from oer_pipeline.orchestration.folders import Folders, folders_of
from oer_pipeline.orchestration.transfer import TransferEvaluation, transfer_evaluation
from oer_pipeline.suites.behaviour import behaviour_path
from oer_pipeline.suites.suite import Suite, Task
from oer_pipeline.trajectories.qualities import IMPORTED, raw_kinds

BEHAVIOURS = Path("data/01_raw/behaviours")
"""Where a project's own behaviour policies lie."""
HARDWARE = ("accelerator", "graphs", "precision")
"""Parameters that say what a training runs on (`training.hardware.Hardware`)."""


@dataclass(frozen=True)
class Plan:
    """A resolved run.

    Attributes:
        asked: the parameters as a user may set them; everything else follows.
        suite: the suite in force.
        tasks: those of the run, in their order.
        quality: the one in force, which of imported data is no choice.
        seeds: in the order given.
        chosen: learner, base and selector.
        judging: what the judging pipeline compares.
        transfer_evaluation: other tasks to run a stored policy on.
        compare: methods of the comparison pipeline.
        folders: where results lie.
        untrained: names of tasks without behaviour policies, of a run that needs none.
        environment: of the configuration; empty for the default.
    """

    asked: Asked
    suite: Suite
    tasks: tuple[Task, ...]
    quality: str
    seeds: tuple[int, ...]
    chosen: Chosen
    judging: Judging
    transfer_evaluation: TransferEvaluation | None
    compare: tuple[str, ...]
    folders: Folders
    untrained: frozenset[str]
    environment: str = ""

    @property
    def method(self) -> str:
        return self.asked.method

    @property
    def selector(self) -> SelectorChoice | None:
        """The selector in force; None when the learner replays nothing."""
        return self.chosen.selector

    @property
    def suite_folder(self) -> str:
        return self.folders.suite

    @property
    def quality_folder(self) -> str:
        return self.folders.quality

    @property
    def cell(self) -> str:
        return self.folders.cell

    @property
    def compared_cells(self) -> tuple[str, ...]:
        return self.folders.compared

    @property
    def comparison_folder(self) -> str:
        return self.folders.comparison

    @property
    def stops(self) -> tuple[Task, ...]:
        """The tasks after which there are policies: all, but only the last for a
        learner of all tasks at once."""
        return self.tasks[-1:] if self.chosen.learner.together else self.tasks

    @property
    def title(self) -> str:
        """What runs, for a log line; that a number is a seed and no count is said."""
        return (
            f"{self.cell} on {self.suite_folder}, {self.quality_folder}:"
            f" {_seeds_text(self.seeds)}"
        )

    @property
    def is_shuffled(self) -> bool:
        """Whether the tasks are in another order than the suite's."""
        return self.asked["order_seed"] is not None

    @property
    def data_tasks(self) -> tuple[Task, ...]:
        """The tasks that have data, as the suite numbers them: the same data serve
        every order."""
        return self.suite.data_tasks(self.tasks)

    def data_of(self, task: Task) -> str:
        """The name that data, references and transition model of a task have."""
        return self.suite.data_of(task)

    def raw_kinds(self, task: Task) -> tuple[str, ...]:
        """The kinds of raw data that a task's data set is cut from: roll-outs of the
        quality, or what is imported."""
        return (IMPORTED,) if task.source else raw_kinds(self.quality)

    @cached_property
    def parameters(self) -> Parameters:
        """What nodes see as `params:...`: what was asked, and beside it what follows.

        Seeds, quality and judging are as they are in force.
        """
        return {**self.asked.parameters, **self.derived}

    @cached_property
    def derived(self) -> Parameters:
        """The part of `parameters` that no user sets."""
        selectors = {s.name: s.as_parameters() for s in self.judging.selectors}
        others = self.transfer_evaluation.tasks if self.transfer_evaluation else ()
        sizes = list(self.judging.sizes)
        return {
            "quality": self.quality,
            "seeds": list(self.seeds),
            **self._tasks,
            "transfer_evaluation_tasks": _by_name(others),
            "heads": {t.name: number for number, t in enumerate(self.tasks, start=1)},
            "chosen": self.chosen.as_parameters(),
            "judging": {"sizes": sizes, "shown": self.judging.shown},
            "judging_selectors": selectors,
            "hardware": {name: self.asked[name] for name in HARDWARE},
            "suite_facts": {
                "horizon": self.suite.horizon,
                "distance_dimensions": list(self.suite.distance_dimensions),
            },
            "cell": {
                "suite": self.suite_folder,
                "quality": self.quality_folder,
                "method": self.method,
                "cell": self.cell,
            },
            "repeat": {**self._origin, "told": self.folders.params[self.cell]},
            "comparison": {
                **self._origin,
                "folder": self.comparison_folder,
                "told": {c: self.folders.params[c] for c in self.compared_cells},
                "data": {task.name: self.data_of(task) for task in self.tasks},
            },
        }

    @property
    def _tasks(self) -> Parameters:
        """`sequence`, the facts of the tasks by name; in a shuffled run it has those
        of the data's tasks, and `order` those of the run's."""
        if self.is_shuffled:
            ordered = _by_name(self.tasks)
            return {"sequence": _by_name(self.data_tasks), "order": ordered}
        return {"sequence": _by_name(self.tasks)}

    @property
    def _origin(self) -> dict[str, str]:
        """What commands that repeat the run name."""
        return {
            "suite": self.suite.name,
            "quality": self.quality,
            "environment": self.environment,
        }


def resolve(
    base: Parameters,
    runtime: Parameters,
    suites: Mapping[str, Any],
    methods: Presets,
    project: Path = Path(),
    environment: str = "",
) -> Plan:
    """A checked plan.

    Args:
        base: parameters as the files have them.
        runtime: what the command line says; it wins over the method's preset, which
            wins over `base`.
        suites: by name.
        methods: presets by name.
        project: the folder that `data` lies in.
        environment: of the configuration; empty for the default.

    Raises:
        ConfigurationError: an unknown suite, quality, method, selector, learner or
            parameter, or a wrong value.
    """
    method = known_method(runtime.get("method", base["method"]), methods, base)
    asked = Asked.of(method, base, runtime, methods)
    name = known_name("suite", asked["suite"], suites)
    suite = Suite.from_config(name, suites[name])
    tasks = suite.sequence(asked["tasks"], asked["order_seed"])
    quality = plan_checks.checked_quality(
        asked["quality"], "quality" in runtime, suite, tasks
    )
    seeds = parse_seeds(asked["seeds"])
    plan_checks.check_values(asked, suite, tasks)
    in_force = chosen(asked, len(tasks))
    plan_checks.check_memory(asked, len(tasks), len(seeds), in_force.learner.together)
    plan_checks.check_changed_options(asked)
    plan_checks.check_finite(asked)
    plan_checks.check_classes(in_force)
    rewardless = plan_checks.task_without_rewards(tasks)
    plan_checks.check_rewards(rewardless, in_force)
    plan_checks.check_hardware(asked)
    judged = plan_checks.judging_in_force(
        rewardless,
        judging(asked, plan_checks.most_rows(asked, tasks)),
        "selectors" in runtime.get("judging", {}),
    )
    used = [in_force.selector] if in_force.selector else []
    plan_checks.check_dimensions([*used, *judged.selectors], suite)
    others = transfer_evaluation(asked, suite, tasks, in_force.learner)
    compare = []
    for given in several(asked["compare"]):
        compare.append(known_method(given, methods, base))
    if not compare or len(set(compare)) < len(compare):
        raise ConfigurationError(
            f"compare is {'+'.join(compare)!r}; it takes one method or more, each once"
        )
    return Plan(
        asked=asked,
        suite=suite,
        tasks=tasks,
        quality=quality,
        seeds=seeds,
        chosen=in_force,
        judging=judged,
        transfer_evaluation=others,
        compare=tuple(compare),
        folders=folders_of(asked, quality, compare, base, runtime, methods),
        untrained=_untrained(quality, suite.data_tasks(tasks), project / BEHAVIOURS),
        environment=environment,
    )


def _by_name(tasks: Sequence[Task]) -> dict[str, Any]:
    """Task name -> its facts, as nodes get them."""
    return {task.name: asdict(task) for task in tasks}


def _seeds_text(seeds: tuple[int, ...]) -> str:
    """`seeds 0, 1, 2`, or that it is one seed, and how to ask for as many."""
    if len(seeds) > 1:
        return f"{len(seeds)} seeds, {', '.join(map(str, seeds))}"
    [seed] = seeds
    hint = f"; {seed} seeds are seeds=0-{seed - 1}" if seed > 1 else ""
    return f"one seed, number {seed}{hint}"


def _untrained(quality: str, tasks: Sequence[Task], behaviours: Path) -> frozenset[str]:
    """Of a quality that nobody trained has to act for, the tasks that have no behaviour
    file."""
    if quality == IMPORTED or raw_kinds(quality) != ("random",):
        return frozenset()
    names = set()
    for task in tasks:
        if task.source is not None:
            continue
        if not behaviour_path(task.family, task.key, behaviours).is_file():
            names.add(task.name)
    return frozenset(names)
