"""A suite is configuration: an environment family, a task list, a horizon."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from oer_pipeline.common.checks import is_whole
from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.suites.ant_dir import AntDir
from oer_pipeline.suites.cheetah_vel import CheetahVel
from oer_pipeline.suites.gymnasium_physics import GymnasiumPhysics
from oer_pipeline.suites.meta_world import MetaWorld
from oer_pipeline.suites.physics import Physics
from oer_pipeline.suites.task_lists import list_id, listed
from oer_pipeline.suites.walker_par import WalkerPar
from oer_pipeline.trajectories.exchange.source import Source

FAMILIES: dict[str, type[Physics]] = {
    "ant_dir": AntDir,
    "cheetah_vel": CheetahVel,
    "gymnasium": GymnasiumPhysics,
    "meta_world": MetaWorld,
    "walker_par": WalkerPar,
}


@dataclass(frozen=True)
class Task:
    """One MDP of a suite; `index` counts from 1, as the paper's T_1..T_N. `source`:
    imported data, if any."""

    suite: str
    index: int
    family: str
    parameters: Mapping[str, Any]
    horizon: int
    source: Mapping[str, Any] | None = None

    def physics(self) -> Physics:
        """A simulator of this task.

        Raises:
            ConfigurationError: parameters that the family cannot use.
        """
        try:
            return FAMILIES[self.family](**self.parameters)
        except (TypeError, ValueError) as error:
            cause = f"suite {self.suite}, task {self.index}: {error}"
            raise ConfigurationError(cause) from error

    @cached_property
    def has_success(self) -> bool:
        """Whether its steps say that it is solved (`Physics.has_success`)."""
        return self.physics().has_success

    @property
    def name(self) -> str:
        return f"task_{self.index}"

    def is_like(self, other: Task) -> bool:
        """Whether both are the same MDP with the same source of data, wherever they
        stand in a sequence."""
        if self.family != other.family or self.horizon != other.horizon:
            return False
        if self.source != other.source:
            return False
        return dict(self.parameters) == dict(other.parameters)

    @property
    def key(self) -> str:
        """What the MDP is called wherever it stands in a sequence: its list id, its
        parameters, or their digest."""
        number = list_id(self.family, self.parameters)
        if number is not None:
            return f"id_{number}"
        parts = []
        for name, value in sorted(self.parameters.items()):
            parts.append(f"{name}={value}")
        text = "-".join(parts)
        plain = all(letter.isalnum() or letter in "-=._+" for letter in text)
        if plain and len(text) <= 60:
            return text
        content = json.dumps(dict(self.parameters), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:10]


@dataclass(frozen=True)
class Suite:
    """A sequence of tasks that share observation and action spaces; `counted`: the
    observation dimensions that count in distances, where the family does not say it."""

    name: str
    family: str
    horizon: int
    tasks: tuple[Task, ...]
    counted: tuple[int, ...] = ()

    @cached_property
    def _physics(self) -> Physics:
        return self.tasks[0].physics()

    @property
    def observation_size(self) -> int:
        return self._physics.observation_size

    @property
    def action_size(self) -> int:
        return self._physics.action_size

    @property
    def has_success(self) -> bool:
        """Whether its steps say that a task is solved; all tasks agree on it."""
        return self._physics.has_success

    @property
    def distance_dimensions(self) -> tuple[int, ...]:
        """Observation dimensions that count in distances between states: all but
        odometers and what is repeated, unless the suite says which.

        Raises:
            ConfigurationError: the suite says one that there is not.
        """
        physics = self._physics
        for dimension in self.counted:
            if dimension >= physics.observation_size:
                raise ConfigurationError(
                    f"suite {self.name}: distance_dimensions has {dimension};"
                    f" observations have dimensions 0 to {physics.observation_size - 1}"
                )
        if self.counted:
            return self.counted
        left_out = {*physics.odometers, *physics.repeated}
        dimensions = set(range(physics.observation_size)) - left_out
        return tuple(sorted(dimensions))

    def sequence(self, number: Any, order_seed: int | None = None) -> tuple[Task, ...]:
        """The first `number` tasks, after a shuffle by `order_seed` if there is one;
        indices follow the sequence.

        Raises:
            ConfigurationError: more tasks than there are, or none; a seed that is not a
                number; a task whose parameters do not work; tasks whose spaces differ.
        """
        where = f"suite {self.name}"
        most = len(self.tasks)
        if not is_whole(number) or not 1 <= number <= most:
            raise ConfigurationError(f"tasks is {number!r}; {where} has 1 to {most}")
        shuffled = _shuffled(where, self.tasks, order_seed)
        tasks = []
        for index, task in enumerate(shuffled[:number], start=1):
            tasks.append(replace(task, index=index))
        wanted = _spaces(tasks[0].physics())
        for task in tasks[1:]:
            spaces = _spaces(task.physics())
            if spaces != wanted:
                raise ConfigurationError(
                    f"{where}: {task.name} has {spaces}, task_1 {wanted}; all have to"
                    " agree"
                )
        return tuple(tasks)

    def data_of(self, task: Task) -> str:
        """The name that data, references and transition model of a task have: that of
        the first task like it in the suite's list, so that every order has the same."""
        return next(listed.name for listed in self.tasks if listed.is_like(task))

    def data_tasks(self, tasks: Sequence[Task]) -> tuple[Task, ...]:
        """Those of the suite's list that `tasks` have their data from, in its order."""
        names = {self.data_of(task) for task in tasks}
        return tuple(listed for listed in self.tasks if listed.name in names)

    @classmethod
    def from_config(cls, name: str, config: Mapping[str, Any]) -> Suite:
        """Build a suite from `{family, horizon, tasks}`, and `distance_dimensions` if
        it has that.

        `tasks` is a list of parameters, each with an optional `source`, or `{ids,
        order_seed}` of the family's list.

        Args:
            name: of the suite.
            config: as YAML holds it.

        Raises:
            ConfigurationError: an unknown family or key, a task without its parameters,
                no task at all, a bad horizon.
        """
        where = f"suite {name}"
        if not isinstance(config, Mapping):
            raise ConfigurationError(
                f"{where}: found {config!r}; it takes family, horizon and tasks"
            )
        needed = {"family", "horizon", "tasks"}
        _check_keys(where, set(config), needed, {"distance_dimensions"})
        family = config["family"]
        horizon = config["horizon"]
        tasks = config["tasks"]
        if not isinstance(family, str) or family not in FAMILIES:
            raise ConfigurationError(
                f"{where}: unknown family {family!r}; {choices(FAMILIES, str(family))}"
            )
        if not is_whole(horizon) or horizon < 1:
            raise ConfigurationError(
                f"{where}: horizon is {horizon!r}; it takes a number of steps, such"
                " as 200"
            )
        if isinstance(tasks, Mapping):
            _check_keys(f"{where}, tasks", set(tasks), {"ids"}, {"order_seed"})
            of_list = listed(family, tasks["ids"], where)
            tasks = _shuffled(where, of_list, tasks.get("order_seed"))
        is_list = isinstance(tasks, Sequence) and not isinstance(tasks, str)
        if not is_list or not tasks:
            raise ConfigurationError(
                f"{where}: it has no tasks; list at least one, or give ids of the"
                " family's list"
            )
        built = []
        for index, parameters in enumerate(tasks, start=1):
            built.append(_task(name, family, horizon, index, parameters))
        counted = _dimensions(where, config.get("distance_dimensions"))
        return cls(name, family, horizon, tuple(built), counted)


