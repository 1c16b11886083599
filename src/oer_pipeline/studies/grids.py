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

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.orchestration.yaml_files import read_yaml
from oer_pipeline.studies.report_kinds import ReportKind, kind_of

ALL = "all"
TUNED = "tuned"
ORDER = "order_seed"
CLAIMED = ("per", "plasticity", "forgetting")
"""Metrics that claims are about, in the scale that leads."""
STAGES = ("continual", "evaluation", "judging", "reporting")
"""What a cell can go through once its data are there, in this order."""
Scalar = str | int | float | bool
Presets = Mapping[str, Mapping[str, Any]]
"""Methods by name (methods.yml)."""


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
        told = {each.name: getattr(self, each.name) for each in fields(self)}
        for axis, picked in chosen.items():
            if picked is None:
                continue
            if not told[axis]:
                raise ConfigurationError(f"grid {self.name} has no {axis}")
            for one in picked:
                if told[axis] not in (ALL, TUNED) and one not in told[axis]:
                    known = choices(map(str, told[axis]), str(one))
                    raise ConfigurationError(
                        f"grid {self.name} has no {one!r} in its {axis}; {known}"
                    )
            told[axis] = tuple(picked)
            told["is_part"] = True
        return Grid(**told)


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
            parts.append(f"{name}={text_of(value)}")
        return ",".join(parts)


def combinations(
    grid: Grid,
    methods: Presets,
    learners: Mapping[str, Any],
) -> list[Combination]:
    """Every combination of the grid's axes, in the order of its file, methods last but
    one.

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
    cells = itertools.product(grid.suites, grid.qualities, names)
    for suite, quality, method in cells:
        own = grid.method_parameters.get(method, {})
        axes = dict(grid.parameters)
        if grid.coefficient:
            axes[
                _coefficient(
                    grid,
                    method,
                    methods,
                    learners,
                )
            ] = grid.coefficient
        if grid.orders:
            axes[ORDER] = grid.orders
        _check_own(grid, method, own, axes)
        if grid.kind.tests_claims:
            _check_weight(
                grid,
                method,
                {**axes, **own},
                coefficient_of(method, methods, learners),
            )
        for values in itertools.product(*axes.values()):
            chosen: dict[str, Scalar] = dict(zip(axes, values, strict=True))
            varied = {name: chosen[name] for name in axes if len(axes[name]) > 1}
            chosen.update(own)
            if grid.orders:
                chosen["seeds"] = chosen[ORDER]
            elif grid.seeds is not None:
                chosen["seeds"] = grid.seeds
            found.append(
                Combination(
                    suite,
                    quality,
                    method,
                    chosen,
                    varied,
                )
            )
    if not found:
        raise ConfigurationError(
            f"grid {grid.name} is empty: no method that it could be about"
        )
    return found


def _check_named(grid: Grid, methods: Presets) -> None:
    """The methods that claims and own parameters are about, where the file's list is
    `all` or `tuned` and names none."""
    for method in grid.method_parameters:
        _check_known(f"grid {grid.name}: method_parameters", "method", method, methods)
    for claim in grid.claims:
        for method in (claim.of, claim.beside):
            where = f"grid {grid.name}: claim {claim.says!r}"
            _check_known(where, "method", method, methods)


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
    """A study says each method's weight of old tasks: those of tuned.yml are of
    another regime, and methods that nobody tuned would have another's default."""
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
        if name not in methods:
            raise ConfigurationError(
                f"grid {grid.name}: unknown method {name!r}; {choices(methods, name)}"
            )
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


