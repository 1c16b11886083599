"""What an environment needs once: MLflow's database (7 s to make, so that the first run
does not wait for it)."""

from __future__ import annotations

from pathlib import Path


def main() -> None:
    """Make the database of conf/base/mlflow.yml in the project's folder."""
    from kedro.framework.startup import bootstrap_project

    from oer_pipeline.orchestration.session import PlanSession

    bootstrap_project(Path.cwd())
    PlanSession.create().load_context()


if __name__ == "__main__":
    main()
