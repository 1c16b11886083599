"""Where to look in MLflow, for `make ui`: the pages where the best PER is on top."""

from __future__ import annotations

from pathlib import Path

from oer_pipeline.orchestration.tracked_view import view_links

STORE = Path("mlflow.db")
ADDRESS = "http://127.0.0.1:5000"
"""As conf/base/mlflow.yml has both."""


def main() -> None:
    """Print a link per experiment; nothing before the first run."""
    if not STORE.is_file():
        return
    from mlflow import MlflowClient

    for link in view_links(MlflowClient(f"sqlite:///{STORE}"), ADDRESS):
        print(link)


if __name__ == "__main__":
    main()
