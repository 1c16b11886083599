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

from oer_pipeline.common.errors import DataError
from oer_pipeline.dynamics.network import gaussian, shapes
from oer_pipeline.dynamics.statistics import Statistics
from oer_pipeline.dynamics.uncertainty import DEFAULT, heuristic
from oer_pipeline.networks.stacked import Parameters

FORMAT = "oer_pipeline.transition_model/1"
PREFIX = "parameters."
CHUNK = 16_384  # rows evaluated at once; bounds the memory that hidden layers take


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

    def predict(self, observation: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of (s' - s, r), (E, B, O + 1) each, at
        observations (B, O) and actions (B, A).

        Raises:
            DataError: sizes that are not the model's.
        """
        moments = [
            self._raw(*chunk) for chunk in self._standardised(observation, action)
        ]
        mean, std = zip(*moments, strict=True)
        return torch.cat(mean, dim=1), torch.cat(std, dim=1)

    def sample_next(
        self, observation: Tensor, action: Tensor, members: Tensor, noise: Tensor
    ) -> Tensor:
        """Next observations (B, O): row b is drawn from member `members[b]` with
        standard normal `noise[b]` (O,)."""
        mean, std = self.predict(observation, action)
        rows = torch.arange(len(observation), device=observation.device)
        chosen_mean, chosen_std = mean[members, rows, :-1], std[members, rows, :-1]
        return observation + chosen_mean + chosen_std * noise

    def mean_next(self, observation: Tensor, action: Tensor) -> Tensor:
        """The ensemble's mean next observation, (B, O)."""
        return observation + self.predict(observation, action)[0].mean(dim=0)[:, :-1]

    def uncertainty(
        self, observation: Tensor, action: Tensor, kind: str = DEFAULT
    ) -> Tensor:
        """u(s, a), (B,), by the heuristic `kind` of uncertainty.py.

        Raises:
            ConfigurationError: no such heuristic.
            DataError: sizes that are not the model's.
        """
        measure = heuristic(kind)
        return torch.cat(
            [measure(*moments) for moments in self._standardised(observation, action)]
        )

    def standardised(
        self, observation: Tensor, action: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation, (E, B, P) each, of the standardised outputs
        that vary."""
        mean, log_sigma = zip(*self._standardised(observation, action), strict=True)
        return torch.cat(mean, dim=1), torch.cat(log_sigma, dim=1)

    @torch.no_grad()
    def _standardised(
        self, observation: Tensor, action: Tensor
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Mean and log standard deviation of the standardised, varying outputs (E, B,
        P), chunk by chunk."""
        self._check(observation, action)
        for s, a in zip(
            torch.split(observation, CHUNK), torch.split(action, CHUNK), strict=True
        ):
            input_BI = self.inputs.standardise(torch.cat((s, a), dim=1))
            yield gaussian(self.parameters, input_BI.expand(self.members, -1, -1))

    def _raw(self, mean_EBP: Tensor, log_sigma_EBP: Tensor) -> tuple[Tensor, Tensor]:
        varying, scale = self.outputs.varying, self.outputs.std[self.outputs.varying]
        mean = self.outputs.mean.repeat(*mean_EBP.shape[:2], 1)
        std = torch.zeros_like(mean)
        mean[..., varying] += mean_EBP * scale
        std[..., varying] = torch.exp(log_sigma_EBP) * scale
        return mean, std

    def _check(self, observation: Tensor, action: Tensor) -> None:
        given = (tuple(observation.shape), tuple(action.shape))
        rows = len(observation)
        if given != ((rows, self.observation_size), (rows, self.action_size)):
            raise DataError(
                f"observations {given[0]} and actions {given[1]} do not fit this"
                f" transition model; it takes (B, {self.observation_size}) and (B,"
                f" {self.action_size})"
            )

    def to(self, device: torch.device | str) -> TransitionModel:
        """The same model on `device`."""
        parameters = {
            name: tensor.to(device) for name, tensor in self.parameters.items()
        }
        return TransitionModel(
            parameters, self.inputs.to(device), self.outputs.to(device)
        )

    def tensors(self) -> dict[str, Tensor]:
        """Everything that `from_tensors` needs beside the header, by name."""
        statistics = {"inputs": self.inputs, "outputs": self.outputs}
        moments = {
            f"{n}.{m}": getattr(s, m)
            for n, s in statistics.items()
            for m in ("mean", "std")
        }
        return {
            **moments,
            **{PREFIX + name: tensor for name, tensor in self.parameters.items()},
        }

    def header(self) -> dict[str, Any]:
        """Format and sizes, JSON-able."""
        weights = [p for name, p in self.parameters.items() if name.endswith("weight")]
        return {
            "format": FORMAT,
            "members": self.members,
            "hidden": [w.shape[-1] for w in weights[:-1]],
            "observation_size": self.observation_size,
            "action_size": self.action_size,
        }

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], header: Mapping[str, Any]
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
        found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        expected = _expected_shapes(header, tensors)
        for name in sorted({*found, *expected}):
            if found.get(name) != expected.get(name):
                what = f"{name} has shape {found.get(name, 'none')}"
                raise DataError(
                    f"transition model: tensor {what}; its header means"
                    f" {expected.get(name, 'no such tensor')}"
                )
        parameters = {
            name.removeprefix(PREFIX): tensors[name]
            for name in expected
            if name.startswith(PREFIX)
        }
        inputs, outputs = (
            Statistics(tensors[f"{n}.mean"], tensors[f"{n}.std"])
            for n in ("inputs", "outputs")
        )
        return cls(parameters, inputs, outputs)


def _expected_shapes(
    header: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> dict[str, tuple[int, ...]]:
    inputs, outputs = (
        header["observation_size"] + header["action_size"],
        header["observation_size"] + 1,
    )
    statistics = {
        f"{n}.{m}": (size,)
        for n, size in (("inputs", inputs), ("outputs", outputs))
        for m in ("mean", "std")
    }
    predicted = (
        int((tensors["outputs.std"] > 0).sum()) if "outputs.std" in tensors else outputs
    )
    network = shapes(header["members"], inputs, header["hidden"], predicted)
    return {**statistics, **{PREFIX + name: shape for name, shape in network.items()}}
