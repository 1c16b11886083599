"""Arrays to Parquet and back with nothing lost, nothing extra and no per-row Python;
tables and buffers share it.

A file carries in its schema metadata its header (`trajectories.header`): what it is
(`kind`), its `schema_version`, free `metadata` and the hashes of both. The same arrays
and metadata give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.file_checks import check_claim, check_file, reading
from oer_pipeline.trajectories.header import (
    check_content,
    check_header,
    columns_in,
    make_header,
)
from oer_pipeline.trajectories.schema import Array, ColumnType, Schema, check_arrays

ROW_GROUP = 131_072


def write(
    path: Path,
    schema: Schema,
    arrays: Mapping[str, Array],
    metadata: Mapping[str, Any],
    where: str = "",
) -> None:
    """Write the arrays to `path`.

    Args:
        path: the file.
        schema: what the file holds.
        arrays: column -> (N,) or (N, D).
        metadata: plain JSON.
        where: what errors call the file; `path` when empty.

    Raises:
        DataError: arrays that do not fit the schema, metadata that JSON cannot hold.
    """
    where = where or str(path)
    check_arrays(schema, arrays, where)
    header = make_header(schema, arrays, metadata, where)
    columns = []
    fields = []
    for name in schema.present(arrays):
        column = _to_arrow(arrays[name])
        columns.append(column)
        fields.append(pa.field(name, column.type, nullable=False))
    table = pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=header))
    # Dictionaries and statistics cost time and space on continuous data and serve no
    # reader of whole columns.
    pq.write_table(
        table,
        path,
        row_group_size=ROW_GROUP,
        compression="lz4",
        use_dictionary=False,
        write_statistics=False,
    )


def read(path: Path, schema: Schema) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read (arrays, metadata) of a file that `write` made; the arrays own their memory
    and may be written to.

    Raises:
        DataError: no such file, not Parquet, another kind, a newer schema version, a
            missing column, a wrong type, a null, more rows than the file can hold,
            content that differs from its hash.
    """
    check_file(path)
    where = str(path)
    with reading(where, "Parquet file"), pq.ParquetFile(path) as file:
        header = _header(file.schema_arrow)
        metadata = check_header(header, schema, where)
        columns = columns_in(header, schema)
        _check_types(file.schema_arrow, schema.kind, columns, where)
        _check_size(file, columns, path)
        table = file.read(columns=list(columns))
        arrays = {}
        for name in columns:
            arrays[name] = _to_numpy(table.column(name), f"{where}: column {name}")
        check_arrays(schema, arrays, where)
        check_content(header, schema, arrays, where)
    return arrays, metadata


def kind_of(path: Path) -> str:
    """What a Parquet file says that it holds; empty where it says nothing.

    Raises:
        DataError: no such file, not Parquet.
    """
    check_file(path)
    with reading(str(path), "Parquet file"):
        return _header(pq.read_schema(path)).get("kind", "")


def _header(schema: pa.Schema) -> dict[str, str]:
    header = {}
    for key, value in (schema.metadata or {}).items():
        header[key.decode()] = value.decode()
    return header


def _check_types(
    schema: pa.Schema,
    kind: str,
    columns: Mapping[str, ColumnType],
    where: str,
) -> None:
    for name, column in columns.items():
        if schema.get_field_index(name) < 0:
            raise DataError(
                f"{where}: column {name} is missing; a {kind} file has"
                f" {', '.join(columns)}"
            )
        type_ = schema.field(name).type
        if not _fits(type_, column):
            raise DataError(f"{where}: column {name}: found {type_}; it takes {column}")


def _check_size(
    file: pq.ParquetFile,
    columns: Mapping[str, ColumnType],
    path: Path,
) -> None:
    rows_in_groups = 0
    for group in range(file.num_row_groups):
        rows_in_groups += file.metadata.row_group(group).num_rows
    rows = max(file.metadata.num_rows, rows_in_groups)
    row_bytes = 0
    for name, column in columns.items():
        value_bytes = np.dtype(column.dtype).itemsize
        if column.vector:
            row_bytes += value_bytes * file.schema_arrow.field(name).type.list_size
        else:
            row_bytes += value_bytes
    check_claim(str(path), rows, rows * row_bytes, path.stat().st_size)


def _fits(type_: pa.DataType, column: ColumnType) -> bool:
    value = pa.from_numpy_dtype(np.dtype(column.dtype))
    if column.vector:
        return bool(pa.types.is_fixed_size_list(type_) and type_.value_type == value)
    return bool(type_ == value)


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
    values = array.flatten()
    width = array.type.list_size
    _refuse_nulls(values, width, where)
    # One copy: Arrow's memory is read-only, and torch shares only what may be written
    # to.
    return np.array(values.to_numpy().reshape(len(array), width))


def _refuse_nulls(array: pa.Array, width: int, where: str) -> None:
    """Raise a DataError for a null among values of which `width` make a row."""
    if not array.null_count:
        return
    nulls = array.is_null().to_numpy(zero_copy_only=False)
    row = int(np.flatnonzero(nulls)[0]) // width
    raise DataError(
        f"{where}, row {row}: found null; every value must be there"
        f" ({array.null_count} nulls)"
    )
