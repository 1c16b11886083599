"""A grid is one file of configuration: what is crossed with what, and which report ends
it.

    # conf/base/grids/mine.yml: kedro grid mine
    suites: [cheetah_vel_signed]
    qualities: [medium, medium_random]
    methods: [er_random, oer]        # presets of methods.yml; or all, or tuned
    parameters:
      replay.size: [30, 100, 300]    # crossed; a value by itself is fixed
      learner.heads: single
    seeds: 0-2
    stages: [continual, evaluation, reporting]
    report: comparison

`conf/ENV/grids` is looked through before `conf/base/grids`, ENV being `local` unless
the command line says `--env`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.studies.report_kinds import ReportKind, kind_of

ALL = "all"
TUNED = "tuned"
ORDER = "order_seed"
CLAIMED = ("per", "plasticity", "forgetting")
"""Metrics that claims are about, in the scale that leads."""
STAGES = ("continual", "evaluation", "judging", "reporting")
"""What a cell can go through once its data are there, in this order."""
Scalar = str | int | float | bool


@dataclass(frozen=True)
class Claim:
    """That one method is ahead of another.

    Attributes:
        says: the claim in words.
        metric: `per`, `plasticity` or `forgetting`.
        of: the method that is said to be ahead.
        beside: the other one.
        secondary: it is looked at, but not tested together with the others.
    """

    says: str
    metric: str
    of: str
    beside: str
    secondary: bool = False


@dataclass(frozen=True)
class Grid:
    """What a grid's file says.

    Attributes:
        name: the file's, without its ending.
        suites, qualities, methods: names, each crossed with the others. `methods` is
            `all` presets, or `tuned` for those whose learner has a coefficient.
        parameters: dotted names of parameters and their values, crossed too.
        method_parameters: those that only one method has, a value each, by method; they
            win over `parameters`.
        coefficient: values of each method's own coefficient (`tuned` of its learner).
        seeds: as `seeds` in parameters.yml; None: what that says.
        orders: numbers of task orders, crossed too; each is an `order_seed` with that
            one seed, so that orders are the units of a study.
        stages: of `STAGES`, what each cell goes through.
        excuse_divergence: a training that diverges ends its cell and not the grid.
        report: what is made of the finished cells, a name in `studies.report_kinds`, or
            package.module:function.
        page: the page that the report rewrites when the whole grid ran as its file
            says, where the project has that page.
        claims: what a study tests (report `study`).
        is_part: of a grid; no file says that.
    """

    name: str
    suites: tuple[str, ...]
    qualities: tuple[str, ...]
    methods: tuple[str, ...] | str
    parameters: Mapping[str, tuple[Scalar, ...]]
    method_parameters: Mapping[str, Mapping[str, Scalar]] = field(default_factory=dict)
    coefficient: tuple[float, ...] = ()
    seeds: str | None = None
    orders: tuple[int, ...] = ()
    stages: tuple[str, ...] = ("continual", "evaluation", "reporting")
    excuse_divergence: bool = False
    report: str = "comparison"
    page: str | None = None
    claims: tuple[Claim, ...] = ()
    is_part: bool = False

    @property
    def kind(self) -> ReportKind:
        """What its report asks of it."""
        return kind_of(self.report)

    def part(self, **chosen: Sequence[str] | Sequence[int] | None) -> Grid:
        """The grid on some of its suites, qualities, methods or orders; None: on all of
        them.

        Raises:
            ConfigurationError: one that the grid doesn't have.
        """
        asked: dict[str, Any] = {}
        for axis, picked in chosen.items():
            if picked is not None:
                self._check_has(axis, picked)
                asked[axis] = tuple(picked)
        if not asked:
            return self
        return replace(self, **asked, is_part=True)

    def _check_has(self, axis: str, picked: Sequence[str] | Sequence[int]) -> None:
        """Refuse names that the grid's axis does not have."""
        names = getattr(self, axis)
        if not names:
            raise ConfigurationError(f"grid {self.name} has no {axis}")
        if names in (ALL, TUNED):
            return
        for name in picked:
            if name not in names:
                known = choices(map(str, names), str(name))
                raise ConfigurationError(
                    f"grid {self.name} has no {name!r} in its {axis}; {known}"
                )
