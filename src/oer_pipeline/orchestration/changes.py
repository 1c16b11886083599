"""Why a file is made again, in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oer_pipeline.orchestration.fingerprints import Recipe
from oer_pipeline.orchestration.records import (
    Record,
    has_old_record,
    place_of,
    read_record,
)


def why_made_again(path: Path, recipe: Recipe, project: Path) -> str:
    """What differs between the file at `path` and the one that `recipe` makes; empty
    where nothing lies there, or nothing is known to differ."""
    if not path.is_file():
        return ""
    record = read_record(path)
    if record is None and has_old_record(path):
        return "its record is of an older form"
    if record is None:
        return "it has no record"
    if not record.is_of(path, project):
        return "the file is " + what_is_wrong(record, path, project)
    return "; ".join(_changes(record, recipe))


def what_is_wrong(record: Record, path: Path, project: Path) -> str:
    """How a file differs from its record."""
    if record.file != place_of(path, project):
        return f"{record.file} by its record, {record.dataset} of {record.node}"
    return f"not the one that {record.node} wrote: its content has changed"


def _changes(record: Record, recipe: Recipe) -> list[str]:
    now, then = recipe.recorded(), record.recipe
    found = _of_libraries(_mapping(then, "libraries"), recipe.libraries)
    if then.get("products") != now["products"]:
        found.append("float32 products run otherwise on this machine")
    if then.get("code") != now["code"]:
        found.append("its code has changed")
    parameters = _mapping(then, "parameters")
    for name in sorted(recipe.parameters.keys() | parameters.keys()):
        if parameters.get(name) != recipe.parameters.get(name):
            found.append(f"{name.removeprefix('params:')} has changed")
    for name in sorted(record.inputs.keys() | recipe.inputs.keys()):
        before = sorted(record.inputs.get(name, {}).values())
        if before != sorted(recipe.inputs.get(name, {}).values()):
            found.append(f"{name} has changed")
    return found


def _of_libraries(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    found = []
    for name in sorted(then.keys() | now.keys()):
        before, here = then.get(name, "not used"), now.get(name, "not used")
        if before != here:
            found.append(f"made with {name} {before}, here is {here}")
    return found


def _mapping(recipe: Mapping[str, Any], name: str) -> Mapping[str, str]:
    found = recipe.get(name)
    return found if isinstance(found, Mapping) else {}
