"""What a selector is given and what it returns.

Shapes: N rows of the data, M chosen rows, B batch, O observation, A action, F features,
V visited states.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.common.types import FloatArray, IntArray
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.selection.check_request import (
    check_finite,
    check_model,
    check_networks,
)
from oer_pipeline.trajectories.table import Trajectories

T = TypeVar("T")

Act = Callable[[FloatArray], FloatArray]
"""The member's own task policy pi_n: raw observations (B, O) -> actions (B, A)."""
Critic = Callable[[FloatArray, FloatArray], FloatArray]
"""The member's own Q: raw observations (B, O), actions (B, A) -> values (B,), the mean
of its twins."""
Features = Callable[[FloatArray], FloatArray]
"""A hidden layer of the member's own networks: raw observations (B, O) -> features (B,
F)."""


@dataclass(frozen=True)
class SelectionRequest:
    """Choose transitions of a task's data (D_n) for a buffer.

    What may be None is there for the selectors that need it; they refuse a request
    without it by name (`needed`).

    Args:
        data: of the task, N rows.
        size: transitions to choose, M.
        act: the member's task policy.
        model: of the task's transitions.
        distance_dimensions: of the observation, on which states are compared.
        generator: of every draw, on the CPU.
        horizon: steps of a roll-out.
        critic: the member's.
        discount: gamma, that the critic was trained with.
        features: `policy`: pi_n's trunk; `critic`: at (s, pi_n(s)).
        visits: gives states (V, O) of pi_n in the environment; not offline.

    Raises:
        ConfigurationError: a size that is not in 1..N, a horizon below 1, a distance
            dimension that does not exist, a discount outside 0..1.
        DataError: data with other action bounds than +-1, a transition model, policy or
            critic of other sizes than the data's, a model fitted to other data.
    """

    data: Trajectories
    size: int
    act: Act
    model: TransitionModel | None
    distance_dimensions: tuple[int, ...]
    generator: torch.Generator
    horizon: int
    critic: Critic | None = None
    discount: float | None = None
    features: Mapping[str, Features] = field(default_factory=dict)
    visits: Callable[[], FloatArray] | None = None

    def __post_init__(self) -> None:
        self.data.check_scaled()
        rows, observations = self.data.observation.shape
        if not 1 <= self.size <= rows:
            problem = f"the data have {rows} rows; choose 1 to {rows}"
            raise ConfigurationError(f"buffer size {self.size}: {problem}")
        if self.horizon < 1:
            problem = "a roll-out takes at least 1 step"
            raise ConfigurationError(f"horizon {self.horizon}: {problem}")
        dimensions = set(self.distance_dimensions)
        if not dimensions or not dimensions <= set(range(observations)):
            raise ConfigurationError(
                f"distance dimensions {self.distance_dimensions}: choose one or more of"
                f" 0 to {observations - 1}"
            )
        if self.discount is not None and not 0.0 <= self.discount <= 1.0:
            problem = "it must be between 0 and 1"
            raise ConfigurationError(f"discount {self.discount}: {problem}")
        if self.model is not None:
            check_model(self.model, self.data)
        check_networks(self.data, self.act, self.critic)

    @property
    def device(self) -> torch.device:
        """Where the transition model lives, and with it every search; the CPU without
        one."""
        parameters = {} if self.model is None else self.model.parameters
        devices = (tensor.device for tensor in parameters.values())
        return next(devices, torch.device("cpu"))

    def actions(
        self,
        observation: FloatArray,
        rows: IntArray,
    ) -> FloatArray:
        """pi_n's actions (B, A) float32.

        Args:
            observation: what the policy sees, (B, O).
            rows: of the data that the observations belong to, (B,).

        Raises:
            DataError: actions of the wrong shape, or that are not finite.
        """
        actions = np.asarray(self.act(observation), dtype=np.float32)
        wanted = (len(observation), self.data.action.shape[1])
        if actions.shape != wanted:
            problem = f"actions of shape {actions.shape}; the data's are {wanted}"
            raise DataError(f"the policy gave {problem}")
        check_finite("the policy's action", actions, self.data, rows)
        return actions

    def state_action(self, rows: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """s and pi_n(s), (B, O) and (B, A), at rows of the data, on the model's
        device."""
        observation = self.data.observation[rows]
        action = self.actions(observation, np.asarray(rows))
        s = torch.from_numpy(observation).to(self.device)
        a = torch.from_numpy(action).to(self.device)
        return s, a

    def candidates(self) -> torch.Tensor:
        """Where a walk may be: the data's states (N, O), then the terminal ones that
        episodes are known to end in, on the model's device.

        A roll-out at an episode's last row whose end nobody knows cannot go on to it:
        it goes on at the nearest candidate that there is, or ends at the distance
        limit.
        """
        ends = self.data.next_observation[self.data.terminal & self.data.known]
        states = np.concatenate((self.data.observation, ends))
        return torch.from_numpy(states).to(self.device)

    def values(
        self,
        critic: Critic,
        observation: FloatArray,
        action: FloatArray,
        rows: IntArray,
    ) -> FloatArray:
        """Q (B,) float64.

        Args:
            critic: is asked.
            observation: (B, O).
            action: (B, A).
            rows: of the data that these belong to, (B,).

        Raises:
            DataError: values of the wrong shape, or that are not finite.
        """
        values = np.asarray(critic(observation, action), dtype=np.float64)
        wanted = (len(observation),)
        if values.shape != wanted:
            problem = f"values of shape {values.shape}, not {wanted}"
            raise DataError(f"the critic gave {problem}")
        check_finite("the critic's value", values, self.data, rows)
        return values


def needed(
    value: T | None,
    selector: str,
    what: str,
) -> T:
    """`value`, unless it is None.

    Args:
        value: of the request.
        selector: that cannot do without.
        what: the value is, for the error.

    Raises:
        ConfigurationError: it is None.
    """
    if value is None:
        problem = f"needs {what}, but the request has none"
        raise ConfigurationError(f"selector {selector} {problem}")
    return value


RECORD = {
    "order": "int32",
    "rollout": "int32",
    "step": "int32",
    "distance": "float32",
    "uncertainty": "float32",
    "walked": "bool",
}
"""The dtypes of what a selection records per row."""


@dataclass(frozen=True)
class Selection:
    """Chosen rows in the order of their choice; `record` says per row how it was
    chosen, (M,) each.

    order (int32), rollout (int32, counted from 0), step (int32, model steps since the
    roll-out's start), distance (float32, from the prediction to this sample) and
    uncertainty (float32, u(s, a) of the step that led here; of an imagined step at the
    row nearest to s), both 0 at a start, and walked. A row that no walk led to has
    walked false, roll-out and step -1, distance and uncertainty NaN. `notes` says what
    no row can: plain JSON.
    """

    rows: IntArray  # (M,) int64, distinct
    record: Mapping[str, Any]
    notes: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def unwalked(
        cls,
        rows: IntArray,
        notes: Mapping[str, Any] | None = None,
    ) -> Selection:
        """A selection of rows that were all chosen without a walk.

        Args:
            rows: (M,), in the order of their choice.
            notes: what no row can say, plain JSON; None: nothing.

        Raises:
            DataError: they are no whole numbers, which a cast would hide.
        """
        rows = np.asarray(rows)
        if rows.dtype.kind not in "iu" or rows.ndim != 1:
            actual = f"{rows.dtype} of shape {rows.shape}"
            wanted = "they take int64 of shape (M,)"
            raise DataError(f"chosen rows are {actual}; {wanted}")
        size = len(rows)
        record = {
            "order": np.arange(size, dtype=np.int32),
            "rollout": np.full(size, -1, np.int32),
            "step": np.full(size, -1, np.int32),
            "distance": np.full(size, np.nan, np.float32),
            "uncertainty": np.full(size, np.nan, np.float32),
            "walked": np.zeros(size, np.bool_),
        }
        return cls(rows.astype(np.int64), record, notes or {})


class Selector(ABC):
    """Fills a replay buffer from one task's data."""

    needs_rewards: ClassVar[bool] = False
    """Whether it asks for the data's rewards; where there are none, the plan refuses it
    by name before any work."""
    takes_all: ClassVar[bool] = False
    """Whether it is asked for every row of the data, whatever `replay.size` says."""

    @abstractmethod
    def select(self, request: SelectionRequest) -> Selection:
        """Exactly `request.size` distinct rows; whoever asks for them checks that
        (`check_selection`)."""

    def select_all(self, requests: Sequence[SelectionRequest]) -> list[Selection]:
        """A selection for each request, the same as `select` alone would give."""
        return [self.select(request) for request in requests]
