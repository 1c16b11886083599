"""HDF5 files of demonstrations, a group each: robomimic's `data/demo_0, data/demo_1,
...`, or such groups at the top.

In robomimic a group has `actions, rewards, dones` and the groups `obs` and `next_obs`
of named observations, of which `observation_keys` joins some in its order. Elsewhere
`obs` may be a data set, and names differ: `columns` gives them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.exchange.episodes import (
    Episode,
    names_lacking,
    read_episodes,
)
from oer_pipeline.trajectories.exchange.flat import places_in
from oer_pipeline.trajectories.exchange.foreign_data import D4RL_NAMES, ForeignData
from oer_pipeline.trajectories.exchange.hdf5 import (
    HDF5Store,
    is_group,
    parts_of_group,
)
from oer_pipeline.trajectories.exchange.hdf5_attributes import attributes
from oer_pipeline.trajectories.exchange.source import Source
from oer_pipeline.trajectories.file_checks import check_file, reading

NAMES = {
    "observation": "obs",
    "action": "actions",
    "next_observation": "next_obs",
    "reward": "rewards",
    "terminal": "dones",
    "timeout": "timeouts",
}
"""Column of the table -> robomimic's, which has no time-outs."""
NUMBERED = re.compile(r"[A-Za-z_]+[0-9]{1,18}", re.ASCII)


def read_robomimic(
    path: Path,
    where: str = "",
    source: Source | None = None,
) -> ForeignData:
    """Read the demonstrations in the order of their numbers, which may have gaps.

    Args:
        path: the file.
        where: what errors call it; `path` when empty.
        source: `columns` and `observation_keys`; None: robomimic's names, one
            observation.

    Raises:
        DataError: no such file, not HDF5, no numbered groups or such of several names,
            observations that are to be chosen, or what `episodes.read_episodes`
            refuses.
    """
    import h5py

    check_file(path)
    where = where or str(path)
    source = source or Source(str(path), "robomimic")
    with reading(where, "HDF5 file"), h5py.File(path, "r") as file:
        parent = _parent_of_episodes(file)
        description = attributes(parent, path, where, parent.name)
        demonstrations = _demonstrations(parent, where)
        episodes = []
        for name in demonstrations:
            opened = partial(_opened, parent[name])
            episodes.append(Episode(name, f"{where}: {name}", opened))
        names = {}
        for column, usual in NAMES.items():
            names[column] = source.name(D4RL_NAMES[column], usual)
        first = parent[demonstrations[0]]
        first_where = episodes[0].where
        single = places_in(names, source.columns or {}, HDF5Store(first), where)
        places = {}
        for column, name in single.items():
            if column in ("observation", "next_observation"):
                keys = source.observation_keys
                places[column] = parts_of_group(first, name, keys, first_where)
            else:
                places[column] = [name]
        lacking = names_lacking(names, single)
        data = read_episodes(episodes, places, lacking, path.stat().st_size, where)
    return replace(data, description=description or None)


def has_demonstrations(file: Any) -> bool:
    """Whether an open HDF5 file has numbered groups, at the top or in `data`."""
    return bool(_numbered_groups(_parent_of_episodes(file)))


def _parent_of_episodes(file: Any) -> Any:
    """The group that the demonstrations' groups are in: `data` or the top."""
    return file["data"] if is_group(file, "data") else file


def _numbered_groups(parent: Any) -> list[str]:
    """Names of groups such as `demo_0`."""
    names = []
    for name in parent:
        if NUMBERED.fullmatch(name) and is_group(parent, name):
            names.append(name)
    return names


@contextmanager
def _opened(group: Any) -> Iterator[HDF5Store]:
    """A group of a file that stays open."""
    yield HDF5Store(group)


def _demonstrations(parent: Any, where: str) -> list[str]:
    """Names of the numbered groups, in the order of their numbers."""
    names = _numbered_groups(parent)
    stems = {name.rstrip("0123456789") for name in names}
    if len(stems) != 1:
        what = f"groups of {len(stems)} names"
        if not stems:
            what = "no groups demo_0, demo_1, ..."
        raise DataError(
            f"{where}: found {what} in {parent.name}; it holds"
            f" {HDF5Store(parent).holdings()}"
        )
    [stem] = stems
    return sorted(names, key=lambda name: int(name.removeprefix(stem)))
