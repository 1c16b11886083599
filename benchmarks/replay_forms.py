"""CPU time of a TD3+BC update in three forms: eager, a tape of kernels, and compiled by
`torch.compile`.

    taskset -c 0 nice -n 15 python -m benchmarks.replay_forms [--quick]

All forms are measured in one process on one core, taking turns, the fastest of three
rounds each, at 1, 4 and 16 members, 128-128 and 256-256, batch 256. The compiled form
is written as for a compiler: plain stacked layers, target, losses and their backward
passes compiled, Adam and Polyak averaging the project's. It starts from the same state
with the same draws, and has to come out where the eager updates do. Writes the block of
docs/performance.md; where the machine's compiler is not usable, what it printed.

Shapes: M members, B batch, A action.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from benchmarks.figure import describe
from benchmarks.made_up import one_thread, trajectories
from benchmarks.timing import Work, cpu_seconds, on_one_core
from benchmarks.updates_per_second import PAGE
from oer_pipeline.common.errors import one_line
from oer_pipeline.learners.batches import Batch, take
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks.flat import FlatParameters
from oer_pipeline.networks.stacked import Parameters
from oer_pipeline.reports.document_blocks import rewrite
from oer_pipeline.trajectories.table import Trajectories

MEMBERS = (1, 4, 16)
HIDDEN = ((128, 128), (256, 256))
BATCH, ROWS = 256, 20_000
UPDATES = 10**6
"""Of a task: as many as are wanted."""
ROUNDS, LENGTH = 3, 100
"""How often a form is measured, and how many updates each time."""
QUICK_ROUNDS, QUICK_LENGTH = 1, 20
CLOSE = 1e-4
"""How far weights of the compiled form may be from the eager ones after a period,
absolutely and relatively."""


@dataclass(frozen=True)
class Row:
    """Milliseconds of CPU time per update."""

    hidden: tuple[int, int]
    members: int
    eager: float
    tape: float
    compiled: float | None  # None: the compiler is not usable


def layers(parameters: Mapping[str, Tensor], names: Sequence[str], x: Tensor) -> Tensor:
    """A stacked ReLU network as for a compiler."""
    for name in names:
        if name != names[0]:
            x = x.relu()
        x = torch.baddbmm(parameters[f"{name}.bias"], x, parameters[f"{name}.weight"])
    return x


def action_of(policy: Mapping[str, Tensor], observation: Tensor) -> Tensor:
    """The first task's action, (M, B, A)."""
    return layers(policy, ("trunk.0", "trunk.1", "head.1"), observation).tanh()


def values_of(critic: Mapping[str, Tensor], entering: Tensor) -> Tensor:
    """Both twins' values, (2 M, B)."""
    return layers(critic, ("0", "1", "2"), entering).squeeze(-1)


def target(
    policy: Parameters,
    critic: Parameters,
    batch: Batch,
    noise: Tensor,
    settings: LearnerSettings,
) -> Tensor:
    """y of TD3+BC, (M, B)."""
    clip = settings.target_noise_clip
    smoothing = (noise * settings.target_noise).clamp(-clip, clip)
    action = (action_of(policy, batch.next_observation) + smoothing).clamp(-1.0, 1.0)
    entering = torch.cat((batch.next_observation, action), dim=-1)
    value = values_of(critic, entering.repeat_interleave(2, dim=0))
    least = value.view(-1, 2, value.shape[1]).amin(dim=1)
    return batch.reward + settings.discount * batch.continues * least


def critic_loss(critic: Parameters, entering: Tensor, y: Tensor) -> Tensor:
    """Summed over members and twins."""
    value = values_of(critic, entering.repeat_interleave(2, dim=0))
    error = value - y.repeat_interleave(2, dim=0)
    return error.square().mean(dim=1).sum()


def policy_loss(
    policy: Parameters, critic: Parameters, batch: Batch, alpha: float
) -> Tensor:
    """Summed over members."""
    action = action_of(policy, batch.observation)
    first = {name: tensor[0::2] for name, tensor in critic.items()}
    value = values_of(first, torch.cat((batch.observation, action), dim=-1))
    weight = alpha / value.abs().mean(dim=1).detach()
    behaviour = (action - batch.action).square().mean(dim=(1, 2))
    return (behaviour - weight * value.mean(dim=1)).sum()


