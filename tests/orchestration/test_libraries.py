"""Versions of libraries that count: those that the code imports, and no others."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from oer_pipeline.orchestration import libraries, source_code
from oer_pipeline.orchestration.fingerprints import recipe
from oer_pipeline.orchestration.libraries import families_in, libraries_used
from oer_pipeline.pipelines.collection.nodes import roll_out
from oer_pipeline.pipelines.continual.nodes import evaluate, train_first
from oer_pipeline.pipelines.dynamics.nodes import fit_dynamics
from oer_pipeline.pipelines.ingestion.nodes import ingest


@pytest.fixture(autouse=True)
def looked_up_anew() -> Iterator[None]:
    libraries._installed.cache_clear()
    yield
    libraries._installed.cache_clear()
    source_code.forget()


def test_what_the_code_imports_counts() -> None:
    assert {"scipy", "torch", "numpy"} <= set(libraries_used(fit_dynamics))
    assert {"pytorch_lightning", "pandas", "torch"} <= set(libraries_used(train_first))
    assert {"gymnasium", "mujoco", "safetensors"} <= set(libraries_used(roll_out))
    assert {"pandas", "mujoco", "scipy"} <= set(libraries_used(evaluate))
    assert not {"torch", "mujoco"} & set(libraries_used(ingest))


def test_what_writes_the_file_counts_and_frameworks_do_not() -> None:
    table = ("oer_pipeline.datasets.table:TableDataset",)
    assert "pyarrow" not in libraries_used(evaluate)
    used = libraries_used(evaluate, table)
    assert "pyarrow" in used
    assert not {"kedro", "mlflow"} & set(used)


def test_a_plugins_libraries_count_where_they_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / "mine_alone.py"
    plugin.write_text("import h5py, yaml, nowhere_at_all\nclass Mine: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    source_code.forget()
    used = libraries_used(ingest, ("mine_alone:Mine",))
    assert {"h5py", "PyYAML"} <= set(used)  # by the name that is installed
    assert "nowhere_at_all" not in used
    assert "mine_alone" not in sys.modules


def test_the_library_of_a_family_counts_for_its_tasks_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tasks of other families do not change with it, and do not need it installed."""
    tasks = {}
    for family in ("meta_world", "ant_dir"):
        tasks[family] = {"params:sequence.task_1": {"family": family}}
    assert families_in(tasks["ant_dir"]) == {"ant_dir"}
    prints: dict[str, list[str]] = {}
    for metaworld in ("3.0.0", "3.1.0"):

        def version(name: str, metaworld: str = metaworld) -> str:
            return metaworld if name == "metaworld" else "1"

        monkeypatch.setattr(libraries, "version", version)
        libraries._installed.cache_clear()
        made = [recipe(roll_out, task, {}) for task in tasks.values()]
        prints[metaworld] = [one.fingerprint for one in made]
    assert prints["3.0.0"][0] != prints["3.1.0"][0]
    assert prints["3.0.0"][1] == prints["3.1.0"][1]
