"""What of a run's parameters is refused before anything is done."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf, isfinite
from typing import Any

from oer_pipeline.common.checks import (
    MOST_EPISODES,
    MOST_ROWS,
    activations,
    gib,
    layers,
    whole,
)
from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.orchestration.asked import Asked, known_name
from oer_pipeline.orchestration.chosen import (
    BaseChoice,
    Chosen,
    Judging,
    LearnerChoice,
    SelectorChoice,
    base_choice,
    learner_choice,
    selector_choice,
)
from oer_pipeline.orchestration.classes import check_own, is_own
from oer_pipeline.suites.behaviour_data import kinds_of
from oer_pipeline.suites.suite import Suite, Task
from oer_pipeline.trajectories.exchange.source import Source
from oer_pipeline.trajectories.qualities import (
    IMPORTED,
    QUALITIES,
    is_quality,
    raw_kinds,
    shares,
)

LARGEST_SEED = 10**18
ACCELERATORS = ("cpu", "gpu", "auto")
NEEDS = (".uses_model", ".uses_visits")
"""Keys of a selector's entry that say what its class needs; no options."""
UPDATES_DRAWN = 100
"""Updates in a block; their random numbers are drawn at once (`training.fit`)."""
ROW_DRAWN = 8
"""Floats drawn for a row: its number, and noise of some six dimensions of actions."""
MOST_DRAWN = 2**30
"""Floats: 4 GiB."""
PRECISIONS = ("highest", "high", "medium")


def check_values(asked: Asked, suite: Suite, tasks: Sequence[Task]) -> None:
    """Refuse sizes and settings that a later stage would stumble over.

    Args:
        asked: the run's parameters.
        suite: of the run.
        tasks: of its sequence.

    Raises:
        ConfigurationError: names the parameter, its value and what would be right.
    """
    from oer_pipeline.dynamics.settings import DynamicsSettings
    from oer_pipeline.learners.settings import LearnerSettings

    learner = LearnerSettings(**asked["learner"])
    if learner.updates < learner.policy_delay:
        raise ConfigurationError(
            f"learner.updates is {learner.updates}; a policy is updated after every"
            f" {learner.policy_delay} (learner.policy_delay), so it takes as many"
        )
    DynamicsSettings(**asked["dynamics"])
    action = asked["replay"]["target_action"]
    known_name("replay.target_action", action, ("policy", "data"))
    interval = asked["checkpoint_seconds"]
    if not 0.0 <= interval < inf:
        raise ConfigurationError(
            f"parameter checkpoint_seconds is {interval}; it takes a number of seconds,"
            " 0 or more"
        )
    whole("parameter data_seed", asked["data_seed"], 0, LARGEST_SEED)
    if asked["order_seed"] is not None:
        whole("parameter order_seed", asked["order_seed"], 0, LARGEST_SEED)
    collected = any(task.source is None for task in tasks)
    least = _least_transitions(asked["quality"], suite.horizon) if collected else 0
    transitions = asked["collection"]["transitions"]
    whole("parameter collection.transitions", transitions, least, MOST_ROWS)
    ranges = {
        "collection.reference_episodes": (2, MOST_EPISODES),
        "evaluation.episodes": (1, MOST_EPISODES),
        "replay.size": (1, most_rows(asked, tasks)),
    }
    for name, (low, high) in ranges.items():
        group, key = name.split(".")
        whole(f"parameter {name}", asked[group][key], low, high)


def most_rows(asked: Asked, tasks: Sequence[Task]) -> int:
    """Rows that a task's data can have, as far as is known before there are any."""
    if all(task.source is None for task in tasks):
        return int(asked["collection"]["transitions"])
    return MOST_ROWS


