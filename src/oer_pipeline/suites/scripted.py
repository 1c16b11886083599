"""Behaviours that are scripts: Meta-World's, one per task; `medium` is a script made
worse.

A file (JSON) holds the task, how much worse (`suites.script_levels`) and how that was
measured. Shapes: B episodes, O observation, A action.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
from scipy.special import ndtr

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.json_text import read_json
from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.behaviour import (
    Behaviour,
    BehaviourFile,
    check_same,
    check_there,
)
from oer_pipeline.suites.meta_world import meta_world
from oer_pipeline.suites.suite import Task

NOISE = 0.1
"""Standard deviation of the noise on actions, as in the trial that these suites go back
to."""
HAND_X = 0
"""The observation dimension that the bias is taken off: the hand's place along x, in
m."""


@dataclass(frozen=True)
class ScriptedPolicy:
    """Meta-World's script of a task, its actions with noise; with a `bias` (m) the hand
    goes beside its targets.

    The script sees the hand u `bias` to the left of where it is, u drawn from U(0, 2)
    once per episode. So the error has a mean, which a clone learns with everything
    else.
    """

    script: str
    bias: float = 0.0
    noise: float = NOISE

    episode_draws: ClassVar[int] = 1

    def act(self, observation: FloatArray, noise: FloatArray) -> FloatArray:
        seen = observation.astype(np.float64)
        seen[:, HAND_X] -= self.bias * 2.0 * ndtr(noise[:, -1])
        script = script_of(self.script)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of actions beyond +-1, which are clipped
            planned = np.stack([script.get_action(row) for row in seen])
        planned = np.clip(planned, -1.0, 1.0)
        return np.asarray(planned + self.noise * noise[:, :-1])


@cache
def script_of(env_name: str) -> Any:
    """Meta-World's script of a task; it acts on what it sees and remembers nothing."""
    return meta_world("metaworld.policies").ENV_POLICY_MAP[env_name]()


@dataclass(frozen=True)
class Scripts:
    """A task's behaviours and how `medium` was chosen (`record`: script, noise, bias,
    returns, success)."""

    record: Mapping[str, Any]

    @cached_property
    def policies(self) -> dict[str, ScriptedPolicy]:
        """The one policy that needs a level."""
        record = self.record
        medium = ScriptedPolicy(record["script"], record["bias"], record["noise"])
        return {"medium": medium}

    @property
    def expert(self) -> ScriptedPolicy:
        """The script as it is, with the same noise."""
        return ScriptedPolicy(self.record["script"], 0.0, self.record["noise"])

    @property
    def replay(self) -> list[Behaviour]:
        """None: nothing was trained."""
        return []

    def check_task(self, task: Task) -> None:
        """See that the level was found on `task`.

        Raises:
            DataError: it was not.
        """
        check_same(task, self.record, "found")

    @classmethod
    def load(cls, path: Path) -> Scripts:
        """Read `path`.

        Raises:
            ConfigurationError: the file is missing.
            DataError: it is no file of scripts.
        """
        check_there(path)
        try:
            record = read_json(path)
            record["task"]
            bias = float(record["bias"])
            noise = float(record["noise"])
            if not str(record["script"]) or not (bias >= 0.0 and noise >= 0.0):
                raise ValueError(f"bias {bias}, noise {noise}")
        except (KeyError, TypeError, ValueError, OSError) as error:
            remedy = "remove it, and `kedro behaviours SUITE` makes it anew"
            cause = f"{path}: not a file of scripts: {error!r}; {remedy}"
            raise DataError(cause) from error
        return cls(record)


Behaviours: TypeAlias = BehaviourFile | Scripts
"""A task's behaviours, trained or scripted."""


def load_behaviours(path: Path) -> Behaviours:
    """What a file of behaviours holds.

    Raises:
        ConfigurationError: the file is missing.
        DataError: it is none.
    """
    return Scripts.load(path) if path.suffix == ".json" else BehaviourFile.load(path)
