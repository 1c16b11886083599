"""docs/scale.md: parts are measured once, what is measured is kept, the page says what
has not been."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks import __main__ as bench
from benchmarks import scale
from benchmarks.grid_project import (
    Measured,
    cells_and_data,
    forced,
    in_nodes,
    scratch_project,
)
from benchmarks.scale import DEFAULT, PARTS, TINY, blocks, figures, is_done, run_parts
from oer_pipeline.reports.document_blocks import with_block
from oer_pipeline.studies.jobs import Outcome, Status

RECORDS = {
    "efficiency": {
        "cells": 6,
        "one_worker_seconds": 120.0,
        "two_workers_seconds": 66.0,
        "efficiency": 120.0 / 132.0,
    },
    "overhead": {
        "kept_seconds": 1.0,
        "run_seconds": 2.5,
        "worse_seconds": 2.5,
        "own_mebibytes": 300.0,
        "shared_mebibytes": 600.0,
    },
    "trivial": {
        "cells": 1000,
        "seconds": 150.0,
        "scheduler_mebibytes": 310.0,
        "grown_mebibytes": 12.0,
    },
    "growth": {
        "points": {"1 1 10000": {"models_seconds": 20.0, "cell_seconds": 9.5}},
    },
}


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the records are kept, for once."""
    path = tmp_path / "scale.json"
    monkeypatch.setattr(scale, "RECORDS", path)
    monkeypatch.setattr(scale, "scratch_project", lambda: scratch_project(tmp_path))
    return path


def test_what_is_measured_is_kept_and_another_size_is_measured_anew(
    records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def part(size: scale.Size, kept: dict[str, Any], save: Any) -> dict[str, Any]:
        calls.append(size.params)
        return {"seconds": len(calls)}

    monkeypatch.setattr(scale, "PARTS", {"trivial": part, "overhead": part})
    run_parts(["trivial"], TINY, again=False)
    run_parts(["trivial", "overhead"], TINY, again=False)
    assert len(calls) == 2
    assert json.loads(records.read_text())["trivial"]["seconds"] == 1
    run_parts(["trivial"], TINY, again=True)
    run_parts(["overhead"], replace(TINY, params="tasks=1"), again=False)
    kept = json.loads(records.read_text())
    assert (kept["trivial"]["seconds"], kept["overhead"]["seconds"]) == (3, 4)
    assert kept["overhead"]["params"] == "tasks=1"


def test_growth_goes_on_where_it_was(records: Path) -> None:
    points = {"1 1 1000": {}, "2 1 1000": {}}
    record = {"params": TINY.params, "env": TINY.env, "points": points}
    assert not is_done("growth", record, TINY)
    points |= {"1 2 1000": {}, "1 1 2000": {}}
    assert is_done("growth", record, TINY)


def test_the_page_says_what_was_measured_and_what_was_not() -> None:
    how = {"processor": "a processor", "params": DEFAULT.params, "env": None}
    told = {name: {**record, **how} for name, record in RECORDS.items()}
    page = scale.PAGE.read_text(encoding="utf-8")
    for name, block in blocks(told).items():
        page = with_block(page, name, block)
        assert "a processor" in block
        assert (DEFAULT.params in block) == (name in ("efficiency", "growth"))
    assert "Efficiency of two workers: 0.91." in page
    assert "| every node is run, s | 2.50 |" in page
    assert "| seconds per cell and worker | 0.30 |" in page
    assert "| 1 tasks, 1 seeds, 10,000 rows per task | 20.0 | 9.5 |" in page
    assert "Not measured yet" not in page
    for name, block in blocks({}).items():
        assert block == (
            f"Not measured yet: `python -m benchmarks.scale --only={name}`."
        )


def test_the_page_is_what_the_records_say() -> None:
    page = scale.PAGE.read_text(encoding="utf-8")
    for name, block in blocks(scale.read()).items():
        assert with_block(page, name, block) == page, f"{name}: python -m {scale}"


def test_figures_have_the_targets_of_make_bench() -> None:
    told = {name: {**of, "params": DEFAULT.params} for name, of in RECORDS.items()}
    found = {figure.name: figure for figure in figures(told)}
    assert set(found) <= set(bench.FIGURES)
    targets = {name: (figure.target, figure.met) for name, figure in found.items()}
    assert targets == {
        "grid_efficiency": (0.85, True),
        "grid_overhead_seconds": (3.0, True),
    }
    assert figures({name: {**of, "params": "x"} for name, of in RECORDS.items()}) == []


def test_an_unknown_part_is_one_line() -> None:
    done = CliRunner().invoke(scale.main, ["--only=efficency"])
    assert done.exit_code == 2
    assert "unknown part 'efficency'" in done.output
    assert set(PARTS) == {"efficiency", "overhead", "trivial", "growth"}


def test_time_beside_nodes_is_read_from_logs(
    tmp_path: Path,
) -> None:
    log = tmp_path / "cell.log"
    log.write_text("INFO   2.5 s in 4\n   nodes  hooks.py:77\n")
    assert in_nodes(log) == 2.5
    outcome = Outcome("cell", Status.DONE, 4.0)
    measured = Measured({"cell": outcome}, {"cell": log}, 4.0, 0.0, 0.0)
    assert measured.beside_nodes() == [1.5]
    log.write_text("Error: no\n")
    with pytest.raises(RuntimeError, match="lacks a line"):
        in_nodes(log)


def test_cells_are_jobs_apart_from_their_data(tmp_path: Path) -> None:
    with scratch_project(tmp_path / "project"):
        jobs, data = cells_and_data(
            "test",
            "tasks=1,seeds=0",
            methods=["finetune"],
            parameters={"learner.alpha": [1.0, 1.1]},
            stages=["continual"],
        )
    assert [job.name for job in jobs] == ["finetune-alpha=1.0", "finetune-alpha=1.1"]
    assert all(job.after == () for job in jobs)
    assert all(job.name.startswith("data_") for job in data)
    assert all(job.arguments[-1].endswith(",force=true") for job in forced(jobs))


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_every_part_runs_at_its_smallest(part: str, tmp_path: Path) -> None:
    saved: list[dict[str, Any]] = []
    with scratch_project(tmp_path / "project"):
        found = PARTS[part](TINY, {}, saved.append)
    numbers = json.loads(json.dumps(found))
    assert numbers
    if part == "growth":
        assert [len(record["points"]) for record in saved[-1:]] == [4]
        assert len(numbers["points"]) == 4
