"""Data qualities: which raw kinds a data set is cut from (protocol, section 2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from oer_pipeline.common.errors import ConfigurationError, DataError, choices
from oer_pipeline.trajectories.concatenate import concatenate, diverged_mask
from oer_pipeline.trajectories.metadata import DIVERGED
from oer_pipeline.trajectories.table import Trajectories

QUALITIES: dict[str, tuple[str, ...]] = {
    "random": ("random",),
    "medium": ("medium",),
    "medium_random": ("medium", "random"),
    "medium_replay": ("medium_replay",),
    "expert": ("expert",),
}
"""Quality -> raw kinds; each kind gives an equal share of the rows."""

KINDS = ("random", "medium_replay", "medium", "expert")
MIX = "mix_"
MIXTURE = "mix_expert_10_random_90"
"""For instance: these kinds, with these per cent of the rows."""
SHARE = re.compile(rf"({'|'.join(KINDS)})_([1-9]\d*)(?:_|$)")

IMPORTED = "imported"
"""The raw kind of a task whose data were imported, and the quality of a suite that has
no others."""


def raw_kinds(quality: str) -> tuple[str, ...]:
    """The raw kinds that `quality` is cut from.

    Raises:
        ConfigurationError: an unknown quality.
    """
    return tuple(shares(quality))


def is_quality(name: str) -> bool:
    """Whether data of this quality can be cut, or are imported."""
    if name == IMPORTED:
        return True
    try:
        shares(name)
    except ConfigurationError:
        return False
    return True


def shares(quality: str) -> dict[str, int]:
    """Raw kind -> its part of the rows: equal ones, or of a mixture per cent.

    Raises:
        ConfigurationError: an unknown quality, or a mixture of other kinds, of a kind
            twice, or that does not add up to 100.
    """
    if quality.startswith(MIX):
        return _of_mixture(quality)
    if quality not in QUALITIES:
        known = choices([*QUALITIES, MIXTURE], quality)
        raise ConfigurationError(f"unknown quality {quality!r}; {known}")
    return dict.fromkeys(QUALITIES[quality], 1)


def _of_mixture(quality: str) -> dict[str, int]:
    """`{"expert": 10, "random": 90}`."""
    told = quality.removeprefix(MIX)
    pairs = SHARE.findall(told)
    found = {kind: int(share) for kind, share in pairs}
    again = "_".join(f"{kind}_{share}" for kind, share in pairs)
    if not found or again != told or len(found) < len(pairs):
        raise ConfigurationError(
            f"quality {quality!r} is no mixture; it takes kinds out of"
            f" {', '.join(KINDS)}, each once and with its per cent, such as {MIXTURE}"
        )
    total = sum(found.values())
    if total != 100:
        raise ConfigurationError(
            f"quality {quality!r} adds up to {total} per cent; it takes 100"
        )
    return found


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
    parts_of_rows = shares(quality)
    kinds = list(parts_of_rows)
    missing = [kind for kind in kinds if kind not in raw]
    if missing:
        raise DataError(
            f"quality {quality} needs raw kinds {kinds}; {missing} are missing"
        )
    total = sum(parts_of_rows.values())
    parts = []
    hashes = {}
    episodes = []
    for kind, part_of_rows in parts_of_rows.items():
        share = transitions * part_of_rows // total
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
    part = raw.select(slice(0, int(fitting[-1])))
    if DIVERGED not in part.metadata:
        return part
    diverged = int(np.count_nonzero(diverged_mask(part)))
    return replace(part, metadata={**part.metadata, DIVERGED: diverged})
