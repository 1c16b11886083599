"""D4RL's layout: one HDF5 file, one data set a column, one row a step.

`observations, actions, rewards, terminals`, optional `timeouts, next_observations`. In
an export of this project the attribute `oer_pipeline` holds the header, and the columns
that D4RL does not know are under `infos/`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from oer_pipeline.trajectories.exchange.flat import (
    foreign_columns,
    narrowing,
    places_of,
    read_flat,
)
from oer_pipeline.trajectories.exchange.foreign_data import (
    D4RL_NAMES,
    INFOS,
    ForeignData,
)
from oer_pipeline.trajectories.exchange.hdf5 import HEADER, VERSIONS, HDF5Store
from oer_pipeline.trajectories.exchange.hdf5_attributes import attributes
from oer_pipeline.trajectories.exchange.robomimic import has_demonstrations
from oer_pipeline.trajectories.exchange.round_trip import (
    TableOrBuffer,
    absent_columns,
    export_header,
    info_columns,
    parse_header,
)
from oer_pipeline.trajectories.exchange.source import MAIN_FILE, Source
from oer_pipeline.trajectories.file_checks import check_file, reading
from oer_pipeline.trajectories.schema import TRANSITION

CHUNK = 8_192


def read_d4rl(
    path: Path,
    where: str = "",
    source: Source | None = None,
) -> ForeignData:
    """Read a file block by block; float64 becomes float32, and that is counted.

    Args:
        path: the file.
        where: what errors call it; `path` when empty.
        source: what the file calls its columns; None: as D4RL does.

    Raises:
        DataError: no such file, not HDF5, a column that is missing, of another dtype or
            shape, in another file, or with flags that are neither 0 nor 1; more rows
            than the file can hold, or none.
    """
    import h5py

    check_file(path)
    where = where or str(path)
    source = source or Source(str(path), "d4rl")
    with reading(where, "HDF5 file"), h5py.File(path, "r") as file:
        store = HDF5Store(file)
        description = attributes(file, path, where)
        header = parse_header(description.pop(HEADER, None), where)
        infos = info_columns(header)
        places = places_of(source, store)
        for name in absent_columns(header):
            places.pop(name, None)
        for name in infos:
            places[name] = _place(name)
        hint = ""
        if not store.has(places["observation"]) and has_demonstrations(file):
            hint = "; for a group an episode say format: robomimic"
            if path.name == MAIN_FILE:
                hint = "; of a Minari data set give the folder"
        columns = {**TRANSITION, **infos}
        read = read_flat(store, places, columns, path.stat().st_size, where, hint)
    return ForeignData(
        where,
        {**D4RL_NAMES, **places},
        **foreign_columns(read),
        narrowed=narrowing(read, places),
        description=description or None,
        header=header,
        infos={name: read[name].array for name in infos},
    )


def write_d4rl(path: Path, data: TableOrBuffer) -> None:
    """Write a transition table or a replay buffer to `path`; the same data give the
    same bytes.

    A buffer's rows are single transitions: take `next_observations` from the file, not
    from the next row.

    Raises:
        DataError: data that break a rule of their kind.
    """
    import h5py

    header = export_header(data, str(path))
    with h5py.File(path, "w", libver=VERSIONS) as file:
        # Of fixed length: a text of variable length lies in a heap without checksums,
        # where damage can hang HDF5.
        file.attrs[HEADER] = np.bytes_(json.dumps(header, sort_keys=True))
        for name, array in data.arrays().items():
            chunks = (min(CHUNK, len(array)), *array.shape[1:])
            file.create_dataset(
                _place(name),
                data=array,
                chunks=chunks,
                compression="gzip",
                compression_opts=1,
                shuffle=True,
                fletcher32=True,
            )


def _place(name: str) -> str:
    return D4RL_NAMES.get(name, f"{INFOS}/{name}")
