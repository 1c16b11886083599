"""Provenance records: `folder/.made/{name}.json` beside `folder/{name}` says what the
file is and what made it; it is written after the file.

A file without its record, or one that differs from it, counts as not made: a killed or
hand-edited step is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from oer_pipeline.common.atomic import write_atomic

FORM = 2
"""Version of a record's format; version 1 named neither file nor dataset."""
OUTSIDE = 6
"""How many trailing parts of the path name a file outside of the project: no record
holds a path of a machine."""


@dataclass(frozen=True)
class Record:
    """What a file is, and what made it.

    Attributes:
        file: its place in the project (`place_of`), which names suite, quality, cell,
            task, kind and seed.
        dataset: its name in the catalog, such as `task_1.policies`.
        seed: None for what all seeds share.
        node: what made it.
        fingerprint: of the recipe.
        sha256: of the file's bytes.
        recipe: what the fingerprint is of (`Recipe.recorded`), but for the inputs.
        inputs: name -> `{place: sha256}` of the files that it was made from.
    """

    file: str
    dataset: str
    seed: int | None
    node: str
    fingerprint: str
    sha256: str
    recipe: Mapping[str, Any]
    inputs: Mapping[str, Mapping[str, str]]

    def is_of(self, path: Path, project: Path) -> bool:
        """Whether the file at `path` is the one, in its place and byte for byte."""
        if self.file != place_of(path, project) or not path.is_file():
            return False
        return self.sha256 == file_sha256(path)


KINDS: dict[str, type[Any] | tuple[type[Any], ...]] = {
    "file": str,
    "dataset": str,
    "seed": (int, type(None)),
    "node": str,
    "fingerprint": str,
    "sha256": str,
    "recipe": dict,
    "inputs": dict,
}
"""Types of a record's entries."""


def record_path(path: Path) -> Path:
    """Where the record of `path` lies."""
    return path.parent / ".made" / f"{path.name}.json"


def write_record(path: Path, record: Record) -> None:
    """Write the record of the file at `path`, which is whole."""
    document = {"form": FORM, **vars(record)}
    text = json.dumps(document, sort_keys=True, indent=2) + "\n"
    write_atomic(record_path(path), text)


def read_record(path: Path) -> Record | None:
    """The record of `path`; None when there is none, or none of this form."""
    document = _document(path)
    if document.pop("form", None) != FORM or document.keys() != KINDS.keys():
        return None
    for name, kind in KINDS.items():
        if not isinstance(document[name], kind):
            return None
    return Record(**document)


def has_old_record(path: Path) -> bool:
    """Whether `path` has a record of an older form, which counts as none."""
    document = _document(path)
    return "fingerprint" in document and document.get("form") != FORM


def is_fresh(path: Path, fingerprint: str, project: Path) -> bool:
    """Whether the file at `path` is the one that a step with this `fingerprint` wrote
    there."""
    record = read_record(path)
    if record is None or record.fingerprint != fingerprint:
        return False
    return record.is_of(path, project)


def place_of(path: Path, project: Path) -> str:
    """`data/01_raw/...`: what records call a file."""
    path = Path(os.path.abspath(path))
    if path.is_relative_to(project):
        return path.relative_to(project).as_posix()
    return "/".join(("...", *path.parts[-OUTSIDE:]))


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


def _document(path: Path) -> dict[str, Any]:
    """What lies where the record of `path` would; empty where nothing can be read."""
    try:
        document = json.loads(record_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
