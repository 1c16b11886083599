"""Member-updates per second against members, and how long a run at the paper's size
takes at the measured rates.

    python -m benchmarks.updates_per_second [--quick] [--precision high] [--records
        FILE]
    python -m benchmarks.updates_per_second --merge FILE    # the records of another
        machine, nothing is measured

Writes each record as soon as it is measured (benchmarks/updates_per_second.json), and
the block of docs/performance.md at the end. Needs torch, numpy, pandas and pyarrow
alone. Of three rounds, eager and replayed in turn, the fastest; on a CPU, the CPU time
of one core.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import torch

from benchmarks.figure import best_device, describe
from benchmarks.made_up import one_thread, trajectories
from benchmarks.timing import Work, cpu_seconds, seconds
from oer_pipeline.common.atomic import write_atomic
from oer_pipeline.learners.dbc import DualBehaviourCloning
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.reports.document_blocks import rewrite
from oer_pipeline.trajectories.buffer import ReplayBuffer
from oer_pipeline.trajectories.table import Trajectories

RECORDS = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
MEMBERS = (1, 4, 16, 64)
SIZES = {"256-256, batch 256": (256, 300), "256-256, batch 1,024": (1_024, 1_000)}
"""Batch size and rows of a buffer; the second is the paper's."""
LEARNERS: dict[str, tuple[Callable[[], Learner], int]] = {
    "finetune": (Finetune, 0),
    "er_dbc": (DualBehaviourCloning, 2),
}
"""Learners and on how many old tasks: the third task of a sequence."""
PAPER, TASKS, UPDATES, SEEDS = "256-256, batch 1,024", 5, 150_000, 5
"""The run that is estimated."""
BLOCK = 100
"""Updates of a block, as `oer_pipeline.training.fit` has them."""
ROUNDS, SHORTEST = 3, 0.3
"""How often a rate is measured, and the seconds that one round takes at least."""
QUICK_ROUNDS, QUICK_SHORTEST = 1, 0.1


@dataclass(frozen=True)
class Record:
    """One measured rate and what it is of."""

    learner: str
    size: str
    old_tasks: int
    members: int
    graph: bool
    updates_per_second: float  # of all members together
    device: str
    precision: str
    versions: dict[str, str]

    @property
    def what(self) -> tuple[Any, ...]:
        return (
            self.device,
            self.precision,
            self.learner,
            self.size,
            self.old_tasks,
            self.members,
            self.graph,
        )


def measure(
    learner: str, size: str, old_tasks: int, members: int, quick: bool
) -> list[Record]:
    """The rates of a learner's updates in blocks, as training runs them: eager and
    replayed, taking turns."""
    device = best_device()
    clock = seconds if device == "cuda" else cpu_seconds
    works = {}
    for graph in (False, True):
        training = training_of(
            LEARNERS[learner][0], size, old_tasks, members, device, graph
        )
        training.block(
            training.context.settings.policy_delay
        )  # captured here, where it is replayed
        works[graph] = partial(_perform, training)
    updates = _enough(works[True], clock, QUICK_SHORTEST if quick else SHORTEST)
    rounds = [
        {g: updates / clock(partial(w, updates)) for g, w in works.items()}
        for _ in range(QUICK_ROUNDS if quick else ROUNDS)
    ]
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    about = describe(device), torch.get_float32_matmul_precision(), versions
    return [
        Record(
            learner,
            size,
            old_tasks,
            members,
            graph,
            float(f"{max(r[graph] for r in rounds):.4g}"),
            *about,
        )
        for graph in works
    ]


def _perform(training: TaskTraining, updates: int) -> None:
    for first in range(0, updates, BLOCK):
        training.block(min(BLOCK, updates - first))


def _enough(
    work: Callable[[int], None], clock: Callable[[Work], float], shortest: float
) -> int:
    """As many updates as take `shortest` seconds or more."""
    updates = LearnerSettings().policy_delay
    while clock(partial(work, updates)) < shortest:
        updates *= 2
    return updates


def training_of(
    learner: Callable[[], Learner],
    size: str,
    old_tasks: int,
    members: int,
    device: str,
    graph: bool,
) -> TaskTraining:
    """A training on the task after `old_tasks` ones that were passed through without an
    update."""
    batch, rows = SIZES[size]
    settings = LearnerSettings(batch_size=batch, hidden=(256, 256), updates=10**9)
    return passed_through(learner, settings, rows, old_tasks, members, device, graph)


def passed_through(
    learner: Callable[[], Learner],
    settings: LearnerSettings,
    rows: int,
    old_tasks: int,
    members: int,
    device: str,
    graph: bool,
) -> TaskTraining:
    """The same with any settings and any number of rows in a buffer."""
    data, seeds, previous = trajectories(20_000), range(members), None
    buffers = [[buffer(data, rows)] * members for _ in range(old_tasks)]
    for task in range(old_tasks):
        previous = TaskTraining(
            learner(), settings, data, buffers[:task], previous, seeds, device
        ).result()
    return TaskTraining(
        learner(), settings, data, buffers, previous, seeds, device, graph
    )


def buffer(data: Trajectories, rows: int) -> ReplayBuffer:
    """The first rows of the data."""
    numbers, nothing = np.arange(rows), np.zeros(rows, np.float32)
    names = (
        "observation",
        "action",
        "next_observation",
        "reward",
        "terminal",
        "timeout",
    )
    return ReplayBuffer(
        **{name: getattr(data, name)[:rows] for name in names},
        target_action=data.action[:rows],
        row=numbers,
        order=numbers.astype(np.int32),
        rollout=numbers.astype(np.int32),
        step=numbers.astype(np.int32),
        distance=nothing,
        uncertainty=nothing,
        walked=nothing.astype(np.bool_),
    )


