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

from oer_pipeline.common.digest import digest
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks import products

PACKAGES = ("oer_pipeline.learners.", "oer_pipeline.networks.")
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
            "products": products.path(),
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
    """Hashes of the source of learners and networks and of the modules of the learner
    and the base in force."""
    code = {}
    for name in sorted(sys.modules):
        if name not in plugins and not name.startswith(PACKAGES):
            continue
        file = sys.modules[name].__file__
        source = Path(file).read_bytes() if file else b""
        code[name] = hashlib.sha256(source).hexdigest()
    return code