class Compiled:
    """Performs updates on the state of a training that is not used otherwise."""

    def __init__(self, training: TaskTraining) -> None:
        self._training = training
        self._target = torch.compile(target, dynamic=False)
        self._critic_loss = torch.compile(critic_loss, dynamic=False)
        self._policy_loss = torch.compile(policy_loss, dynamic=False)

    def block(self, updates: int) -> None:
        """So many updates, two and two."""
        draws = self._training.draw(updates)
        for first in range(0, updates, 2):
            part = draws.part(first, 2)
            batches = take(self._training.context.tables, part.rows).split(2)
            for k, batch in enumerate(batches):
                self._update_critic(batch, part.noise[k])
            self._update_policy(batches[-1])

    def _update_critic(self, batch: Batch, noise: Tensor) -> None:
        state = self._training.state
        with torch.no_grad():
            y = self._target(
                state.target_policy.constants,
                state.target_critic.constants,
                batch,
                noise,
                self._training.context.settings,
            )
        loss = self._critic_loss(state.critic.views, batch.observation_action, y)
        descend(loss, state.critic)
        state.critic_optimiser.step()

    def _update_policy(self, batch: Batch) -> None:
        state = self._training.state
        settings = self._training.context.settings
        policy = state.networks["policy"]
        loss = self._policy_loss(
            policy.views, state.critic.constants, batch, settings.alpha
        )
        descend(loss, policy)
        state.optimisers["policy"].step()
        state.target_critic.polyak_(state.critic, settings.polyak)
        state.target_policy.polyak_(policy, settings.polyak)


def descend(loss: Tensor, network: FlatParameters) -> None:
    """The loss's gradient as the network's."""
    gradients = torch.autograd.grad(loss, list(network.views.values()))
    network.collect(list(gradients))


def training_of(
    data: Trajectories, hidden: tuple[int, int], members: int, graphs: bool
) -> TaskTraining:
    settings = LearnerSettings(batch_size=BATCH, hidden=hidden, updates=UPDATES)
    return TaskTraining(
        Finetune(), settings, data, (), None, range(members), graphs=graphs
    )


def measure(
    data: Trajectories, hidden: tuple[int, int], members: int, quick: bool
) -> tuple[Row, str]:
    """A row of the table, and why the compiler is not usable, or nothing."""
    eager, tape, other = (
        training_of(data, hidden, members, graphs) for graphs in (False, True, False)
    )
    compiled = Compiled(other)
    eager.block(2)
    tape.block(2)
    forms = {"eager": eager.block, "tape": tape.block}
    complaint = ""
    try:
        compiled.block(2)
        check_same(eager, other)
        forms["compiled"] = compiled.block  # type: ignore[assignment]
    except Exception as error:  # whatever a compiler says
        complaint = one_line(error)
    rounds, length = (QUICK_ROUNDS, QUICK_LENGTH) if quick else (ROUNDS, LENGTH)
    best = dict.fromkeys(forms, float("inf"))
    for block in forms.values():
        block(length)  # warm
    for _ in range(rounds):
        for name, block in forms.items():
            work: Work = partial(block, length)
            best[name] = min(best[name], cpu_seconds(work) / length * 1e3)
    row = Row(
        hidden,
        members,
        best["eager"],
        best["tape"],
        best.get("compiled"),
    )
    return row, complaint


def check_same(eager: TaskTraining, compiled: TaskTraining) -> None:
    """Refuse a compiled form that does something else than the eager updates.

    Raises:
        RuntimeError: its weights have come out elsewhere.
    """
    wanted = eager.state_dict()
    found = compiled.state_dict()
    for name in ("critic", "policy", "target_critic", "target_policy"):
        if not torch.allclose(wanted[name], found[name], rtol=CLOSE, atol=CLOSE):
            error = (wanted[name] - found[name]).abs().max()
            raise RuntimeError(f"{name} of the compiled form is off by {error:.2g}")


def table(rows: Sequence[Row], complaints: Sequence[str]) -> str:
    """Markdown."""
    lines = [
        f"{describe('cpu')}, torch {torch.__version__}, milliseconds of CPU time per"
        " update of all members:",
        "",
        "| size | members | eager | tape | compiled | tape / eager | tape / compiled |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        size = "-".join(str(width) for width in row.hidden)
        compiled, ratio = "-", "-"
        if row.compiled is not None:
            compiled = f"{row.compiled:.2f}"
            ratio = f"{row.tape / row.compiled:.2f}"
        lines.append(
            f"| {size} | {row.members} | {row.eager:.2f} | {row.tape:.2f} | {compiled}"
            f" | {row.tape / row.eager:.2f} | {ratio} |"
        )
    for complaint in dict.fromkeys(complaints):
        lines += ["", f"Not compiled: `{complaint}`"]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="1 member, 128-128, one short round; the page stays as it is",
    )
    quick = parser.parse_args().quick
    one_thread()
    data = trajectories(ROWS)
    rows, complaints = [], []
    with on_one_core():
        for hidden in HIDDEN[:1] if quick else HIDDEN:
            for members in MEMBERS[:1] if quick else MEMBERS:
                row, complaint = measure(data, hidden, members, quick)
                rows.append(row)
                complaints += [complaint] if complaint else []
                print(row, complaint, flush=True)
    if not quick:
        rewrite(PAGE, {"replay_forms": table(rows, complaints)})
    print(table(rows, complaints))


if __name__ == "__main__":
    main()
