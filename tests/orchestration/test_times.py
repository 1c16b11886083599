"""What steps took lies beside the logs, and results hold none of it."""

from __future__ import annotations

import json
from typing import Any

from oer_pipeline.orchestration.times import with_step

SPENT = {"seconds": 2.0, "cpu_seconds": 1.0}
BEFORE = {"seconds": 9.0, "cpu_seconds": 8.0}


def test_other_seeds_are_added_and_the_same_ones_replaced() -> None:
    times = with_step({}, "task_1.train", [0, 1], BEFORE)
    more = with_step(times, "task_1.train", [2], SPENT)
    assert more == {"task_1.train": {"0+1": BEFORE, "2": SPENT}}
    assert with_step(more, "task_1.train", [1, 2], SPENT) == {
        "task_1.train": {"1+2": SPENT}
    }
    assert times == {"task_1.train": {"0+1": BEFORE}}


def test_a_run_keeps_the_times_of_its_cell(finished: Any) -> None:
    folder = finished.path / "logs/data/test/cheetah_vel_signed/medium/oer"
    times = json.loads((folder / "times.json").read_text())
    assert set(times) == {
        f"task_{task}.{step}"
        for task in (1, 2, 3)
        for step in ("train", "select", "evaluate")
    }
    for by_seeds in times.values():
        [(seeds, spent)] = by_seeds.items()
        assert seeds == "0+1"
        assert spent["seconds"] > 0.0
        assert spent["cpu_seconds"] >= 0.0


def test_a_damaged_file_of_times_is_begun_anew(resumed: Any) -> None:
    file = resumed.path / "logs/data/test/cheetah_vel_signed/medium/oer/times.json"
    file.parent.mkdir(parents=True)
    file.write_text("[1, ")
    assert resumed.run("continual", tags=["task_3"], force=True)
    assert "task_3.train" in json.loads(file.read_text())
    file.write_text('{"task_3.train": 5}')
    assert resumed.run("continual", tags=["task_3"], force=True)
    assert "0+1" in json.loads(file.read_text())["task_3.train"]


def test_no_result_is_made_from_how_long_something_took(project: Any) -> None:
    """Equal runs give equal bytes: no node reads what lies beside the logs."""
    from oer_pipeline.orchestration.artefacts import files_of
    from tests.orchestration.test_inputs import STAGES, Stage

    for name in ("collection", *STAGES):
        stage = Stage(project, name)
        read = {each for node in stage.pipeline.nodes for each in node.inputs}
        for each in sorted(read):
            if each.startswith("params:"):
                continue
            for path in (files_of(stage.catalog[each]) or {}).values():
                assert not path.is_relative_to(project.path / "logs"), each
