"""Documents that studies read without a record: another one in a place is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.orchestration.configuration import plans_of
from oer_pipeline.studies import places

SHARED = {"references": {"random": {"mean": 1.0}}, "card": {"coverage": {}}}


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(Path(__file__).parents[2])
    return plans_of([""], "test")[0]


def written(root: Path, plan: Any, documents: dict[str, Any]) -> None:
    suite = plan.suite_folder
    files = {
        "references": root / "01_raw" / suite / "task_1" / "references.json",
        "card": root / "03_primary" / suite / plan.quality / "task_1_card.json",
        "metrics": root / "08_reporting" / suite / plan.quality / plan.cell,
    }
    files["metrics"] /= "metrics.json"
    for name, document in documents.items():
        files[name].parent.mkdir(parents=True, exist_ok=True)
        files[name].write_text(json.dumps(document))


def test_a_wrong_document_in_anothers_place_is_named(tmp_path: Path, plan: Any) -> None:
    right = {**SHARED, "metrics": {"aggregate": {}}}
    written(tmp_path, plan, right)
    assert places.references(tmp_path, plan, "task_1") == right["references"]
    assert places.card(tmp_path, plan, "task_1") == right["card"]
    assert places.metrics(tmp_path, plan) == right["metrics"]
    readers = {
        "references": lambda: places.references(tmp_path, plan, "task_1"),
        "card": lambda: places.card(tmp_path, plan, "task_1"),
        "metrics": lambda: places.metrics(tmp_path, plan),
    }
    for name, read in readers.items():
        for other, document in {**right, "a list": [1], "a number": 3}.items():
            if other == name:
                continue
            written(tmp_path, plan, {name: document})
            with pytest.raises(DataError, match=rf"{name}.*another document lies"):
                read()


def test_a_document_that_is_not_there(tmp_path: Path, plan: Any) -> None:
    with pytest.raises(DataError, match=r"metrics.json: not a readable JSON file"):
        places.metrics(tmp_path, plan)