def check_memory(asked: Asked, tasks: int, seeds: int, together: bool) -> None:
    """Refuse what takes too much memory for all seeds at once.

    Args:
        asked: the run's parameters, each by itself in its range.
        tasks: how many are learned.
        seeds: how many are trained side by side.
        together: whether all tasks are learned at once.

    Raises:
        ConfigurationError: names the parameter, what it takes and what it may.
    """
    from oer_pipeline.learners.settings import LearnerSettings

    learner = LearnerSettings(**asked["learner"])
    layers("learner.hidden, of all seeds", learner.hidden, seeds)
    members = seeds * (tasks if together else 1)
    twins = 2 * members * learner.policy_delay
    batch = learner.batch_size
    activations("learner, of all seeds", batch, learner.hidden, twins)
    drawn_of_row = UPDATES_DRAWN * members * ROW_DRAWN
    largest = MOST_DRAWN // drawn_of_row
    if batch > largest:
        at_once = (
            f"{seeds} seed(s) and {tasks} task(s)" if together else f"{seeds} seed(s)"
        )
        raise ConfigurationError(
            f"learner.batch_size is {batch}; with {at_once} the random numbers of a"
            f" block of updates take {gib(batch * drawn_of_row)}; give at most"
            f" {largest}"
        )
    episodes = asked["evaluation"]["episodes"]
    most = MOST_EPISODES // (seeds * tasks)
    if episodes > most:
        raise ConfigurationError(
            f"evaluation.episodes is {episodes}; with {seeds} seed(s) and {tasks}"
            f" task(s) it may be {most}"
        )


def _least_transitions(quality: str, horizon: int) -> int:
    """So many that each raw kind's share has a whole episode, and two kinds of equal
    shares always have."""
    parts = shares(quality) if is_quality(quality) else {"": 1}
    smallest = min(parts.values())
    return max(2 * horizon, ceil(sum(parts.values()) * horizon / smallest))


def check_hardware(asked: Asked) -> None:
    """Refuse an accelerator or a precision that there is not."""
    known_name("accelerator", asked["accelerator"], ACCELERATORS)
    known_name("precision", asked["precision"], PRECISIONS)


def checked_quality(
    given: Any, is_asked_for: bool, suite: Suite, tasks: Sequence[Task]
) -> str:
    """The quality in force; a suite whose tasks are all imported has just one.

    Args:
        given: what the parameters say.
        is_asked_for: whether the command line says so.
        suite: the suite.
        tasks: those of the run.

    Raises:
        ConfigurationError: no quality, or one that the suite's data cannot have.
    """
    if not all(task.source for task in tasks):
        return _collected_quality(str(given), suite)
    if is_asked_for and given != IMPORTED:
        raise ConfigurationError(
            f"quality is {given!r}; the data of suite {suite.name} are imported: leave"
            " it out"
        )
    return IMPORTED


def _collected_quality(quality: str, suite: Suite) -> str:
    """The quality, which has to mean something where the suite's family has its
    behaviours."""
    kinds = set(kinds_of(suite.family))
    if not kinds.issuperset(raw_kinds(quality)):
        possible = []
        for name, needed in QUALITIES.items():
            if kinds.issuperset(needed):
                possible.append(name)
        why = (
            f"the behaviours of suite {suite.name} are scripts, of which no training"
            " was kept"
        )
        raise ConfigurationError(
            f"quality is {quality!r}; {why}: {choices(possible, quality)}"
        )
    return quality


def check_changed_options(asked: Asked) -> None:
    """Refuse options of learners, bases and selectors that a run changes, in force or
    not.

    Only then is torch imported for it; what files say, the runner checks before any
    work.
    """
    touched = set()
    for name in asked.changed:
        if name.count(".") > 1:
            group, entry, *_ = name.split(".")
            touched.add((group, entry))
        if name.endswith(NEEDS):
            raise ConfigurationError(
                f"parameter {name} tells what the class needs, and is no option; leave"
                " it out"
            )
    for group, name in sorted(touched):
        if group == "learners":
            _make_learner_alone(learner_choice(name, asked))
        if group == "bases":
            _make_base(base_choice(name, asked["bases"]))
        if group == "selectors":
            _make_selector(selector_choice(name, asked["selectors"]))


def check_finite(asked: Asked) -> None:
    """Refuse infinite and NaN values of changed options; nothing later checks them."""
    for name, value in asked.changed.items():
        if isinstance(value, float) and not isfinite(value):
            raise ConfigurationError(
                f"parameter {name} is {value}; it takes a finite number"
            )


