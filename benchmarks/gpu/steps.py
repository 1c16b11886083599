"""The steps of a GPU run, in the order in which their results matter."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks import updates_per_second
from benchmarks.figure import Figure, describe, on, versions
from benchmarks.made_up import one_thread, request, trajectories
from benchmarks.timing import seconds
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks.flat import fused_adam_
from oer_pipeline.selection.protocol import Selection, SelectionRequest, Selector

Result = dict[str, Any]
REPLAYS = 20
NEEDED = (
    "training.fit",
    "dynamics.fit",
    "selection.mbes",
    "learners.dbc",
    "metrics.report",
)
"""Modules that have to be importable where Kedro, MLflow and MuJoCo are not."""


MARK = "RESULT "
"""What the line of a step's output that holds its result starts with."""


def tell(result: Result) -> None:
    """Print a step's result as far as it has come: what is told is kept, whatever
    happens afterwards."""
    print(MARK + json.dumps(result), flush=True)


@dataclass(frozen=True)
class Step:
    """`perform(device, tiny)` gives a result that JSON can hold; it is ended after
    `limit` seconds."""

    perform: Callable[[str, bool], Result]
    limit: float


def machine(device: str, tiny: bool) -> Result:
    """What it is measured on, and whether everything can be imported."""
    for name in NEEDED:
        importlib.import_module(f"oer_pipeline.{name}")
    found: Result = {"device": describe(device), "versions": versions()}
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        found["memory_gib"] = round(properties.total_memory / 2**30, 1)
        found["multiprocessors"] = properties.multi_processor_count
        found["cuda"] = torch.version.cuda
    return found


def captures(device: str, tiny: bool) -> Result:
    """Whether updates are captured, and how far replays are from eager updates."""
    found: Result = {}
    for name in updates_per_second.LEARNERS:
        found[name] = _replays_against_eager(name, device, tiny)
        tell(found)
    return found


def _replays_against_eager(name: str, device: str, tiny: bool) -> Result:
    learner, old_tasks = updates_per_second.LEARNERS[name]
    states = []
    for graph in (False, True):
        training = _training(learner, old_tasks, 2, device, graph, tiny)
        training.block(REPLAYS * training.context.settings.policy_delay)
        states.append(training.state_dict())
    return {
        "captured": training.captured is not None and training.captured.has_captured,
        "largest_difference": _largest_difference(*states),
    }


def tests(device: str, tiny: bool) -> Result:
    """The tests that need a GPU; in a rehearsal those of the same file that do not."""
    chosen = ["-k", "gpu"] if device == "cuda" else ["-k", "losses_hold"]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/learners/test_captured_updates.py",
    ]
    alone = {
        **os.environ,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }  # plug-ins may want what is not there
    done = subprocess.run(
        [*command, *chosen], capture_output=True, text=True, check=False, env=alone
    )
    if done.returncode:
        raise RuntimeError((done.stdout + done.stderr)[-2_000:])
    counts = re.findall(r"(\d+) (passed|skipped)", done.stdout)
    return {what: int(count) for count, what in counts}


def paper_rates(device: str, tiny: bool) -> Result:
    """Updates per second of OER at the paper's size with 0 to 4 old tasks, in float32
    and in tf32."""
    records = []
    for precision in ("highest", "high"):
        torch.set_float32_matmul_precision(precision)
        for old_tasks in range(1 if tiny else updates_per_second.TASKS):
            what = (
                "er_dbc",
                updates_per_second.PAPER,
                old_tasks,
                1 if tiny else updates_per_second.SEEDS,
            )
            records += updates_per_second.measure(*what, quick=tiny)
            tell(_records(records))
    return _records(records)


def _records(records: Sequence[updates_per_second.Record]) -> Result:
    return {"records": [asdict(record) for record in records]}


