"""A checkpoint's file: a hash over all that it says, so that a damaged one is never
gone on from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from oer_pipeline.common.atomic import atomic_path
from oer_pipeline.common.digest import digest
from oer_pipeline.common.errors import DataError, one_line

HEADER = {"recipe", "updates", "history", "sha256"}
HISTORY = "history."
"""What the names of the history's columns begin with."""


@dataclass(frozen=True)
class Kept:
    """What a checkpoint holds.

    Attributes:
        recipe: what the training is made of.
        updates: how many are done.
        state: everything else that the next update depends on.
        history: the curves so far, by columns, in the order in which losses came up.
    """

    recipe: str
    updates: int
    state: Mapping[str, Tensor]
    history: Mapping[str, Tensor]

    def sha256(self) -> str:
        """A hash of names, shapes, types and bytes of all tensors, of the counter, and
        of the order of the columns."""
        return digest({**vars(self), "columns": list(self.history)})


def write(path: Path, kept: Kept) -> None:
    """Write a checkpoint; it appears whole or not at all."""
    from safetensors.torch import save_file

    tensors = {}
    for name, tensor in kept.state.items():
        tensors[name] = tensor.contiguous()
    for name, column in kept.history.items():
        tensors[HISTORY + name] = column.contiguous()
    header = {
        "recipe": kept.recipe,
        "updates": str(kept.updates),
        "history": json.dumps(list(kept.history)),
        "sha256": kept.sha256(),
    }
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, header)


def read(path: Path) -> Kept:
    """What `write` wrote.

    Raises:
        DataError: the file is damaged, or no checkpoint.
    """
    from safetensors import safe_open

    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            names = list(file.keys())
            tensors = {name: file.get_tensor(name) for name in names}
    except Exception as error:  # safetensors has its own error type for each damage
        raise DataError(
            f"checkpoint {path} cannot be read ({one_line(error)})"
        ) from error
    if header.keys() != HEADER:
        raise DataError(
            f"{path} is no checkpoint: its header has {sorted(header)}, a checkpoint's"
            f" {sorted(HEADER)}"
        )
    try:
        kept = _kept(header, tensors)
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise DataError(f"checkpoint {path} is unsound ({one_line(error)})") from error
    if kept.sha256() != header["sha256"]:
        raise DataError(
            f"checkpoint {path} is unsound: its content has another hash than it was"
            " written with"
        )
    return kept


def _kept(header: Mapping[str, str], tensors: dict[str, Tensor]) -> Kept:
    history = {}
    for name in json.loads(header["history"]):
        history[name] = tensors.pop(HISTORY + name)
    return Kept(header["recipe"], int(header["updates"]), tensors, history)
