"""Which libraries' versions can change what a function makes: those that its code
imports."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import Any

from oer_pipeline.orchestration.source_code import packages_imported
from oer_pipeline.suites.suite import FAMILIES

FRAMEWORKS = frozenset({"kedro", "kedro_datasets", "kedro_mlflow", "mlflow", "dvc"})
"""They call the code that makes something, and hand its results on."""


def libraries_used(
    function: Callable[..., Any],
    extra: tuple[str, ...] = (),
    families: Collection[str] = (),
) -> dict[str, str]:
    """Name -> version here of every installed library that the code imports.

    Args:
        function: whose code.
        extra: dotted paths `module:Class` that its parameters name.
        families: of environments that it is about; libraries of other families do not
            count.
    """
    wanted: set[str] = set()
    others: set[str] = set()
    for name, family in FAMILIES.items():
        if name in families:
            wanted |= set(family.libraries)
        else:
            others |= set(family.libraries)
    found = {}
    left_out = FRAMEWORKS | (others - wanted)
    for package in sorted((packages_imported(function, extra) | wanted) - left_out):
        installed = _installed(package)
        if installed is not None:
            name, its_version = installed
            found[name] = its_version
    return found


def families_in(parameters: Mapping[str, Any]) -> set[str]:
    """The families of the tasks among a node's parameters."""
    found = set()
    for value in parameters.values():
        if isinstance(value, Mapping) and "family" in value:
            found.add(value["family"])
    return found


@cache
def _installed(package: str) -> tuple[str, str] | None:
    """A distribution's name and version, by the name that code imports; None where
    there is none."""
    try:
        return package, version(package)
    except PackageNotFoundError:
        for name in packages_distributions().get(package, []):
            return name, version(name)
    return None
