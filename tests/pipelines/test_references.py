"""Two references of selection, trained on: all old data, and rows chosen by a look into
the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

OUTPUT = "data/test/07_model_output/cheetah_vel_signed/medium"
SMALL = {"tasks": 2, "seeds": "0", "learner": {"base": "bc"}}


def rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


def test_a_buffer_of_everything_has_every_row(collected: Any) -> None:
    collected.run(method="er_everything", **SMALL)
    primary = collected.path / "data/test/03_primary/cheetah_vel_signed/medium"
    [cell] = (collected.path / OUTPUT).iterdir()
    for task in ("task_1", "task_2"):
        buffer = cell / "seed_0" / f"{task}_buffer.parquet"
        assert rows(buffer) == rows(primary / f"{task}.parquet") > 500


def test_the_oracle_is_trained_on_where_it_looked(collected: Any) -> None:
    """Its buffers are nearer to the visits than uniform ones; no model is fitted."""
    ran = collected.run(method="er_oracle", **SMALL)
    assert "task_1.visit_as_learned" in ran
    assert not any("dynamics" in name for name in ran)
    collected.run("continual", method="er_random", **SMALL)
    [oracle] = (collected.path / OUTPUT).glob("er_oracle*")
    [uniform] = (collected.path / OUTPUT).glob("er_random*")
    visits = states(oracle / "seed_0/task_1_learned_visits.parquet")
    near = states(oracle / "seed_0/task_1_buffer.parquet")
    far = states(uniform / "seed_0/task_1_buffer.parquet")
    assert len(near) == len(far) == 40
    assert distance(visits, near) < 0.9 * distance(visits, far)


def states(path: Path) -> Any:
    column = pq.read_table(path, columns=["observation"])["observation"]
    return np.array(column.to_pylist())


def distance(visits: Any, buffer: Any) -> float:
    apart = np.linalg.norm(visits[:, None] - buffer[None], axis=2)
    return float(apart.min(axis=1).mean())