def check_classes(chosen: Chosen) -> None:
    """Refuse a class that cannot be loaded, or is of another kind.

    Of the classes that the run uses alone. Those of this package are looked up without
    importing them, which would bring torch along; somebody else's are imported and
    made.
    """
    learner, selector = chosen.learner, chosen.selector
    if is_own(learner.path):
        check_own(f"learners.{learner.name}", "learners", learner.path)
    else:
        _make_learner(learner)
    if is_own(learner.base.path):
        check_own(f"bases.{learner.base.name}", "bases", learner.base.path)
    else:
        _make_base(learner.base)
    if selector is not None and is_own(selector.path):
        check_own(f"selectors.{selector.name}", "selectors", selector.path)
    elif selector is not None:
        _make_selector(selector)


def check_dimensions(selectors: Sequence[SelectorChoice], suite: Suite) -> None:
    """Refuse selectors of this package that would measure distances on dimensions that
    observations lack. A value that is no list is refused by the selector itself."""
    for selector in selectors:
        dimensions = selector.options.get("dimensions")
        if not is_own(selector.path) or not isinstance(dimensions, list):
            continue
        last = suite.observation_size - 1
        for dimension in dimensions:
            whole(f"selectors.{selector.name}.dimensions: one", dimension, 0, last)


def _make_learner(choice: LearnerChoice) -> None:
    from oer_pipeline.learners.configured import configured

    configured(choice.as_parameters())


def _make_learner_alone(choice: LearnerChoice) -> None:
    from oer_pipeline.common.loading import build
    from oer_pipeline.learners.protocol import Learner

    build(choice.path, Learner, choice.options)


def _make_base(choice: BaseChoice) -> None:
    from oer_pipeline.common.loading import build
    from oer_pipeline.learners.bases.protocol import Base

    build(choice.path, Base, choice.options)


def _make_selector(choice: SelectorChoice) -> None:
    from oer_pipeline.common.loading import build
    from oer_pipeline.selection.protocol import Selector

    build(choice.path, Selector, choice.options)  # type: ignore[type-abstract]


def task_without_rewards(tasks: Sequence[Task]) -> str:
    """The first task whose data have no rewards, as far as files of configuration say,
    as errors call it; empty where all have."""
    for task in tasks:
        if task.source is not None and not Source(**task.source).has_rewards:
            return f"task {task.index} of suite {task.suite}"
    return ""


def check_rewards(rewardless: str, chosen: Chosen) -> None:
    """Refuse what would learn from rewards that are not there.

    Args:
        rewardless: the task whose data have none; empty where all have.
        chosen: what the run uses.

    Raises:
        ConfigurationError: names what needs rewards, the task, and the remedy.
    """
    if not rewardless:
        return
    from oer_pipeline.common.loading import load_class
    from oer_pipeline.learners.bases.protocol import Base
    from oer_pipeline.learners.protocol import Learner

    learner, selector = chosen.learner, chosen.selector
    if load_class(learner.base.path, Base).needs_rewards:
        raise ConfigurationError(
            f"learner.base is {learner.base.name!r}; {_needs(rewardless)}: clone them"
            " by learner.base=bc"
        )
    if load_class(learner.path, Learner).needs_rewards:
        raise ConfigurationError(
            f"learner.name is {learner.name!r}; {_needs(rewardless)}: choose another"
            " learner"
        )
    if selector is not None and _selector_needs_rewards(selector):
        raise ConfigurationError(
            f"selector is {selector.name!r}; {_needs(rewardless)}: choose another"
            " selector"
        )


def judging_in_force(rewardless: str, judging: Judging, is_asked_for: bool) -> Judging:
    """The judging, without the selectors that need rewards where there are none.

    Args:
        rewardless: the task whose data have none; empty where all have.
        judging: of all selectors.
        is_asked_for: whether the command line names them.

    Raises:
        ConfigurationError: the command line names one that needs rewards.
    """
    if not rewardless:
        return judging
    kept = []
    for selector in judging.selectors:
        if not _selector_needs_rewards(selector):
            kept.append(selector)
        elif is_asked_for:
            raise ConfigurationError(
                f"judging.selectors: {selector.name!r}: {_needs(rewardless)}: leave it"
                " out"
            )
    return Judging(judging.sizes, judging.shown, tuple(kept))


def _needs(rewardless: str) -> str:
    return f"it needs rewards, which the data of {rewardless} do not have"


def _selector_needs_rewards(selector: SelectorChoice) -> bool:
    from oer_pipeline.common.loading import load_class
    from oer_pipeline.selection.protocol import Selector

    return load_class(selector.path, Selector).needs_rewards  # type: ignore[type-abstract]
