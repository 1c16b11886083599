"""Fit a task's transition ensemble: all members in one batched network, early stopping
per member (method, section 5).

Shapes: E members, N training rows, V held-out rows, B batch, I inputs, P outputs that
vary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import BoolArray
from oer_pipeline.dynamics.early_stopping import EarlyStopping
from oer_pipeline.dynamics.model import CHUNK, TransitionModel
from oer_pipeline.dynamics.network import (
    init_network,
    limit_width,
    negative_log_likelihood,
    squared_weights,
)
from oer_pipeline.dynamics.settings import DynamicsSettings
from oer_pipeline.dynamics.statistics import Statistics
from oer_pipeline.dynamics.table import inputs_of, targets_of
from oer_pipeline.networks.capture.replay import captured
from oer_pipeline.networks.flat import Adam, FlatParameters, differentiate
from oer_pipeline.networks.randomness import generator
from oer_pipeline.networks.stacked import Parameters, take_members
from oer_pipeline.trajectories.table import Trajectories

Progress = Callable[[str], None]
Samples = tuple[Tensor, Tensor]
"""Standardised inputs (N, I) and standardised outputs (N, P)."""


def fit(
    trajectories: Trajectories,
    settings: DynamicsSettings,
    seed: int = 0,
    task: int = 1,
    progress: Progress | None = None,
    device: torch.device | str = "cpu",
    graphs: bool = True,
) -> tuple[TransitionModel, dict[str, Any]]:
    """The fitted model (on the CPU) and how the fit went, functions of data, settings,
    seed and task alone.

    It is fitted on `device`; with `graphs` an update is captured once and replayed.

    Rows whose s' is not known (`Trajectories.next_known`) take part in nothing: neither
    in the fit nor in the statistics nor in the held-out likelihood.

    The second is JSON-able: `epochs` trained, `best_epoch` and `heldout_nll` per member
    trained (standardised outputs, without its constant), `elites`, the members that the
    model holds, and `rows` on either side of the split. How well the model predicts is
    another question: `report.report`.

    Raises:
        DataError: fewer than two episodes, no output that varies, or a training that
            diverges.
    """
    known = trajectories.known
    heldout = heldout_rows(trajectories, settings, seed, task)
    inputs, outputs = statistics(trajectories)

    def samples(rows: BoolArray) -> Samples:
        x, y = (
            torch.from_numpy(of(trajectories)[rows]) for of in (inputs_of, targets_of)
        )
        return inputs.standardise(x).to(device), outputs.standardise(y)[
            :, outputs.varying
        ].to(device)

    members = [
        generator(f"dynamics/member_{member}", seed, task)
        for member in range(settings.members)
    ]
    training, judged = ~heldout & known, heldout & known
    best, epochs = train(
        samples(training), samples(judged), settings, members, progress, graphs
    )
    elites = _best(best.loss, settings.elites)
    record = {
        "epochs": epochs,
        "best_epoch": best.epoch.tolist(),
        "heldout_nll": best.loss.tolist(),
        "elites": elites,
        "rows": {"training": int(training.sum()), "heldout": int(judged.sum())},
    }
    return (
        TransitionModel(take_members(best.parameters, elites), inputs, outputs).to(
            "cpu"
        ),
        record,
    )


def heldout_rows(
    trajectories: Trajectories, settings: DynamicsSettings, seed: int, task: int
) -> BoolArray:
    """The rows that `fit` with the same arguments holds out, (N,).

    Raises:
        DataError: fewer than two episodes.
    """
    return split_by_episode(
        trajectories, settings.holdout, generator("dynamics/split", seed, task)
    )


def split_by_episode(
    trajectories: Trajectories, holdout: float, draws: torch.Generator
) -> BoolArray:
    """Which rows are held out, (N,): those of a fraction `holdout` of the episodes, at
    least one, never all.

    Of the episodes that have a row whose s' is known; those without count for nothing.

    Raises:
        DataError: fewer than two episodes.
    """
    episodes = np.unique(trajectories.episode[trajectories.known])
    if len(episodes) < 2:
        raise DataError(
            "a transition model needs 2 episodes or more, one held out; the data have"
            f" {len(episodes)}"
        )
    count = min(max(1, round(holdout * len(episodes))), len(episodes) - 1)
    chosen = torch.randperm(len(episodes), generator=draws)[:count]
    return np.isin(trajectories.episode, episodes[chosen.numpy()])


def statistics(trajectories: Trajectories) -> tuple[Statistics, Statistics]:
    """Of the inputs (s, a) and of the outputs (s' - s, r); a constant dimension of s
    does not vary in s' - s either.

    Over the rows whose s' is known.

    Raises:
        DataError: no output varies, so that there is nothing to learn.
    """
    known = trajectories.known
    inputs = Statistics.of(inputs_of(trajectories)[known])
    outputs = Statistics.of(targets_of(trajectories)[known])
    copied = (inputs.std[: len(outputs.std) - 1] == 0).nonzero().squeeze(1)
    outputs.mean[copied], outputs.std[copied] = 0.0, 0.0
    if len(outputs.varying) == 0:
        raise DataError(
            "neither an observation nor the reward ever changes in these data: no"
            " transition model to fit"
        )
    return inputs, outputs


def train(
    training: Samples,
    heldout: Samples,
    settings: DynamicsSettings,
    members: Sequence[torch.Generator],
    progress: Progress | None = None,
    graphs: bool = True,
) -> tuple[EarlyStopping, int]:
    """Train one member per generator until all have stopped; their best weights, and
    the epochs that took.

    Raises:
        DataError: a member's held-out likelihood was never finite.
    """
    device = training[0].device
    sizes = training[0].shape[1], settings.hidden, training[1].shape[1]
    network = FlatParameters(
        {name: p.to(device) for name, p in init_network(*sizes, members).items()}
    )
    parameters, optimiser = network.views, Adam(network, settings.learning_rate)
    best = EarlyStopping(parameters, settings.patience, settings.min_improvement)
    resamples = torch.stack(
        [
            torch.randint(len(training[0]), (len(training[0]),), generator=g)
            for g in members
        ]
    )
    size = min(settings.batch_size, len(training[0]))
    batch_EB = torch.zeros(len(members), size, dtype=torch.int64, device=device)

    def step() -> None:
        differentiate(
            [_loss(parameters, training[0][batch_EB], training[1][batch_EB], settings)],
            [network],
        )
        optimiser.step()

    descend: Callable[[], None] | None = None
    if graphs:
        state = [network.buffer, *optimiser.state.values()]
        descend = captured(step, state, device, "updates of the transition model")
    descend = descend or step
    epoch, running = 0, True
    while running and epoch < settings.max_epochs:
        epoch += 1
        for rows_EB in _batches(resamples, size, members, device):
            batch_EB.copy_(rows_EB)
            descend()
        nll = heldout_nll(parameters, heldout)
        running = best.update(epoch, nll, parameters)
        if progress:
            progress(
                f"epoch {epoch}: held-out negative log-likelihood {nll.mean():.2f}"
            )
    if not best.loss.isfinite().all():
        raise DataError(
            f"training diverged: held-out losses {best.loss.tolist()}; lower"
            " learning_rate"
        )
    return best, epoch


def _best(loss_E: Tensor, count: int | None) -> list[int]:
    """The `count` members of the lowest loss, in their order; all of them without a
    count."""
    return sorted(torch.argsort(loss_E, stable=True)[:count].tolist())


def _batches(
    resamples_EN: Tensor,
    size: int,
    members: Sequence[torch.Generator],
    device: torch.device,
) -> Iterator[Tensor]:
    """One epoch: every member's resample in an order of its own, in batches (E, B); a
    smaller rest is left out.

    Drawn on the CPU, the same for every device, and sent there at once.
    """
    rows = resamples_EN.shape[1]
    orders = torch.stack([torch.randperm(rows, generator=g) for g in members])
    shuffled = resamples_EN.gather(1, orders).to(device)
    for batch in range(rows // size):
        yield shuffled[:, batch * size : (batch + 1) * size]


def _loss(
    parameters: Parameters,
    input_EBI: Tensor,
    target_EBP: Tensor,
    settings: DynamicsSettings,
) -> Tensor:
    """Summed over members, which keeps their gradients apart."""
    nll = negative_log_likelihood(parameters, input_EBI, target_EBP)
    penalty = settings.log_sigma_penalty * limit_width(parameters)
    return (nll + penalty + settings.weight_decay * squared_weights(parameters)).sum()


@torch.no_grad()
def heldout_nll(parameters: Parameters, heldout: Samples) -> Tensor:
    """Every member's negative log-likelihood on the same held-out rows, (E,), on the
    CPU."""
    members = len(parameters["max_log_sigma"])
    total = torch.zeros(members)
    for x, y in zip(*(torch.split(s, CHUNK) for s in heldout), strict=True):
        nll = negative_log_likelihood(
            parameters, x.expand(members, -1, -1), y.expand(members, -1, -1)
        )
        total += nll.cpu() * len(x)
    return total / len(heldout[0])
