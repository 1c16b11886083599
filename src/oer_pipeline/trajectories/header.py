"""The header of every file that this project writes, whatever its format: kind, schema
version, metadata, and the hashes that prove them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.json_text import parse_json
from oer_pipeline.trajectories.schema import Array, ColumnType, Schema, content_hash

Header = Mapping[str, str]
NEEDED = frozenset({"kind", "schema_version", "metadata", "sha256"})


def make_header(
    schema: Schema,
    arrays: Mapping[str, Array],
    metadata: Mapping[str, Any],
    where: str,
) -> dict[str, str]:
    """The header of arrays and their metadata, which are kept as sorted JSON.

    It names the optional columns that are there, and those that are left out; without
    any it says nothing of them.

    Args:
        schema: of the kind of file.
        arrays: by column.
        metadata: plain JSON.
        where: the file, as errors call it.

    Raises:
        DataError: metadata that JSON cannot hold.
    """
    try:
        text = json.dumps(dict(metadata), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: metadata must be plain JSON: {error}") from error
    optional = [name for name in schema.optional if name in arrays]
    absent = [name for name in schema.columns if name not in arrays]
    header = {}
    if optional:
        header["optional"] = " ".join(optional)
    if absent:
        header["absent"] = " ".join(absent)
    header["kind"] = schema.kind
    header["schema_version"] = str(schema.version)
    header["metadata"] = text
    header["metadata_sha256"] = _digest(text)
    header["sha256"] = content_hash(schema, arrays)
    return header


def check_header(
    header: Header,
    schema: Schema,
    where: str,
) -> dict[str, Any]:
    """The metadata, after kind and version have been held against `schema`.

    Args:
        header: as the file has it.
        schema: that it is held against.
        where: the file, as errors call it.

    Raises:
        DataError: another kind, another schema version, damaged metadata.
    """
    missing = sorted(NEEDED - set(header))
    if missing or header["kind"] != schema.kind:
        kind = header.get("kind", "unknown")
        raise DataError(
            f"{where}: not a {schema.kind} file: kind {kind!r}, missing schema metadata"
            f" {missing}"
        )
    if header["schema_version"] != str(schema.version):
        raise DataError(
            f"{where}: schema version {header['schema_version']}; this release reads"
            f" {schema.version}"
        )
    digest = _digest(header["metadata"])
    expected = header.get("metadata_sha256", digest)
    if digest != expected:
        raise DataError(
            f"{where}: the metadata's SHA-256 is {digest}, the header says {expected};"
            " make the file again"
        )
    metadata = parse_json(header["metadata"], f"{where}, its metadata")
    if not isinstance(metadata, dict):
        raise DataError(f"{where}: metadata is {metadata!r}; it takes a JSON object")
    return metadata


def columns_in(header: Header, schema: Schema) -> dict[str, ColumnType]:
    """The columns that a file with this header has."""
    names = set(schema.columns)
    names |= set(header.get("optional", "").split())
    names -= set(header.get("absent", "").split())
    return schema.present(names)


def check_content(
    header: Header,
    schema: Schema,
    arrays: Mapping[str, Array],
    where: str,
) -> None:
    """The arrays are those that were written.

    Args:
        header: says their hash.
        schema: of the kind of file.
        arrays: by column, as they were read.
        where: the file, as errors call it.

    Raises:
        DataError: their hash is another one.
    """
    digest = content_hash(schema, arrays)
    if digest != header["sha256"]:
        raise DataError(
            f"{where}: the content's SHA-256 is {digest}, its header says"
            f" {header['sha256']}; make it again"
        )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
