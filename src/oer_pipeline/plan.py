"""What one run is: suite, quality, cell, seeds and the parameters in force, checked before anything is done.

Plain Python: the context builds a plan from the configuration, pipelines and paths follow from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any

from oer_pipeline.errors import ConfigurationError, choices
from oer_pipeline.suites.suite import Suite, Task
from oer_pipeline.trajectories.qualities import QUALITIES

NOT_IN_NAMES = frozenset({"suite", "quality", "method", "seeds", "accelerator", "force", "compare"})
DATA_SCOPE = ("collection", "data_seed")
MODEL_SCOPE = ("dynamics",)
LONGEST_NAME = 60
ACCELERATORS = ("cpu", "gpu", "auto")


@dataclass(frozen=True)
class Plan:
    """A resolved run. Folder names carry every parameter that it changed, so that no run overwrites another."""

    suite: Suite
    tasks: tuple[Task, ...]
    quality: str
    method: str
    seeds: tuple[int, ...]
    suite_folder: str
    quality_folder: str
    cell: str
    compare: tuple[str, ...]
    parameters: Mapping[str, Any]

    @property
    def selector(self) -> Mapping[str, Any] | None:
        """`{name, class, uses_model, options}` of the selector in force; None when the learner replays nothing."""
        chosen: Mapping[str, Any] | None = self.parameters["chosen"]["selector"]
        return chosen

    @property
    def raw_kinds(self) -> tuple[str, ...]:
        """The kinds of raw roll-outs that the quality is cut from."""
        return QUALITIES[self.quality]


def resolve(
    base: Mapping[str, Any], runtime: Mapping[str, Any], suites: Mapping[str, Any], methods: Mapping[str, Any]
) -> Plan:
    """Merge base parameters, the method's preset and runtime parameters (the later wins) into a checked plan.

    Raises:
        ConfigurationError: an unknown suite, quality, method, selector, learner or parameter, or a wrong value.
    """
    method = _known("method", runtime.get("method", base["method"]), methods)
    preset = deepcopy(dict(base))
    _update(preset, methods[method], f"method {method}")
    merged = deepcopy(preset)
    _update(merged, runtime, "parameter")
    name = _known("suite", merged["suite"], suites)
    suite = Suite.from_config(name, suites[name])
    quality = _known("quality", merged["quality"], QUALITIES)
    _known("accelerator", merged["accelerator"], ACCELERATORS)
    tasks = _first_tasks(suite, merged["tasks"])
    seeds = parse_seeds(merged["seeds"])
    changed = {k: v for k, v in _differences(preset, merged) if k.split(".")[0] not in NOT_IN_NAMES}

    def folder(stem: str, scope: tuple[str, ...]) -> str:
        mine = {k: changed.pop(k) for k in list(changed) if not scope or k.split(".")[0] in scope}
        return _folder_name(stem, mine)

    suite_folder, quality_folder = folder(name, DATA_SCOPE), folder(quality, MODEL_SCOPE)
    merged.update(seeds=list(seeds), sequence={t.name: asdict(t) for t in tasks}, chosen=_chosen(merged))
    merged["heads"] = {t.name: number for number, t in enumerate(tasks, start=1)}
    merged["suite_facts"] = {"horizon": suite.horizon, "distance_dimensions": list(suite.distance_dimensions)}
    compare = tuple(_known("method", m, methods) for m in str(merged["compare"]).split("+"))
    cell = folder(method, ())
    merged["cell"] = {"suite": suite_folder, "quality": quality_folder, "method": method, "cell": cell}
    return Plan(suite, tasks, quality, method, seeds, suite_folder, quality_folder, cell, compare, merged)


def parse_seeds(given: Any) -> tuple[int, ...]:
    """Seeds from an int, a list, or a string: a range `0-2`, `+`-joined numbers `0+3`, or both `0-2+7`.

    Raises:
        ConfigurationError: anything else, nothing, or a seed twice.
    """
    parts = given if isinstance(given, list | tuple) else str(given).split("+")
    seeds: list[int] = []
    for part in parts:
        first, _, last = str(part).strip().partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            raise ConfigurationError(f"seeds are {given!r}; give a range 0-2, numbers 0+3, or a YAML list of numbers")
        seeds += range(int(first), int(last or first) + 1)
    if not seeds or len(set(seeds)) != len(seeds):
        raise ConfigurationError(
            f"seeds are {given!r}: {'none' if not seeds else 'one twice'}; each seed once, at least one"
        )
    return tuple(seeds)


def _known(what: str, value: Any, known: Collection[str]) -> str:
    if value not in known:
        raise ConfigurationError(f"unknown {what} {value!r}; {choices(known, str(value))}")
    return str(value)


def _first_tasks(suite: Suite, number: Any) -> tuple[Task, ...]:
    if not isinstance(number, int) or not 1 <= number <= len(suite.tasks):
        raise ConfigurationError(f"tasks is {number!r}; suite {suite.name} has 1 to {len(suite.tasks)}")
    return suite.tasks[:number]


def _chosen(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The learner and the selector in force, with what decides the DAG's shape."""
    name = _known("learner", parameters["learner"]["name"], parameters["learners"])
    learner = {"name": name, **parameters["learners"][name]}
    chosen = _known("selector", parameters["selector"], parameters["selectors"])
    entry = dict(parameters["selectors"][chosen])
    fixed = {"name": chosen, "class": entry.pop("class"), "uses_model": entry.pop("uses_model", False)}
    return {"learner": learner, "selector": {**fixed, "options": entry} if learner["replays"] else None}


def _update(target: dict[str, Any], changes: Mapping[str, Any], where: str, path: str = "") -> None:
    """Deep update in place; a name that `target` lacks, or a value of another type, is an error."""
    for key, value in changes.items():
        name = f"{path}{key}"
        if key not in target:
            raise ConfigurationError(f"unknown {where} {name!r}; {choices((f'{path}{k}' for k in target), name)}")
        if isinstance(target[key], dict):
            if not isinstance(value, Mapping):
                raise ConfigurationError(f"{where} {name} is {value!r}; it is a group of {sorted(target[key])}")
            _update(target[key], value, where, f"{name}.")
        else:
            target[key] = _of_type(value, target[key], f"{where} {name}", name)


def _of_type(value: Any, like: Any, where: str, name: str) -> Any:
    """`value`, which has to be of the type of `like`; whole numbers serve as floats."""
    if isinstance(like, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if name in ("seeds", "compare") or like is None or type(value) is type(like):
        return value
    raise ConfigurationError(f"{where} is {value!r}; it takes a {type(like).__name__}, such as {like!r}")


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in new.items():
        if isinstance(value, Mapping):
            yield from _differences(old[key], value, f"{path}{key}.")
        elif value != old[key]:
            yield f"{path}{key}", value


def _folder_name(stem: str, changed: Mapping[str, Any]) -> str:
    suffix = "-".join(f"{key}={value}" for key, value in sorted(changed.items()))
    if len(suffix) > LONGEST_NAME or not all(c.isalnum() or c in "-=._+" for c in suffix):
        suffix = hashlib.sha256(suffix.encode()).hexdigest()[:10]
    return f"{stem}-{suffix}" if suffix else stem
