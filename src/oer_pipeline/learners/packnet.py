"""PackNet (Mallya & Lazebnik 2018): a task keeps its largest weights, later ones learn
in what it leaves.

Shapes: M members, I inputs and O outputs of a layer, P parameters of the policy as
`FlatParameters.buffer` has them.
"""

from __future__ import annotations

import logging

import torch
from torch import Tensor

from oer_pipeline.common.checks import between, whole
from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.context import TaskContext
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.state import Networks
from oer_pipeline.learners.view import LearnerView
from oer_pipeline.networks.policy import OWNER, SHARED
from oer_pipeline.networks.stacked import Parameters

logger = logging.getLogger(__name__)

MOST_TASKS = 10_000
UNKNOWN = 0.5
"""Of the free weights, what a task keeps where nobody knows how many are to come."""
BY_ALL = ("trunk.", f"head.{SHARED}.")
"""What all tasks go through."""


class PackNet(Learner):
    """L = L_pi(D_n) in the weights that are free, on top of those that old tasks own.

    Task n trains all free weights. Near its end it keeps, layer by layer, the largest
    of them by magnitude; the others become 0 and are free for later tasks (pruned in
    one shot). Then it retrains what it kept: `retrain` of its updates, which are
    `LearnerSettings.updates` in all. Task j goes through the weights of tasks 1 to j:
    its actions stay, bit for bit, what they were.

    - A task keeps `share` of the free weights. None: of N `tasks` known to come, the
      (N - n + 1)-th part, so that all get as many and the last one, which prunes
      nothing, gets the rest (as in Wolczyk et al. 2021, "Continual World"); half of
      them where `tasks` is None too.
    - Weights have owners in the trunk. Its biases learn with the first task, while that
      retrains as well, and are frozen then (the paper; Continual World's code freezes
      them before it retrains). Heads are each their own task's, whole.
    - With a single head, its weights have owners as the trunk's have, and its bias is
      frozen with the trunk's. A task's one-hot input is its own, whole: no other task
      uses it (Continual World prunes these rows with the first layer's).
    - Critics are a task's own anyway, and are not pruned. At pruning, the policy's
      optimiser starts afresh, and the target policy is pruned as the policy is.

    A training that stops before it prunes leaves no free weights.
    """

    def __init__(
        self,
        share: float | None = None,
        retrain: float = 0.2,
        tasks: int | None = None,
    ) -> None:
        if share is not None:
            between("packnet: share", share, 0.0, 1.0, low_excluded=True)
        if tasks is not None:
            whole("packnet: tasks", tasks, 1, MOST_TASKS)
        between("packnet: retrain", retrain, 0.0, 1.0, high_excluded=True)
        self._share = share
        self._retrain = retrain
        self._tasks = tasks

    def networks(self, context: TaskContext) -> Networks:
        policy = context.continued("policy")
        trained = context.new_policy("policy", policy)
        if context.previous is not None:
            trained = {n: p for n, p in trained.items() if not _is_frozen(n)}
        fixed = {}
        for name, tensor in policy.items():
            if name not in trained and not name.startswith(OWNER):
                fixed[name] = tensor
        return Networks({"policy": trained}, fixed)

    def start(self, training: LearnerView) -> None:
        policy = training.networks["policy"]
        self._kept = self._share_of(training.task)
        # What has no owner is the newest task's: heads, one-hot inputs, first biases.
        self._owner_MP = torch.full_like(
            policy.buffer,
            training.task,
            dtype=torch.int16,
        )
        self._owners: Parameters = {}
        for name, owner_MIO in policy.unflatten(self._owner_MP).items():
            if not _has_owners(name):
                continue
            self._owners[OWNER + name] = owner_MIO
            if training.previous is not None:
                owner_MIO.copy_(_known_owner(training.previous, OWNER + name))

    def pause_after(self, training: LearnerView) -> int | None:
        if self._kept == 1.0:
            return None
        updates = training.settings.updates
        return max(1, updates - round(self._retrain * updates))

    def on_pause(self, training: LearnerView) -> None:
        """Prune: release the smallest free weights of every layer."""
        policy = training.networks["policy"]
        for name, owner_MIO in self._owners.items():
            weight_MIO = policy.constants[name.removeprefix(OWNER)]
            release(
                weight_MIO,
                owner_MIO,
                training.task,
                self._kept,
            )
        released_MP = self._owner_MP > training.task
        for network in (policy, training.target_policy):
            network.buffer.masked_fill_(released_MP, 0.0)
        training.restart_optimiser("policy")
        logger.info(
            "task %d: pruned after update %d; %.1f %% of the shared weights are free",
            training.task,
            training.updates,
            100.0 * free_share(self._owners, training.task),
        )

    def on_gradient(self, training: LearnerView, step: Step) -> None:
        """A frozen weight's gradient is 0, and so are Adam's moments: it stays."""
        frozen_MP = self._owner_MP != training.task
        training.networks["policy"].gradient.masked_fill_(frozen_MP, 0.0)

    def owners(self) -> Parameters:
        return self._owners

    def running(self) -> dict[str, Tensor]:
        return {"owner": self._owner_MP}

    def _share_of(self, task: int) -> float:
        """Of the weights that are free while `task` learns, what it keeps.

        Raises:
            ConfigurationError: more tasks than were said to come.
        """
        if self._share is not None:
            return self._share
        if self._tasks is None:
            return UNKNOWN
        whole("packnet: tasks", self._tasks, task, MOST_TASKS)
        return 1.0 / (self._tasks - task + 1)


@torch.no_grad()
def release(
    weight_MIO: Tensor,
    owner_MIO: Tensor,
    task: int,
    share: float,
) -> None:
    """Give the smallest weights of a task to the next one.

    Of weights of equal magnitude the first stay.

    Args:
        weight_MIO: of one layer.
        owner_MIO: the task that owns each; changed in place.
        task: its number, from 1.
        share: of the task's weights per member, that stay its own, at least one of
            them.
    """
    is_owned_MW = (owner_MIO == task).flatten(1)
    # the same for all members: ranks decide, not values
    count = int(is_owned_MW[0].sum())
    kept = max(1, round(share * count))
    magnitude_MW = weight_MIO.abs().flatten(1).masked_fill(~is_owned_MW, -1.0)
    ranked_MW = magnitude_MW.argsort(dim=1, descending=True, stable=True)
    released_MR = ranked_MW[:, kept:count]
    # A member's weights lie side by side, so that this is a view.
    owner_MIO.view(len(owner_MIO), -1).scatter_(
        1,
        released_MR,
        task + 1,
    )


def free_share(parameters: Parameters, task: int) -> float:
    """Of all weights that have owners, what is nobody's after `task`, 0 to 1.

    `parameters` with their owners, (M, I, O) each: those of a deployed policy.
    """
    free = 0
    weights = 0
    for name, owner_MIO in parameters.items():
        if name.startswith(OWNER):
            free += int((owner_MIO > task).sum())
            weights += owner_MIO.numel()
    return free / weights


def _known_owner(before: Policies, name: str) -> Tensor:
    """What the tasks before left.

    Raises:
        ConfigurationError: another learner has learned them.
    """
    if name not in before.deployed:
        missing = f"the policies after task {before.tasks} hold no {name}"
        raise ConfigurationError(f"packnet: {missing}; learn every task with packnet")
    return before.deployed[name]


def _has_owners(name: str) -> bool:
    return name.startswith(BY_ALL) and name.endswith(".weight")


def _is_frozen(name: str) -> bool:
    """Whether it stays as the first task left it."""
    return name.startswith(BY_ALL) and name.endswith(".bias")
