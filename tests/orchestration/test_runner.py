"""The runner with stock datasets, and what it says of what it makes again."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.datasets import JSONDataset, PerSeedDataset
from oer_pipeline.orchestration import libraries
from oer_pipeline.orchestration.records import record_path
from oer_pipeline.orchestration.runner import FreshRunner
from oer_pipeline.orchestration.step import Step
from tests.orchestration.test_inputs import Stage

CARD = "data/test/03_primary/cheetah_vel_signed/medium/task_1_card.json"


@pytest.fixture
def ingestion(collected: Any) -> Any:
    """A project with raw data of one task, and `ingestion(catalog entries)`."""

    def run(**entries: Any) -> list[str]:
        catalog = collected.path / "conf" / "test" / "catalog.yml"
        catalog.write_text(yaml.safe_dump(entries))
        ran: list[str] = collected.run("ingestion", tasks=1)
        return ran

    run.project = collected  # type: ignore[attr-defined]
    return run


BOTH = ["task_1.ingest", "task_1.describe"]


def test_a_stock_dataset_is_kept_and_made_again_like_any(ingestion: Any) -> None:
    stock = {"task_1.card": {"type": "json.JSONDataset", "filepath": CARD}}
    assert ingestion(**stock) == BOTH
    assert ingestion(**stock) == []
    card = ingestion.project.path / CARD
    assert json.loads(record_path(card).read_text())["dataset"] == "task_1.card"
    card.write_text(card.read_text() + " ")
    assert ingestion(**stock) == ["task_1.ingest"]


def test_what_lies_in_no_file_is_always_made(ingestion: Any) -> None:
    memory = {"task_1.card": {"type": "MemoryDataset"}}
    assert ingestion(**memory) == BOTH
    assert ingestion(**memory) == BOTH
    assert not (ingestion.project.path / CARD).exists()


def note(card: Any) -> None:
    """A node of a user's that makes nothing, such as one that sends a message."""


def test_a_node_without_outputs_always_runs(tmp_path: Path) -> None:
    """It was once called up to date and kept, and so never ran."""
    file = tmp_path / "card.json"
    file.write_text('"a card"')
    own = {"provenance": "external"}
    catalog = DataCatalog({"card": JSONDataset(filepath=str(file), metadata=own)})
    for _ in range(2):
        runner = FreshRunner()
        runner.run(Pipeline([Node(note, "card", None, name="note")]), catalog)
        assert runner.ran == ["note"]


def test_seeds_are_in_their_order_from_ten_on(tmp_path: Path) -> None:
    """As text, 10 comes before 2."""
    seeds = [0, 10, 2, 1]
    made = PerSeedDataset("JSONDataset", path=str(tmp_path), file="a.json", seeds=seeds)
    node = Node(note, "params:card", "made", name="note")
    step = Step(node, DataCatalog({"made": made}))
    assert step.owners() == [0, 1, 2, 10]


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Any:
    """What the package logs, as text."""
    logging.getLogger("kedro").propagate = True
    caplog.set_level(logging.INFO)
    return lambda: [record.getMessage() for record in caplog.records]


