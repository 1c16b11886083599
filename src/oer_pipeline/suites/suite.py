"""A suite is configuration: an environment family, a task list, a horizon."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oer_pipeline.errors import ConfigurationError, choices
from oer_pipeline.suites.cheetah_vel import CheetahVel
from oer_pipeline.suites.physics import Physics

FAMILIES: dict[str, type[Physics]] = {"cheetah_vel": CheetahVel}


@dataclass(frozen=True)
class Task:
    """One MDP of a suite; `index` counts from 1, as the paper's T_1..T_N."""

    suite: str
    index: int
    family: str
    parameters: Mapping[str, Any]
    horizon: int

    def physics(self) -> Physics:
        """A simulator of this task."""
        return FAMILIES[self.family](**self.parameters)

    @property
    def name(self) -> str:
        return f"task_{self.index}"


@dataclass(frozen=True)
class Suite:
    """A sequence of tasks that share observation and action spaces."""

    name: str
    family: str
    horizon: int
    tasks: tuple[Task, ...]

    @property
    def observation_size(self) -> int:
        return FAMILIES[self.family].observation_size

    @property
    def action_size(self) -> int:
        return FAMILIES[self.family].action_size

    @property
    def distance_dimensions(self) -> tuple[int, ...]:
        """Observation dimensions that count in distances between states: all but odometers."""
        odometers = FAMILIES[self.family].odometers
        return tuple(d for d in range(self.observation_size) if d not in odometers)

    @classmethod
    def from_config(cls, name: str, config: Mapping[str, Any]) -> Suite:
        """Build a suite from `{family, horizon, tasks: [parameters, ...]}`.

        Raises:
            ConfigurationError: an unknown family or key, a task without its parameters, no task at all.
        """
        _check_keys(f"suite {name}", set(config), {"family", "horizon", "tasks"})
        family = config["family"]
        if family not in FAMILIES:
            raise ConfigurationError(f"suite {name}: unknown family {family!r}; {choices(FAMILIES)}")
        if not config["tasks"]:
            raise ConfigurationError(f"suite {name}: it has no tasks; list at least one")
        wanted = set(inspect.signature(FAMILIES[family]).parameters)
        for index, parameters in enumerate(config["tasks"], start=1):
            _check_keys(f"suite {name}, task {index}", set(parameters), wanted)
        horizon = int(config["horizon"])
        tasks = tuple(Task(name, i, family, dict(p), horizon) for i, p in enumerate(config["tasks"], start=1))
        return cls(name, family, horizon, tasks)


def _check_keys(where: str, found: set[str], wanted: set[str]) -> None:
    if found != wanted:
        odd = sorted(found ^ wanted)
        raise ConfigurationError(f"{where}: missing or unknown keys {odd}; it takes exactly {sorted(wanted)}")
