"""Prints, as JSON, hashes of data that this process collects, and of kernels.

The data must not depend on the kernels: `test_same_everywhere` runs this as a child,
with those forced that another processor would use.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import yaml

from oer_pipeline.datasets.documents import JSONDataset
from oer_pipeline.pipelines.ingestion.nodes import ingest
from oer_pipeline.suites.behaviour import behaviour_path, play
from oer_pipeline.suites.behaviour_data import collect, kinds_of, references
from oer_pipeline.suites.scripted import Behaviours, load_behaviours
from oer_pipeline.suites.suite import FAMILIES, Suite, Task
from oer_pipeline.trajectories.qualities import QUALITIES, raw_kinds
from oer_pipeline.trajectories.table import Trajectories, write_trajectories

CONF = Path(__file__).parents[2] / "conf" / "base"
NAMES = ["cheetah_vel_signed", "ant_dir", "walker_par"]
if find_spec("metaworld"):
    NAMES.append("continual_world_3")
STEPS = 40
"""Horizon of what is collected: a round has 25 episodes."""
ROWS = 400
"""Transitions of a data set."""
EPISODES = 8
"""Episodes over the suite's own horizon, where a difference has the time to grow."""


def digest(*arrays: Any) -> str:
    """SHA-256 over the arrays' bytes."""
    content = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
    return hashlib.sha256(content).hexdigest()


def kernels() -> dict[str, str]:
    """What differs between processors: products of OpenBLAS, functions of numpy."""
    draw = np.random.default_rng(0)
    left, right = draw.standard_normal((2, 64, 64))
    return {
        "float32 product": digest(left.astype(np.float32) @ right.astype(np.float32)),
        "float64 product": digest(left @ right),
        "float32 tanh": digest(np.tanh(left.astype(np.float32))),
        "float64 tanh": digest(np.tanh(left)),
    }


def rolled_out(task: Task, file: Behaviours) -> Iterator[tuple[str, str]]:
    """Whole episodes of the medium and the expert policy."""
    for name, policy in (("medium", file.policies["medium"]), ("expert", file.expert)):
        episodes = play(task, policy, EPISODES, "same everywhere")
        yield name, digest(episodes.observation, episodes.action, episodes.reward)


def rewards(task: Task) -> str:
    """Rewards before they are rounded to float32, for actions that are on no grid."""
    physics, draw = task.physics(), np.random.default_rng(0)
    state = physics.new_state()
    physics.reset(state, draw)
    actions = draw.uniform(-1.0, 1.0, (STEPS, physics.action_size))
    return digest([physics.step(state, action).reward for action in actions])


def collected(task: Task, file: Behaviours, folder: Path) -> None:
    """Write a task's raw data, references, data sets and cards, as the pipelines do."""
    kinds = kinds_of(task.family)
    raw = {kind: collect(task, file, kind, ROWS, data_seed=0) for kind in kinds}
    measured = references(task, raw, data_seed=0, episodes=10)
    JSONDataset(str(folder / "references.json")).save(measured)
    for kind, table in raw.items():
        write_trajectories(folder / f"{kind}.parquet", table)
    for quality in (
        name for name, needed in QUALITIES.items() if set(needed) <= set(kinds)
    ):
        parts: list[Trajectories] = [raw[kind] for kind in raw_kinds(quality)]
        data, card = ingest(quality, ROWS, measured, *parts)
        write_trajectories(folder / f"{quality}_primary.parquet", data)
        JSONDataset(str(folder / f"{quality}_card.json")).save(card)


def hashes(name: str) -> dict[str, str]:
    """Hashes of the roll-outs and the files of the suite's first task."""
    suites: dict[str, Any] = {}
    for path in sorted(CONF.glob("suites*.yml")):
        suites |= yaml.safe_load(path.read_text())
    suite = Suite.from_config(name, suites[name])
    task = suite.tasks[0]
    file = load_behaviours(behaviour_path(task.family, task.key))
    found = dict(rolled_out(task, file))
    if not FAMILIES[
        task.family
    ].libraries:  # others' rewards may differ in float64's last bits
        found["rewards"] = rewards(task)
    with TemporaryDirectory() as folder:
        collected(replace(task, horizon=STEPS), file, Path(folder))
        for path in sorted(Path(folder).iterdir()):
            found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return {f"{name}: {what}": value for what, value in found.items()}


def main() -> None:
    data: dict[str, str] = {}
    for name in NAMES:
        data |= hashes(name)
    json.dump({"kernels": kernels(), "data": data}, sys.stdout)


if __name__ == "__main__":
    main()