def _coefficient(
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


def text_of(value: Scalar) -> str:
    """A value as `--params` takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def read(
    name: str,
    conf: Path,
    env: str | None,
) -> Grid:
    """A grid, of the environment's folder or else of base.

    Args:
        name: of the grid.
        conf: the folder of the configuration.
        env: the environment; None: local.

    Raises:
        ConfigurationError: no such grid, or a file that says something else than a
            grid.
    """
    files = dict(_files(conf, env))
    if not conf.is_dir():
        raise ConfigurationError(
            f"there is no folder {conf} in {Path.cwd()}; run this in the project's"
            " folder"
        )
    if name not in files:
        raise ConfigurationError(f"unknown grid {name!r}; {choices(files, name)}")
    return from_config(name, read_yaml(files[name]))


def names(conf: Path, env: str | None) -> list[str]:
    """The grids that there are."""
    return sorted(dict(_files(conf, env)))


def _files(conf: Path, env: str | None) -> Iterator[tuple[str, Path]]:
    """Names and files; an environment's own come last, and so win."""
    for folder in (conf / "base" / "grids", conf / (env or "local") / "grids"):
        for path in sorted(folder.glob("*.yml")):
            yield path.stem, path


def from_config(name: str, told: Any) -> Grid:
    """A grid from what its file says.

    Args:
        name: of the grid.
        told: what its file says, of any type.

    Raises:
        ConfigurationError: a key or a value that a grid doesn't take.
    """
    where = f"grid {name}"
    if not isinstance(told, Mapping):
        raise ConfigurationError(
            f"{where}: found {told!r}; it takes suites, qualities, methods and more"
        )
    known = {each.name for each in fields(Grid)} - {"name", "is_part"}
    for key in told:
        if key not in known:
            raise ConfigurationError(
                f"{where}: unknown key {key!r}; {choices(known, str(key))}"
            )
    for key in ("suites", "qualities", "methods"):
        if key not in told:
            raise ConfigurationError(f"{where}: {key} is missing; a grid names some")
    report = told.get("report", Grid.report)
    if not isinstance(report, str):
        raise ConfigurationError(f"{where}: report is {report!r}; it takes a name")
    page = told.get("page")
    if page is not None and not _is_page(page):
        raise ConfigurationError(
            f"{where}: page is {page!r}; it takes a page in the project, such as"
            " docs/learners.md"
        )
    excuse = told.get("excuse_divergence", False)
    if not isinstance(excuse, bool):
        raise ConfigurationError(
            f"{where}: excuse_divergence is {excuse!r}; it takes true or false"
        )
    if "orders" in told and "seeds" in told:
        raise ConfigurationError(
            f"{where}: it says seeds and orders; each order has a seed of its own"
        )
    methods = told["methods"]
    if methods not in (ALL, TUNED):
        methods = _names(where, "methods", methods)
    if excuse and kind_of(report).compares_methods:
        raise ConfigurationError(
            f"{where}: excuse_divergence is true; report {report} needs every cell's"
            " results, reports study, tuning and weights do without"
        )
    grid = Grid(
        name=name,
        suites=_names(where, "suites", told["suites"]),
        qualities=_names(where, "qualities", told["qualities"]),
        methods=methods,
        parameters=_parameters(where, told.get("parameters", {})),
        method_parameters=_method_parameters(
            where, told.get("method_parameters", {}), methods
        ),
        coefficient=_coefficients(where, told.get("coefficient", [])),
        seeds=_seeds(where, told.get("seeds")),
        orders=_numbers(where, "orders", told.get("orders")) or (),
        stages=_stages(where, told.get("stages", Grid.stages)),
        excuse_divergence=excuse,
        report=report,
        page=page,
        claims=_claims(where, told.get("claims", []), methods),
    )
    _check_stages(where, grid)
    if grid.kind.one_regime:
        _check_one(where, grid)
    if grid.kind.compares_methods:
        _check_alike(where, grid)
    return grid


def _check_stages(where: str, grid: Grid) -> None:
    """A stage that the report reads and that cells do not go through would be missed
    once all else is done."""
    needed = grid.kind.reads
    if needed is not None and needed not in grid.stages:
        raise ConfigurationError(
            f"{where}: stages are {', '.join(grid.stages)}; report {grid.report} reads"
            f" what {needed} makes; add it"
        )


def _check_alike(where: str, grid: Grid) -> None:
    """Cells that are put side by side are told the same, but for their methods."""
    told = {
        "coefficient": grid.coefficient,
        "method_parameters": grid.method_parameters,
    }
    for key, value in told.items():
        if value:
            raise ConfigurationError(
                f"{where}: it says {key}, and report {grid.report} compares methods"
                " that are told the same; give them presets of their own (methods.yml),"
                " or choose report study, tuning or weights"
            )


def _check_one(where: str, grid: Grid) -> None:
    """What a report of one suite and quality can show; of a tuning, what it can
    choose."""
    for key, values in (("suites", grid.suites), ("qualities", grid.qualities)):
        if len(values) > 1:
            raise ConfigurationError(
                f"{where}: {key} are {', '.join(values)}; report {grid.report} takes"
                " one"
            )
    crossed = [name for name, values in grid.parameters.items() if len(values) > 1]
    if grid.orders:
        crossed.append("orders")
    if crossed:
        raise ConfigurationError(
            f"{where}: {crossed[0]} is crossed; report {grid.report} takes one value"
        )
    if grid.kind.chooses and len(grid.coefficient) < 2:
        raise ConfigurationError(
            f"{where}: coefficient is {list(grid.coefficient)}; report {grid.report}"
            " takes two values or more"
        )


def _claims(
    where: str, value: Any, methods: tuple[str, ...] | str
) -> tuple[Claim, ...]:
    """Claims about what the grid has."""
    wanted = {each.name for each in fields(Claim)} - {"secondary"}
    found = []
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, Mapping) or one.keys() - {"secondary"} != wanted:
            raise ConfigurationError(
                f"{where}: claim {one!r}; it takes {', '.join(sorted(wanted))}, and"
                " may be secondary"
            )
        texts = {name: str(one[name]) for name in wanted}
        secondary = one.get("secondary", False)
        if not isinstance(secondary, bool):
            raise ConfigurationError(
                f"{where}: claim {texts['says']!r}: secondary is {secondary!r}; it"
                " takes true or false"
            )
        claim = Claim(**texts, secondary=secondary)
        _check_known(f"{where}: claim {claim.says!r}", "metric", claim.metric, CLAIMED)
        if claim.of == claim.beside:
            raise ConfigurationError(
                f"{where}: claim {claim.says!r} is about {claim.of} beside itself; it"
                " takes two methods"
            )
        for method in (claim.of, claim.beside):
            if not isinstance(methods, str):
                _check_known(
                    f"{where}: claim {claim.says!r}", "method", method, methods
                )
        found.append(claim)
    return tuple(found)


