"""Records of what made a file: `folder/.made/{name}.json` beside `folder/{name}`,
written after it.

A file without its record, or one that differs from it, counts as not made: a killed or
hand-edited step is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from oer_pipeline.common.atomic import atomic_path


def record_path(path: Path) -> Path:
    """Where the record of `path` lies."""
    return path.parent / ".made" / f"{path.name}.json"


def write_made(
    path: Path, fingerprint: str, node: str, inputs: Mapping[str, Any]
) -> None:
    """Record that `node` made the file at `path`, whole now, from `inputs` (name ->
    content hash)."""
    record = {
        "fingerprint": fingerprint,
        "sha256": file_sha256(path),
        "node": node,
        "inputs": dict(inputs),
    }
    with atomic_path(record_path(path)) as temporary:
        temporary.write_text(
            json.dumps(record, sort_keys=True, indent=2) + "\n", encoding="utf-8"
        )


def read_made(path: Path) -> dict[str, Any] | None:
    """The record of `path`; None when there is none or it cannot be read."""
    try:
        record = json.loads(record_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(record, dict) and {
        "fingerprint",
        "sha256",
        "node",
        "inputs",
    } <= set(record)
    return record if whole else None


def is_fresh(path: Path, fingerprint: str) -> bool:
    """Whether the file at `path` is the one that a step with this `fingerprint`
    wrote."""
    record = read_made(path)
    if record is None or record["fingerprint"] != fingerprint or not path.is_file():
        return False
    return bool(record["sha256"] == file_sha256(path))


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes; a file unchanged by its stat is read once a process.

    Raises:
        FileNotFoundError: no such file.
    """
    stat = os.stat(path)
    # The inode tells apart two files that were renamed into place within one tick of
    # the file system's clock.
    return _sha256(
        str(Path(path).absolute()), stat.st_size, stat.st_mtime_ns, stat.st_ino
    )


@lru_cache(maxsize=4096)
def _sha256(path: str, size: int, mtime_ns: int, inode: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
