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
from oer_pipeline.dynamics.inputs_and_targets import inputs_of, targets_of
from oer_pipeline.dynamics.model import CHUNK, TransitionModel
from oer_pipeline.dynamics.network import (
    init_network,
    limit_width,
    negative_log_likelihood,
    squared_weights,
)
from oer_pipeline.dynamics.settings import DynamicsSettings
from oer_pipeline.dynamics.statistics import Statistics
from oer_pipeline.networks.capture.interface import captured
from oer_pipeline.networks.flat import Adam, FlatParameters, differentiate
from oer_pipeline.networks.randomness import generator
from oer_pipeline.networks.stacked import Parameters, take_members
from oer_pipeline.trajectories.table import Trajectories

Progress = Callable[[str], None]
Samples = tuple[Tensor, Tensor]
"""Standardised inputs (N, I) and standardised outputs (N, P)."""


def fit_transition_model(
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

    Rows whose s' is not known (`Trajectories.next_known`) take part in nothing: neither
    in the fit nor in the statistics nor in the held-out likelihood.

    The second is JSON-able: `epochs` trained, `best_epoch` and `heldout_nll` per member
    trained (standardised outputs, without its constant), `elites`, the members that the
    model holds, and `rows` on either side of the split. How well the model predicts is
    another question: `assessment.report.report`.

    Args:
        trajectories: of the task.
        settings: sizes and optimisation.
        seed: of the data.
        task: its number, from 1.
        progress: is told of every epoch.
        device: to fit on.
        graphs: an update is captured once and replayed.

    Raises:
        DataError: other action bounds than +-1, fewer than two episodes, no output that
            varies, or a training that diverges.
    """
    trajectories.check_scaled()
    known = trajectories.known
    heldout = heldout_rows(
        trajectories,
        settings,
        seed,
        task,
    )
    inputs, outputs = statistics(trajectories)

    def samples(rows: BoolArray) -> Samples:
        x = torch.from_numpy(inputs_of(trajectories)[rows])
        y = torch.from_numpy(targets_of(trajectories)[rows])
        standardised = outputs.standardise(y)[:, outputs.varying]
        return inputs.standardise(x).to(device), standardised.to(device)

    members = []
    for member in range(settings.members):
        members.append(generator(f"dynamics/member_{member}", seed, task))
    training = ~heldout & known
    judged = heldout & known
    best, epochs = train(
        samples(training),
        samples(judged),
        settings,
        members,
        progress,
        graphs,
    )
    elites = _lowest(best.loss, settings.elites)
    record = {
        "epochs": epochs,
        "best_epoch": best.epoch.tolist(),
        "heldout_nll": best.loss.tolist(),
        "elites": elites,
        "rows": {"training": int(training.sum()), "heldout": int(judged.sum())},
    }
    parameters = take_members(best.parameters, elites)
    return TransitionModel(parameters, inputs, outputs).to("cpu"), record


def heldout_rows(
    trajectories: Trajectories,
    settings: DynamicsSettings,
    seed: int,
    task: int,
) -> BoolArray:
    """The rows that `fit_transition_model` with the same arguments holds out, (N,).

    Args:
        trajectories: that the model is fitted to, N rows.
        settings: `holdout` of them: the fraction of episodes.
        seed: of the data.
        task: its number, from 1.

    Raises:
        DataError: fewer than two episodes.
    """
    draws = generator("dynamics/split", seed, task)
    return split_by_episode(trajectories, settings.holdout, draws)


def split_by_episode(
    trajectories: Trajectories,
    holdout: float,
    draws: torch.Generator,
) -> BoolArray:
    """Which rows are held out, (N,): those of some episodes, at least one, never all.

    Episodes that have no row whose s' is known count for nothing.

    Args:
        trajectories: to split.
        holdout: fraction of the episodes.
        draws: decide which.

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

    Args:
        trajectories: that the model is fitted to.

    Raises:
        DataError: no output varies, so that there is nothing to learn.
    """
    known = trajectories.known
    inputs = Statistics.of(inputs_of(trajectories)[known])
    outputs = Statistics.of(targets_of(trajectories)[known])
    observation_std = inputs.std[: len(outputs.std) - 1]
    copied = (observation_std == 0).nonzero().squeeze(1)
    outputs.mean[copied] = 0.0
    outputs.std[copied] = 0.0
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
    """Train until all members have stopped; their best weights, and the epochs that
    took.

    Args:
        training: rows to learn.
        heldout: rows to stop by.
        settings: sizes and optimisation.
        members: one generator each.
        progress: is told of every epoch.
        graphs: an update is captured once and replayed.

    Raises:
        DataError: a member's held-out likelihood was never finite.
    """
    inputs, targets = training
    rows = len(inputs)
    device = inputs.device
    initial = {}
    layout = init_network(
        inputs.shape[1],
        settings.hidden,
        targets.shape[1],
        members,
    )
    for name, parameter in layout.items():
        initial[name] = parameter.to(device)
    network = FlatParameters(initial)
    parameters = network.views
    optimiser = Adam(network, settings.learning_rate)
    best = EarlyStopping(parameters, settings.patience, settings.min_improvement)
    resamples = [torch.randint(rows, (rows,), generator=draws) for draws in members]
    resamples_EN = torch.stack(resamples)
    size = min(settings.batch_size, rows)
    batch_EB = torch.zeros(len(members), size, dtype=torch.int64, device=device)

    def step() -> None:
        loss = _loss(
            parameters,
            inputs[batch_EB],
            targets[batch_EB],
            settings,
        )
        differentiate([loss], [network])
        optimiser.step()

    descend: Callable[[], None] | None = None
    if graphs:
        state = [network.buffer, *optimiser.state.values()]
        descend = captured(step, state, device, "updates of the transition model")
    update = descend or step
    epoch = 0
    running = True
    while running and epoch < settings.max_epochs:
        epoch += 1
        for rows_EB in _batches(resamples_EN, size, members, device):
            batch_EB.copy_(rows_EB)
            update()
        nll = heldout_nll(parameters, heldout)
        running = best.update(epoch, nll, parameters)
        if progress:
            likelihood = f"held-out negative log-likelihood {nll.mean():.2f}"
            progress(f"epoch {epoch}: {likelihood}")
    if not best.loss.isfinite().all():
        losses = f"held-out losses {best.loss.tolist()}"
        raise DataError(f"training diverged: {losses}; lower learning_rate")
    return best, epoch


def _lowest(
    loss_E: Tensor,
    count: int | None,
) -> list[int]:
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
    orders = [torch.randperm(rows, generator=draws) for draws in members]
    shuffled = resamples_EN.gather(1, torch.stack(orders)).to(device)
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
    decay = settings.weight_decay * squared_weights(parameters)
    return (nll + penalty + decay).sum()


@torch.no_grad()
def heldout_nll(
    parameters: Parameters,
    heldout: Samples,
) -> Tensor:
    """Every member's negative log-likelihood on the same held-out rows, (E,), on the
    CPU.

    Args:
        parameters: of all members.
        heldout: standardised inputs and outputs.
    """
    members = len(parameters["max_log_sigma"])
    total = torch.zeros(members)
    inputs, targets = heldout
    chunks = zip(torch.split(inputs, CHUNK), torch.split(targets, CHUNK), strict=True)
    for x, y in chunks:
        x_EBI = x.expand(members, -1, -1)
        y_EBP = y.expand(members, -1, -1)
        nll = negative_log_likelihood(parameters, x_EBI, y_EBP)
        total += nll.cpu() * len(x)
    return total / len(inputs)
