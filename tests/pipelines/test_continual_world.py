"""A whole run on Meta-World's tasks, one of them twice: collection, ingestion,
dynamics, continual, reporting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.trajectories.table import read_trajectories

pytest.importorskip(
    "metaworld",
    reason="Meta-World is not installed: pip install 'oer_pipeline[metaworld]'",
)

TASKS = [
    {"env_name": name} for name in ("faucet-close-v3", "hammer-v3", "faucet-close-v3")
]
ASKED: dict[str, Any] = {"suite": "again", "tasks": 3, "seeds": "0"}
CELL = "again/medium/oer"


def add(project: Any) -> Any:
    suite = {"again": {"family": "meta_world", "horizon": 200, "tasks": TASKS}}
    (project.path / "conf" / "base" / "suites_again.yml").write_text(
        yaml.safe_dump(suite)
    )
    return project


def names(project: Any, below: str) -> list[str]:
    root: Path = project.path / "data" / "test" / below
    return sorted(
        p.relative_to(root).as_posix()
        for p in root.rglob("*.*")
        if ".made" not in p.parts
    )


def test_a_task_that_comes_back_has_the_data_of_its_first_time(project: Any) -> None:
    ran = add(project).run(**ASKED)
    once = {"roll_out", "references", "ingest", "fit_dynamics"}
    assert {f"task_{k}.{node}" for k in (1, 2) for node in once} <= set(ran)
    assert not {f"task_3.{node}" for node in once} & set(ran)
    assert {
        "task_3.train",
        "task_3.select",
        "task_3.evaluate",
        "evaluation.visit_task_3",
        "measure",
        "draw",
    } <= set(ran)
    kinds = ("expert.parquet", "medium.parquet", "random.parquet", "references.json")
    assert names(project, "01_raw/again") == [
        f"task_{k}/{kind}" for k in (1, 2) for kind in kinds
    ]
    parts = (".parquet", "_card.json")
    assert names(project, "03_primary/again/medium") == sorted(
        f"task_{k}{part}" for k in (1, 2) for part in parts
    )
    metrics = json.loads(
        (project.path / f"data/test/08_reporting/{CELL}/metrics.json").read_text()
    )
    assert metrics["tasks"] == ["task_1", "task_2", "task_3"]
    assert metrics["references"]["task_1"] == metrics["references"]["task_3"]
    # Evaluation's episodes are each place's own, of goals that collection did not have.
    visits = {
        k: read_trajectories(
            project.path
            / f"data/test/07_model_output/{CELL}/seed_0/task_{k}_visits.parquet"
        )
        for k in (1, 3)
    }
    collected = read_trajectories(
        project.path / "data/test/01_raw/again/task_1/medium.parquet"
    )
    starts = {tuple(row) for row in collected.observation[collected.starts]}
    for table in visits.values():
        assert not {tuple(row) for row in table.observation[table.starts]} & starts
    assert add(project).run(**ASKED) == []

    data = read_trajectories(
        project.path / "data/test/03_primary/again/medium/task_1.parquet"
    )
    assert data.solved is not None
    card = json.loads(
        (
            project.path / "data/test/03_primary/again/medium/task_1_card.json"
        ).read_text()
    )
    assert card["success_rate"] == data.solved.mean()
    assert set(card["references"]) == {"random", "zero", "medium", "expert"}
    assert all("success" in reference for reference in card["references"].values())
    assert card["versions"]["metaworld"] == "3.0.0"

    # All tasks at once: what is shared is read under both names.
    ran = project.run(
        "continual", "evaluation", "reporting", method="multitask", **ASKED
    )
    assert {"task_3.train", "measure"} <= set(ran)
    assert project.run("collection", "ingestion", quality="medium_random", **ASKED)
    with pytest.raises(ConfigurationError, match="medium_replay"):
        project.run(quality="medium_replay", **ASKED)
