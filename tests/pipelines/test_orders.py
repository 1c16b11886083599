"""Task orders: every one has the same data, and learns them in its own sequence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from oer_pipeline.orchestration.records import read_record

MODELS = "data/test/06_models/cheetah_vel_signed/medium"
REPORTS = "data/test/08_reporting/cheetah_vel_signed/medium"
DATA_NODES = ("roll_out", "references", "ingest", "fit_dynamics")


def test_another_order_takes_the_data_that_are_there(collected: Any) -> None:
    """Of five tasks: the suite's order, then one that begins with another task."""
    asked = {"tasks": 5, "seeds": "0", "learner": {"updates": 20}}
    collected.run(**asked)
    before = _data_and_models(collected)
    again = collected.run(**asked, order_seed=1)
    assert not {name for name in again if name.split(".")[-1] in DATA_NODES}
    after = _data_and_models(collected)
    assert {name: after[name] for name in before} == before
    assert collected.run(**asked) == []

    shuffled_cell = _shuffled(collected)
    models = collected.path / MODELS / shuffled_cell / "seed_0"
    learned = [_data_of(models / f"task_{k}_policies.safetensors") for k in range(1, 6)]
    assert learned != sorted(learned)
    assert sorted(learned) == [f"task_{k}.parquet" for k in range(1, 6)]

    listed, shuffled = (
        json.loads((collected.path / REPORTS / cell / "metrics.json").read_text())
        for cell in ("oer-learner.updates=20-tasks=5", shuffled_cell)
    )
    for task, file in zip(shuffled["tasks"], learned, strict=True):
        in_suite = listed["references"][file.removesuffix(".parquet")]
        assert shuffled["references"][task] == in_suite


def _data_and_models(project: Any) -> dict[str, bytes]:
    files: dict[str, bytes] = project.files("data/test/01_raw")
    return files | project.files("data/test/06_models")


def _shuffled(project: Any) -> str:
    [found] = (project.path / REPORTS).glob("oer-*order_seed=1*")
    return str(found.name)


def _data_of(policies: Path) -> str:
    """The file of the data set that policies were trained on."""
    record = read_record(policies)
    assert record is not None
    found = []
    for places in record.inputs.values():
        found += [place for place in places if "/03_primary/" in place]
    [data] = found
    return Path(data).name
