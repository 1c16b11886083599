"""What compared cells are called on a page: what tells them apart, and no more."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oer_pipeline.reports.cell_metrics import Cell

CHANGES = re.compile(r"-(?=[a-z_][\w.]*=)")
"""Before each `name=value` of a folder's name."""
HASHED = re.compile(r"[0-9a-f]{10}")
"""The end of a folder's name whose changes are too long to be written out."""


@dataclass(frozen=True)
class Names:
    """Names of compared cells.

    Attributes:
        short: folder -> what the cell is called.
        shared: parameters that all of them have in common, such as `replay.size=20`.
    """

    short: Mapping[str, str]
    shared: tuple[str, ...]


def names_of(
    cells: Sequence[Cell],
    told: Mapping[str, str] | None = None,
) -> Names:
    """The shortest names that differ.

    Args:
        cells: to be compared.
        told: folder -> the parameters that the cell changes of its method, as `kedro
            run --params` takes them; without, what the folder's name says.
    """
    known = told or {}
    changes = {}
    for cell in cells:
        folder = cell["cell"]
        if folder in known:
            changes[folder] = _parts(known[folder])
        else:
            changes[folder] = _changes(cell)
    shared = _in_all(list(changes.values()))
    methods = {cell["method"] for cell in cells}
    short = {}
    for cell in cells:
        folder = cell["cell"]
        own = []
        for part in changes[folder]:
            if part not in shared:
                own.append(part)
        if len(methods) > 1 or not own:
            own.insert(0, cell["method"])
        short[folder] = ", ".join(own)
    different = set(short.values())
    if len(different) < len(cells):
        short = {folder: folder for folder in changes}
    return Names(short, tuple(shared))


def _in_all(changes: Sequence[Sequence[str]]) -> list[str]:
    """What every cell changes, in the order of the first."""
    first, *others = changes
    shared = []
    for part in first:
        is_in_all = all(part in other for other in others)
        if is_in_all:
            shared.append(part)
    return shared


def renamed(cells: Sequence[Cell], names: Names) -> list[Cell]:
    """The cells under their short names."""
    found: list[Cell] = []
    for cell in cells:
        folder = cell["cell"]
        found.append({**cell, "cell": names.short[folder]})
    return found


def _parts(told: str) -> list[str]:
    parts = told.split(",")
    return [part for part in parts if part]


def _changes(cell: Cell) -> list[str]:
    """`name=value` of each change that the folder's name tells; none of hashed ones."""
    folder = str(cell["cell"])
    method = str(cell["method"])
    suffix = folder.removeprefix(method)
    changes = []
    for part in CHANGES.split(suffix):
        is_hash = HASHED.fullmatch(part.lstrip("-"))
        if part and not is_hash:
            changes.append(part)
    return changes
