"""HDF5 files of demonstrations, a group each: robomimic's `data/demo_0, data/demo_1,
...`, or such groups at the top.

In robomimic a group has `actions, rewards, dones` and the groups `obs` and `next_obs`
of named observations, of which `observation_keys` joins some in its order. Elsewhere
`obs` may be a data set, and names differ: `columns` gives them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.exchange.attributes import attributes
from oer_pipeline.trajectories.exchange.episodes import (
    Episode,
    places_in,
    read_episodes,
)
from oer_pipeline.trajectories.exchange.found import D4RL_NAMES, Found
from oer_pipeline.trajectories.exchange.hdf5 import HDF5Store, is_group
from oer_pipeline.trajectories.exchange.source import Source
from oer_pipeline.trajectories.guard import check_file, reading

NAMES = {
    "observation": "obs",
    "action": "actions",
    "next_observation": "next_obs",
    "reward": "rewards",
    "terminal": "dones",
    "timeout": "timeouts",
}
"""Our column -> robomimic's, which has no time-outs."""
NUMBERED = re.compile(r"[A-Za-z_]+[0-9]{1,18}", re.ASCII)


def read_robomimic(path: Path, where: str = "", source: Source | None = None) -> Found:
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
        inside = is_group(file, "data")
        parent = file["data"] if inside else file
        says = attributes(parent, path, where, parent.name)
        demos = _demonstrations(parent, where)
        episodes = [
            Episode(f"{where}: {n}", partial(_opened, parent[n])) for n in demos
        ]
        names = {
            ours: source.name(D4RL_NAMES[ours], usual) for ours, usual in NAMES.items()
        }
        first = HDF5Store(parent[demos[0]])
        places = places_in(names, source.columns or {}, first, where)
        lacking = [name for ours, name in names.items() if name and ours not in places]
        for ours in ("observation", "next_observation"):
            if ours in places:
                [name] = places[ours]
                places[ours] = _keys(parent[demos[0]], name, source, episodes[0].where)
        found = read_episodes(episodes, places, lacking, path.stat().st_size, where)
    return replace(found, says=says or None)


def has_demonstrations(file: Any) -> bool:
    """Whether an open HDF5 file has numbered groups, at the top or in `data`."""
    inside = file["data"] if is_group(file, "data") else file
    return any(NUMBERED.fullmatch(name) and is_group(inside, name) for name in inside)


@contextmanager
def _opened(group: Any) -> Iterator[HDF5Store]:
    """A group of a file that stays open."""
    yield HDF5Store(group)


def _demonstrations(parent: Any, where: str) -> list[str]:
    """Names of the numbered groups, in the order of their numbers."""
    found = [
        name for name in parent if NUMBERED.fullmatch(name) and is_group(parent, name)
    ]
    families = sorted({name.rstrip("0123456789") for name in found})
    if len(families) != 1:
        what = (
            f"groups of {len(families)} names"
            if families
            else "no groups demo_0, demo_1, ..."
        )
        raise DataError(
            f"{where}: found {what} in {parent.name}; it holds"
            f" {HDF5Store(parent).holdings()}"
        )
    stem = len(families[0])
    return sorted(found, key=lambda name: int(name[stem:]))


def _keys(episode: Any, name: str, source: Source, where: str) -> list[str]:
    """The data sets that an observation is made of."""
    if not is_group(episode, name):
        if source.observation_keys is not None and HDF5Store(episode).has(name):
            raise DataError(
                f"{where}: observation_keys are given; {name} is no group: leave"
                " them out"
            )
        return [name]
    keys: Sequence[str] = source.observation_keys or ()
    there = sorted(episode[name])
    if not keys and len(there) == 1:
        keys = there
    if not keys or not set(keys) <= set(there):
        odd = [key for key in keys if key not in there]
        what = f"{odd[0]!r} is missing" if odd else "it is a group"
        raise DataError(
            f"{where}: column {name}: {what}; it holds"
            f" {HDF5Store(episode[name]).holdings()}: choose by observation_keys, in"
            " the order to join them"
        )
    return [f"{name}/{key}" for key in keys]
