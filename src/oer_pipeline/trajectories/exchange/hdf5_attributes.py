"""What an HDF5 file says of itself: its attributes, as plain JSON.

Texts of variable length lie in a heap without checksums, and damage there can make HDF5
2.0 loop for ever. They are read in a process of their own, `python -m
oer_pipeline.trajectories.exchange.hdf5_attributes FILE`, which can be stopped.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from oer_pipeline.common.errors import DataError

PATIENCE = 20.0
"""Seconds; attributes are read in a fraction of one."""


def attributes(
    file: Any,
    path: Path,
    where: str,
    group: str = "/",
) -> dict[str, Any]:
    """The attributes of an open HDF5 file or group, sorted by name; what JSON cannot
    hold becomes text.

    Nothing is unpickled: an attribute of bytes is text.

    Args:
        file: the open file, or the group of it.
        path: the file.
        where: what errors call it.
        group: the name of the group.

    Raises:
        DataError: attributes that cannot be read.
    """
    types = [file.attrs.get_id(name).get_type() for name in file.attrs]
    if all(_has_fixed_length(type_) for type_ in types):
        return _plain_attributes(file)
    command = [sys.executable, "-m", __name__, str(path.absolute()), group]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(
            f"{where}: its attributes cannot be read within {PATIENCE:g} s (damaged?)"
        ) from error
    except subprocess.CalledProcessError as error:
        cause = (error.stderr.splitlines() or ["it died"])[-1]
        raise DataError(
            f"{where}: its attributes cannot be read (damaged?): {cause[:300]}"
        ) from error
    return dict(json.loads(done.stdout))


def _has_fixed_length(type_: Any) -> bool:
    """Whether values of an HDF5 type lie in the attribute itself, none in the heap."""
    from h5py import h5t

    if isinstance(type_, h5t.TypeStringID):
        return not type_.is_variable_str()
    return isinstance(type_, h5t.TypeIntegerID | h5t.TypeFloatID | h5t.TypeEnumID)


def _plain_attributes(file: Any) -> dict[str, Any]:
    return {str(name): _plain(file.attrs[name]) for name in sorted(file.attrs)}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biuf":
        return value.tolist() if np.all(np.isfinite(value)) else str(value)
    return value if isinstance(value, str | int | bool) else str(value)


if __name__ == "__main__":
    import h5py

    with h5py.File(sys.argv[1], "r") as opened:
        print(json.dumps(_plain_attributes(opened[sys.argv[2]])))
