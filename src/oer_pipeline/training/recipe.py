"""What makes a training what it is, as one hash: a checkpoint of another training is
not gone on from."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import torch

from oer_pipeline import learners, networks
from oer_pipeline.common.digest import digest
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks import products

PACKAGES = (learners, networks)
"""Whose code decides what an update does."""


def recipe_of(training: TaskTraining) -> str:
    """A hash of settings, options, seeds, data, code and versions, taken at a
    training's start."""
    context = training.context
    learner, base = training.learner, training.base
    plugins = {type(learner).__module__, type(base).__module__}
    return digest(
        {
            "settings": context.settings,
            "learner": _options(learner),
            "base": _options(base),
            "seeds": context.seeds,
            "task": context.task,
            "torch": torch.__version__,
            "products": products.library_in_use(),
            "precision": torch.get_float32_matmul_precision(),
            "code": _code(plugins),
            "state": training.state_dict(),
            "constants": list(training.constants()),
        }
    )


def _options(plugin: object) -> tuple[str, dict[str, Any]]:
    """The class of a learner or base and what its object holds of its options: all but
    what the start of a task makes, tensors and objects."""
    options = {}
    for name, value in sorted(vars(plugin).items()):
        if _is_plain(value):
            options[name] = value
    return type(plugin).__qualname__, options


def _is_plain(value: Any) -> bool:
    """Whether it is what options may be: null, a number or array, text, a path, or
    lists and groups of these."""
    if isinstance(value, dict):
        return _is_plain(list(value.keys())) and _is_plain(list(value.values()))
    if isinstance(value, list | tuple):
        return all(_is_plain(part) for part in value)
    plain = bool | int | float | str | np.generic | np.ndarray | Path
    return value is None or isinstance(value, plain)


def _code(plugins: Collection[str]) -> dict[str, str]:
    """Hashes of the source of learners and networks, imported or not, and of the
    modules of the learner and the base in force."""
    files = {}
    for package in PACKAGES:
        folder = Path(package.__path__[0])
        for path in folder.rglob("*.py"):
            files[f"{folder.name}/{path.relative_to(folder).as_posix()}"] = path
    for name in plugins:
        file = sys.modules[name].__file__
        if file:
            files[name] = Path(file)
    code = {}
    for name, path in sorted(files.items()):
        code[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return code
