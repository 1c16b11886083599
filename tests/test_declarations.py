"""What is declared beside the code agrees with it: DVC's dependencies, the command
line, lock and ignore files."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from oer_pipeline.orchestration.plan import resolve
from oer_pipeline.orchestration.source_code import modules_used

ROOT = Path(__file__).parents[1]
DVC = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES = DVC["stages"]
GRID = yaml.safe_load((ROOT / "conf/base/grids/default.yml").read_text())
PIPELINES = {
    "collect": ["collection"],
    "ingest": ["ingestion"],
    "dynamics": ["dynamics"],
    "cell": ["continual", "evaluation", "reporting"],
    "compare": ["comparison"],
}


@pytest.mark.parametrize("stage", PIPELINES)
def test_a_stage_depends_on_the_modules_that_its_nodes_use(stage: str) -> None:
    """`errors` and `types` hold no behaviour, `__init__` no code; the libraries are
    pinned."""
    conf = {
        n: yaml.safe_load((ROOT / "conf/base" / f"{n}.yml").read_text())
        for n in ("parameters", "suites", "methods")
    }
    plan = resolve(conf["parameters"], {}, conf["suites"], conf["methods"])
    declared = [
        d.removeprefix("src/").replace("/", ".").removesuffix(".py")
        for d in STAGES[stage]["deps"]
    ]
    configured = [
        *conf["parameters"]["learners"].values(),
        *conf["parameters"]["selectors"].values(),
    ]
    classes = tuple(entry["class"] for entry in configured)
    for name in PIPELINES[stage]:
        for node in (
            import_module(f"oer_pipeline.pipelines.{name}.pipeline")
            .create_pipeline(plan)
            .nodes
        ):
            for module in modules_used(node.func, classes if stage == "cell" else ()):
                if module in (
                    "oer_pipeline.common.errors",
                    "oer_pipeline.common.types",
                ) or is_package(module):
                    continue
                assert any(
                    module == d or module.startswith(f"{d}.") for d in declared
                ), f"{stage} lacks {module}"
            own = f"{node.func.__module__}."
            assert any(own.startswith(f"{d}.") for d in declared)

    assert "oer_pipeline.datasets" in declared  # they write the outputs


def test_a_file_that_one_stage_takes_from_another_comes_with_its_record() -> None:
    """Whole folders hold their records; of single files DVC has to be told."""
    outs = set()
    for stage in STAGES.values():
        for out in stage["outs"]:
            outs |= set(out)
    for file in ("metrics.json", "episodes.parquet"):
        record = f"${{item.method}}/.made/{file}.json"
        for dep in STAGES["compare"]["deps"]:
            if dep.endswith(file):
                assert any(out.endswith(record) for out in outs), dep


def is_package(module: str) -> bool:
    return (ROOT / "src" / Path(*module.split("."))).is_dir()


def test_dvc_commands_name_registered_pipelines() -> None:
    from oer_pipeline.pipeline_registry import PIPELINES as REGISTERED

    for stage, names in PIPELINES.items():
        assert f"--pipelines={','.join(names)} " in STAGES[stage]["cmd"] + " "
        assert set(names) <= set(REGISTERED)


def test_dvc_runs_the_cells_of_the_default_grid() -> None:
    """DVC reads the lists from the grid's file; it can't join them, so the comparison
    names the methods itself."""
    assert DVC["vars"] == ["conf/base/grids/default.yml"]
    axes = {"suite": "${suites}", "quality": "${qualities}", "method": "${methods}"}
    for stage in STAGES.values():
        assert stage["matrix"] == {axis: axes[axis] for axis in stage["matrix"]}
    assert STAGES["cell"]["matrix"] == axes
    # what else a grid can say, DVC's stages would not do
    assert set(GRID) == {"suites", "qualities", "methods", "report"}
    compared = STAGES["compare"]["cmd"].partition("compare=")[2]
    assert compared.split("+") == GRID["methods"]
    metrics = [d for d in STAGES["compare"]["deps"] if d.endswith("/metrics.json")]
    assert {Path(dep).parent.name for dep in metrics} == set(GRID["methods"])


def test_make_targets_are_one_line_each() -> None:
    text = (ROOT / "Makefile").read_text()
    for target in re.split(r"\n(?=[\w.$-][^\n]*:(?!=))", text):
        head, *body = target.splitlines()
        name = head.partition(":")[0]
        lines = [line for line in body if line.startswith("\t")]
        if name not in ("lint", "$(VENV)/.ready"):
            assert len(lines) <= 1, name
    assert "python -m oer_pipeline" not in text.replace(
        "python -m oer_pipeline.orchestration.first_use", ""
    )


def test_pages_name_commands_and_not_modules() -> None:
    """Every command of the project is `kedro ...`; what measures is `benchmarks`."""
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        found = re.findall(r"python -m (oer_pipeline[\w.]*)", path.read_text())
        assert not found, path.name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--params=method=oerr"], ["oerr", "did you mean oer", "finetune"]),
        (["--params=replay.sise=3"], ["replay.sise", "replay.size"]),
        (["--pipelines=continul"], ["continul", "continual"]),
    ],
)
def test_an_unknown_name_is_one_line_and_a_status(
    project: Any, arguments: list[str], words: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kedro", "run", *arguments],
        cwd=project.path,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert done.returncode != 0
    assert len(lines) == 1, lines
    assert all(word in lines[0] for word in words)
    assert not (project.path / "data").exists()


def test_the_lock_names_no_place() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert "torch==2.13.0" in lines
    assert "mujoco==3.3.7" in lines
    assert not [line for line in lines if re.search(r"://|^-|\+cpu|^nvidia-|@ ", line)]


def test_the_makefile_explains_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    [declared] = re.findall(r"^\.PHONY: (.*)$", text, re.M)
    for target in declared.split():
        assert re.search(rf"^{target}:.*## \S", text, re.M), target