def _check_known(where: str, what: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise ConfigurationError(
            f"{where}: unknown {what} {name!r}; {choices(known, name)}"
        )


def _is_page(page: Any) -> bool:
    """Whether it can be a file below the working directory."""
    if not isinstance(page, str):
        return False
    path = Path(page)
    return not path.is_dir() and path.resolve().is_relative_to(Path.cwd().resolve())


def _names(
    where: str,
    key: str,
    value: Any,
) -> tuple[str, ...]:
    """A list of different names."""
    is_list = isinstance(value, list | tuple) and len(value) > 0
    if not is_list or not all(isinstance(name, str) for name in value):
        raise ConfigurationError(
            f"{where}: {key} is {value!r}; it takes a list of names"
        )
    if len(set(value)) != len(value):
        raise ConfigurationError(f"{where}: {key} is {value!r}; it has a name twice")
    return tuple(value)


def _stages(where: str, value: Any) -> tuple[str, ...]:
    found = _names(where, "stages", value)
    for stage in found:
        if stage not in STAGES:
            raise ConfigurationError(
                f"{where}: unknown stage {stage!r}; {choices(STAGES, stage)}"
            )
    return tuple(stage for stage in STAGES if stage in found)


def _parameters(where: str, value: Any) -> dict[str, tuple[Scalar, ...]]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{where}: parameters is {value!r}; it takes dotted names with their values"
        )
    found = {}
    for name, given in value.items():
        if name in ("suite", "quality", "method", "seeds", ORDER):
            raise ConfigurationError(
                f"{where}: parameter {name} is no parameter of a grid; it has a key of"
                " its own"
            )
        values = given if isinstance(given, list) else [given]
        if not values:
            raise ConfigurationError(
                f"{where}: parameter {name} has no value; give one or more"
            )
        for one in values:
            if not isinstance(one, Scalar) or "," in str(one):
                raise ConfigurationError(
                    f"{where}: parameter {name} is {one!r}; it takes numbers, words,"
                    " true or false"
                )
        found[str(name)] = tuple(values)
    return found


def _method_parameters(
    where: str, value: Any, methods: tuple[str, ...] | str
) -> dict[str, dict[str, Scalar]]:
    """Parameters of methods that the grid has, a value each."""
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{where}: method_parameters is {value!r}; it takes methods with their"
            " parameters"
        )
    found: dict[str, dict[str, Scalar]] = {}
    for method, told in value.items():
        of_method = f"{where}: method_parameters of {method}"
        if not isinstance(methods, str):
            _check_known(where, "method", str(method), methods)
        found[str(method)] = {}
        for name, values in _parameters(of_method, told).items():
            if len(values) > 1:
                raise ConfigurationError(
                    f"{of_method}: {name} has {len(values)} values; it takes one"
                )
            found[str(method)][name] = values[0]
    return found


def _coefficients(where: str, value: Any) -> tuple[float, ...]:
    numbers = []
    for one in value if isinstance(value, list) else [value]:
        try:
            numbers.append(float(one))
        except (TypeError, ValueError) as error:
            raise ConfigurationError(
                f"{where}: coefficient is {value!r}; it takes a list of numbers"
            ) from error
    return tuple(numbers)


def _seeds(where: str, value: Any) -> str | None:
    seeds = _numbers(where, "seeds", value)
    return None if seeds is None else "+".join(map(str, seeds))


def _numbers(where: str, key: str, value: Any) -> tuple[int, ...] | None:
    """`0-2`, `0+3` or a list, as seeds are told."""
    from oer_pipeline.common.ranges import NUMBERS, parse_numbers

    if value is None:
        return None
    try:
        return parse_numbers(key, value, NUMBERS)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from error
