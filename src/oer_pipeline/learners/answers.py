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
    who: str,
    networks: Any,
    members: int,
    needed: Sequence[str],
) -> None:
    """`Networks` of named parameters, as `check_tensors` takes them.

    Args:
        who: class that answered, for the error.
        networks: its answer.
        members: M.
        needed: names that it has to have.

    Raises:
        ConfigurationError: they are not, or one of the `needed` is missing.
    """
    trained = getattr(networks, "trained", None)
    if not isinstance(trained, Mapping):
        raise _refused(
            who,
            f"its networks are {_kind(networks)}",
            "it takes Networks(trained={name: parameters})",
        )
    if not set(needed) <= set(trained):
        raise _refused(
            who,
            f"its networks are {sorted(trained)}",
            f"it takes {sorted(set(needed))}",
        )
    for name, parameters in trained.items():
        check_tensors(
            who,
            f"network {name}",
            parameters,
            members,
        )
        if not parameters:
            raise ConfigurationError(f"{who}: its network {name} is empty")
    for name, tensor in getattr(networks, "fixed", {}).items():
        if not isinstance(tensor, Tensor) or tensor.shape[:1] != (members,):
            raise _refused(
                who,
                f"{name} in its fixed parameters is {_shown(tensor)}",
                f"it takes shape ({members}, ...), a part for each seed",
            )


def check_tensors(
    who: str,
    what: str,
    tensors: Any,
    members: int,
) -> None:
    """Named float32 tensors, finite, with a leading axis of the members (M, ...).

    Args:
        who: class that answered, for the error.
        what: the tensors are, such as `finish`.
        tensors: its answer.
        members: M.

    Raises:
        ConfigurationError: they are not.
    """
    if not isinstance(tensors, Mapping):
        raise _refused(
            who,
            f"its {what} is {_kind(tensors)}",
            "it takes tensors by name",
        )
    for name, tensor in tensors.items():
        where = f"{name} in its {what}"
        if not _is_of_members(tensor, members):
            raise _refused(
                who,
                f"{where} is {_shown(tensor)}",
                f"it takes float32 of shape ({members}, ...), a part for each seed",
            )
        if not bool(tensor.isfinite().all()):
            raise ConfigurationError(f"{who}: {where} is not finite")


def check_losses(
    who: str,
    losses: Any,
    members: int,
    where: str,
) -> None:
    """Named losses (M,), one value for each member. Cheap: it runs in updates.

    Args:
        who: class that answered, for the error.
        losses: its answer.
        members: M.
        where: the method that gave them.

    Raises:
        ConfigurationError: they are not.
    """
    if not isinstance(losses, Mapping):
        raise _refused(
            who,
            f"{where} gave {_kind(losses)}",
            "it takes losses by name",
        )
    for name, loss in losses.items():
        if _is_float32(loss, (members,)):
            continue
        raise _refused(
            who,
            f"{where} gave {name} as {_shown(loss)}",
            f"it takes float32 of shape ({members},), a loss for each seed",
        )


def check_reached(who: str, losses: Mapping[str, Tensor]) -> None:
    """At least one loss that parameters can descend.

    Args:
        who: class that answered, for the error.
        losses: (M,) each, by name.

    Raises:
        ConfigurationError: there is none.
    """
    if any(loss.requires_grad for loss in losses.values()):
        return
    raise _refused(
        who,
        f"none of its losses {sorted(losses)} depends on a network",
        "one has to",
    )


def check_targets(
    who: str,
    targets: Any,
    updates: int,
    folded: int,
    batch: int,
) -> None:
    """For each update None or float32 (F, B).

    Args:
        who: class that answered, for the error.
        targets: its answer.
        updates: how many are wanted.
        folded: F, members times the tasks learned at once.
        batch: B.

    Raises:
        ConfigurationError: it is something else.
    """
    is_sequence = isinstance(targets, Sequence)
    if not is_sequence or len(targets) != updates:
        raise _refused(
            who,
            f"targets gave {len(targets) if is_sequence else _kind(targets)}",
            f"it takes one of each of {updates} minibatches",
        )
    for target in targets:
        if target is None:
            continue
        if _is_float32(target, (folded, batch)):
            continue
        raise _refused(
            who,
            f"targets gave {_shown(target)}",
            f"it takes None or float32 of shape ({folded}, {batch})",
        )


def check_columns(who: str, columns: Any, rows: int) -> None:
    """(N, C) of finite numbers.

    Args:
        who: class that answered, for the error.
        columns: its answer.
        rows: N, of the data.

    Raises:
        ConfigurationError: it is something else.
    """
    values = np.asarray(columns)
    is_table = values.ndim == 2 and values.dtype.kind == "f"
    if not is_table or len(values) != rows:
        raise _refused(
            who,
            f"further_columns gave {values.dtype} of shape {values.shape}",
            f"it takes float32 of shape ({rows}, C)",
        )
    is_finite = np.isfinite(values).all(axis=1)
    if not is_finite.all():
        row = np.flatnonzero(~is_finite)[0]
        raise ConfigurationError(f"{who}: further_columns is not finite in row {row}")


def check_delay(who: str, delay: Any) -> None:
    """A whole number of updates, 1 or more.

    Args:
        who: class that answered, for the error.
        delay: its answer.

    Raises:
        ConfigurationError: it is none.
    """
    is_number = isinstance(delay, int) and not isinstance(delay, bool)
    if not is_number or delay < 1:
        raise _refused(
            who,
            f"policy_delay gave {delay!r}",
            "it takes a number of updates, 1 or more",
        )


def _refused(who: str, what: str, wanted: str) -> ConfigurationError:
    return ConfigurationError(f"{who}: {what}; {wanted}")


def _is_float32(tensor: Any, shape: tuple[int, ...]) -> bool:
    if not isinstance(tensor, Tensor):
        return False
    return tensor.dtype == torch.float32 and tensor.shape == shape


def _is_of_members(tensor: Any, members: int) -> bool:
    if not isinstance(tensor, Tensor):
        return False
    return tensor.dtype == torch.float32 and tensor.shape[:1] == (members,)


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"


def _shown(value: Any) -> str:
    if not isinstance(value, Tensor):
        return _kind(value)
    dtype = str(value.dtype).removeprefix("torch.")
    return f"{dtype} of shape {tuple(value.shape)}"
