"""What a grid's file comes to: every combination of what it crosses."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.orchestration.folders import as_text
from oer_pipeline.studies.grids import ALL, ORDER, TUNED, Grid, Scalar

Presets = Mapping[str, Mapping[str, Any]]
"""Methods by name (methods.yml)."""


@dataclass(frozen=True)
class Combination:
    """One cell as a grid tells it: `parameters` are those that differ within the grid
    or are fixed by it, as `kedro run --params` takes them."""

    suite: str
    quality: str
    method: str
    parameters: Mapping[str, Scalar]
    varied: Mapping[str, Scalar]

    def params(self, more: str) -> str:
        """The text of `--params`; what the grid says wins over `more`."""
        told = {"suite": self.suite, "quality": self.quality, "method": self.method}
        parts = [more] if more else []
        for name, value in {**told, **self.parameters}.items():
            parts.append(f"{name}={as_text(value)}")
        return ",".join(parts)


def combinations(
    grid: Grid,
    methods: Presets,
    learners: Mapping[str, Any],
) -> list[Combination]:
    """Every combination of the grid's axes: suite by suite, then quality, method and
    parameters; the last varies fastest.

    Args:
        grid: what is crossed.
        methods: presets by name (methods.yml).
        learners: `learners` of parameters.yml; `tuned` names a learner's coefficient.

    Raises:
        ConfigurationError: a grid without a single combination.
    """
    found = []
    names = _methods(grid, methods, learners)
    _check_named(grid, methods)
    for suite, quality, method in itertools.product(grid.suites, grid.qualities, names):
        own = grid.method_parameters.get(method, {})
        axes = _axes(grid, method, methods, learners)
        _check_own(grid, method, own, axes)
        if grid.kind.tests_claims:
            coefficient = coefficient_of(method, methods, learners)
            _check_weight(grid, method, {**axes, **own}, coefficient)
        for values in itertools.product(*axes.values()):
            crossed = dict(zip(axes, values, strict=True))
            varied = {name: crossed[name] for name in axes if len(axes[name]) > 1}
            chosen = {**crossed, **own, **_seeds(grid, crossed)}
            found.append(Combination(suite, quality, method, chosen, varied))
    if not found:
        raise ConfigurationError(
            f"grid {grid.name} has no cell: no method's learner has a coefficient"
            " (`tuned` of a learner in parameters.yml)"
        )
    return found


def _axes(
    grid: Grid,
    method: str,
    methods: Presets,
    learners: Mapping[str, Any],
) -> dict[str, Sequence[Scalar]]:
    """What is crossed of a method, by name."""
    axes: dict[str, Sequence[Scalar]] = dict(grid.parameters)
    if grid.coefficient:
        tuned = _required_coefficient(grid, method, methods, learners)
        axes[tuned] = grid.coefficient
    if grid.orders:
        axes[ORDER] = grid.orders
    return axes


def _seeds(grid: Grid, crossed: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """An order has one seed, of its own number."""
    if grid.orders:
        return {"seeds": crossed[ORDER]}
    return {} if grid.seeds is None else {"seeds": grid.seeds}


def _check_named(grid: Grid, methods: Presets) -> None:
    """The methods that claims and own parameters are about, where the file's list is
    `all` or `tuned` and names none."""
    for method in grid.method_parameters:
        check_known(f"grid {grid.name}: method_parameters", "method", method, methods)
    for claim in grid.claims:
        for method in (claim.of, claim.beside):
            where = f"grid {grid.name}: claim {claim.says!r}"
            check_known(where, "method", method, methods)


def _check_own(
    grid: Grid,
    method: str,
    own: Mapping[str, Scalar],
    axes: Mapping[str, Sequence[Scalar]],
) -> None:
    """A method's own value has no place where the grid crosses several."""
    for name in own:
        if len(axes.get(name, ())) > 1:
            raise ConfigurationError(
                f"grid {grid.name}: method_parameters of {method}: {name} is crossed"
                f" in this grid, with {len(axes[name])} values; leave one of them out"
            )


def _check_weight(
    grid: Grid,
    method: str,
    told: Mapping[str, Any],
    coefficient: str | None,
) -> None:
    """Every weight of old tasks has to stand in a study's grid: tuned.yml was tuned on
    another regime, and a method that nobody tuned would take a default."""
    if coefficient is not None and coefficient not in told:
        raise ConfigurationError(
            f"grid {grid.name}: {coefficient} is not said for {method}; a study gives"
            " every method that has one a weight chosen for its regime, in"
            " method_parameters"
        )


def _methods(
    grid: Grid,
    methods: Presets,
    learners: Mapping[str, Any],
) -> tuple[str, ...]:
    if grid.methods == ALL:
        return tuple(methods)
    if grid.methods == TUNED:
        return tuple(_with_coefficient(methods, learners))
    assert isinstance(grid.methods, tuple)
    for name in grid.methods:
        check_known(f"grid {grid.name}", "method", name, methods)
    return grid.methods


def _with_coefficient(methods: Presets, learners: Mapping[str, Any]) -> list[str]:
    return [name for name in methods if coefficient_of(name, methods, learners)]


def coefficient_of(
    method: str,
    methods: Presets,
    learners: Mapping[str, Any],
) -> str | None:
    """The dotted name of what is tuned of a method; None: it has no coefficient, or its
    preset fixes it.

    Args:
        method: the preset's name.
        methods: presets by name.
        learners: options of each learner, by its name.
    """
    preset = methods[method]
    learner = preset.get("learner", {}).get("name")
    settings = learners.get(learner, {})
    option = settings.get("tuned")
    if option is None:
        return None
    fixed = preset.get("learners", {}).get(learner, {})
    return None if option in fixed else f"learners.{learner}.{option}"


def _required_coefficient(
    grid: Grid,
    method: str,
    methods: Presets,
    learners: Mapping[str, Any],
) -> str:
    found = coefficient_of(method, methods, learners)
    if found is None:
        known = _with_coefficient(methods, learners)
        raise ConfigurationError(
            f"grid {grid.name}: method {method!r} has no coefficient to tune;"
            f" {choices(known, method)}"
        )
    return found


def check_known(where: str, what: str, name: str, known: Collection[str]) -> None:
    """Refuse an unknown name.

    Args:
        where: it stands, for the message.
        what: it names.
        name: which.
        known: the names that there are.
    """
    if name not in known:
        raise ConfigurationError(
            f"{where}: unknown {what} {name!r}; {choices(known, name)}"
        )
