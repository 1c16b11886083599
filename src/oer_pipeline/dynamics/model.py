"""A task's fitted transition model: P_e(s' - s, r | s, a) = N(m_e, diag sigma_e^2) for
each member e.

Shapes: E members, B batch, O observation, A action, P outputs that vary. Everything is
raw units unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from oer_pipeline.common.checks import WIDEST, layers, whole
from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.dynamics.network import gaussian, shapes
from oer_pipeline.dynamics.statistics import Statistics
from oer_pipeline.dynamics.uncertainty import DEFAULT, heuristic
from oer_pipeline.networks.stacked import Parameters

FORMAT = "oer_pipeline.transition_model/1"
PREFIX = "parameters."
SIZES = ("members", "observation_size", "action_size")
"""That the header tells."""
CHUNK = 16_384
"""Rows evaluated at once: bounds the memory that hidden layers take."""


@dataclass(frozen=True)
class TransitionModel:
    """An ensemble with the statistics of the data it was fitted to (method, section 5).

    Output dimensions: s' - s, then r. One that is constant in the data is not
    predicted: s' - s is then the data's mean (0, so s is copied, where s itself is
    constant), with standard deviation 0.
    """

    parameters: Parameters  # of E members, see network.py
    inputs: Statistics  # of (s, a), (O + A,)
    outputs: Statistics  # of (s' - s, r), (O + 1,)

    @property
    def members(self) -> int:
        return self.parameters["max_log_sigma"].shape[0]

    @property
    def observation_size(self) -> int:
        return len(self.outputs.mean) - 1

    @property
    def action_size(self) -> int:
        return len(self.inputs.mean) - self.observation_size

    def predict(
        self,
        observation: Tensor,
        action: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of (s' - s, r), (E, B, O + 1) each, at
        observations (B, O) and actions (B, A).

        Raises:
            DataError: sizes that are not the model's.
        """
        means = []
        stds = []
        for chunk in self._chunks(observation, action):
            mean, std = self._raw(*chunk)
            means.append(mean)
            stds.append(std)
        return torch.cat(means, dim=1), torch.cat(stds, dim=1)

    def sample_next(
        self,
        observation: Tensor,
        action: Tensor,
        members: Tensor,
        noise: Tensor,
    ) -> Tensor:
        """Next observations (B, O), each drawn from one member's distribution.

        Args:
            observation: (B, O).
            action: (B, A).
            members: which member draws, (B,) int64.
            noise: standard normal, (B, O); zeros give the member's mean.
        """
        mean, std = self.predict(observation, action)
        rows = torch.arange(len(observation), device=observation.device)
        change = mean[members, rows, :-1]
        spread = std[members, rows, :-1]
        return observation + change + spread * noise

    def mean_next(
        self,
        observation: Tensor,
        action: Tensor,
    ) -> Tensor:
        """The ensemble's mean next observation, (B, O)."""
        mean, _ = self.predict(observation, action)
        return observation + mean.mean(dim=0)[:, :-1]

    def uncertainty(
        self,
        observation: Tensor,
        action: Tensor,
        kind: str = DEFAULT,
    ) -> Tensor:
        """u(s, a), (B,), by a heuristic of uncertainty.py.

        Args:
            observation: s as recorded, (B, O).
            action: a, (B, A).
            kind: the heuristic's name.

        Raises:
            ConfigurationError: no such heuristic.
            DataError: sizes that are not the model's.
        """
        measure = heuristic(kind)
        chunks = self._chunks(observation, action)
        return torch.cat([measure(*moments) for moments in chunks])

    def standardised(
        self,
        observation: Tensor,
        action: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation, (E, B, P) each, of the standardised outputs
        that vary.

        Args:
            observation: s as recorded, (B, O).
            action: a, (B, A).
        """
        means, log_sigmas = zip(*self._chunks(observation, action), strict=True)
        return torch.cat(means, dim=1), torch.cat(log_sigmas, dim=1)

    @torch.no_grad()
    def _chunks(
        self,
        observation: Tensor,
        action: Tensor,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """What `standardised` gives, chunk by chunk."""
        self._check(observation, action)
        observations = torch.split(observation, CHUNK)
        actions = torch.split(action, CHUNK)
        for s, a in zip(observations, actions, strict=True):
            input_BI = self.inputs.standardise(torch.cat((s, a), dim=1))
            yield gaussian(self.parameters, input_BI.expand(self.members, -1, -1))

    def _raw(
        self,
        mean_EBP: Tensor,
        log_sigma_EBP: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of every output in raw units, (E, B, O + 1)
        each."""
        varying = self.outputs.varying
        scale = self.outputs.std[varying]
        mean = self.outputs.mean.repeat(*mean_EBP.shape[:2], 1)
        std = torch.zeros_like(mean)
        mean[..., varying] += mean_EBP * scale
        std[..., varying] = torch.exp(log_sigma_EBP) * scale
        return mean, std

    def _check(
        self,
        observation: Tensor,
        action: Tensor,
    ) -> None:
        rows = len(observation)
        fits = observation.shape == (rows, self.observation_size)
        if not fits or action.shape != (rows, self.action_size):
            raise DataError(
                f"observations {tuple(observation.shape)} and actions"
                f" {tuple(action.shape)} do not fit this transition model; it takes (B,"
                f" {self.observation_size}) and (B, {self.action_size})"
            )

    def to(self, device: torch.device | str) -> TransitionModel:
        """The same model on `device`."""
        parameters = {}
        for name, tensor in self.parameters.items():
            parameters[name] = tensor.to(device)
        inputs = self.inputs.to(device)
        outputs = self.outputs.to(device)
        return TransitionModel(parameters, inputs, outputs)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that `from_tensors` needs beside the header, by name."""
        tensors = {
            "inputs.mean": self.inputs.mean,
            "inputs.std": self.inputs.std,
            "outputs.mean": self.outputs.mean,
            "outputs.std": self.outputs.std,
        }
        for name, tensor in self.parameters.items():
            tensors[PREFIX + name] = tensor
        return tensors

    def header(self) -> dict[str, Any]:
        """Format and sizes, JSON-able."""
        weights = [p for name, p in self.parameters.items() if name.endswith("weight")]
        return {
            "format": FORMAT,
            "members": self.members,
            "hidden": [weight.shape[-1] for weight in weights[:-1]],
            "observation_size": self.observation_size,
            "action_size": self.action_size,
        }

    @classmethod
    def from_tensors(
        cls,
        tensors: Mapping[str, Tensor],
        header: Mapping[str, Any],
    ) -> TransitionModel:
        """The model that `tensors()` and `header()` describe.

        Raises:
            DataError: another format, a tensor that is missing, unknown or of another
                shape than the header says.
        """
        if header.get("format") != FORMAT:
            raise DataError(
                "not a transition model of this version: format"
                f" {header.get('format')!r}, not {FORMAT!r}"
            )
        _check_sizes(header)
        actual = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        expected = _expected_shapes(header, tensors)
        for name in sorted({*actual, *expected}):
            if actual.get(name) != expected.get(name):
                has = actual.get(name, "none")
                wanted = expected.get(name, "no such tensor")
                problem = f"has shape {has}; its header means {wanted}"
                raise DataError(f"transition model: tensor {name} {problem}")
        parameters = {}
        for name in expected:
            if name.startswith(PREFIX):
                parameters[name.removeprefix(PREFIX)] = tensors[name]
        inputs = Statistics(tensors["inputs.mean"], tensors["inputs.std"])
        outputs = Statistics(tensors["outputs.mean"], tensors["outputs.std"])
        return cls(parameters, inputs, outputs)


def _check_sizes(header: Mapping[str, Any]) -> None:
    """Refuse a header that lacks a size, or has one that no network has."""
    where = "transition model: in its header,"
    try:
        for name in SIZES:
            whole(f"{where} {name}", header.get(name), 1, WIDEST)
        layers(f"{where} hidden", header.get("hidden"))
    except ConfigurationError as error:
        raise DataError(str(error)) from error


def _expected_shapes(
    header: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
) -> dict[str, tuple[int, ...]]:
    """Tensor -> shape; how many outputs vary only the tensors can tell."""
    inputs = header["observation_size"] + header["action_size"]
    outputs = header["observation_size"] + 1
    varying = outputs
    if "outputs.std" in tensors:
        varying = int((tensors["outputs.std"] > 0).sum())
    expected: dict[str, tuple[int, ...]] = {
        "inputs.mean": (inputs,),
        "inputs.std": (inputs,),
        "outputs.mean": (outputs,),
        "outputs.std": (outputs,),
    }
    network = shapes(
        header["members"],
        inputs,
        header["hidden"],
        varying,
    )
    for name, shape in network.items():
        expected[PREFIX + name] = shape
    return expected
