"""Deterministic tanh policies (method, section 2): a trunk and a head per task, or one
head with the task as a one-hot input.

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
IDENTITY = "identity."


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
            mean=wide.mean(axis=0).astype(np.float32),
            std=wide.std(axis=0).astype(np.float32),
        )

    @classmethod
    def identity(cls, size: int) -> Standardiser:
        """Leaves observations (..., size) as they are."""
        return cls(
            mean=np.zeros(size, np.float32),
            std=np.full(size, 1.0 - EPSILON, np.float32),
        )

    def __call__(self, observation: FloatArray) -> FloatArray:
        """Standardised observations (..., D), float32."""
        centred = observation - self.mean
        scaled = centred / (self.std + EPSILON)
        return scaled.astype(np.float32)


def init_trunk(
    observation: int, hidden: Sequence[int], generators: Sequence[torch.Generator]
) -> Parameters:
    """A fresh trunk, `trunk.{layer}.weight|bias`.

    Args:
        observation: D; the weights of one-hot inputs are apart (`init_identity`).
        hidden: width of each layer, the last one H.
        generators: one per member; each draws its own weights.
    """
    layers = init_mlp((observation, *hidden), generators)
    return {f"trunk.{name}": value for name, value in layers.items()}


def init_head(
    features: int,
    actions: int,
    head: int | str,
    generators: Sequence[torch.Generator],
) -> Parameters:
    """A fresh head, `head.{head}.weight|bias`.

    Args:
        features: H.
        actions: A.
        head: the task's number, or `SHARED` for the one that serves every task.
        generators: one per member; each draws its own weights.
    """
    weight, bias = init_linear(features, actions, generators)
    return {
        f"head.{head}.weight": weight,
        f"head.{head}.bias": bias,
    }


def init_identity(
    observation: int,
    width: int,
    task: int,
    generators: Sequence[torch.Generator],
) -> Parameters:
    """First-layer weights (M, 1, H) of a task's one-hot input, `identity.{task}`: a
    single head tells tasks by it.

    Adding one per task is the network with all one-hot inputs from the start: the
    weights of tasks to come are idle.

    Args:
        observation: D.
        width: of the first layer, H.
        task: its number, from 1.
        generators: one per member; each draws its own weights.
    """
    weight, _ = init_linear(observation + 1, width, generators)
    return {f"{IDENTITY}{task}": weight[:, -1:]}


def own_trunk(parameters: Mapping[str, Tensor], task: int) -> Parameters:
    """The same trunk under a name that makes it task `task`'s own, shared with no
    other."""
    renamed: Parameters = {}
    for name, tensor in parameters.items():
        renamed[name.replace("trunk.", f"trunk_{task}.", 1)] = tensor
    return renamed


def identities(parameters: Mapping[str, Tensor]) -> list[int]:
    """The tasks whose one-hot input a single-head policy has, ascending; none with a
    head per task."""
    tasks = []
    for name in parameters:
        if name.startswith(IDENTITY):
            tasks.append(int(name.removeprefix(IDENTITY)))
    return sorted(tasks)


def trunk_layers(parameters: Mapping[str, Tensor], task: int) -> Parameters:
    """`{layer}.weight|bias` of the trunk that task `task` goes through; one-hot inputs
    are the first layer's last."""
    prefix = f"trunk_{task}."
    if f"{prefix}0.weight" not in parameters:
        prefix = "trunk."
    layers: Parameters = {}
    for name, tensor in parameters.items():
        if name.startswith(prefix):
            layers[name.removeprefix(prefix)] = tensor
    tasks = identities(parameters)
    if tasks:
        first = [layers["0.weight"]]
        for other in tasks:
            first.append(parameters[f"{IDENTITY}{other}"])
        layers["0.weight"] = torch.cat(first, dim=1)
    return layers


