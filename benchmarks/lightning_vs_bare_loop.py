"""Training through Lightning in blocks over the same blocks in a bare loop, three
members at the default size."""

from __future__ import annotations

from benchmarks.figure import Figure, best_device, on
from benchmarks.made_up import one_thread, trajectories
from benchmarks.timing import ratio
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.training.fit import BLOCK, fit
from oer_pipeline.training.hardware import Hardware

SEEDS, UPDATES = (0, 1, 2), 500


def measure() -> Figure:
    one_thread()
    device, data = best_device(), trajectories(20_000)
    settings = LearnerSettings(updates=UPDATES, batch_size=256, hidden=(128, 128))

    def bare() -> None:
        learner = TaskTraining(
            Finetune(), settings, data, (), None, SEEDS, device, graphs=True
        )
        means = [learner.block(BLOCK) for _ in range(UPDATES // BLOCK)]
        learner.result()
        [loss.tolist() for losses in means for loss in losses.values()]

    accelerator = "cpu" if device == "cpu" else "gpu"
    value = ratio(
        lambda: fit(Finetune(), settings, data, (), None, SEEDS, Hardware(accelerator)),
        bare,
        rounds=5,
    )
    return Figure(on(device, "lightning_vs_bare_loop"), value, 1.05, "lower", device)
