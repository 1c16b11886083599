"""MLflow's functions, told which database or server to ask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow

from oer_pipeline.orchestration.hooks import ADDRESS


@contextmanager
def tracked_at(address: str) -> Iterator[str]:
    """All of MLflow's functions at an address; afterwards as before, the environment's
    variable too, which MLflow sets."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(address)
    try:
        yield address
    finally:
        mlflow.set_tracking_uri(before)
        os.environ.pop(ADDRESS, None)
