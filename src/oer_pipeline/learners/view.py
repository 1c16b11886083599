"""What learners and bases see of a training.

A `LearnerView` is what the hooks of a learner get, a `BaseView` those of a base
learner. Neither can draw, step, replay or save: that is the training's.

Shapes: M members, F = J M folded members (J tasks learned at once, 1 but for
multitask), B batch, D observation, A action, I = D + A, what a critic sees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from oer_pipeline.learners.actor_critic import critic_loss
from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.context import TaskContext
from oer_pipeline.learners.state import TrainingState
from oer_pipeline.networks.capture.errors import NotReplayableError
from oer_pipeline.networks.stacked import Parameters

Losses = dict[str, Tensor]
"""Named losses and curves, (M,) each: what depends on a network is descended, the rest
is shown."""


class LearnerView:
    """A training as its learner sees it.

    Facts, which never change:

    - `settings`, `seeds` (one per member), `device`;
    - `task`: the number of the newest task, from 1; `tables`: the data of the tasks
      that are learned now, one but for learners of all tasks at once;
    - `previous`: the policies that the task before left behind, None for the first;
      `kept`: what the learner's `finish` returned then, on the device;
    - `standardisers`: those of all tasks so far, the newest last.

    What is trained:

    - `networks`: flat parameters by name, with `buffer` and `gradient` (M, P);
    - `target_policy`: the same, of the target of the network that learns the task.
    """

    def __init__(
        self,
        context: TaskContext,
        state: TrainingState,
        base_losses: Callable[[Step, Tensor], Losses],
    ) -> None:
        self._state = state
        self.settings = context.settings
        self.seeds = context.seeds
        self.device = context.device
        self.task = context.task
        self.tables = context.tables
        self.previous = context.previous
        self.kept = context.kept
        self.standardisers = context.standardisers
        self.networks = state.networks
        self.target_policy = state.target_policy
        self._context = context
        self._base_losses = base_losses

    @property
    def updates(self) -> int:
        """How many updates are done.

        Raises:
            NotReplayableError: a learner asks during an update that is captured.
        """
        if not self._state.counts:
            raise NotReplayableError("an update asks for its number")
        return self._state.updates

    def parameters(self, network: str) -> Parameters:
        """A network's parameters, those included that are not trained."""
        return self._state.parameters(network)

    def act(self, parameters: Mapping[str, Tensor], observation_FBD: Tensor) -> Tensor:
        """Actions (F, B, A) of a policy on the tasks being learned.

        Args:
            parameters: of the policy.
            observation_FBD: standardised.
        """
        return self._context.act(parameters, observation_FBD)

    def base_losses(self, step: Step, action_FBA: Tensor) -> Losses:
        """L_pi of the base learner in its parts, means over the tasks learned at once.

        Args:
            step: what the update sees.
            action_FBA: of the policy that learns the task, on `step.batch`.
        """
        return self._base_losses(step, action_FBA)

    def restart_optimiser(self, network: str) -> None:
        """Forget the moments of a network's optimiser, in place."""
        self._state.optimisers[network].restart()


class BaseView:
    """A training as its base learner sees it.

    `settings`, `task` and `device` as in `LearnerView`. `critic` and `target_critic`
    are flat parameters of 2 F networks, twins side by side.
    """

    def __init__(self, context: TaskContext, state: TrainingState) -> None:
        self._context = context
        self._state = state
        self.settings = context.settings
        self.task = context.task
        self.device = context.device
        self.critic = state.critic
        self.target_critic = state.target_critic

    def act(self, parameters: Mapping[str, Tensor], observation_FBD: Tensor) -> Tensor:
        """Actions (F, B, A) of a policy on the tasks being learned.

        Args:
            parameters: of the policy.
            observation_FBD: standardised.
        """
        return self._context.act(parameters, observation_FBD)

    def per_member(self, loss_F: Tensor) -> Tensor:
        """The mean over tasks learned at once, (M,)."""
        return self._context.per_member(loss_F)

    def new_values(
        self,
        purpose: str,
        each: int,
        with_action: bool = True,
    ) -> Parameters:
        """`each` fresh networks per folded member, from observations (and actions) to a
        value; `purpose` names the random numbers."""
        return self._context.new_values(purpose, each, with_action)

    def target_policy_parameters(self) -> Mapping[str, Tensor]:
        """The target policy's parameters, those included that are not trained."""
        return {**self._state.fixed, **self._state.target_policy.constants}

    def descend_critic(self, input_FBI: Tensor, target_FB: Tensor) -> Tensor:
        """One step of both critics towards the targets; L_Q (M,)."""
        loss = critic_loss(
            self.critic.constants,
            input_FBI,
            target_FB,
            self.critic.gradients,
        )
        self._state.critic_optimiser.step()
        return self.per_member(loss)
