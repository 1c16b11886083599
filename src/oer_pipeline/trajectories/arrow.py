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
from oer_pipeline.trajectories.guard import check_claim, check_file, reading
from oer_pipeline.trajectories.header import (
    check_content,
    check_header,
    columns_told,
    make_header,
)
from oer_pipeline.trajectories.schema import Array, Column, Schema, check_arrays

ROW_GROUP = 131_072


def write(
    path: Path,
    schema: Schema,
    arrays: Mapping[str, Array],
    metadata: Mapping[str, Any],
    where: str = "",
) -> None:
    """Write the arrays to `path`; errors call the place `where` (`path` itself when
    empty).

    Raises:
        DataError: arrays that do not fit the schema, metadata that JSON cannot hold.
    """
    where = where or str(path)
    check_arrays(schema, arrays, where)
    header = make_header(schema, arrays, metadata, where)
    names = schema.present(arrays)
    columns = [_to_arrow(arrays[name]) for name in names]
    fields = [
        pa.field(n, c.type, nullable=False) for n, c in zip(names, columns, strict=True)
    ]
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
        columns = columns_told(header, schema)
        _check_types(file.schema_arrow, schema.kind, columns, where)
        _check_size(file, columns, path)
        table = file.read(columns=list(columns))
        arrays = {
            name: _to_numpy(table.column(name), f"{where}: column {name}")
            for name in columns
        }
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


def _header(found: pa.Schema) -> dict[str, str]:
    return {
        key.decode(): value.decode() for key, value in (found.metadata or {}).items()
    }


def _check_types(
    found: pa.Schema, kind: str, columns: Mapping[str, Column], where: str
) -> None:
    for name, column in columns.items():
        if found.get_field_index(name) < 0:
            raise DataError(
                f"{where}: column {name} is missing; a {kind} file has"
                f" {', '.join(columns)}"
            )
        if not _fits(found.field(name).type, column):
            raise DataError(
                f"{where}: column {name}: found {found.field(name).type}; it takes"
                f" {column}"
            )


def _check_size(
    file: pq.ParquetFile, columns: Mapping[str, Column], path: Path
) -> None:
    rows = max(
        file.metadata.num_rows,
        sum(file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)),
    )
    types = {name: file.schema_arrow.field(name).type for name in columns}
    width = sum(
        np.dtype(c.dtype).itemsize * (types[n].list_size if c.vector else 1)
        for n, c in columns.items()
    )
    check_claim(str(path), rows, rows * width, path.stat().st_size)


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
    # One copy: Arrow's memory is read-only, and torch shares only what may be written
    # to.
    return np.array(values.to_numpy().reshape(len(array), width))


def _refuse_nulls(array: pa.Array, width: int, where: str) -> None:
    if array.null_count:
        row = (
            int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0])
            // width
        )
        raise DataError(
            f"{where}, row {row}: found null; every value must be there"
            f" ({array.null_count} nulls)"
        )
