"""`python -m oer_pipeline` and the packaged command: `kedro run` of this project."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from kedro.framework.cli.utils import find_run_command
from kedro.framework.project import configure_project


def main(*args: Any, **kwargs: Any) -> Any:
    """Run with the given command line, e.g. `oer-pipeline --pipelines=collection
    --conf-source=conf`."""
    package = Path(__file__).parent.name
    configure_project(package)
    kwargs.setdefault("standalone_mode", not hasattr(sys, "ps1"))
    return find_run_command(package)(*args, **kwargs)


if __name__ == "__main__":
    main()
