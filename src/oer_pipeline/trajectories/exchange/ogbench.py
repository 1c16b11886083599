"""OGBench's layout (Park et al. 2025): an npz of `observations, actions, terminals`,
one row a state.

A trajectory of n steps has n + 1 rows. Its last row holds the last state, an action
that nobody took and `terminals` 1, which marks where the trajectory ends and no
terminal state of the environment: here a time-out. There are no rewards. What else an
archive holds (qpos, qvel, ...) is left out, as OGBench's own loader does.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import BoolArray, IntArray
from oer_pipeline.trajectories.exchange.flat import (
    narrowing,
    read_flat,
    refuse_twice,
)
from oer_pipeline.trajectories.exchange.foreign_data import D4RL_NAMES, ForeignData
from oer_pipeline.trajectories.exchange.npz import NpzStore, open_npz
from oer_pipeline.trajectories.exchange.row_names import RowNames
from oer_pipeline.trajectories.exchange.source import Source
from oer_pipeline.trajectories.file_checks import check_file
from oer_pipeline.trajectories.schema import TRANSITION

NEEDED = ("observation", "action", "terminal")
OTHER_LAYOUTS = {
    "valids": (
        "as load_dataset(compact_dataset=True) returns; give the archive as OGBench"
        " publishes it"
    ),
    "next_observations": "so that it has one row a step: say format: npz",
    "rewards": (
        "which OGBench's layout has not; name them, columns: {rewards: rewards}, or"
        " leave them out, null"
    ),
}
"""What the layout does not have -> what its presence means."""


def read_ogbench(
    path: Path,
    where: str = "",
    source: Source | None = None,
) -> ForeignData:
    """Read an archive; every trajectory's last row gives the next observation of the
    row before, and goes.

    Args:
        path: the file.
        where: what errors call it; `path` when empty.
        source: what the file calls its columns; None: as OGBench does.

    Raises:
        DataError: no such file, no npz archive, an array that is missing or wrong
            (`npz.read_npz`), one that the layout does not have, a trajectory of one
            row, a last row that ends none.
    """
    check_file(path)
    where = where or str(path)
    source = source or Source(str(path), "ogbench")
    with open_npz(path, where) as store:
        places = _places(source)
        _check_layout(source, store, where)
        read = read_flat(store, places, TRANSITION, path.stat().st_size, where)
    ends = read["terminal"].array
    _check_ends(ends, f"{where}: column {places['terminal']}")
    observation = read["observation"].array
    steps = ~ends
    rewards = read["reward"].array[steps] if "reward" in read else None
    names = {**D4RL_NAMES, **places, "next_observation": places["observation"]}
    return ForeignData(
        where,
        names,
        observations=observation[steps],
        actions=read["action"].array[steps],
        rewards=rewards,
        terminals=np.zeros(int(steps.sum()), dtype=bool),
        timeouts=np.append(ends[1:], False)[steps],
        next_observations=observation[np.insert(steps[:-1], 0, False)],
        episodes=_episodes(ends),
        narrowed=narrowing(read, places),
        rows=RowNames(np.flatnonzero(steps), next_is_one_on=True),
    )


def _places(source: Source) -> dict[str, str]:
    """Column of the table -> the array that holds it; rewards only where the source
    names them."""
    places = {}
    for name in NEEDED:
        usual = D4RL_NAMES[name]
        places[name] = source.name(usual, usual) or ""
    rewards = source.name("rewards", "")
    if rewards:
        places["reward"] = rewards
    refuse_twice(places, source.path)
    return places


def _check_layout(source: Source, store: NpzStore, where: str) -> None:
    for name, meaning in OTHER_LAYOUTS.items():
        if store.has(name) and name not in (source.columns or {}):
            raise DataError(f"{where}: it holds {name}, {meaning}")


def _check_ends(ends: BoolArray, where: str) -> None:
    """Every trajectory ends, and has a step."""
    if not ends[-1]:
        raise DataError(
            f"{where}, row {len(ends) - 1}: must be 1 in the last row, which ends a"
            " trajectory; found 0"
        )
    alone = np.flatnonzero(ends & np.insert(ends[:-1], 0, True))
    if alone.size:
        raise DataError(
            f"{where}, row {alone[0]}: must end a trajectory of 2 rows or more; found 1"
            f" ({alone.size} such rows)"
        )


def _episodes(ends: BoolArray) -> IntArray:
    """The trajectory of each step."""
    before = np.insert(np.cumsum(ends)[:-1], 0, 0)
    return np.asarray(before[~ends], dtype=np.int32)
