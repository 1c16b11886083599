"""Our own data in a foreign format: a header goes with them, and they come back bit for
bit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from oer_pipeline.common.errors import DataError, choices
from oer_pipeline.trajectories.buffer import BUFFER, ReplayBuffer, validate_buffer
from oer_pipeline.trajectories.exchange.found import Found
from oer_pipeline.trajectories.header import (
    check_content,
    check_header,
    columns_told,
    make_header,
)
from oer_pipeline.trajectories.schema import (
    TRANSITION,
    TRANSITIONS,
    Column,
    Schema,
    check_arrays,
)
from oer_pipeline.trajectories.table import Trajectories
from oer_pipeline.trajectories.validate import validate

Ours: TypeAlias = Trajectories | ReplayBuffer
KINDS: dict[str, tuple[Schema, Callable[..., Ours], Callable[[Any, str], None]]] = {
    TRANSITIONS.kind: (TRANSITIONS, Trajectories, validate),
    BUFFER.kind: (BUFFER, ReplayBuffer, validate_buffer),
}


def header_of(data: Ours, where: str) -> dict[str, str]:
    """The header of sound data.

    Raises:
        DataError: they break a rule of their kind.
    """
    kind = TRANSITIONS.kind if isinstance(data, Trajectories) else BUFFER.kind
    schema, _, check = KINDS[kind]
    check(data, where)
    return make_header(schema, data.arrays(), data.metadata, where)


def parse_header(text: Any, where: str) -> dict[str, str] | None:
    """The header in a foreign file; None where there is none, and the file is somebody
    else's.

    Raises:
        DataError: a header that is none, or of a kind that is not known.
    """
    if text is None:
        return None
    header = json.loads(text)
    if not isinstance(header, dict) or not all(
        isinstance(value, str) for value in header.values()
    ):
        raise DataError(
            f"{where}: its header is {header!r}; it takes a JSON object of texts"
        )
    if header.get("kind") not in KINDS:
        raise DataError(f"{where}: it holds {header.get('kind')!r}; {choices(KINDS)}")
    check_header(header, KINDS[header["kind"]][0], where)
    return header


def info_columns(header: Mapping[str, str] | None) -> dict[str, Column]:
    """What a file with this header has besides what every foreign file has."""
    columns = columns_told(header, KINDS[header["kind"]][0]) if header else {}
    return {name: column for name, column in columns.items() if name not in TRANSITION}


def absent_columns(header: Mapping[str, str] | None) -> set[str]:
    """The columns of a transition that a file with this header lacks."""
    if header is None:
        return set()
    return set(TRANSITION) - set(columns_told(header, KINDS[header["kind"]][0]))


def restore(found: Found) -> Ours:
    """The table or the buffer that was exported, and its metadata.

    Raises:
        DataError: the file is somebody else's, or not as it was written.
    """
    if found.header is None:
        raise DataError(
            f"{found.where}: it is not an export of this project: its header"
            " oer_pipeline is missing"
        )
    schema, make, check = KINDS[found.header["kind"]]
    metadata = check_header(found.header, schema, found.where)
    columns, wanted = found.columns(), columns_told(found.header, schema)
    missing = sorted(set(wanted) - set(columns))
    if missing:
        raise DataError(
            f"{found.where}: columns {missing} are missing; an export of a"
            f" {schema.kind} file has them"
        )
    arrays = {name: columns[name] for name in wanted}
    check_arrays(schema, arrays, found.where)
    check_content(found.header, schema, arrays, found.where)
    data = make(**{"reward": None, **arrays}, metadata=metadata)
    check(data, found.where)
    return data
