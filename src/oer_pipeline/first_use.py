"""What an environment needs once: MLflow's database (7 s to make, so that the first run does not wait for it)."""

from __future__ import annotations

from pathlib import Path


def main() -> None:
    """Make the database of conf/base/mlflow.yml in the project's folder."""
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(Path.cwd())
    with KedroSession.create() as session:
        session.load_context()


if __name__ == "__main__":
    main()
