"""Deterministic tanh policies (method, section 2): a trunk and a head per task, or one
head that is told the task.

What a policy is follows from the names of its parameters: `trunk.*` is shared and
`trunk_{task}.*` a task's own, `head.{task}.*` a head per task and `head.shared.*` with
`identity.{task}` the single head. `owner.{name}` beside a parameter of that name says
from which task on each of its weights is used (PackNet).

Shapes: M members, B batch, D observation, H trunk features, A action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.common.standardisation import EPSILON
from oer_pipeline.common.types import FloatArray
from oer_pipeline.networks.stacked import (
    Parameters,
    depth,
    init_linear,
    init_mlp,
    linear,
    mlp,
)

SHARED = "shared"
OWNER = "owner."


@dataclass(frozen=True)
class Standardiser:
    """(s - mean) / (std + 1e-3); the statistics belong to a head and are stored with
    it."""

    mean: FloatArray  # (D,)
    std: FloatArray  # (D,)

    @classmethod
    def of(cls, observation: FloatArray) -> Standardiser:
        """The statistics of observations (N, D), computed in float64."""
        wide = observation.astype(np.float64)
        return cls(
            wide.mean(axis=0).astype(np.float32), wide.std(axis=0).astype(np.float32)
        )

    @classmethod
    def identity(cls, size: int) -> Standardiser:
        """Leaves observations (..., size) as they are."""
        return cls(np.zeros(size, np.float32), np.full(size, 1.0 - EPSILON, np.float32))

    def __call__(self, observation: FloatArray) -> FloatArray:
        """Standardised observations (..., D), float32."""
        return ((observation - self.mean) / (self.std + EPSILON)).astype(np.float32)


def init_trunk(
    observation: int, hidden: Sequence[int], generators: Sequence[torch.Generator]
) -> Parameters:
    """A fresh trunk, `trunk.{layer}.weight|bias`."""
    return {
        f"trunk.{name}": value
        for name, value in init_mlp((observation, *hidden), generators).items()
    }


def init_head(
    features: int, actions: int, head: int | str, generators: Sequence[torch.Generator]
) -> Parameters:
    """A fresh head, `head.{head}.weight|bias`; head `SHARED` serves every task."""
    weight, bias = init_linear(features, actions, generators)
    return {f"head.{head}.weight": weight, f"head.{head}.bias": bias}


def init_identity(
    observation: int, width: int, task: int, generators: Sequence[torch.Generator]
) -> Parameters:
    """First-layer weights (M, 1, H) of task `task`'s one-hot input, `identity.{task}`:
    a single head tells tasks by it.

    Adding one a task is the network with all one-hot inputs from the start: the weights
    of tasks to come are idle.
    """
    weight, _ = init_linear(observation + 1, width, generators)
    return {f"identity.{task}": weight[:, -1:]}


def own_trunk(parameters: Mapping[str, Tensor], task: int) -> Parameters:
    """The same trunk under a name that makes it task `task`'s own, shared with no
    other."""
    return {
        name.replace("trunk.", f"trunk_{task}.", 1): tensor
        for name, tensor in parameters.items()
    }


def identities(parameters: Mapping[str, Tensor]) -> list[int]:
    """The tasks whose one-hot input a single-head policy has, ascending; none with a
    head per task."""
    return sorted(
        int(name.removeprefix("identity."))
        for name in parameters
        if name.startswith("identity.")
    )


def trunk_layers(parameters: Mapping[str, Tensor], task: int) -> Parameters:
    """`{layer}.weight|bias` of the trunk that task `task` goes through; one-hot inputs
    are the first layer's last."""
    own = f"trunk_{task}."
    prefix = own if f"{own}0.weight" in parameters else "trunk."
    layers = {
        name.removeprefix(prefix): p
        for name, p in parameters.items()
        if name.startswith(prefix)
    }
    if known := identities(parameters):
        rows = [parameters[f"identity.{j}"] for j in known]
        layers["0.weight"] = torch.cat((layers["0.weight"], *rows), dim=1)
    return layers


def of_task(parameters: Mapping[str, Tensor], task: int) -> Mapping[str, Tensor]:
    """The policy that task `task` goes through, where weights have owners.

    Weights of later tasks are 0, and later tasks' one-hot inputs are not there: not a
    bit of it changes when these learn. Any other policy is returned as it is.
    """
    owners = [name for name in parameters if name.startswith(OWNER)]
    if not owners:
        return parameters
    later = {f"identity.{j}" for j in identities(parameters) if j > task}
    without = later.union(owners)
    found = {name: p for name, p in parameters.items() if name not in without}
    for owner in owners:
        name = owner.removeprefix(OWNER)
        found[name] = found[name].masked_fill(parameters[owner] > task, 0.0)
    return found


def inputs(
    parameters: Mapping[str, Tensor], task: int, observation_MBD: Tensor
) -> Tensor:
    """What enters the trunk: standardised observations, with a one-hot task id where
    there is a single head."""
    known = identities(parameters)
    if not known:
        return observation_MBD
    one_hot = observation_MBD.new_zeros((*observation_MBD.shape[:2], len(known)))
    one_hot[..., known.index(task)].fill_(1.0)
    return torch.cat((observation_MBD, one_hot), dim=-1)


def trunk(
    parameters: Mapping[str, Tensor], task: int, observation_MBD: Tensor
) -> Tensor:
    """Trunk features (M, B, H) of task `task`'s standardised observations."""
    parameters = of_task(parameters, task)
    entering = inputs(parameters, task, observation_MBD)
    return mlp(trunk_layers(parameters, task), entering, last_activation=True)


def head_name(parameters: Mapping[str, Tensor], task: int) -> str:
    """`head.{task}`, or the shared one's name."""
    return f"head.{task}" if f"head.{task}.weight" in parameters else f"head.{SHARED}"


def head(parameters: Mapping[str, Tensor], task: int, features_MBH: Tensor) -> Tensor:
    """Actions (M, B, A) in (-1, 1) of task `task`'s head."""
    name = head_name(parameters, task)
    return torch.tanh(
        linear(parameters[f"{name}.weight"], parameters[f"{name}.bias"], features_MBH)
    )


def act(parameters: Mapping[str, Tensor], task: int, observation_MBD: Tensor) -> Tensor:
    """Actions (M, B, A) for standardised observations; `task` counts from 1."""
    parameters = of_task(parameters, task)
    layers, name = trunk_layers(parameters, task), head_name(parameters, task)
    last = depth(layers)
    layers |= {
        f"{last}.weight": parameters[f"{name}.weight"],
        f"{last}.bias": parameters[f"{name}.bias"],
    }
    return torch.tanh(mlp(layers, inputs(parameters, task, observation_MBD)))


def act_each(
    parameters: Mapping[str, Tensor],
    tasks: Sequence[int],
    observation_MBD: Sequence[Tensor],
) -> list[Tensor]:
    """Actions (M, B, A) on each task's observations, in a single pass through the
    trunk; the tasks have to share it."""
    if len(tasks) == 1:
        return [act(parameters, tasks[0], observation_MBD[0])]
    entering = [
        inputs(parameters, task, o)
        for task, o in zip(tasks, observation_MBD, strict=True)
    ]
    features = mlp(
        trunk_layers(parameters, tasks[0]),
        torch.cat(entering, dim=1),
        last_activation=True,
    )
    parts = torch.split(features, [o.shape[1] for o in observation_MBD], dim=1)
    return [
        head(parameters, task, part) for task, part in zip(tasks, parts, strict=True)
    ]
