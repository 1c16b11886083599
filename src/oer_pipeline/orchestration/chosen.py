"""The learner, the base and the selectors that a run chooses, as the configuration
describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from oer_pipeline.common.checks import MOST_ROWS, whole
from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.ranges import MOST_NUMBERS, parse_numbers
from oer_pipeline.orchestration.asked import Asked, Parameters, known_name, several
from oer_pipeline.orchestration.classes import class_says

NodeParameters = dict[str, Any]
"""A choice as nodes get it."""


@dataclass(frozen=True)
class BaseChoice:
    """A base learner: how the newest task is learned.

    Attributes:
        path: of its class, `package.module:Class`.
        options: what the class is made with.
    """

    name: str
    path: str
    options: Parameters

    def as_parameters(self) -> NodeParameters:
        """As nodes get it."""
        return {
            "name": self.name,
            "class": self.path,
            "options": dict(self.options),
        }


@dataclass(frozen=True)
class LearnerChoice:
    """A learner and its base.

    Attributes:
        path: of its class, `package.module:Class`.
        replays: whether it wants a buffer of every old task.
        together: whether it learns all tasks at once.
        options: what the class is made with.
    """

    name: str
    path: str
    replays: bool
    together: bool
    options: Parameters
    base: BaseChoice

    def as_parameters(self) -> NodeParameters:
        """As nodes get it."""
        return {
            "name": self.name,
            "class": self.path,
            "replays": self.replays,
            "together": self.together,
            "options": dict(self.options),
            "base": self.base.as_parameters(),
        }


@dataclass(frozen=True)
class SelectorChoice:
    """A selector.

    Attributes:
        path: of its class, `package.module:Class`.
        uses_model: whether it asks for the transition model.
        uses_visits: whether it looks into the environment, which nobody may offline.
        options: what the class is made with.
    """

    name: str
    path: str
    uses_model: bool
    uses_visits: bool
    options: Parameters

    def as_parameters(self) -> NodeParameters:
        """As nodes get it."""
        return {
            "name": self.name,
            "class": self.path,
            "uses_model": self.uses_model,
            "options": dict(self.options),
        }


@dataclass(frozen=True)
class Chosen:
    """What decides the shape of the pipelines.

    Attributes:
        first_learner: the learner without the options that act from the second task
            on, so that their values share what the first task makes.
        selector: None where the learner replays nothing.
    """

    learner: LearnerChoice
    first_learner: LearnerChoice
    selector: SelectorChoice | None

    def as_parameters(self) -> NodeParameters:
        """As nodes get it."""
        selector = None if self.selector is None else self.selector.as_parameters()
        return {
            "learner": self.learner.as_parameters(),
            "first_learner": self.first_learner.as_parameters(),
            "selector": selector,
        }


@dataclass(frozen=True)
class Judging:
    """What the judging pipeline compares.

    Attributes:
        sizes: of the buffers, in transitions.
        shown: the size on the page.
        selectors: in the order given.
    """

    sizes: tuple[int, ...]
    shown: int
    selectors: tuple[SelectorChoice, ...]


def chosen(asked: Asked, tasks: int) -> Chosen:
    """The learner and the selector in force.

    Args:
        asked: the parameters.
        tasks: how many the run has.

    Raises:
        ConfigurationError: a name that there is not, or an entry that is none.
    """
    learners, selectors = asked["learners"], asked["selectors"]
    given = asked["learner"]
    name = known_name("learner", given["name"], learners)
    base = base_choice(given["base"], asked["bases"])
    learner, later = _learner(name, learners, base, tasks)
    at_first = dict(learner.options)
    for option in later:
        del at_first[option]
    wanted = known_name("selector", asked["selector"], selectors)
    selector = selector_choice(wanted, selectors)
    return Chosen(
        learner=learner,
        first_learner=replace(learner, options=at_first),
        selector=selector if learner.replays else None,
    )


def judging(asked: Asked, most: int) -> Judging:
    """Sizes as numbers, selectors by name.

    Args:
        asked: the run's parameters.
        most: rows that a task's data can have, which sizes that a run asks for may not
            exceed; the files' own are of no concern to who judges nothing.

    Raises:
        ConfigurationError: a selector that there is not, a size that is none.
    """
    given, known = asked["judging"], asked["selectors"]
    forms = "numbers 30+300, or a YAML list of them"
    sizes = parse_numbers("judging.sizes", given["sizes"], forms)
    high = most if "judging.sizes" in asked.changed else MOST_ROWS
    for size in sizes:
        whole("judging.sizes: a size", size, 1, high)
    if given["shown"] not in sizes:
        raise ConfigurationError(
            f"judging.shown is {given['shown']!r}; it has to be one of judging.sizes,"
            f" {list(sizes)}"
        )
    names = several(given["selectors"])
    if not names:
        raise ConfigurationError("judging.selectors is []; it takes one or more")
    selectors = {}
    for name in names:
        known_name("judging.selectors", name, known)
        selectors[name] = selector_choice(name, known)
    return Judging(sizes, given["shown"], tuple(selectors.values()))


def learner_choice(name: str, asked: Asked) -> LearnerChoice:
    """A learner, in force or not, on the base in force."""
    given = asked["learner"]
    base = base_choice(given["base"], asked["bases"])
    learner, _ = _learner(name, asked["learners"], base, tasks=1)
    return learner


def base_choice(name: str, known: Parameters) -> BaseChoice:
    """A base learner."""
    known_name("learner.base", name, known)
    entry = _entry("bases", name, known)
    path = entry.pop("class")
    return BaseChoice(name, path, entry)


def selector_choice(name: str, known: Parameters) -> SelectorChoice:
    """A selector."""
    entry = _entry("selectors", name, known)
    path = entry.pop("class")
    uses_model = _flag(f"selectors.{name}", "uses_model", entry)
    uses_visits = _flag(f"selectors.{name}", "uses_visits", entry)
    return SelectorChoice(name, path, uses_model, uses_visits, entry)


def _learner(
    name: str, known: Parameters, base: BaseChoice, tasks: int
) -> tuple[LearnerChoice, list[str]]:
    """A learner, and which of its options act from the second task on.

    An option `tasks` that is null becomes the number of tasks of the run.
    """
    where = f"learners.{name}"
    options = _entry("learners", name, known)
    path = options.pop("class")
    replays = _class_says(where, path, "replays", options)
    together = _class_says(where, path, "together", options)
    later = _list(where, "later", options)
    options.pop("tuned", None)  # which option tuning is about; grids read it
    if "tasks" in options:
        given = options["tasks"]
        options["tasks"] = _enough(f"{where}.tasks", given, tasks)
    for option in later:
        known_name(f"option in {where}.later", option, options)
    learner = LearnerChoice(
        name=name,
        path=path,
        replays=replays,
        together=together,
        options=options,
        base=base,
    )
    return learner, later


def _class_says(where: str, path: str, flag: str, options: Parameters) -> bool:
    """Whether a learner's class says `replays` or `together`, which is no option."""
    if flag in options:
        raise ConfigurationError(
            f"{where}.{flag} is {options[flag]!r}; leave it out, the class says"
            f" {flag} = True where it is so ({path})"
        )
    return class_says(path, flag)


def _enough(name: str, given: Any, tasks: int) -> int:
    """How many tasks a learner is to expect: those of the run, unless more are
    given."""
    if given is None:
        return tasks
    whole(name, given, tasks, MOST_NUMBERS)
    return int(given)


def _entry(group: str, name: str, known: Parameters) -> dict[str, Any]:
    """A copy of what the configuration says of one learner, base or selector."""
    given = known[name]
    entry = dict(given) if isinstance(given, Mapping) else {}
    if "class" not in entry:
        form = "it takes a group with class: package.module:Class and its options"
        raise ConfigurationError(f"{group}.{name} is {given!r}; {form}")
    return entry


def _list(where: str, name: str, entry: dict[str, Any]) -> list[Any]:
    """Take a list out of an entry; none where it is left out."""
    value = entry.pop(name, [])
    if not isinstance(value, list):
        raise ConfigurationError(f"{where}.{name} is {value!r}; it takes a list")
    return value


def _flag(where: str, flag: str, entry: dict[str, Any]) -> bool:
    """Take true or false out of an entry; false where it is left out."""
    value = entry.pop(flag, False)
    if not isinstance(value, bool):
        raise ConfigurationError(f"{where}.{flag} is {value!r}; it takes true or false")
    return value
