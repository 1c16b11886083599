"""D4RL's layout: one HDF5 file, one data set a column, one row a step.

`observations, actions, rewards, terminals`, optional `timeouts, next_observations`; what our own data have besides is
under `infos/`, and the attribute `oer_pipeline` holds their header.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from oer_pipeline.errors import DataError
from oer_pipeline.trajectories.exchange.attributes import attributes
from oer_pipeline.trajectories.exchange.filling import Filling, filling
from oer_pipeline.trajectories.exchange.found import D4RL_NAMES, INFOS, Found
from oer_pipeline.trajectories.exchange.hdf5 import HEADER, VERSIONS, blocks, open_column, shape_of
from oer_pipeline.trajectories.exchange.ours import Ours, header_of, info_columns, parse_header
from oer_pipeline.trajectories.guard import check_claim, check_file, reading
from oer_pipeline.trajectories.schema import TRANSITION, Column

OPTIONAL = ("timeout", "next_observation")
CHUNK = 8_192


def read_d4rl(path: Path, where: str = "") -> Found:
    """Read a file block by block; float64 becomes float32, and that is counted. Errors call the file `where`.

    Raises:
        DataError: no such file, not HDF5, a column that is missing, of another dtype or shape, in another file, or
            with flags that are neither 0 nor 1; more rows than the file can hold, or none.
    """
    import h5py

    check_file(path)
    where = where or str(path)
    with reading(where, "HDF5 file"), h5py.File(path, "r") as file:
        says = attributes(file, path, where)
        header = parse_header(says.pop(HEADER, None), where)
        needed = {n: c for n, c in TRANSITION.items() if n not in OPTIONAL or D4RL_NAMES[n] in file}
        columns = {_place(name): column for name, column in {**needed, **info_columns(header)}.items()}
        items = _open(file, columns, path.stat().st_size, where)
        read = {place: _column(items[place], column, where) for place, column in columns.items()}
    optional: dict[str, Any] = {D4RL_NAMES[name]: None for name in OPTIONAL}
    given = {place: filled.array for place, filled in read.items() if "/" not in place}
    return Found(
        where,
        D4RL_NAMES,
        **{**optional, **given},
        narrowed={place: filled.record for place, filled in read.items() if filled.record},
        says=says or None,
        header=header,
        infos={name: read[_place(name)].array for name in info_columns(header)},
    )


def write_d4rl(path: Path, data: Ours) -> None:
    """Write a transition table or a replay buffer to `path`; the same data give the same bytes.

    A buffer's rows are single transitions: take `next_observations` from the file, not from the next row.

    Raises:
        DataError: data that break a rule of their kind.
    """
    import h5py

    header, arrays = header_of(data, str(path)), data.arrays()
    with h5py.File(path, "w", libver=VERSIONS) as file:
        # Of fixed length: a text of variable length lies in a heap without checksums, where damage can hang HDF5.
        file.attrs[HEADER] = np.bytes_(json.dumps(header, sort_keys=True))
        for name, array in arrays.items():
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


def _open(file: Any, columns: Mapping[str, Column], file_size: int, where: str) -> dict[str, Any]:
    """The columns' data sets: each what it has to be, all with as many rows, the file large enough to hold them."""
    opened = {place: open_column(file, place, column) for place, column in columns.items()}
    flaws = [flaw for _, flaw in opened.values() if flaw]
    if flaws:
        raise DataError(f"{where}: {'; '.join(flaws)}")
    items = {place: item for place, (item, _) in opened.items()}
    rows, width = items["observations"].shape
    flaws = [f"column {p}: found {len(i)} rows; observations have {rows}" for p, i in items.items() if len(i) != rows]
    following = items.get("next_observations", items["observations"]).shape[1]
    if following != width:
        flaws.append(f"column next_observations: found {following} dimensions; observations have {width}")
    if not rows:
        flaws.append("column observations: found 0 rows; a data set needs at least one")
    if flaws:
        raise DataError(f"{where}: {'; '.join(flaws)}")
    check_claim(where, rows, sum(item.nbytes for item in items.values()), file_size)
    return items


def _column(item: Any, column: Column, where: str) -> Filling:
    filled = filling(f"{where}: column {item.name[1:]}", column, shape_of(item, column))
    for start, block in blocks(item):
        filled.put(start, block)
    return filled
