"""Arrays to Parquet and back with nothing lost, nothing extra and no per-row Python; tables and buffers share it.

A file carries in its schema metadata what it is (`kind`), its `schema_version`, free `metadata` as sorted JSON and the
`sha256` of its content. The same arrays and metadata give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from oer_pipeline.errors import DataError
from oer_pipeline.trajectories.schema import Array, Column, Schema, check_arrays, content_hash

ROW_GROUP = 131_072


def write(
    path: Path, schema: Schema, arrays: Mapping[str, Array], metadata: Mapping[str, Any], where: str = ""
) -> None:
    """Write the arrays to `path`; errors call the place `where` (`path` itself when empty).

    Raises:
        DataError: arrays that do not fit the schema, metadata that JSON cannot hold.
    """
    where = where or str(path)
    check_arrays(schema, arrays, where)
    try:
        text = json.dumps(dict(metadata), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: metadata must be plain JSON: {error}") from error
    header = {
        "kind": schema.kind,
        "schema_version": str(schema.version),
        "metadata": text,
        "sha256": content_hash(schema, arrays),
    }
    columns = [_to_arrow(arrays[name]) for name in schema.columns]
    fields = [pa.field(n, c.type, nullable=False) for n, c in zip(schema.columns, columns, strict=True)]
    table = pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=header))
    # Dictionaries and statistics cost time and space on continuous data and serve no reader of whole columns.
    pq.write_table(
        table, path, row_group_size=ROW_GROUP, compression="lz4", use_dictionary=False, write_statistics=False
    )


def read(path: Path, schema: Schema) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read (arrays, metadata) of a file that `write` made; the arrays own their memory and may be written to.

    Raises:
        DataError: no such file, not Parquet, another kind, a newer schema version, a missing column, a wrong type, a
            null, content that differs from its hash.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        with pq.ParquetFile(path) as file:
            header = _check_header(file.schema_arrow, schema, path)
            table = file.read(columns=list(schema.columns))
        metadata = json.loads(header["metadata"])
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable Parquet file (truncated or corrupt?): {error}") from error
    arrays = {name: _to_numpy(table.column(name), f"{path}: column {name}") for name in schema.columns}
    check_arrays(schema, arrays, str(path))
    found = content_hash(schema, arrays)
    if found != header["sha256"]:
        raise DataError(f"{path}: the content's SHA-256 is {found}, its header says {header['sha256']}; make it again")
    return arrays, metadata


def _check_header(found: pa.Schema, schema: Schema, path: Path) -> dict[str, str]:
    """The file's own metadata, after kind, version and column types have been held against `schema`."""
    header = {key.decode(): value.decode() for key, value in (found.metadata or {}).items()}
    missing = sorted({"kind", "schema_version", "metadata", "sha256"} - set(header))
    if missing or header["kind"] != schema.kind:
        kind = header.get("kind", "unknown")
        raise DataError(f"{path}: not a {schema.kind} file: kind {kind!r}, missing schema metadata {missing}")
    if header["schema_version"] != str(schema.version):
        raise DataError(f"{path}: schema version {header['schema_version']}; this release reads {schema.version}")
    for name, column in schema.columns.items():
        if found.get_field_index(name) < 0:
            raise DataError(f"{path}: column {name} is missing; a {schema.kind} file has {', '.join(schema.columns)}")
        if not _fits(found.field(name).type, column):
            raise DataError(f"{path}: column {name}: found {found.field(name).type}; it takes {column}")
    return header


def _fits(found: pa.DataType, column: Column) -> bool:
    value = pa.from_numpy_dtype(np.dtype(column.dtype))
    if column.vector:
        return bool(pa.types.is_fixed_size_list(found) and found.value_type == value)
    return bool(found == value)


def _to_arrow(array: Array) -> pa.Array:
    if array.ndim == 1:
        return pa.array(array)
    values = pa.array(np.ascontiguousarray(array).reshape(-1))
    vector = pa.list_(pa.field("element", values.type, nullable=False), array.shape[1])
    return pa.FixedSizeListArray.from_arrays(values, type=vector)


def _to_numpy(column: pa.ChunkedArray, where: str) -> Array:
    array = column.combine_chunks()
    _refuse_nulls(array, 1, where)
    if not pa.types.is_fixed_size_list(array.type):
        return np.array(array.to_numpy(zero_copy_only=False))
    values, width = array.flatten(), array.type.list_size
    _refuse_nulls(values, width, where)
    # One copy: Arrow's memory is read-only, and torch shares only what may be written to.
    return np.array(values.to_numpy().reshape(len(array), width))


def _refuse_nulls(array: pa.Array, width: int, where: str) -> None:
    if array.null_count:
        row = int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0]) // width
        raise DataError(f"{where}, row {row}: found null; every value must be there ({array.null_count} nulls)")
