"""Data qualities: which raw kinds a data set is cut from (protocol, section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from oer_pipeline.common.errors import ConfigurationError, DataError, choices
from oer_pipeline.trajectories.concatenate import concatenate
from oer_pipeline.trajectories.table import Trajectories

QUALITIES: dict[str, tuple[str, ...]] = {
    "random": ("random",),
    "medium": ("medium",),
    "medium_random": ("medium", "random"),
    "medium_replay": ("medium_replay",),
    "expert": ("expert",),
}
"""Quality -> raw kinds; each kind gives an equal share of the rows."""

IMPORTED = "imported"
"""The raw kind of a task whose data were imported, and the quality of a suite that has
no others."""


def raw_kinds(quality: str) -> tuple[str, ...]:
    """The raw kinds that `quality` is cut from.

    Raises:
        ConfigurationError: an unknown quality.
    """
    if quality not in QUALITIES:
        raise ConfigurationError(
            f"unknown quality {quality!r}; {choices(QUALITIES, quality)}"
        )
    return QUALITIES[quality]


def cut(
    quality: str,
    raw: Mapping[str, Trajectories],
    transitions: int,
) -> Trajectories:
    """Whole episodes of the raw kinds, in order, at most `transitions` rows.

    Metadata gain `quality`, `raw_sha256` and `episodes_of_kinds`, how many episodes of
    each kind come one after another.

    Raises:
        ConfigurationError: an unknown quality.
        DataError: a raw kind is missing or has fewer rows than its share of
            `transitions`.
    """
    kinds = raw_kinds(quality)
    missing = [kind for kind in kinds if kind not in raw]
    if missing:
        raise DataError(
            f"quality {quality} needs raw kinds {list(kinds)}; {missing} are missing"
        )
    share = transitions // len(kinds)
    parts = []
    hashes = {}
    episodes = []
    for kind in kinds:
        part = _whole_episodes(raw[kind], share, f"quality {quality}, raw {kind}")
        parts.append(part)
        hashes[kind] = raw[kind].content_hash()
        episodes.append([kind, len(part.lengths)])
    table = concatenate(parts)
    metadata = dict(table.metadata)
    metadata["quality"] = quality
    metadata["raw_sha256"] = hashes
    metadata["episodes_of_kinds"] = episodes
    return replace(table, metadata=metadata)


def _whole_episodes(
    raw: Trajectories,
    rows: int,
    where: str,
) -> Trajectories:
    """The longest run of whole episodes from the start that fits into `rows` rows."""
    ends = raw.starts + raw.lengths
    fitting = ends[ends <= rows]
    if len(raw) < rows or not fitting.size:
        raise DataError(
            f"{where}: it has {len(raw)} rows in {len(ends)} episodes, the first of"
            f" {raw.lengths[0]} rows; {rows} rows of whole episodes are asked for"
        )
    return raw.select(slice(0, int(fitting[-1])))
