"""What an update spends its time on, and how far its products are from the processor's
arithmetic limit.

    python -m benchmarks.update_parts

One member, 256-256, batch 256, on one core: every kernel of the replayed TD3+BC period
is timed by itself. Writes the block of docs/performance.md.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from benchmarks.figure import describe
from benchmarks.made_up import one_thread, trajectories
from benchmarks.timing import cpu_seconds, on_one_core
from benchmarks.updates_per_second import PAGE
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks.capture.tape import Tape
from oer_pipeline.networks.products import WIDE, by_onednn, library_in_use
from oer_pipeline.reports.document_blocks import rewrite

UPDATES, BATCH, HIDDEN = 600, 256, (256, 256)
PRODUCTS = {"mm", "addmm", "bmm", "baddbmm"}
PARTS = {
    "Adam": {"_fused_adam_", "add_"},
    "Polyak averaging": {"lerp_"},
    "ReLU and its backward": {"relu_", "threshold_backward"},
    "sums and means": {"sum", "mean", "amin"},
    "rows gathered, parts joined and copied": {
        "index_select",
        "cat",
        "_foreach_copy_",
        "copy_",
        "clone",
    },
    "the choice of library": {"ask_onednn"},
}
OTHER = "other element-wise kernels"


@dataclass
class Part:
    """Of all updates that were timed."""

    seconds: float = 0.0
    calls: int = 0
    operations: float = 0.0  # multiplications and additions


class TimedKernels:
    """While it is entered, replays time each of their kernels."""

    def __init__(self) -> None:
        self.parts: dict[str, Part] = defaultdict(Part)
        self._plain = Tape.player

    def __enter__(self) -> TimedKernels:
        parts = self.parts

        def player(tape: Tape, results: Any) -> Callable[[], None]:
            calls = [(part_of(*call), *call) for call in tape.calls(results)]

            @torch.no_grad()
            def play() -> None:
                for (name, operations), kernel, args, kwargs in calls:
                    start = time.perf_counter()
                    kernel(*args, **kwargs)
                    part = parts[name]
                    part.seconds += time.perf_counter() - start
                    part.calls += 1
                    part.operations += operations

            return play

        Tape.player = player  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        Tape.player = self._plain  # type: ignore[method-assign]


def part_of(kernel: Any, args: Any, kwargs: Any) -> tuple[str, float]:
    """The part that a kernel belongs to, and its multiplications and additions if it is
    a product."""
    name = (
        kernel.overloadpacket.__name__
        if hasattr(kernel, "overloadpacket")
        else kernel.__name__
    )
    if name in PRODUCTS:
        a, b = [leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor)][-2:]
        each = a.shape[-2] * a.shape[-1] * b.shape[-1]
        which = "products, wide" if each > WIDE else "products, narrow"
        members = a.shape[0] if a.ndim == 3 else 1
        return which, 2.0 * each * members
    for part, names in PARTS.items():
        if name in names:
            return part, 0.0
    return OTHER, 0.0


def peak() -> float:
    """Operations a second of a product of 256 x 256 x 256 in the cache, by the library
    that training uses."""
    a, b = torch.randn(256, 256), torch.randn(256, 256)
    multiply = by_onednn if library_in_use() == "onednn" else torch.mm

    def work() -> None:
        for _ in range(100):
            multiply(a, b)

    work()
    return 100 * 2.0 * 256**3 / min(cpu_seconds(work) for _ in range(5))


def measure() -> tuple[dict[str, Part], float]:
    """Every part's share of `UPDATES` updates, and the processor's peak."""
    settings = LearnerSettings(batch_size=BATCH, hidden=HIDDEN)
    with TimedKernels() as timed:
        training = TaskTraining(
            Finetune(), settings, trajectories(20_000), (), None, (0,), graphs=True
        )
        training.block(100)  # captured, and warm
        timed.parts.clear()
        for _ in range(UPDATES // 100):
            training.block(100)
    return dict(timed.parts), peak()


def table(parts: dict[str, Part], peak: float) -> str:
    """Markdown, the largest part first."""
    total = sum(part.seconds for part in parts.values())
    operations = sum(part.operations for part in parts.values())
    lines = [
        "| part of an update | microseconds | share | kernels | GFLOP/s |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, part in sorted(parts.items(), key=lambda item: -item[1].seconds):
        rate = f"{part.operations / part.seconds / 1e9:.0f}" if part.operations else ""
        time_each = part.seconds / UPDATES * 1e6
        kernels = part.calls / UPDATES
        lines.append(
            f"| {name} | {time_each:,.0f} | {part.seconds / total:.0%} | {kernels:.1f}"
            f" | {rate} |"
        )
    limit, taken = operations / UPDATES / peak * 1e3, total / UPDATES * 1e3
    lines += [
        "",
        (
            f"{describe('cpu')}: {operations / UPDATES / 1e6:.0f} MFLOP an update at"
            f" the {peak / 1e9:.0f} GFLOP/s of a product in the cache are {limit:.2f}"
            f" ms; the kernels take {taken:.2f} ms, {taken / limit:.2f} times as long."
        ),
    ]
    return "\n".join(lines)


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    one_thread()
    with on_one_core():
        found = table(*measure())
    rewrite(PAGE, {"update_parts": found})
    print(found)


if __name__ == "__main__":
    main()
