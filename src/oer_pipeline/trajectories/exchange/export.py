"""`kedro export FILE.parquet OUT`: a data set or a replay buffer in a format that
others read.

`OUT.hdf5` is D4RL's layout; `--to=minari` makes a folder that Minari reads, for
instance `~/.minari/datasets/cheetah/medium-v0`, which is then the data set
`cheetah/medium-v0`.
"""

from __future__ import annotations

import re
from pathlib import Path

from oer_pipeline.common.atomic import atomic_folder, atomic_path
from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.trajectories import arrow
from oer_pipeline.trajectories.buffer import BUFFER, read_buffer
from oer_pipeline.trajectories.exchange.d4rl import write_d4rl
from oer_pipeline.trajectories.exchange.minari import write_minari
from oer_pipeline.trajectories.exchange.round_trip import TableOrBuffer
from oer_pipeline.trajectories.table import read_trajectories

FORMATS = ("d4rl", "minari")
SUFFIXES = {".hdf5": "d4rl", ".h5": "d4rl"}
DATASET_ID = re.compile(r"[-\w]+-v\d+")


def export(file: Path, out: Path, to: str | None = None) -> None:
    """Write a Parquet file of this project to `out`, whole or not at all.

    Args:
        file: a transition table or a replay buffer.
        out: a file, or a folder for Minari's layout.
        to: one of `FORMATS`, where the ending of `out` does not tell.

    Raises:
        ConfigurationError: a format that is not known, a folder that is there already.
        DataError: the file is neither a sound transition table nor a sound buffer.
    """
    layout = to or SUFFIXES.get(out.suffix)
    if layout not in FORMATS:
        raise ConfigurationError(
            f"{out}: the format is not clear; name it OUT.hdf5 (D4RL) or give"
            " --to=minari"
        )
    if layout == "minari" and out.exists():
        raise ConfigurationError(
            f"{out}: it is there already; remove it, or give another folder"
        )
    data: TableOrBuffer
    if arrow.kind_of(file) == BUFFER.kind:
        data = read_buffer(file)
    else:
        data = read_trajectories(file)
    if layout == "minari":
        with atomic_folder(out) as folder:
            write_minari(folder, data, dataset_id(out))
    else:
        with atomic_path(out) as temporary:
            write_d4rl(temporary, data)


def dataset_id(folder: Path) -> str:
    """The id that Minari finds a folder under: its path below the last `datasets`, or
    its name;
    `-v0` unless it ends so."""
    parts = folder.absolute().parts
    below = parts[-1:]
    if "datasets" in parts[:-1]:
        last = max(n for n, part in enumerate(parts[:-1]) if part == "datasets")
        below = parts[last + 1 :]
    id_ = "/".join(re.sub(r"[^-\w]", "_", part) for part in below)
    return id_ if DATASET_ID.fullmatch(id_.rpartition("/")[2]) else f"{id_}-v0"
