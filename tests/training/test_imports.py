"""Training and the core work where Kedro, MLflow, DVC, MuJoCo and gymnasium are not
installed."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = '''
import sys

BLOCKED = {"kedro", "kedro_mlflow", "kedro_viz", "mlflow", "dvc"}
BLOCKED |= {"mujoco", "gymnasium", "stable_baselines3"}
MODULES = """
training.fit learners.dbc learners.er learners.policies dynamics.fit
selection.mbes selection.fill metrics.continual metrics.fidelity metrics.intervals
metrics.report trajectories.table trajectories.buffer networks.policy
"""


class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)


sys.meta_path.insert(0, Blocker())
from importlib import import_module

for module in MODULES.split():
    import_module(f"oer_pipeline.{module}")
print(sorted(BLOCKED & set(sys.modules)), "pytorch_lightning" in sys.modules)
'''


def test_training_and_core_import_without_the_frameworks() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[] True"
