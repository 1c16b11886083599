"""Exports come back bit for bit: the header that goes with this project's data into a
foreign format, and what it restores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from oer_pipeline.common.errors import DataError, choices
from oer_pipeline.common.json_text import parse_json
from oer_pipeline.trajectories.buffer import BUFFER, ReplayBuffer, validate_buffer
from oer_pipeline.trajectories.exchange.foreign_data import ForeignData
from oer_pipeline.trajectories.header import (
    check_content,
    check_header,
    columns_in,
    make_header,
)
from oer_pipeline.trajectories.schema import (
    TRANSITION,
    TRANSITIONS,
    ColumnType,
    Schema,
    check_arrays,
)
from oer_pipeline.trajectories.table import Trajectories, validate_trajectories

TableOrBuffer: TypeAlias = Trajectories | ReplayBuffer
SCHEMAS: dict[str, Schema] = {TRANSITIONS.kind: TRANSITIONS, BUFFER.kind: BUFFER}


def export_header(data: TableOrBuffer, where: str) -> dict[str, str]:
    """The header of sound data.

    Args:
        data: to be exported.
        where: the file, as errors call it.

    Raises:
        DataError: they break a rule of their kind.
    """
    if isinstance(data, Trajectories):
        validate_trajectories(data, where)
        return make_header(TRANSITIONS, data.arrays(), data.metadata, where)
    validate_buffer(data, where)
    return make_header(BUFFER, data.arrays(), data.metadata, where)


def parse_header(text: Any, where: str) -> dict[str, str] | None:
    """The header in a foreign file; None where there is none: no export of this
    project.

    Args:
        text: JSON, as the file has it; None: it has none.
        where: the file, as errors call it.

    Raises:
        DataError: a header that is none, or of a kind that is not known.
    """
    if text is None:
        return None
    header = parse_json(text, f"{where}, its header")
    if not _is_text_mapping(header):
        raise DataError(
            f"{where}: its header is {header!r}; it takes a JSON object of texts"
        )
    kind = header.get("kind")
    if kind not in SCHEMAS:
        raise DataError(f"{where}: it holds {kind!r}; {choices(SCHEMAS)}")
    check_header(header, SCHEMAS[kind], where)
    return dict(header)


def _is_text_mapping(header: Any) -> bool:
    if not isinstance(header, dict):
        return False
    return all(isinstance(value, str) for value in header.values())


def info_columns(header: Mapping[str, str] | None) -> dict[str, ColumnType]:
    """What a file with this header has besides what every foreign file has."""
    if header is None:
        return {}
    columns = columns_in(header, SCHEMAS[header["kind"]])
    return {name: columns[name] for name in columns if name not in TRANSITION}


def absent_columns(header: Mapping[str, str] | None) -> set[str]:
    """The columns of a transition that a file with this header lacks."""
    if header is None:
        return set()
    return set(TRANSITION) - set(columns_in(header, SCHEMAS[header["kind"]]))


def restore(data: ForeignData) -> TableOrBuffer:
    """The table or the buffer that was exported, and its metadata.

    Raises:
        DataError: the file is no export of this project, or not as it was written.
    """
    where = data.where
    if data.header is None:
        raise DataError(
            f"{where}: it is not an export of this project: its header oer_pipeline is"
            " missing"
        )
    schema = SCHEMAS[data.header["kind"]]
    metadata = check_header(data.header, schema, where)
    columns = data.columns()
    wanted = columns_in(data.header, schema)
    missing = sorted(set(wanted) - set(columns))
    if missing:
        raise DataError(
            f"{where}: columns {missing} are missing; an export of a {schema.kind} file"
            " has them"
        )
    arrays = {name: columns[name] for name in wanted}
    check_arrays(schema, arrays, where)
    check_content(data.header, schema, arrays, where)
    every: dict[str, Any] = {"reward": None, **arrays}
    if schema is BUFFER:
        buffer = ReplayBuffer(**every, metadata=metadata)
        validate_buffer(buffer, where)
        return buffer
    table = Trajectories(**every, metadata=metadata)
    validate_trajectories(table, where)
    return table