def profile(device: str, tiny: bool) -> Result:
    """The kernels that 20 replayed periods spend their time in."""
    learner, _ = updates_per_second.LEARNERS["er_dbc"]
    training = _training(
        learner, 0 if tiny else 4, 1 if tiny else 5, device, True, tiny
    )
    training.block(2)
    kinds = [torch.profiler.ProfilerActivity.CPU]
    if device == "cuda":
        kinds.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=kinds) as profiled:
        training.block(REPLAYS * 2)
    attribute = "self_device_time_total" if device == "cuda" else "self_cpu_time_total"
    rows = sorted(
        profiled.key_averages(), key=lambda row: -float(getattr(row, attribute))
    )
    microseconds = {
        row.key[:90]: round(getattr(row, attribute) / REPLAYS, 1) for row in rows[:25]
    }
    return {"microseconds_per_period": microseconds}


def adam_in_slices(device: str, tiny: bool) -> Result:
    """Adam over one flat buffer against the same buffer in 32 slices, which more
    multiprocessors share."""
    size = 2**14 if tiny else 5 * 2 * 74_000
    whole = [torch.randn(size, device=device) for _ in range(4)]
    whole[3].abs_()
    slices = [list(tensor.chunk(32)) for tensor in whole]
    steps = torch.ones((), device=device)

    def step(parts: list[list[Tensor]]) -> None:
        parameters, gradients, means, squares = parts
        fused_adam_(
            parameters,
            gradients,
            means,
            squares,
            [steps] * len(parameters),
            learning_rate=3e-4,
        )

    repeats = 10 if tiny else 500
    found = {}
    for name, parts in (
        ("whole", [[tensor] for tensor in whole]),
        ("32 slices", slices),
    ):
        step(parts)
        taken = seconds(lambda parts=parts: [step(parts) for _ in range(repeats)])
        found[name] = round(taken / repeats * 1e6, 2)
    return {"microseconds": found}


def ratios(device: str, tiny: bool) -> Result:
    """Time per member-update over a plain eager loop on the same device."""
    from benchmarks.td3bc_vs_plain_eager import per_member

    figures = []
    for name, members, target in (
        ("td3bc_vs_plain_eager", 1, 0.1),
        ("td3bc_16_members_vs_plain_eager", 16, 0.02),
    ):
        value = per_member(1 if tiny else members, device)
        figures.append(
            Figure(on(device, name), value, target, "lower", device).record()
        )
        tell({"figures": figures})
    return {"figures": figures}


def checkpoint(device: str, tiny: bool) -> Result:
    """A training that goes on from a checkpoint against one that was never
    interrupted."""
    learner, old_tasks = updates_per_second.LEARNERS["er_dbc"]
    trainings = [_training(learner, old_tasks, 2, device, True, tiny) for _ in range(2)]
    first, second = trainings
    first.block(50)
    state = first.state_dict()
    first.block(50)
    second.load_state_dict(_through_a_file(state), 50)
    second.block(50)
    return {
        "largest_difference": _largest_difference(
            first.state_dict(), second.state_dict()
        )
    }