def plan(quick: bool) -> list[tuple[str, str, int, int]]:
    """What to measure: learners against members, then updates of OER at the paper's
    size with 0 to 4 old tasks."""
    members = MEMBERS[:2] if quick else MEMBERS
    table = [
        (n, s, old, m)
        for n, (_, old) in LEARNERS.items()
        for s in SIZES
        for m in members
    ]
    run = [("er_dbc", PAPER, old, SEEDS) for old in range(TASKS)]
    return [*table, *run]


WIDTH = 100
"""Of a page's lines, in letters."""


def wrapped(text: str) -> str:
    """In lines of the page's width."""
    return fill(text, WIDTH, break_on_hyphens=False)


def block(records: Sequence[Record]) -> str:
    """Markdown: a table and an estimate a device and precision."""
    parts = []
    for device, precision in dict.fromkeys((r.device, r.precision) for r in records):
        own = [r for r in records if (r.device, r.precision) == (device, precision)]
        versions = ", ".join(f"{name} {v}" for name, v in own[0].versions.items())
        title = f"**{device}** ({versions}; float32 products: `{precision}`)"
        table = _table(own)
        if table:
            parts += [wrapped(f"{title}, member-updates per second:"), "", table]
            parts.append(wrapped(estimate(own)))
        else:
            parts.append(wrapped(f"{title}: {estimate(own)}"))
        parts.append("")
    return "\n".join(parts).strip()


def _table(records: Sequence[Record]) -> str:
    rates = {
        (r.learner, r.size, r.old_tasks, r.graph, r.members): r
        for r in records
        if r.members in MEMBERS
    }
    if not rates:
        return ""
    rows = list(dict.fromkeys(key[:-1] for key in rates))
    lines = [
        ["learner", "size", "", *(_members(m) for m in MEMBERS)],
        ["---", "---", "---", *["---:"] * len(MEMBERS)],
    ]
    for learner, size, old, graph in rows:
        found = [rates.get((learner, size, old, graph, m)) for m in MEMBERS]
        cells = [
            "-" if r is None else f"{r.members * r.updates_per_second:,.0f}"
            for r in found
        ]
        name = f"{learner}, {old} old tasks" if old else learner
        lines.append([name, size, "replayed" if graph else "eager", *cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _members(count: int) -> str:
    return f"{count} member{'s' * (count != 1)}"


def estimate(records: Sequence[Record]) -> str:
    """How long OER's updates at the paper's size take: a task's updates over the rate
    at its number of old tasks."""
    wanted = {
        (r.old_tasks, r.graph): r
        for r in records
        if (r.learner, r.size, r.members) == ("er_dbc", PAPER, SEEDS)
    }
    rates = [
        wanted.get((old, True)) or wanted.get((old, False)) for old in range(TASKS)
    ]
    found = [r.updates_per_second for r in rates if r is not None]
    if len(found) < TASKS:
        return (
            "No estimate of a run at the paper's size: not all of its rates were"
            " measured.\n"
        )
    hours = sum(UPDATES / rate for rate in found) / 3600
    length = f"{hours:,.1f} hours" if hours > 2 else f"{60 * hours:.1f} minutes"
    what = (
        f"{TASKS} tasks x {UPDATES:,} updates of er_dbc, {PAPER}, buffers of 1,000,"
        f" {SEEDS} seeds together"
    )
    shown = ", ".join(f"{rate:,.0f}" for rate in found)
    return (
        f"A run at the paper's size ({what}): about {length} of updates, from {shown}"
        f" updates per second with 0 to {TASKS - 1} old tasks. Transition models,"
        " selection and evaluation come on top.\n"
    )


def keep(path: Path, new: Sequence[Record]) -> list[Record]:
    """Put new records in the place of older ones of the same thing; all that are there
    now."""
    before = (
        [Record(**r) for r in json.loads(path.read_text())] if path.exists() else []
    )
    kept = {record.what: record for record in [*before, *new]}
    records = sorted(kept.values(), key=lambda r: r.what)
    write_atomic(path, json.dumps([asdict(r) for r in records], indent=1) + "\n")
    return records


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="1 and 4 members, one short round; records and page stay as they are",
    )
    parser.add_argument(
        "--precision", default="highest", choices=("highest", "high", "medium")
    )
    parser.add_argument("--records", type=Path, default=RECORDS)
    parser.add_argument(
        "--merge", type=Path, help="records of another machine; nothing is measured"
    )
    given = parser.parse_args()
    if given.merge:
        if not given.merge.is_file():
            parser.error(
                f"{given.merge} is no file; --merge takes what --records wrote on the"
                " other machine"
            )
        try:
            new = [Record(**record) for record in json.loads(given.merge.read_text())]
        except (ValueError, TypeError) as error:
            parser.error(
                f"{given.merge} holds no records ({error}); --merge takes what"
                " --records wrote"
            )
    else:
        one_thread()
        torch.set_float32_matmul_precision(given.precision)
        new = []
        for what in plan(given.quick):
            new += measure(*what, given.quick)
            if not given.quick:
                keep(given.records, new)
            eager, replayed = (
                record.members * record.updates_per_second for record in new[-2:]
            )
            print(
                f"{eager:12,.0f} eager, {replayed:12,.0f} replayed member-updates/s:"
                f" {what}",
                flush=True,
            )
    if given.quick:
        print(block(new))
        return
    rewrite(PAGE, {"updates_per_second": block(keep(given.records, new))})
    print(block(new))


if __name__ == "__main__":
    main()
