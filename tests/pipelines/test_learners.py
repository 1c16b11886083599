"""Learners through Kedro: all tasks at once, one of a third party, tuned values, what
is evaluated and reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from safetensors.torch import load_file

from oer_pipeline.common.errors import ConfigurationError

FOLDER = "data/test/{}/cheetah_vel_signed/medium/{}"

THIRD_PARTY = '''
"""A learner of somebody else's: one file."""

from oer_pipeline.learners.protocol import Learner


class Shrinking(Learner):
    """L = L_pi(D_n) + strength |theta|^2."""

    def __init__(self, strength: float = 0.0) -> None:
        self.strength = strength

    def losses(self, training, step):
        weights = training.parameters("policy").values()
        size = sum(w.square().flatten(1).sum(dim=1) for w in weights)
        return super().losses(training, step) | {"size": self.strength * size}


class Greedy(Learner):
    def __init__(self) -> None:
        self.replays = True
'''


def returns(project: Any, cell: str, task: int, seed: int = 0) -> pd.DataFrame:
    folder = project.path / FOLDER.format("07_model_output", cell)
    return pd.read_parquet(folder / f"seed_{seed}" / f"task_{task}_returns.parquet")


def metrics(project: Any, cell: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (
            project.path / FOLDER.format("08_reporting", cell) / "metrics.json"
        ).read_text()
    )
    return found


def test_evaluation_looks_one_task_ahead(finished: Any) -> None:
    kinds = [
        sorted({*zip(t["policy"], t["task"], strict=True)})
        for t in (returns(finished, "oer", k) for k in (1, 3))
    ]
    assert kinds[0] == [("deployed", 1), ("task", 1), ("zero_shot", 2)]
    assert kinds[1] == [("deployed", 1), ("deployed", 2), ("deployed", 3), ("task", 3)]
    ahead = [
        float(t[t["policy"] == "zero_shot"]["return"].mean())
        for t in (returns(finished, "oer", k) for k in (1, 2))
    ]
    found = metrics(finished, "oer")
    assert found["next_task_returns"]["0"] == pytest.approx(ahead)
    over = [
        value - found["references"][f"task_{n}"]["random"]
        for n, value in enumerate(ahead, start=2)
    ]
    assert found["per_seed"]["0"]["zero_shot"] == pytest.approx(sum(over) / 2)
    summary = json.loads(
        (
            finished.path / FOLDER.format("08_reporting", "oer") / "summary.json"
        ).read_text()
    )
    assert (
        summary["zero_shot_normalised"]
        == found["aggregate"]["zero_shot_normalised"]["mean"]
    )


def test_a_learner_of_all_tasks_at_once_trains_and_is_evaluated_once(
    resumed: Any,
) -> None:
    ran = resumed.run(method="multitask")
    assert [name for name in ran if name.startswith("task_")] == [
        "task_3.train",
        "task_3.evaluate",
    ]
    found = metrics(resumed, "multitask")
    assert found["matrix"]["0"][:2] == [[None] * 3] * 2
    defined = {
        name for name, value in found["per_seed"]["0"].items() if value is not None
    }
    assert defined == {"per", "per_normalised"}
    assert found["cost"]["updates"] == 40
    assert metrics(resumed, "oer")["cost"]["updates"] == 3 * 40
    assert set(returns(resumed, "multitask", 3)["policy"]) == {"deployed"}
    plot = json.loads(
        (
            resumed.path / FOLDER.format("08_reporting", "multitask") / "returns.json"
        ).read_text()
    )
    assert {row["learned"] for row in plot} == {3}
    assert resumed.run(method="multitask") == []
    resumed.run("comparison", compare="oer+multitask")
    assert (
        "| multitask |"
        in (
            resumed.path
            / FOLDER.format("08_reporting", "comparison-compare=oer+multitask")
            / "table.md"
        ).read_text()
    )


def test_a_sweep_over_what_acts_from_the_second_task_on_trains_the_first_once(
    resumed: Any,
) -> None:
    small = {"method": "ewc", "tasks": 2, "seeds": "0"}
    swept = {**small, "learners": {"ewc": {"penalty": 1e6}}}
    assert "task_1.train" in resumed.run("continual", **small)
    ran = resumed.run("continual", **swept)
    assert "task_2.train" in ran
    assert not [name for name in ran if name.startswith("task_1")]
    assert resumed.run("continual", **swept) == []
    cells = [
        FOLDER.format("06_models", f"{cell}-tasks=2")
        for cell in ("ewc", "ewc-learners.ewc.penalty=1000000.0")
    ]
    for task, same in ((1, True), (2, False)):
        one, other = (
            (resumed.path / c / f"seed_0/task_{task}_policies.safetensors").read_bytes()
            for c in cells
        )
        assert (one == other) is same
    (resumed.path / cells[0] / "seed_0/task_1_policies.safetensors").write_bytes(
        b"damaged"
    )
    assert "task_1.train" in resumed.run("continual", force=True, **swept)


def test_forward_transfer_is_in_a_comparison_with_independent_networks(
    resumed: Any,
) -> None:
    resumed.run(method="single_task")
    resumed.run("comparison", compare="single_task+oer")
    table = (
        resumed.path
        / FOLDER.format("08_reporting", "comparison-compare=single_task+oer")
        / "table.md"
    ).read_text()
    assert "| forward transfer | zero shot |" in table
    R = metrics(resumed, "single_task")["matrix"]["0"]
    assert [R[2][i] for i in range(3)] == [
        R[i][i] for i in range(3)
    ]  # nothing is forgotten


def test_packnet_keeps_every_task_exactly_through_all_stages(resumed: Any) -> None:
    """Its masks are in the stored policies, from which the pipelines evaluate."""
    resumed.run(method="packnet")
    for seed in ("0", "1"):
        R = metrics(resumed, "packnet")["matrix"][seed]
        assert [R[2][i] for i in range(3)] == [R[i][i] for i in range(3)]
        assert R[1][0] == R[0][0]
    owners = []
    for task in (1, 2, 3):
        folder = resumed.path / FOLDER.format("06_models", "packnet/seed_1")
        tensors = load_file(folder / f"task_{task}_policies.safetensors")
        owners.append(tensors["deployed/owner.trunk.1.weight"])
    free = [
        float((owner > task).float().mean()) for task, owner in enumerate(owners, 1)
    ]
    assert free == pytest.approx([2 / 3, 1 / 3, 0], abs=0.01)
    tables = resumed.path / FOLDER.format("07_model_output", "packnet/seed_1")
    of_first_two = []
    for after in (2, 3):
        asked = {"tasks": "1-2", "after": after}
        resumed.run("evaluation", method="packnet", transfer_evaluation=asked)
        names = [f"after_{after}_on_1+2_task_{i}_returns.parquet" for i in (1, 2)]
        read = [pd.read_parquet(tables / name)["return"].tolist() for name in names]
        of_first_two.append(read)
    assert of_first_two[0] == of_first_two[1]


@pytest.fixture
def third_party(resumed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A finished project whose configuration names learners of another package."""
    (tmp_path / "theirs.py").write_text(THIRD_PARTY)
    monkeypatch.syspath_prepend(str(tmp_path))
    path = resumed.path / "conf/test/parameters.yml"
    theirs = {
        "shrinking": {"class": "theirs:Shrinking", "strength": 0.0},
        "greedy": {"class": "theirs:Greedy"},
    }
    path.write_text(path.read_text() + yaml.safe_dump({"learners": theirs}))
    return resumed


def test_a_third_party_adds_a_learner_by_its_dotted_path(third_party: Any) -> None:
    settings = {"method": "finetune"}

    def run(**how: Any) -> list[str]:
        ran: list[str] = third_party.run(
            "continual",
            tags=["task_1"],
            learner={"name": "shrinking"},
            **settings,
            **how,
        )
        return ran

    def sizes(cell: str) -> pd.Series[float]:
        folder = third_party.path / FOLDER.format("07_model_output", f"finetune-{cell}")
        return pd.read_parquet(folder / "seed_0/task_1_curves.parquet")["size"]

    run(learners={"shrinking": {"strength": 0.5}})
    assert (sizes("learner.name=shrinking-learners.shrinking.strength=0.5") > 0).all()
    assert run(learners={"shrinking": {"strength": 0.5}}) == []
    assert run() == ["task_1.train", "task_1.evaluate"]
    assert (sizes("learner.name=shrinking") == 0).all()
    with pytest.raises(
        ConfigurationError, match=r"greedy: theirs:Greedy wants replays.*in the class"
    ):
        third_party.run(
            "continual", tags=["task_1"], learner={"name": "greedy"}, **settings
        )


def options(project: Any, **how: Any) -> Any:
    from kedro.framework.startup import bootstrap_project

    from oer_pipeline.orchestration.session import PlanSession

    bootstrap_project(project.path)
    with PlanSession.create(project.path, env="test", runtime_params=how) as session:
        return session.load_context().catalog.load("params:chosen.learner")["options"]  # type: ignore[attr-defined]


def test_tuned_values_reach_the_learner_unless_the_command_line_says_otherwise(
    project: Any,
) -> None:
    tuned = project.path / "conf/base/tuned.yml"
    tuned.write_text("# nothing tuned\n")
    assert options(project, method="si") == {"penalty": 1.0, "damping": 0.1}
    tuned.write_text(
        yaml.safe_dump({"si": {"parameters": {"learners": {"si": {"penalty": 30.0}}}}})
    )
    assert options(project, method="si") == {"penalty": 30.0, "damping": 0.1}
    assert options(project, method="si", learners={"si": {"penalty": 3}}) == {
        "penalty": 3.0,
        "damping": 0.1,
    }
    tuned.write_text("sii: {parameters: {}}\n")
    with pytest.raises(ConfigurationError, match="sii"):
        options(project, method="si")
    tuned.write_text("# nothing was tuned\n")
    assert options(project, method="si")["penalty"] == 1.0
    tuned.unlink()
    assert options(project, method="si")["penalty"] == 1.0