def of_task(parameters: Mapping[str, Tensor], task: int) -> Mapping[str, Tensor]:
    """The policy that task `task` goes through, where weights have owners.

    Weights of later tasks are 0, and later tasks' one-hot inputs are not there: not a
    bit of it changes when these learn. Any other policy is returned as it is.
    """
    owners = [name for name in parameters if name.startswith(OWNER)]
    if not owners:
        return parameters
    left_out = set(owners)
    for other in identities(parameters):
        if other > task:
            left_out.add(f"{IDENTITY}{other}")
    masked = dict(parameters)
    for name in left_out:
        del masked[name]
    for owner in owners:
        name = owner.removeprefix(OWNER)
        is_later = parameters[owner] > task
        masked[name] = masked[name].masked_fill(is_later, 0.0)
    return masked


def inputs(
    parameters: Mapping[str, Tensor], task: int, observation_MBD: Tensor
) -> Tensor:
    """What enters the trunk: standardised observations, with a one-hot task id where
    there is a single head.

    Args:
        parameters: of the policy.
        task: its number, from 1.
        observation_MBD: standardised with the task's statistics.
    """
    tasks = identities(parameters)
    if not tasks:
        return observation_MBD
    members, batch, _ = observation_MBD.shape
    one_hot = observation_MBD.new_zeros((members, batch, len(tasks)))
    one_hot[..., tasks.index(task)].fill_(1.0)
    return torch.cat((observation_MBD, one_hot), dim=-1)


def trunk(
    parameters: Mapping[str, Tensor], task: int, observation_MBD: Tensor
) -> Tensor:
    """Trunk features, (M, B, H).

    Args:
        parameters: of the policy.
        task: its number, from 1.
        observation_MBD: standardised with the task's statistics.
    """
    parameters = of_task(parameters, task)
    return mlp(
        trunk_layers(parameters, task),
        inputs(parameters, task, observation_MBD),
        last_activation=True,
    )


def head_name(parameters: Mapping[str, Tensor], task: int) -> str:
    """`head.{task}`, or the shared one's name."""
    name = f"head.{task}"
    if f"{name}.weight" in parameters:
        return name
    return f"head.{SHARED}"


def head(parameters: Mapping[str, Tensor], task: int, features_MBH: Tensor) -> Tensor:
    """A head's actions (M, B, A), in (-1, 1).

    Args:
        parameters: of the policy.
        task: its number, from 1.
        features_MBH: as `trunk` gives them.
    """
    name = head_name(parameters, task)
    output = linear(
        parameters[f"{name}.weight"],
        parameters[f"{name}.bias"],
        features_MBH,
    )
    return torch.tanh(output)


def act(parameters: Mapping[str, Tensor], task: int, observation_MBD: Tensor) -> Tensor:
    """Actions (M, B, A), in (-1, 1).

    Args:
        parameters: of the policy.
        task: its number, from 1.
        observation_MBD: standardised with the task's statistics.
    """
    parameters = of_task(parameters, task)
    layers = trunk_layers(parameters, task)
    name = head_name(parameters, task)
    last = depth(layers)
    layers[f"{last}.weight"] = parameters[f"{name}.weight"]
    layers[f"{last}.bias"] = parameters[f"{name}.bias"]
    entering = inputs(parameters, task, observation_MBD)
    return torch.tanh(mlp(layers, entering))


def act_each(
    parameters: Mapping[str, Tensor],
    tasks: Sequence[int],
    observation_MBD: Sequence[Tensor],
) -> list[Tensor]:
    """Actions (M, B, A) on each task's observations, in a single pass through the
    trunk.

    Args:
        parameters: of a policy whose trunk all these tasks share.
        tasks: their numbers, from 1.
        observation_MBD: of each task, standardised with its statistics.
    """
    if len(tasks) == 1:
        return [act(parameters, tasks[0], observation_MBD[0])]
    entering = []
    sizes = []
    for task, observation in zip(tasks, observation_MBD, strict=True):
        entering.append(inputs(parameters, task, observation))
        sizes.append(observation.shape[1])
    features = mlp(
        trunk_layers(parameters, tasks[0]),
        torch.cat(entering, dim=1),
        last_activation=True,
    )
    parts = torch.split(features, sizes, dim=1)
    actions = []
    for task, part in zip(tasks, parts, strict=True):
        actions.append(head(parameters, task, part))
    return actions
