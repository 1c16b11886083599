"""What learners and bases hand to a training, held against what it takes; each error is one line that names them.

Only shapes and dtypes are looked at in updates, which are captured and replayed; numbers where a task starts and ends.
Shapes: M members, F folded members, B batch, N rows of the data, C columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.errors import ConfigurationError


def name_of(plugin: object) -> str:
    """`learner my_package.pull:Pull`, for errors."""
    kind = "learner" if hasattr(plugin, "deployed") else "base"
    return f"{kind} {type(plugin).__module__}:{type(plugin).__qualname__}"


def check_networks(who: str, networks: Any, members: int, needed: Sequence[str]) -> None:
    """Named networks of named float32 tensors, finite, with a leading axis of the members (M, ...).

    Raises:
        ConfigurationError: they are not, or one of the `needed` is missing.
    """
    if not isinstance(networks, Mapping) or not set(needed) <= set(networks):
        found = sorted(networks) if isinstance(networks, Mapping) else type(networks).__name__
        raise ConfigurationError(f"{who}: its networks are {found}; it takes {sorted(set(needed))}")
    for name, parameters in networks.items():
        if not isinstance(parameters, Mapping) or not parameters:
            raise ConfigurationError(f"{who}: its network {name} is empty; it takes parameters by name")
        check_tensors(who, f"network {name}", parameters, members)


def check_tensors(who: str, what: str, tensors: Any, members: int) -> None:
    """Named float32 tensors, finite, with a leading axis of the members (M, ...).

    Raises:
        ConfigurationError: they are not.
    """
    if not isinstance(tensors, Mapping):
        raise ConfigurationError(f"{who}: its {what} is a {type(tensors).__name__}; it takes tensors by name")
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor) or tensor.dtype != torch.float32 or tensor.shape[:1] != (members,):
            wanted = f"it takes float32 of shape ({members}, ...), a part for each seed"
            raise ConfigurationError(f"{who}: {name} in its {what} is {_shown(tensor)}; {wanted}")
        if not bool(tensor.isfinite().all()):
            raise ConfigurationError(f"{who}: {name} in its {what} is not finite; it takes finite numbers")


def check_losses(who: str, losses: Any, members: int, where: str) -> None:
    """Named losses (M,), one value for each member. Cheap: it runs in updates.

    Raises:
        ConfigurationError: they are not.
    """
    if not isinstance(losses, Mapping):
        raise ConfigurationError(f"{who}: {where} gave a {type(losses).__name__}; it takes losses by name")
    for name, loss in losses.items():
        if not isinstance(loss, Tensor) or loss.shape != (members,) or not loss.is_floating_point():
            wanted = f"it takes float32 of shape ({members},), a loss for each seed"
            raise ConfigurationError(f"{who}: {where} gave {name} as {_shown(loss)}; {wanted}")


def check_reached(who: str, losses: Mapping[str, Tensor]) -> None:
    """At least one loss that parameters can descend.

    Raises:
        ConfigurationError: there is none.
    """
    if not any(loss.requires_grad for loss in losses.values()):
        raise ConfigurationError(f"{who}: none of its losses {sorted(losses)} depends on a network; one has to")


def check_targets(who: str, targets: Any, updates: int, folded: int, batch: int) -> None:
    """For each update None or (F, B).

    Raises:
        ConfigurationError: it is something else.
    """
    if not isinstance(targets, Sequence) or len(targets) != updates:
        found = len(targets) if isinstance(targets, Sequence) else f"a {type(targets).__name__}"
        raise ConfigurationError(f"{who}: targets gave {found}; it takes one of each of {updates} minibatches")
    for target in targets:
        if target is not None and (not isinstance(target, Tensor) or target.shape != (folded, batch)):
            wanted = f"it takes None or shape ({folded}, {batch})"
            raise ConfigurationError(f"{who}: targets gave {_shown(target)}; {wanted}")


def check_columns(who: str, columns: Any, rows: int) -> None:
    """(N, C) of finite numbers.

    Raises:
        ConfigurationError: it is something else.
    """
    found = np.asarray(columns)
    if found.ndim != 2 or len(found) != rows or found.dtype.kind != "f":
        wanted = f"it takes float32 of shape ({rows}, C)"
        raise ConfigurationError(f"{who}: further_columns gave {found.dtype} of shape {found.shape}; {wanted}")
    if not np.isfinite(found).all():
        row = int(np.flatnonzero(~np.isfinite(found).all(axis=1))[0])
        raise ConfigurationError(f"{who}: further_columns is not finite in row {row}; it takes finite numbers")


def check_delay(who: str, delay: Any) -> None:
    """A whole number of updates, 1 or more.

    Raises:
        ConfigurationError: it is none.
    """
    if isinstance(delay, bool) or not isinstance(delay, int) or delay < 1:
        raise ConfigurationError(f"{who}: policy_delay gave {delay!r}; it takes a number of updates, 1 or more")


def _shown(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"
