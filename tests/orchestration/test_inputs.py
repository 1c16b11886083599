"""A stage that is run alone uses no file that is damaged, another's or nobody's: every
kind of input of every stage, with every kind of damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from oer_pipeline.common.errors import OERError
from oer_pipeline.orchestration.artefacts import files_of, is_external
from oer_pipeline.orchestration.inputs import check_inputs, is_parameter
from oer_pipeline.orchestration.records import record_path
from oer_pipeline.orchestration.upstream import made_otherwise

STAGES = {
    "ingestion": {"raw_medium", "references"},
    "dynamics": {"transitions"},
    "continual": {"transitions", "dynamics"},
    "evaluation": {"transitions", "policies", "buffer"},
    "reporting": {
        "transitions",
        "policies",
        "buffer",
        "fidelity",
        "returns",
        "visits",
        "references",
    },
    "judging": {"transitions", "policies", "dynamics"},
    "comparison": {"cell_metrics", "cell_episodes", "card"},
}
"""Stage -> the kinds of its inputs that an earlier stage makes."""


class Stage:
    """A stage of a finished project, ready to run alone."""

    def __init__(self, project: Any, name: str, **params: Any) -> None:
        from kedro.framework.startup import bootstrap_project

        from oer_pipeline.orchestration.session import PlanSession, stages_by_output

        bootstrap_project(project.path)
        session = PlanSession.create(project.path, env="test", runtime_params=params)
        with session:
            context: Any = session.load_context()
            self.catalog: Any = context.catalog
        self.pipelines = context.pipelines
        self.pipeline = context.pipelines[name]
        self.made_by = stages_by_output(context.pipelines)
        self.root = Path(project.path)

    def check(self) -> str:
        return check_inputs(self.pipeline, self.catalog, self.root, self.made_by)

    def made_otherwise(self) -> str:
        return made_otherwise(self.pipeline, self.catalog, self.pipelines, self.made_by)

    def inputs(self) -> dict[str, dict[Any, Path]]:
        """Name -> files, of what the stage takes as it lies there, and what somebody
        vouches for."""
        found = {}
        for name in sorted(self.pipeline.inputs()):
            if not is_parameter(name) and not is_external(self.catalog[name]):
                found[name] = dict(files_of(self.catalog[name]) or {})
        return {name: files for name, files in found.items() if files}

    def one_of(self, kind: str) -> tuple[str, Path]:
        """A file of the kind, not the first of its kind where there are several."""
        names = [name for name in self.inputs() if name.rpartition(".")[2] == kind]
        name = names[1 % len(names)]
        return name, list(self.inputs()[name].values())[-1]


@pytest.fixture(scope="module")
def project(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    copy = type(finished)(tmp_path_factory.mktemp("inputs") / "project")
    shutil.copytree(finished.path / "data", copy.path / "data")
    return copy


@pytest.fixture(scope="module")
def stages(project: Any) -> dict[str, Stage]:
    return {name: Stage(project, name, compare="oer") for name in STAGES}


@pytest.fixture
def restored(project: Any, tmp_path: Path) -> Iterator[Callable[[Path], None]]:
    """Remembers a file and its record, and puts them back."""
    kept: list[Path] = []

    def remember(path: Path) -> None:
        for file in (path, record_path(path)):
            kept.append(file)
            shutil.copy2(file, tmp_path / file.name)

    yield remember
    for file in kept:
        file.unlink(missing_ok=True)
        shutil.copy2(tmp_path / file.name, file)


def flip(path: Path, _: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path, _: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def exchange(path: Path, other: Path) -> None:
    shutil.copyfile(other, path)


def exchange_with_record(path: Path, other: Path) -> None:
    shutil.copyfile(other, path)
    shutil.copyfile(record_path(other), record_path(path))


def exchange_record(path: Path, other: Path) -> None:
    shutil.copyfile(record_path(other), record_path(path))


def lose(path: Path, _: Path) -> None:
    path.unlink()


def lose_record(path: Path, _: Path) -> None:
    record_path(path).unlink()


def damage_record(path: Path, _: Path) -> None:
    record_path(path).write_bytes(record_path(path).read_bytes()[:40])


def older_record(path: Path, _: Path) -> None:
    """As records were before they named their file."""
    record = json.loads(record_path(path).read_text())
    names = ("fingerprint", "sha256", "node")
    old = {name: record[name] for name in names} | {"inputs": {}}
    record_path(path).write_text(json.dumps(old))


SAYS = {
    flip: "its content has changed",
    truncate: "its content has changed",
    exchange: "its content has changed",
    exchange_with_record: "by its record",
    exchange_record: "by its record",
    lose: "is missing",
    lose_record: "has no record of what made it",
    damage_record: "has no record of what made it",
    older_record: "has a record of an older form",
}
"""What is done to a file, given another one of its kind, and what is said of it."""


def another(path: Path, root: Path) -> Path:
    """Another task's, seed's or kind's file of the same format, that differs."""
    own = path.read_bytes()
    found = sorted((root / "data").rglob(f"*{path.suffix}"))
    found = [file for file in found if ".made" not in file.parts]
    alike = [file for file in found if file.name == path.name]
    for file in (*alike, *found):
        if file != path and file.read_bytes() != own and record_path(file).is_file():
            return file
    raise AssertionError(f"nothing like {path}")