def _dimensions(where: str, told: Any) -> tuple[int, ...]:
    """Different dimensions, ascending; none where the suite does not say any."""
    if told is None:
        return ()
    is_list = isinstance(told, Sequence) and not isinstance(told, str)
    if not is_list or not told or not all(is_whole(each) for each in told):
        raise ConfigurationError(
            f"{where}: distance_dimensions is {told!r}; it takes a list of observation"
            " dimensions, counted from 0"
        )
    if min(told) < 0 or len(set(told)) < len(told):
        raise ConfigurationError(
            f"{where}: distance_dimensions is {told!r}; it takes different ones, from 0"
        )
    return tuple(sorted(told))


def _task(
    suite: str,
    family: str,
    horizon: int,
    index: int,
    config: Any,
) -> Task:
    where = f"suite {suite}, task {index}"
    if not isinstance(config, Mapping):
        raise ConfigurationError(
            f"{where}: found {config!r}; a task is a mapping of its parameters"
        )
    parameters = dict(config)
    source = None
    if "source" in parameters:
        config = parameters.pop("source")
        source = vars(Source.from_config(f"{where}, source", config))
    needed = set()
    optional = set()
    signature = inspect.signature(FAMILIES[family])
    for argument in signature.parameters.values():
        if argument.default is argument.empty:
            needed.add(argument.name)
        else:
            optional.add(argument.name)
    _check_keys(where, set(parameters), needed, optional)
    return Task(suite, index, family, parameters, horizon, source)


def _shuffled(where: str, tasks: Sequence[Any], seed: Any) -> list[Any]:
    if seed is None:
        return list(tasks)
    if not is_whole(seed) or seed < 0:
        raise ConfigurationError(
            f"{where}: order_seed is {seed!r}; it takes 0, 1, ..., or null for the"
            " order as listed"
        )
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(tasks))
    return [tasks[place] for place in order]


def _spaces(physics: Physics) -> str:
    """What all tasks of a suite have to agree on, in words."""
    bounds = "+-1"
    if physics.bounds is not None:
        low, high = physics.bounds
        bounds = f"{low.tolist()} to {high.tolist()}"
    success = ", with success" if physics.has_success else ""
    sizes = f"{physics.observation_size} observation and {physics.action_size} action"
    return f"{sizes} dimensions within {bounds}{success}"


def _check_keys(
    where: str,
    keys: AbstractSet[str],
    needed: AbstractSet[str],
    optional: AbstractSet[str] = frozenset(),
) -> None:
    missing = needed - keys
    unknown = keys - needed - optional
    odd = sorted(missing | unknown, key=str)
    if odd:
        also = f", and may have {sorted(optional)}" if optional else ""
        raise ConfigurationError(
            f"{where}: missing or unknown keys {odd}; it takes {sorted(needed)}{also}"
        )
