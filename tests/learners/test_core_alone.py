"""The core is a library: its page's example runs as it stands, without frameworks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "library.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
FRAMEWORKS = "kedro kedro_mlflow mlflow dvc lightning pytorch_lightning"
SIMULATORS = "mujoco gymnasium stable_baselines3"
LOADED = """
import sys
print(sorted(set({unwanted!r}.split()) & set(sys.modules)))
"""


def run(program: str, unwanted: str) -> list[str]:
    """The lines that a program prints, and last which unwanted packages it loaded."""
    whole = program + LOADED.format(unwanted=unwanted)
    command = [sys.executable, "-c", whole]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_pages_example_runs_as_it_stands_without_a_framework() -> None:
    [example] = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    *printed, loaded = run(example, FRAMEWORKS)
    assert loaded == "[]"
    told = [line.split(":")[0] for line in printed]
    runs = [(task, seed) for task in (1, 2) for seed in (0, 1)]
    assert told == [f"task_{task}, seed {seed}" for task, seed in runs]
    for line in printed:
        value = line.rpartition(" ")[2]
        assert -1_000.0 < float(value) < 0.0


def test_learning_on_arrays_needs_no_simulator() -> None:
    [example] = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    imports = [line for line in example.splitlines() if line.startswith("from ")]
    simulated = ("suites.", "trajectories.behaviour_data")
    others = [line for line in imports if not any(s in line for s in simulated)]
    assert len(others) > 5
    *_, loaded = run("\n".join(others), f"{FRAMEWORKS} {SIMULATORS}")
    assert loaded == "[]"
