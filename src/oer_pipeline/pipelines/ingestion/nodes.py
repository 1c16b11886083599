"""Nodes of the ingestion pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oer_pipeline.trajectories.table import Trajectories


def ingest(
    quality: str, collection: dict[str, Any], references: dict[str, Any], *raw: Trajectories
) -> tuple[Trajectories, dict[str, Any]]:
    """The validated data set of one task and its card; `raw` are the kinds that the quality is cut from."""
    from oer_pipeline.trajectories.card import data_card
    from oer_pipeline.trajectories.qualities import cut, raw_kinds

    kinds = dict(zip(raw_kinds(quality), raw, strict=True))
    data = cut(quality, kinds, collection["transitions"])
    return data, data_card(data, references)
