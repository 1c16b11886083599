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
    place = place_of(path, project)
    if record.file != place:
        return f"{record.file} by its record, {record.dataset} of {record.node}"
    return f"not the one that {record.node} wrote: its content has changed"


def _changes(record: Record, recipe: Recipe) -> list[str]:
    """What of the recipe differs, in words."""
    then = record.recipe
    found = _of_libraries(then.get("libraries"), recipe.libraries)
    if then.get("products") != recipe.products:
        found.append("float32 products run otherwise on this machine")
    if then.get("code") != recipe.code:
        found.append("its code has changed")
    for name in different(then.get("parameters"), recipe.parameters):
        short = name.removeprefix("params:")
        found.append(f"{short} has changed")
    before = {}
    for name, files in record.inputs.items():
        before[name] = sorted(files.values())
    now = {}
    for name, hashes in recipe.inputs.items():
        if hashes:
            now[name] = sorted(hashes.values())
    for name in different(before, now):
        found.append(f"{name} has changed")
    return found


def _of_libraries(then: Any, now: Mapping[str, str]) -> list[str]:
    found = []
    for name in different(then, now):
        before = _entry(then, name) or "not used"
        here = now.get(name, "not used")
        found.append(f"made with {name} {before}, here is {here}")
    return found


def different(then: Any, now: Mapping[str, Any]) -> list[str]:
    """The names whose entries differ; `then` is what a file says."""
    names = set(now)
    if isinstance(then, Mapping):
        names |= set(then)
    differing = []
    for name in sorted(names):
        if _entry(then, name) != now.get(name):
            differing.append(name)
    return differing


def _entry(then: Any, name: str) -> Any:
    if not isinstance(then, Mapping):
        return None
    return then.get(name)
