"""Where to look in MLflow, for `kedro ui`: the pages where the best PER is on top."""

from __future__ import annotations

from pathlib import Path

from oer_pipeline.orchestration.tracked_view import view_links

STORE = Path("mlflow.db")
"""As conf/base/mlflow.yml has it."""


def links_at(address: str) -> list[str]:
    """A link per experiment of the working directory; none before the first run.

    Args:
        address: of the server that will show them.
    """
    if not STORE.is_file():
        return []
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{STORE}")
    return view_links(client, address)