def test_the_stages_inputs_are_all_of_them(stages: dict[str, Stage]) -> None:
    for name, kinds in STAGES.items():
        assert {n.rpartition(".")[2] for n in stages[name].inputs()} == kinds


def test_sound_files_are_taken(stages: dict[str, Stage]) -> None:
    for stage in stages.values():
        assert stage.check() == ""


TRIALS = [(stage, kind) for stage, kinds in STAGES.items() for kind in sorted(kinds)]


@pytest.mark.parametrize("damage", SAYS, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize(("stage", "kind"), TRIALS)
def test_no_wrong_file_is_used(
    stage: str,
    kind: str,
    damage: Callable[[Path, Path], None],
    stages: dict[str, Stage],
    restored: Callable[[Path], None],
) -> None:
    name, path = stages[stage].one_of(kind)
    other = another(path, stages[stage].root)
    restored(path)
    damage(path, other)
    with pytest.raises(OERError) as caught:
        stages[stage].check()
    said = str(caught.value)
    assert f"needs {name}" in said
    assert str(path) in said
    assert SAYS[damage] in said
    assert "; run the stage that makes it first" in said
    assert "\n" not in said


def test_expert_data_do_not_stand_in_for_medium(
    stages: dict[str, Stage], restored: Callable[[Path], None]
) -> None:
    _, path = stages["ingestion"].one_of("raw_medium")
    restored(path)
    exchange_with_record(path, path.with_name("expert.parquet"))
    with pytest.raises(OERError, match=r"expert\.parquet by its record, task_2.raw_"):
        stages["ingestion"].check()


def test_another_seeds_policies_are_named(
    stages: dict[str, Stage], restored: Callable[[Path], None]
) -> None:
    _, path = stages["reporting"].one_of("policies")
    restored(path)
    exchange_with_record(path, path.parents[1] / "seed_0" / path.name)
    with pytest.raises(OERError, match=r"of seed 1, but .*seed_0/.* by its record"):
        stages["reporting"].check()


def test_the_remedy_names_the_stage(
    stages: dict[str, Stage], restored: Callable[[Path], None]
) -> None:
    _, path = stages["dynamics"].one_of("transitions")
    restored(path)
    lose_record(path, path)
    with pytest.raises(OERError, match=r"first: kedro run --pipelines=ingestion$"):
        stages["dynamics"].check()


def test_a_stale_file_is_told_in_one_line(
    stages: dict[str, Stage], restored: Callable[[Path], None]
) -> None:
    """Directly upstream, and through a file in between; used it is, as it is whole."""
    _, raw = stages["ingestion"].one_of("raw_medium")
    restored(raw)
    flip(raw, raw)
    for stage in ("dynamics", "evaluation"):
        said = stages[stage].check()
        assert said.startswith("data/test/")
        assert " is stale: it was made from another data/test/01_raw/" in said
        assert "task_2/medium.parquet than lies there now; kedro run " in said
        assert said.endswith("makes it again (and 1 more)")
        assert "\n" not in said


def test_a_run_stops_before_any_node(
    project: Any, stages: dict[str, Stage], restored: Callable[[Path], None]
) -> None:
    _, path = stages["dynamics"].one_of("transitions")
    restored(path)
    flip(path, path)
    before = project.files()
    with pytest.raises(OERError, match=r"task_2\.parquet is not the one that task_2"):
        project.run("dynamics", force=True)
    assert project.files() == before


def test_a_file_of_the_users_own_is_possible(resumed: Any) -> None:
    """Where the catalog says so, and nowhere else."""
    mine = resumed.path / "mine.parquet"
    own = resumed.path / "data/test/03_primary/cheetah_vel_signed/medium"
    shutil.copy(own / "task_1.parquet", mine)
    entry = {
        "type": "oer_pipeline.datasets.TransitionsDataset",
        "filepath": "mine.parquet",
    }
    catalog = resumed.path / "conf/test/catalog.yml"
    catalog.write_text(yaml.safe_dump({"task_1.transitions": entry}))
    with pytest.raises(OERError, match=r"mine\.parquet has no record.*external"):
        Stage(resumed, "dynamics").check()
    entry["metadata"] = {"provenance": "external"}  # type: ignore[assignment]
    catalog.write_text(yaml.safe_dump({"task_1.transitions": entry}))
    assert Stage(resumed, "dynamics").check() == ""


def test_what_was_made_with_other_parameters_is_told_in_one_line(resumed: Any) -> None:
    """Directly upstream, and further up; by an edited file, as `--params` has folders
    of its own."""
    for stage in STAGES:
        assert Stage(resumed, stage).made_otherwise() == ""
    file = resumed.path / "conf/test/parameters.yml"
    settings = yaml.safe_load(file.read_text())
    settings["collection"]["transitions"] += 1
    settings["dynamics"]["max_epochs"] += 1
    file.write_text(yaml.safe_dump(settings))
    said = Stage(resumed, "ingestion").made_otherwise()
    assert said.startswith("data/test/01_raw/cheetah_vel_signed/task_1/")
    assert " was made with other values of collection" in said
    assert "kedro run --pipelines=collection makes it again (and " in said
    assert "\n" not in said
    assert "collection" in Stage(resumed, "dynamics").made_otherwise()
    assert "collection" in Stage(resumed, "reporting").made_otherwise()
    settings["collection"]["transitions"] -= 1
    file.write_text(yaml.safe_dump(settings))
    assert Stage(resumed, "ingestion").made_otherwise() == ""
    said = Stage(resumed, "continual").made_otherwise()
    assert "dynamics/task_1.safetensors was made with other values of dynamics" in said


def test_an_accelerator_that_is_found_is_no_other_parameter(resumed: Any) -> None:
    """Records keep the one that `auto` was."""
    file = resumed.path / "conf/test/parameters.yml"
    settings = yaml.safe_load(file.read_text())
    settings["accelerator"] = "auto"
    file.write_text(yaml.safe_dump(settings))
    if not torch.cuda.is_available():
        assert Stage(resumed, "evaluation").made_otherwise() == ""
    settings["accelerator"] = "cpu"
    settings["precision"] = "medium"
    file.write_text(yaml.safe_dump(settings))
    assert "other values of precision" in Stage(resumed, "evaluation").made_otherwise()


def test_a_run_warns_of_other_parameters(
    resumed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    file = resumed.path / "conf/test/parameters.yml"
    settings = yaml.safe_load(file.read_text())
    settings["dynamics"]["max_epochs"] += 1
    file.write_text(yaml.safe_dump(settings))
    resumed.run("evaluation")
    assert " was made with other values of dynamics" in caplog.text