def test_a_changed_library_is_named(
    collected: Any, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = libraries.version("mujoco")
    monkeypatch.setattr(libraries, "version", lambda name: f"{name} of tomorrow")
    libraries._installed.cache_clear()
    try:
        assert "task_1.roll_out" in collected.run("collection", tasks=1)
    finally:
        libraries._installed.cache_clear()
    [line] = [line for line in said() if "roll_out" in line and "again" in line]
    assert f"made with mujoco {here}, here is mujoco of tomorrow" in line
    assert line.endswith("; it is made again")


def test_results_of_the_older_layout_are_made_again_by_name(
    collected: Any, said: Any
) -> None:
    before = collected.files("data/test/01_raw")
    first_task = collected.path / "data/test/01_raw/cheetah_vel_signed/task_1"
    for path in first_task.glob(".made/*.json"):
        old = {"fingerprint": "a", "sha256": "b", "node": "c", "inputs": {}}
        path.write_text(json.dumps(old))
    assert collected.run("collection", tasks=1) == [
        "task_1.roll_out",
        "task_1.references",
    ]
    again = [line for line in said() if line.endswith("it is made again")]
    assert len(again) == 2
    assert "its record is of an older form" in again[0]
    assert collected.files("data/test/01_raw") == before


def test_a_changed_parameter_is_named(
    collected: Any, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is in no folder's name: a file's, not the command line's."""
    sizes = collected.path / "conf" / "test" / "parameters.yml"
    told = yaml.safe_load(sizes.read_text())
    told["collection"]["reference_episodes"] = 5
    sizes.write_text(yaml.safe_dump(told))
    collected.run("collection", tasks=1)
    changed = "task_1.references: collection.reference_episodes has changed; it is made"
    assert any(changed in line for line in said())


def steps_of(project: Any, stage: str) -> list[Step]:
    made = Stage(project, stage)
    return [Step(node, made.catalog) for node in made.pipeline.nodes]


def test_a_files_force_is_one(collected: Any) -> None:
    assert not collected.run("collection", tasks=1)
    local = collected.path / "conf" / "test" / "parameters.yml"
    told = yaml.safe_load(local.read_text())
    local.write_text(yaml.safe_dump({**told, "force": True}))
    assert len(collected.run("collection", tasks=1)) == 2


def test_what_reads_an_input_counts_as_code(project: Any) -> None:
    """As what writes an output does: both decide what comes out."""
    steps = steps_of(project, "evaluation")
    reader = "oer_pipeline.datasets.safetensors:SafetensorsDataset"
    visits = [step for step in steps if ".visit_" in step.name]
    assert visits
    for step in visits:
        assert reader in step.code


def test_a_checkpoint_stays_until_what_was_trained_is_recorded(
    resumed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no room")

    def checkpoints() -> list[str]:
        return [name for name in resumed.files() if "/checkpoints/" in name]

    told = {"tags": ["task_1"], "method": "finetune", "checkpoint_seconds": 0}
    with monkeypatch.context() as patch:
        patch.setattr(FreshRunner, "_record", fail)
        with pytest.raises(OSError, match="no room"):
            resumed.run("continual", **told)
    assert len(checkpoints()) == 1
    assert resumed.run("continual", **told) == ["task_1.train", "task_1.evaluate"]
    assert not checkpoints()


def test_a_disk_that_refuses_is_told_before_the_work(collected: Any) -> None:
    """A folder that could not be written to was once found out after the training."""
    from oer_pipeline.common.storage import StorageError

    made = collected.path / "data/test/03_primary"
    made.write_text("in the way")
    before = collected.files()
    with pytest.raises(StorageError, match="03_primary: a file lies where a folder"):
        collected.run("ingestion", tasks=1)
    assert collected.files().keys() == before.keys() | {
        name for name in collected.files() if name.startswith("running/")
    }


def test_a_full_disk_is_one_line_and_loses_nothing(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from oer_pipeline.common.storage import StorageError
    from oer_pipeline.datasets import JSONDataset

    def full(self: Any, path: Path, value: Any) -> None:
        path.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(JSONDataset, "write", full)
        with pytest.raises(StorageError) as error:
            project.run("collection", tasks=1)
    assert str(error.value).endswith(
        "task_1/references.json: No space left on device; make room, and give the same"
        " command again: it goes on"
    )
    assert not list(project.path.rglob("*.tmp"))
    assert project.run("collection", tasks=1) == ["task_1.references"]


def test_a_catalog_that_is_wrong_is_one_line(project: Any) -> None:
    catalog = project.path / "conf/test/catalog.yml"
    catalog.write_text("task_1.card: {type: nobody.has.This, filepath: x}\n")
    with pytest.raises(ConfigurationError, match=r"catalog: .*nobody.has") as error:
        project.run("ingestion", tasks=1)
    assert len(str(error.value).splitlines()) == 1
