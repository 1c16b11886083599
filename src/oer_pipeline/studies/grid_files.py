"""Grids are read from files; whatever is wrong with one is told in a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.common.ranges import NUMBERS, parse_numbers
from oer_pipeline.orchestration.yaml_files import read_yaml
from oer_pipeline.studies.combinations import check_known
from oer_pipeline.studies.grids import (
    ALL,
    CLAIMED,
    ORDER,
    STAGES,
    TUNED,
    Claim,
    Grid,
    Scalar,
)

T = TypeVar("T")
KEYS = {
    "suite": "suites",
    "quality": "qualities",
    "method": "methods",
    "seeds": "seeds",
    ORDER: "orders",
}
"""Parameters that have a key of a grid's own."""


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
    if not conf.is_dir():
        raise ConfigurationError(
            f"there is no folder {conf} in {Path.cwd()}; run this in the project's"
            " folder"
        )
    files = dict(_files(conf, env))
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
    _check_keys(where, told)
    report = _value(where, told, "report", str, Grid.report, "a name")
    methods = told["methods"]
    if methods not in (ALL, TUNED):
        methods = _names(where, "methods", methods)
    own = _method_parameters(where, told.get("method_parameters", {}), methods)
    grid = Grid(
        name=name,
        suites=_names(where, "suites", told["suites"]),
        qualities=_names(where, "qualities", told["qualities"]),
        methods=methods,
        parameters=_parameters(where, told.get("parameters", {})),
        method_parameters=own,
        coefficient=_coefficients(where, told.get("coefficient", [])),
        seeds=_seeds(where, told.get("seeds")),
        orders=_numbers(where, "orders", told.get("orders")) or (),
        stages=_stages(where, told.get("stages", Grid.stages)),
        excuse_divergence=_value(
            where, told, "excuse_divergence", bool, False, "true or false"
        ),
        report=report,
        page=_page(where, told.get("page")),
        claims=_claims(where, told.get("claims", []), methods),
    )
    _check_stages(where, grid)
    if grid.kind.one_regime:
        _check_one(where, grid)
    if grid.kind.compares_methods:
        _check_alike(where, grid)
    return grid


def _check_keys(where: str, told: Any) -> None:
    """The keys that a grid has to have, and no others."""
    if not isinstance(told, Mapping):
        raise ConfigurationError(
            f"{where}: found {told!r}; it takes suites, qualities, methods and more"
        )
    known = {each.name for each in fields(Grid)} - {"name", "is_part"}
    for key in told:
        check_known(where, "key", str(key), known)
    for key in ("suites", "qualities", "methods"):
        if key not in told:
            raise ConfigurationError(f"{where}: {key} is missing; a grid names some")
    if "orders" in told and "seeds" in told:
        raise ConfigurationError(
            f"{where}: it says seeds and orders; each order has a seed of its own"
        )


def _value(
    where: str,
    told: Mapping[str, Any],
    key: str,
    kind: type[T],
    default: T,
    form: str,
) -> T:
    """A key's value, which is of this kind."""
    value = told.get(key, default)
    if not isinstance(value, kind):
        raise ConfigurationError(f"{where}: {key} is {value!r}; it takes {form}")
    return value


def _page(where: str, page: Any) -> str | None:
    """A page that can be a file below the working directory."""
    if page is None:
        return None
    if isinstance(page, str):
        path = Path(page)
        here = Path.cwd().resolve()
        if not path.is_dir() and path.resolve().is_relative_to(here):
            return page
    raise ConfigurationError(
        f"{where}: page is {page!r}; it takes a page in the project, such as"
        " docs/learners.md"
    )


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
    """Cells that are put side by side all have results, and are told the same but for
    their methods."""
    if grid.excuse_divergence:
        raise ConfigurationError(
            f"{where}: excuse_divergence is true; report {grid.report} needs every"
            " cell's results, reports study, tuning and weights do without"
        )
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
    if grid.orders:
        raise ConfigurationError(
            f"{where}: orders are crossed; report {grid.report} takes none"
        )
    crossed = [name for name, values in grid.parameters.items() if len(values) > 1]
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
        check_known(f"{where}: claim {claim.says!r}", "metric", claim.metric, CLAIMED)
        if claim.of == claim.beside:
            raise ConfigurationError(
                f"{where}: claim {claim.says!r} is about {claim.of} beside itself; it"
                " takes two methods"
            )
        for method in (claim.of, claim.beside):
            if not isinstance(methods, str):
                check_known(f"{where}: claim {claim.says!r}", "method", method, methods)
        found.append(claim)
    return tuple(found)


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
        check_known(where, "stage", stage, STAGES)
    return tuple(stage for stage in STAGES if stage in found)


def _parameters(where: str, value: Any) -> dict[str, tuple[Scalar, ...]]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{where}: parameters is {value!r}; it takes dotted names with their values"
        )
    found = {}
    for name, given in value.items():
        if name in KEYS:
            raise ConfigurationError(
                f"{where}: {name} is no parameter of a grid; give it beside"
                f" `parameters`, as {KEYS[name]}"
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
            check_known(where, "method", str(method), methods)
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
    if value is None:
        return None
    try:
        return parse_numbers(key, value, NUMBERS)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from error
