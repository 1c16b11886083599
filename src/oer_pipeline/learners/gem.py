"""Gradient episodic memory (Lopez-Paz & Ranzato 2017; method, section 7): no step that
harms an old task.

Shapes: J old tasks, M members, B batch, P parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from oer_pipeline.common.checks import at_least
from oer_pipeline.learners import nonnegative_qp
from oer_pipeline.learners.actor_critic import cloning_loss
from oer_pipeline.learners.batches import ReplayBatch, Step
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.view import LearnerView, Losses
from oer_pipeline.networks import policy
from oer_pipeline.networks.flat import FlatParameters, differentiate
from oer_pipeline.networks.stacked import Parameters, linear, mlp


class GEM(Learner):
    """L = L_pi(D_n); if its gradient g harms an old task, <g, g_j> < 0, the nearest
    that harms none takes its place.

    g_j is the gradient of MSE_{B_j}(pi_j(s), a_hat). The nearest is g + sum_j v_j g_j,
    where v is the solution of min_v 1/2 v^T G G^T v + (G g)^T v over v >= 0, G the rows
    g_j (the paper's dual program).

    `margin`: the paper's gamma, added to every v_j of such a step, which then also
    descends gamma times the old tasks' losses. It counts in lengths of g_j: a v_j of 1
    is a whole gradient step on B_j. 0.5 as in the authors' experiments, whose code
    bounds v_j >= gamma instead of adding it. Their code also adds 1e-3 to the diagonal
    of G G^T, which moves the projected gradient by some 2 % of its length; here the
    solver alone adds 1e-13 of it. The paper descends by plain SGD; here Adam takes the
    projected gradient.
    """

    replays = True
    ought_to_be_zero: ClassVar[Mapping[str, str]] = {
        "unsolved": "GEM's quadratic program was not solved in the pivots that it "
        "gets; such a step may harm an old task"
    }

    def __init__(self, margin: float = 0.5) -> None:
        at_least("gem: margin", margin, 0.0)
        self.margin = margin

    def start(self, training: LearnerView) -> None:
        old_tasks = training.task - 1
        if old_tasks == 0:
            return
        copies: Parameters = {}
        for name, view in training.networks["policy"].views.items():
            copies[name] = view.detach().repeat(old_tasks, 1, 1)
        self.copies = FlatParameters(copies)

    def on_gradient(self, training: LearnerView, step: Step) -> Losses | None:
        if step.replay is None:
            return None
        network = training.networks["policy"]
        constraints_JMP = self._constraints(network, step.replay)
        gram_MJJ, inner_MJ = _products(constraints_JMP, network.gradient)
        solution = nonnegative_qp.solve(gram_MJJ, inner_MJ)
        multipliers_MJ = (solution.multipliers + self.margin).float()
        multipliers_JM1 = multipliers_MJ.T.unsqueeze(2)
        added_MP = (multipliers_JM1 * constraints_JMP).sum(dim=0)
        nearest_MP = network.gradient + added_MP
        violated_MJ = inner_MJ < 0.0
        harms_M1 = violated_MJ.any(dim=1, keepdim=True)
        gradient_MP = torch.where(
            harms_M1,
            nearest_MP,
            network.gradient,
        )
        network.gradient.copy_(gradient_MP)
        return {
            "violated": violated_MJ.sum(dim=1).float(),
            "unsolved": solution.unsolved.float(),
        }

    def _constraints(self, network: FlatParameters, replay: ReplayBatch) -> Tensor:
        """g_j of every old task, (J, M, P), from one pass of J copies of the policy."""
        old_tasks = len(replay.observation)
        by_task_JMP = self.copies.buffer.view(old_tasks, *network.buffer.shape)
        by_task_JMP.copy_(network.buffer)
        action = act_folded(self.copies.views, replay.observation)
        share = replay.share
        loss = cloning_loss(
            action,
            replay.target_action.flatten(0, 1),
            None if share is None else share.flatten(0, 1),
        )
        differentiate([loss], [self.copies])
        return self.copies.gradient.view_as(by_task_JMP)


def act_folded(parameters: Mapping[str, Tensor], observation_JMBD: Tensor) -> Tensor:
    """Old task j's actions by the j-th of J copies of M policies, (J M, B, A);
    `parameters` are (J M, ...) each."""
    old_tasks = len(observation_JMBD)
    weights = []
    biases = []
    entering = []
    for j in range(old_tasks):
        task = j + 1
        head = policy.head_name(parameters, task)
        weights.append(parameters[f"{head}.weight"].chunk(old_tasks)[j])
        biases.append(parameters[f"{head}.bias"].chunk(old_tasks)[j])
        entering.append(
            policy.inputs(
                parameters,
                task,
                observation_JMBD[j],
            )
        )
    features = mlp(
        policy.trunk_layers(parameters, 1),
        torch.cat(entering),
        last_activation=True,
    )
    output = linear(
        torch.cat(weights),
        torch.cat(biases),
        features,
    )
    return torch.tanh(output)


def _products(constraints_JMP: Tensor, gradient_MP: Tensor) -> tuple[Tensor, Tensor]:
    """G G^T (M, J, J) and G g (M, J) in float64, row by row: a matrix product would mix
    members' bits."""
    rows_KMP = torch.cat((constraints_JMP, gradient_MP.unsqueeze(0))).double()
    products = []
    for row_MP in rows_KMP[:-1]:
        products.append((rows_KMP * row_MP).sum(dim=2).T)
    products_MJK = torch.stack(products, dim=1)
    return products_MJK[:, :, :-1], products_MJK[:, :, -1]