def _through_a_file(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """As a checkpoint keeps it, where safetensors is installed."""
    if find_spec("safetensors") is None:
        return state
    from safetensors.torch import load_file, save_file

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        save_file(state, path)
        return load_file(path)


def lightning(device: str, tiny: bool) -> Result:
    """1,000 updates as `kedro run` performs them."""
    from oer_pipeline.learners.dbc import DualBehaviourCloning
    from oer_pipeline.training.fit import fit
    from oer_pipeline.training.hardware import Hardware

    updates = 100 if tiny else 1_000
    settings = LearnerSettings(updates=updates, batch_size=256, hidden=(256, 256))
    hardware = Hardware("cpu" if device == "cpu" else "gpu")
    data = trajectories(20_000)
    taken = seconds(
        lambda: fit(
            DualBehaviourCloning(), settings, data, (), None, (0, 1, 2), hardware
        )
    )
    return {"updates": updates, "fit_seconds": round(taken, 2)}


def rates(device: str, tiny: bool) -> Result:
    """Updates per second against members, the table of docs/performance.md."""
    records = []
    for learner, size, old_tasks, members in updates_per_second.plan(quick=tiny)[
        : 1 if tiny else None
    ]:
        if members != updates_per_second.SEEDS:  # those are `paper_rates`
            records += updates_per_second.measure(
                learner, size, old_tasks, members, quick=True
            )
            tell(_records(records))
    return _records(records)


def ensemble(device: str, tiny: bool) -> Result:
    """Updates per second of a transition model at the paper's size, replayed and
    eager."""
    from benchmarks.ensemble_vs_sequential import samples
    from oer_pipeline.dynamics.fit import train
    from oer_pipeline.dynamics.settings import DynamicsSettings
    from oer_pipeline.networks.randomness import generators

    rows = 2_000 if tiny else 180_000
    training, heldout = samples(rows, device), samples(rows // 9, device)
    found: Result = {}
    for name, graphs, epochs in (
        ("replayed", True, 2 if tiny else 20),
        ("eager", False, 1 if tiny else 3),
    ):
        settings = DynamicsSettings(max_epochs=epochs, patience=epochs)
        members = generators("gpu", range(settings.members), 1)
        taken = seconds(
            lambda s=settings, m=members, g=graphs: train(
                training, heldout, s, m, graphs=g
            )
        )
        found[f"{name}_updates_per_second"] = round(
            epochs * (rows // settings.batch_size) / taken, 1
        )
    return found


def selection(device: str, tiny: bool) -> Result:
    """Seconds to choose 1,000 of 100,000 rows on the device and on the CPU beside it,
    and the share of rows that both chose: walks part where predictions round
    otherwise."""
    from oer_pipeline.selection.imagined_rollouts import ImaginedRollouts
    from oer_pipeline.selection.mbes import MBES

    rows = 2_000 if tiny else 100_000
    asked = request(trajectories(rows))
    assert asked.model is not None
    found: Result = {}
    for name, selector in (("mbes", MBES()), ("imagined", ImaginedRollouts())):
        chosen = {}
        for place in ("cpu", device):
            there = replace(asked, model=asked.model.to(place))
            _chosen(selector, there)  # once to warm up
            taken, chosen[place] = _chosen(selector, there)
            found[f"{name}_{place}_seconds"] = round(taken, 3)
        common = chosen["cpu"] & chosen[device]
        found[f"{name}_common"] = len(common) / len(chosen["cpu"])
        tell(found)
    return found


def _chosen(selector: Selector, asked: SelectionRequest) -> tuple[float, set[int]]:
    """Seconds, and the rows that the selector takes with the same draws each time."""
    begun = replace(asked, generator=torch.Generator().manual_seed(0))
    selections: list[Selection] = []
    taken = seconds(lambda: selections.append(selector.select(begun)))
    return taken, set(selections[0].rows.tolist())


def _training(
    learner: Callable[[], Any],
    old_tasks: int,
    members: int,
    device: str,
    graph: bool,
    tiny: bool,
) -> TaskTraining:
    """At the paper's size; tiny: at the smaller of the table's sizes."""
    one_thread()
    size = next(iter(updates_per_second.SIZES)) if tiny else updates_per_second.PAPER
    return updates_per_second.training_of(
        learner, size, old_tasks, members, device, graph
    )


def _largest_difference(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """Between tensors of numbers of the same name."""
    pairs = [
        (tensor, other[name])
        for name, tensor in one.items()
        if tensor.is_floating_point()
    ]
    return max(float((a - b).abs().max()) for a, b in pairs)


STEPS = {
    "machine": Step(machine, 60),
    "captures": Step(captures, 60),
    "paper_rates": Step(paper_rates, 120),
    "tests": Step(tests, 120),
    "ratios": Step(ratios, 90),
    "lightning": Step(lightning, 60),
    "checkpoint": Step(checkpoint, 60),
    "ensemble": Step(ensemble, 90),
    "selection": Step(selection, 90),
    "profile": Step(profile, 60),
    "adam_in_slices": Step(adam_in_slices, 30),
    "rates": Step(rates, 150),
}
