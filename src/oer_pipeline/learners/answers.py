"""What learners and bases hand to a training, checked when they do.

Each error is one line that names them. In updates, which are captured and replayed,
shapes and dtypes are looked at alone; numbers where a task starts and ends.
Shapes: M members, F folded members, B batch, N rows of the data, C columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.common.errors import ConfigurationError


def name_of(plugin: object) -> str:
    """`learner my_package.pull:Pull`, for errors."""
    kind = "learner" if hasattr(plugin, "deployed") else "base"
    cls = type(plugin)
    return f"{kind} {cls.__module__}:{cls.__qualname__}"


def check_networks(
    who: str, networks: Any, members: int, needed: Sequence[str]
) -> None:
    """`Networks` of named parameters, as `check_tensors` takes them.

    Raises:
        ConfigurationError: they are not, or one of the `needed` is missing.
    """
    trained = getattr(networks, "trained", None)
    if not isinstance(trained, Mapping):
        kind = type(networks).__name__
        wanted = "it takes Networks(trained={name: parameters})"
        raise ConfigurationError(f"{who}: its networks are a {kind}; {wanted}")
    if not set(needed) <= set(trained):
        wanted = f"it takes {sorted(set(needed))}"
        raise ConfigurationError(f"{who}: its networks are {sorted(trained)}; {wanted}")
    for name, parameters in trained.items():
        check_tensors(who, f"network {name}", parameters, members)
        if not parameters:
            raise ConfigurationError(f"{who}: its network {name} is empty")


def check_tensors(who: str, what: str, tensors: Any, members: int) -> None:
    """Named float32 tensors, finite, with a leading axis of the members (M, ...).

    Raises:
        ConfigurationError: they are not.
    """
    if not isinstance(tensors, Mapping):
        found = f"its {what} is a {type(tensors).__name__}"
        raise ConfigurationError(f"{who}: {found}; it takes tensors by name")
    wanted = f"it takes float32 of shape ({members}, ...), a part for each seed"
    for name, tensor in tensors.items():
        where = f"{name} in its {what}"
        if not _is_of_members(tensor, members):
            raise ConfigurationError(f"{who}: {where} is {_shown(tensor)}; {wanted}")
        if not bool(tensor.isfinite().all()):
            raise ConfigurationError(f"{who}: {where} is not finite")


def check_losses(who: str, losses: Any, members: int, where: str) -> None:
    """Named losses (M,), one value for each member. Cheap: it runs in updates.

    Raises:
        ConfigurationError: they are not.
    """
    if not isinstance(losses, Mapping):
        found = f"{where} gave a {type(losses).__name__}"
        raise ConfigurationError(f"{who}: {found}; it takes losses by name")
    for name, loss in losses.items():
        if isinstance(loss, Tensor) and loss.shape == (members,):
            continue
        wanted = f"it takes float32 of shape ({members},), a loss for each seed"
        found = f"{where} gave {name} as {_shown(loss)}"
        raise ConfigurationError(f"{who}: {found}; {wanted}")


def check_reached(who: str, losses: Mapping[str, Tensor]) -> None:
    """At least one loss that parameters can descend.

    Raises:
        ConfigurationError: there is none.
    """
    if not any(loss.requires_grad for loss in losses.values()):
        found = f"none of its losses {sorted(losses)} depends on a network"
        raise ConfigurationError(f"{who}: {found}; one has to")


def check_targets(
    who: str, targets: Any, updates: int, folded: int, batch: int
) -> None:
    """For each update None or (F, B).

    Raises:
        ConfigurationError: it is something else.
    """
    found = f"a {type(targets).__name__}"
    if isinstance(targets, Sequence):
        found = str(len(targets))
    if found != str(updates):
        wanted = f"it takes one of each of {updates} minibatches"
        raise ConfigurationError(f"{who}: targets gave {found}; {wanted}")
    for target in targets:
        if target is None:
            continue
        if not isinstance(target, Tensor) or target.shape != (folded, batch):
            wanted = f"it takes None or shape ({folded}, {batch})"
            found = f"targets gave {_shown(target)}"
            raise ConfigurationError(f"{who}: {found}; {wanted}")


def check_columns(who: str, columns: Any, rows: int) -> None:
    """(N, C) of finite numbers.

    Raises:
        ConfigurationError: it is something else.
    """
    given = np.asarray(columns)
    if given.ndim != 2 or len(given) != rows or given.dtype.kind != "f":
        found = f"further_columns gave {given.dtype} of shape {given.shape}"
        wanted = f"it takes float32 of shape ({rows}, C)"
        raise ConfigurationError(f"{who}: {found}; {wanted}")
    odd = np.flatnonzero(~np.isfinite(given).all(axis=1))
    if len(odd):
        raise ConfigurationError(
            f"{who}: further_columns is not finite in row {odd[0]}"
        )


def check_delay(who: str, delay: Any) -> None:
    """A whole number of updates, 1 or more.

    Raises:
        ConfigurationError: it is none.
    """
    if isinstance(delay, bool) or not isinstance(delay, int) or delay < 1:
        wanted = "it takes a number of updates, 1 or more"
        raise ConfigurationError(f"{who}: policy_delay gave {delay!r}; {wanted}")


def _is_of_members(tensor: Any, members: int) -> bool:
    if not isinstance(tensor, Tensor):
        return False
    return tensor.dtype == torch.float32 and tensor.shape[:1] == (members,)


def _shown(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"a {type(value).__name__}"
    dtype = str(value.dtype).removeprefix("torch.")
    return f"{dtype} of shape {tuple(value.shape)}"
