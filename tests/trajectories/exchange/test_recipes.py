"""The recipes of docs/data.md, run as they stand there."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from oer_pipeline.trajectories.table import Trajectories
from tests.trajectories.foreign import imported, same

PAGE = Path(__file__).parents[3] / "docs" / "data.md"


def recipe(name: str) -> str:
    [code] = re.findall(
        rf"<!-- {name} -->\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL
    )
    return str(code)


def test_pickled_episodes(
    table: Trajectories,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("observation", "action", "next_observation", "reward", "terminal")
    episodes = []
    for start, length in zip(table.starts, table.lengths, strict=True):
        rows = slice(start, start + length)
        episodes.append({f"{name}s": getattr(table, name)[rows] for name in names})
    (tmp_path / "hopper.pkl").write_bytes(pickle.dumps(episodes))
    monkeypatch.chdir(tmp_path)
    code = recipe("pickled")
    assert len([line for line in code.splitlines() if line]) <= 10
    exec(code, {})
    same(imported(tmp_path / "hopper.npz", "npz"), table)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_minaris_arrow(
    table: Trajectories,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gymnasium = pytest.importorskip("gymnasium")
    minari = pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    buffers = []
    for start, length in zip(table.starts, table.lengths, strict=True):
        rows = slice(start, start + length)
        states = np.concatenate(
            (table.observation[rows], table.next_observation[rows][-1:])
        )
        flags = {
            "terminations": table.terminal[rows],
            "truncations": table.timeout[rows],
        }
        actions, rewards = table.action[rows], table.reward[rows]
        buffers.append(
            minari.data_collector.EpisodeBuffer(
                observations=states, actions=actions, rewards=rewards, **flags
            )
        )
    box = gymnasium.spaces.Box
    minari.create_dataset_from_buffers(
        "mine/arrow-v0",
        buffers,
        observation_space=box(-np.inf, np.inf, (5,), np.float32),
        action_space=box(-1, 1, (2,), np.float32),
        data_format="arrow",
    )
    exec(recipe("arrow"), {})
    same(imported(Path("mine/hdf5-v0"), "minari"), table)
