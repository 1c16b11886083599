"""`make learners`: every learner on one suite, paired by seed; rewrites the tables of docs/learners.md.

What is up to date is kept, so a stopped run goes on where it was. Only a run at the default size changes the page.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oer_pipeline.errors import OERError
from oer_pipeline.grid import jobs_of, run_all
from oer_pipeline.reports.block import rewrite
from oer_pipeline.reports.learners import learners_table, tuning_table

METHODS = (
    *(
        "finetune",
        "bc",
        "er",
        "er_random",
        "oer",
        "oer_paper",
        "ewc",
        "online_ewc",
        "si",
        "rwalk",
        "gem",
        "agem",
        "lwf",
    ),
    *("packnet", "multitask", "single_task", "frozen_trunk"),
)
"""The first is the reference."""
PAGE = Path("docs/learners.md")


def tables(metrics: Path, cells: tuple[str, ...], tuned: Mapping[str, Any]) -> dict[str, str]:
    """The page's blocks from the finished cells' `metrics.json` below the folder `metrics`."""
    read = [json.loads((metrics / cell / "metrics.json").read_text(encoding="utf-8")) for cell in cells]
    return {"table": learners_table(read, cells[0]), "tuned": tuning_table(tuned)}


def main() -> None:
    """Command line: `--jobs`, `--params` and `--env` as `kedro run` takes them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="processes at once")
    parser.add_argument("--params", default="", help="another size, suite or quality; the page stays as it is")
    parser.add_argument("--env", help="another environment; the page stays as it is")
    given = parser.parse_args()

    from oer_pipeline.context import plans_to_compare, tuned_of

    params = ",".join(filter(None, (given.params, f"compare={'+'.join(METHODS)}")))
    options = [f"--params={params}", *([f"--env={given.env}"] if given.env else [])]
    try:
        plans, reports = plans_to_compare(options)
        run_all(jobs_of(plans, options), given.jobs)
        blocks = tables(reports, plans[0].compared_cells, tuned_of(given.env))
        if not given.params and not given.env:
            rewrite(PAGE, blocks)
    except OERError as error:
        raise SystemExit(f"Error: {error}") from error
    print("\n".join(blocks.values()))


if __name__ == "__main__":
    main()
