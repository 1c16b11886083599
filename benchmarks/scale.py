"""`python -m benchmarks.scale [--only=PART+PART] [--again]`: how grids scale, into
docs/scale.md.

Parts are efficiency, overhead, trivial and growth. What has been measured is kept in
benchmarks/scale.json, so that a command that was stopped goes on where it was, and
parts can be run when the machine is quiet; `--again` measures anew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import click
import psutil

from benchmarks.figure import Figure, describe, keep
from benchmarks.grid_project import (
    MEBIBYTE,
    NOTHING,
    ROOT,
    cells_and_data,
    forced,
    in_nodes,
    measure,
    scratch_project,
    warm_workers,
)
from oer_pipeline.common.atomic import atomic_path
from oer_pipeline.reports.document_blocks import rewrite
from oer_pipeline.reports.markdown import markdown
from oer_pipeline.studies.jobs import Job

PAGE = ROOT / "docs" / "scale.md"
RECORDS = ROOT / "benchmarks" / "scale.json"
LEAST_EFFICIENCY = 0.85
MOST_OVERHEAD = 3.0
Records = dict[str, Any]
Save = Callable[[Records], None]
"""Keeps what a part has measured so far."""


def _nowhere(_: Records) -> None:
    """Keeps nothing."""


@dataclass(frozen=True)
class Size:
    """How large the parts are.

    Attributes:
        env: environment of the cells; None is the default one.
        params: what all of them are told.
        cells: that two workers share in `efficiency`.
        trivial: cells that do nothing.
        tasks, seeds, rows: points of `growth`; the first of each is the base.
    """

    env: str | None
    params: str
    cells: int
    trivial: int
    tasks: tuple[int, ...]
    seeds: tuple[int, ...]
    rows: tuple[int, ...]


DEFAULT = Size(
    env=None,
    params="learner.updates=2000,evaluation.episodes=5",
    cells=6,
    trivial=1_000,
    tasks=(1, 2, 3),
    seeds=(1, 2, 4, 8),
    rows=(10_000, 20_000, 40_000),
)
TINY = Size(
    env="test",
    params="learner.updates=40",
    cells=2,
    trivial=6,
    tasks=(1, 2),
    seeds=(1, 2),
    rows=(1_000, 2_000),
)


def efficiency(size: Size, kept: Records, save: Save = _nowhere) -> Records:
    """Cells per hour on two workers over twice those on one; cells share no task."""
    alphas = [round(1.0 + 0.1 * n, 1) for n in range(size.cells)]
    jobs, data = cells_and_data(
        size.env,
        f"{size.params},tasks=1,seeds=0",
        methods=["finetune"],
        parameters={"learner.alpha": alphas},
        stages=["continual", "evaluation"],
    )
    seconds = {}
    for number in (1, 2):
        with warm_workers(number) as client:
            measure(data, client)
            seconds[number] = measure(forced(jobs), client).seconds
    return {
        "cells": len(jobs),
        "one_worker_seconds": seconds[1],
        "two_workers_seconds": seconds[2],
        "efficiency": seconds[1] / (2.0 * seconds[2]),
    }


def overhead(size: Size, kept: Records, save: Save = _nowhere) -> Records:
    """What a test-size cell costs beside its nodes, in a grid on one worker: where
    every node is kept, and where every node is run; and its memory."""
    jobs, data = cells_and_data(
        "test",
        "",
        methods=["finetune", "er_random", "oer"],
        stages=["continual", "evaluation", "reporting"],
    )
    with warm_workers(1) as client:
        measure([*data, *jobs], client)
        again = measure(jobs, client)
        # Now: the next run writes the logs anew, which say how long the nodes took.
        kept_seconds = mean(again.beside_nodes())
        anew = measure(forced(jobs), client)
        run_seconds = mean(anew.beside_nodes())
    return {
        "kept_seconds": kept_seconds,
        "run_seconds": run_seconds,
        "worse_seconds": max(kept_seconds, run_seconds),
        "own_mebibytes": max(again.own_mebibytes, anew.own_mebibytes),
        "shared_mebibytes": max(again.shared_mebibytes, anew.shared_mebibytes),
    }


def trivial(size: Size, kept: Records, save: Save = _nowhere) -> Records:
    """Cells that do nothing, on two workers: the engine by itself."""
    jobs = [Job(f"cell_{n}", ("0",), call=NOTHING) for n in range(size.trivial)]
    here = psutil.Process()
    with warm_workers(2) as client:
        before = here.memory_info().rss
        measured = measure(jobs, client)
        after = here.memory_info().rss
    return {
        "cells": len(jobs),
        "seconds": measured.seconds,
        "scheduler_mebibytes": after / MEBIBYTE,
        "grown_mebibytes": (after - before) / MEBIBYTE,
    }


def growth(size: Size, kept: Records, save: Save = _nowhere) -> Records:
    """Seconds in the nodes of an OER cell and of its models by tasks, seeds and rows,
    on one worker; each point is kept as soon as it is there."""
    base = (size.tasks[0], size.seeds[0], size.rows[0])
    points = [base]
    points += [(tasks, *base[1:]) for tasks in size.tasks[1:]]
    points += [(base[0], seeds, base[2]) for seeds in size.seeds[1:]]
    points += [(*base[:2], rows) for rows in size.rows[1:]]
    found = dict(kept.get("points", {}))
    with warm_workers(1) as client:
        for tasks, seeds, rows in points:
            name = f"{tasks} {seeds} {rows}"
            if name in found:
                continue
            jobs, data = cells_and_data(
                size.env,
                f"{size.params},tasks={tasks},seeds=0-{seeds - 1},"
                f"collection.transitions={rows}",
                methods=["oer"],
                stages=["continual", "evaluation"],
            )
            *before, models = data
            measure(before, client)
            measure(forced([replace(models, after=()), *jobs]), client)
            found[name] = {
                "models_seconds": in_nodes(models.log),
                "cell_seconds": in_nodes(jobs[0].log),
            }
            save({"points": found})
    return {"points": found}


PARTS: dict[str, Callable[[Size, Records, Save], Records]] = {
    "efficiency": efficiency,
    "overhead": overhead,
    "trivial": trivial,
    "growth": growth,
}


def read() -> Records:
    """What has been measured so far, by part."""
    if not RECORDS.is_file():
        return {}
    records: Records = json.loads(RECORDS.read_text(encoding="utf-8"))
    return records


def write(part: str, size: Size, record: Mapping[str, Any]) -> None:
    """Keep what has been measured of a part, in the place of what was there."""
    told = {"processor": describe("cpu"), "params": size.params, "env": size.env}
    records = {**read(), part: {**record, **told}}
    with atomic_path(RECORDS) as temporary:
        text = json.dumps(records, indent=2, sort_keys=True)
        temporary.write_text(text + "\n", encoding="utf-8")


def is_done(part: str, record: Mapping[str, Any], size: Size) -> bool:
    """Whether a part has been measured at this size, as a whole."""
    if record.get("params") != size.params or record.get("env") != size.env:
        return False
    points = len(size.tasks) + len(size.seeds) + len(size.rows) - 2
    return part != "growth" or len(record["points"]) == points


def run_parts(names: list[str], size: Size, again: bool) -> None:
    """Measure parts that have not been measured at this size; `again`: all of them."""
    for name in names:
        record = read().get(name, {})
        if again or record.get("params") != size.params:
            record = {}
        if record and is_done(name, record, size):
            click.echo(f"{name}: measured before; --again measures it anew")
            continue
        click.echo(f"{name} ...")
        save = partial(write, name, size)
        with scratch_project():
            save(PARTS[name](size, record, save))


# The page ----------------------------------------------------------------------------


def blocks(records: Records) -> dict[str, str]:
    """The page's blocks, by part; of a part that has not been measured, that it has
    not."""
    shown = {
        "efficiency": _efficiency,
        "overhead": _overhead,
        "trivial": _trivial,
        "growth": _growth,
    }
    found = {}
    for name, show in shown.items():
        record = records.get(name)
        if record is None:
            command = f"`python -m benchmarks.scale --only={name}`"
            found[name] = f"Not measured yet: {command}."
        else:
            found[name] = f"{show(record)}\n({_how(name, record)})"
    return found


def _how(part: str, record: Mapping[str, Any]) -> str:
    """The machine, and what cells were told where it is not said above the table."""
    processor: str = record["processor"]
    if part in ("overhead", "trivial"):
        return processor
    env = record["env"] or "default"
    return f"{processor}; environment {env}, {record['params']}"


def _efficiency(record: Mapping[str, Any]) -> str:
    one = record["one_worker_seconds"]
    two = record["two_workers_seconds"]
    cells = record["cells"]
    rows = []
    for workers, seconds in ((1, one), (2, two)):
        per_hour = 3600.0 * cells / seconds
        rows.append([str(workers), f"{seconds:.0f}", f"{per_hour:.0f}"])
    titles = [f"workers, {cells} cells", "seconds", "cells per hour"]
    share = record["efficiency"]
    return f"{markdown(titles, rows)}\nEfficiency of two workers: {share:.2f}."


def _overhead(record: Mapping[str, Any]) -> str:
    rows = [
        ["every node is kept, s", f"{record['kept_seconds']:.2f}"],
        ["every node is run, s", f"{record['run_seconds']:.2f}"],
        ["memory of its own, MiB", f"{record['own_mebibytes']:.0f}"],
        ["with what it shares, MiB", f"{record['shared_mebibytes']:.0f}"],
    ]
    return markdown(["per cell, beside its nodes", ""], rows)


def _trivial(record: Mapping[str, Any]) -> str:
    seconds = record["seconds"]
    cells = record["cells"]
    rows = [
        ["seconds", f"{seconds:.0f}"],
        ["seconds per cell and worker", f"{2.0 * seconds / cells:.2f}"],
        ["command and scheduler, MiB", f"{record['scheduler_mebibytes']:.0f}"],
        ["of that grown meanwhile, MiB", f"{record['grown_mebibytes']:.0f}"],
    ]
    return markdown([f"{cells:,} cells that do nothing, two workers", ""], rows)


def _growth(record: Mapping[str, Any]) -> str:
    rows = []
    for name, seconds in record["points"].items():
        tasks, seeds, data = name.split()
        rows.append(
            [
                f"{tasks} tasks, {seeds} seeds, {int(data):,} rows per task",
                f"{seconds['models_seconds']:.1f}",
                f"{seconds['cell_seconds']:.1f}",
            ]
        )
    return markdown(["OER", "models, s", "cell, s"], rows)


def figures(records: Records) -> list[Figure]:
    """The figures of `make bench` among what has been measured at default size."""
    found = []
    of_efficiency = records.get("efficiency", {})
    if of_efficiency.get("params") == DEFAULT.params:
        share = of_efficiency["efficiency"]
        found.append(Figure("grid_efficiency", share, LEAST_EFFICIENCY, "higher"))
    of_overhead = records.get("overhead", {})
    if of_overhead.get("params") == DEFAULT.params:
        worse = of_overhead["worse_seconds"]
        found.append(Figure("grid_overhead_seconds", worse, MOST_OVERHEAD, "lower"))
    return found


@click.command(help=__doc__)
@click.option("--only", default="+".join(PARTS), help="Some of the parts, +-joined.")
@click.option("--again", is_flag=True, help="Measure also what has been measured.")
@click.option("--tiny", is_flag=True, help="Sizes of seconds; the page is left alone.")
def main(only: str, again: bool, tiny: bool) -> None:
    names = only.split("+")
    for name in names:
        if name not in PARTS:
            known = ", ".join(PARTS)
            raise click.UsageError(f"--only: unknown part {name!r}; choose of {known}")
    size = TINY if tiny else DEFAULT
    if tiny:
        with scratch_project():
            for name in names:
                click.echo(json.dumps(PARTS[name](size, {}, _nowhere), indent=2))
        return
    run_parts(names, size, again)
    records = read()
    rewrite(PAGE, blocks(records))
    for figure in figures(records):
        keep(figure)
        click.echo(str(figure))
    click.echo(str(PAGE.relative_to(Path(ROOT))))


if __name__ == "__main__":
    sys.exit(main())
