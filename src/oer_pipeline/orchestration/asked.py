"""What a run is asked for: the files' parameters, a method's preset on top, and what
the command line says on top of that."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from oer_pipeline.common.errors import (
    ConfigurationError,
    UnknownNameError,
    choices,
)
from oer_pipeline.common.ranges import is_number

Parameters = Mapping[str, Any]
Presets = Mapping[str, Any]
"""Methods by name: the parameters that each changes."""

GROUPS = ("learners", "bases", "selectors")
"""Parameters that say what there is to choose from."""
LISTS = frozenset(
    {
        "seeds",
        "compare",
        "judging.selectors",
        "judging.sizes",
        "transfer_evaluation.tasks",
    }
)
"""Parameters that a command line writes as text and YAML may write as a list."""
WIDTHS = frozenset({"learner.hidden", "dynamics.hidden"})
"""Hidden layers: a list in YAML, `256+256` on a command line."""
OR_NULL = ("distance_quantile",)
"""Ends of the names of numbers that may be null, which switches the option off."""


@dataclass(frozen=True)
class Asked:
    """Parameters as a user may set them, and what they change.

    Attributes:
        method: the preset's name.
        parameters: all of them, nested as in parameters.yml, preset and command line
            merged in.
        changed: dotted names and values of what the command line changes of the
            preset.
    """

    method: str
    parameters: Parameters
    changed: Parameters

    @classmethod
    def of(
        cls, method: str, base: Parameters, runtime: Parameters, methods: Presets
    ) -> Asked:
        """Merge; the later wins.

        Args:
            method: the preset's name.
            base: parameters as the files have them.
            runtime: the command line's, nested.
            methods: presets by name.

        Raises:
            ConfigurationError: a parameter that `base` lacks, or of another type.
        """
        preset = deepcopy(dict(base))
        _update(preset, methods[method], whose=f" of method {method}")
        merged = deepcopy(preset)
        _update(merged, runtime)
        changed = _differences(preset, merged)
        return cls(method, merged, dict(changed))

    def __getitem__(self, name: str) -> Any:
        """A parameter, or a group of them."""
        return self.parameters[name]

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters without what there is to choose from."""
        settings = dict(self.parameters)
        for group in GROUPS:
            settings.pop(group, None)
        return settings


def known_method(given: Any, methods: Presets, base: Parameters) -> str:
    """The preset's name.

    Args:
        given: as a user gave it.
        methods: presets by name.
        base: parameters as the files have them; their groups say what else has names.

    Raises:
        UnknownNameError: unknown; where a learner, base or selector has that name, says
            how to choose it.
    """
    places = {
        "learners": "learner.name",
        "bases": "learner.base",
        "selectors": "selector",
    }
    for group, parameter in places.items():
        is_name = isinstance(given, str) and given not in methods
        if is_name and given in base[group]:
            how = f"it is one of the {group}: give a method and {parameter}={given}"
            raise UnknownNameError(f"unknown method {given!r}; {how}", str(given))
    return known_name("method", given, methods)


def known_name(what: str, value: Any, known: Any) -> str:
    """`value`, which has to be one of `known`.

    Raises:
        UnknownNameError: names `what`, the value and what would be right.
    """
    name = str(value)
    if not isinstance(value, Hashable) or value not in known:
        possible = choices(known, name)
        raise UnknownNameError(f"unknown {what} {value!r}; {possible}", name)
    return name


def with_learners(methods: Presets, learners: Parameters) -> dict[str, Any]:
    """The presets, and for every learner that none of them names one of its own
    name."""
    presets = {name: preset or {} for name, preset in methods.items()}
    named = []
    for preset in presets.values():
        learner = preset.get("learner", {})
        named.append(learner.get("name"))
    own = {}
    for name in learners:
        if name not in named:
            own[name] = {"learner": {"name": name}}
    return {**own, **presets}


def _update(
    target: dict[str, Any], changes: Parameters, whose: str = "", path: str = ""
) -> None:
    """Deep update in place.

    Args:
        target: is changed.
        changes: nested, as `target`.
        whose: ` of method oer` behind a parameter's name, where a preset has it.
        path: what names begin with.

    Raises:
        ConfigurationError: a name that `target` lacks, or a value of another type.
    """
    for key, value in changes.items():
        name = f"{path}{key}"
        if key not in target:
            names = [f"{path}{known}" for known in target]
            known = choices(names, name)
            unknown = f"unknown parameter {name!r}{whose}"
            raise UnknownNameError(f"{unknown}; {known}", str(key))
        before = target[key]
        where = f"parameter {name}{whose}"
        if not isinstance(before, dict):
            target[key] = _of_type(value, before, where, name)
        elif isinstance(value, Mapping):
            _update(before, value, whose, f"{name}.")
        else:
            raise ConfigurationError(
                f"{where} is {value!r}; it is a group of {sorted(before)}"
            )


def _of_type(value: Any, like: Any, where: str, name: str) -> Any:
    """`value`, which has to be of the type of `like`; whole numbers serve as floats."""
    wanted, given = type(like), type(value)
    if wanted is float and given is int:
        try:
            return float(value)
        except OverflowError as error:
            raise ConfigurationError(
                f"{where} is a number of {len(str(abs(value)))} digits; it takes one"
                f" such as {like!r}"
            ) from error
    if value is None and name.endswith(OR_NULL):
        return value
    if name in WIDTHS and isinstance(value, str | int):
        return _widths(where, value)
    if name in LISTS or like is None:
        return value
    if given is wanted:
        return value
    raise ConfigurationError(
        f"{where} is {value!r}; it takes a {wanted.__name__}, such as {like!r}"
    )


def _widths(where: str, value: str | int) -> list[int]:
    """Widths of hidden layers from `256+256`."""
    parts = str(value).split("+")
    if not all(is_number(part) for part in parts):
        raise ConfigurationError(
            f"{where} is {value!r}; it takes widths, such as 256+256"
        )
    return [int(part) for part in parts]


def _differences(
    old: Parameters, new: Parameters, path: str = ""
) -> Iterator[tuple[str, Any]]:
    for key, value in new.items():
        name = f"{path}{key}"
        before = old[key]
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            yield from _differences(before, value, f"{name}.")
        elif value != before:
            yield name, value


def several(given: Any) -> list[str]:
    """Names as a command line writes them, `a+b`, or as YAML may list them."""
    return given if isinstance(given, list) else str(given).split("+")
