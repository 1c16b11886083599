"""The core is a library: OER on arrays, with nothing but numpy and torch behind it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
[EXAMPLE] = re.findall(r"^```python\n(.*?)^```", README.read_text(), flags=re.DOTALL | re.MULTILINE)
SMALLER = EXAMPLE.replace("300", "50").replace("horizon=200", "horizon=20")

PROGRAM = f'''
import sys

import numpy as np

from oer_pipeline.dynamics.fit import fit
from oer_pipeline.dynamics.settings import DynamicsSettings
from oer_pipeline.learners.dbc import DualBehaviourCloning
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks.randomness import generator
from oer_pipeline.selection.fill import fill
from oer_pipeline.selection.mbes import MBES
from oer_pipeline.selection.protocol import SelectionRequest
from oer_pipeline.trajectories.table import Trajectories


def walk(seed, episodes=10, steps=20):
    """Random walks pushed by the action."""
    draw, rows = np.random.default_rng(seed), episodes * steps
    action = draw.uniform(-1, 1, (episodes, steps, 2)).astype(np.float32)
    push = np.concatenate((action, draw.standard_normal((episodes, steps, 1)).astype(np.float32)), axis=2)
    state = np.concatenate((np.zeros((episodes, 1, 3), np.float32), push.cumsum(axis=1)), axis=1)
    last = np.tile(np.arange(steps) == steps - 1, episodes)
    return Trajectories(
        state[:, :-1].reshape(rows, 3), action.reshape(rows, 2), state[:, 1:].reshape(rows, 3),
        state[:, 1:, seed].reshape(rows), np.zeros(rows, bool), last,
        np.repeat(np.arange(episodes, dtype=np.int32), steps), np.tile(np.arange(steps, dtype=np.int32), episodes),
    )


sequence, seeds, distance_dimensions = [walk(0), walk(1)], (0, 1), (0, 1, 2)
settings = LearnerSettings(updates=20, batch_size=16, hidden=(16, 16))
dynamics = DynamicsSettings(members=2, hidden=(16,), batch_size=32, max_epochs=2)
{SMALLER}
assert policies.tasks == 2 and policies.members == 2
assert [[len(b) for b in members] for members in buffers] == [[50, 50], [50, 50]]
assert np.isfinite(policies.deployed_action(1, np.zeros((2, 4, 3), np.float32))).all()
unwanted = {{"kedro", "kedro_mlflow", "mlflow", "dvc", "lightning", "pytorch_lightning", "mujoco", "gymnasium"}}
print(sorted(unwanted & set(sys.modules)))
'''


def test_oer_on_arrays_takes_some_fifteen_lines_and_no_framework() -> None:
    assert len(EXAMPLE.strip().splitlines()) <= 16
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
