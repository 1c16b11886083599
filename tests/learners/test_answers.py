"""What learners and bases of somebody else's hand over is looked at when they hand it
over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.learners.bases.bc import BehaviourCloning
from oer_pipeline.learners.bases.protocol import Base
from oer_pipeline.learners.context import TaskContext
from oer_pipeline.learners.divergence import DivergedError
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.state import Networks
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.learners.view import LearnerView
from tests.learners.conftest import make_data

SETTINGS = LearnerSettings(updates=4, batch_size=8, hidden=(8, 8))
SEEDS = (0, 5)


def with_methods(kind: type[Any], **methods: Callable[..., Any]) -> Any:
    """An object of a subclass `Theirs` of `kind` with these methods."""
    return type("Theirs", (kind,), methods)()


def train(learner: Learner, base: Base, graphs: bool) -> None:
    training = TaskTraining(
        learner, SETTINGS, make_data(1), [], None, SEEDS, graphs=graphs, base=base
    )
    training.block(SETTINGS.updates)
    training.result()


def bad_network(change: Callable[[torch.Tensor], Any]) -> Callable[..., Any]:
    def networks(self: Any, context: TaskContext) -> Networks:
        policy = context.continued("policy")
        name = next(iter(policy))
        return Networks({"policy": {**policy, name: change(policy[name])}})

    return networks


OF_LEARNERS: dict[str, tuple[dict[str, Callable[..., Any]], str]] = {
    "one loss for all": (
        {
            "losses": lambda self, t, s: {
                "loss": sum(Learner.losses(self, t, s).values()).mean()
            }
        },  # type: ignore[attr-defined]
        (
            r"losses gave loss as float32 of shape \(\); it takes float32 of shape"
            r" \(2,\), a loss for each seed"
        ),
    ),
    "a loss a row": (
        {
            "losses": lambda self, t, s: {
                "loss": t.act(t.parameters("policy"), s.batch.observation).mean(-1)
            }
        },
        r"losses gave loss as float32 of shape \(2, 8\)",
    ),
    "no tensor": (
        {"losses": lambda self, t, s: {"loss": 0.5}},
        "losses gave loss as a float",
    ),
    "no names": (
        {"losses": lambda self, t, s: torch.zeros(2)},
        "losses gave a Tensor; it takes losses by name",
    ),
    "nothing to descend": (
        {"losses": lambda self, t, s: {"loss": torch.zeros(2)}},
        r"none of its losses \['loss'\] depends on a network",
    ),
    "no networks": (
        {"networks": lambda self, context: Networks({})},
        r"its networks are \[\]; it takes \['policy'\]",
    ),
    "an empty network": (
        {"networks": lambda self, context: Networks({"policy": {}})},
        "its network policy is empty",
    ),
    "something fixed for three seeds": (
        {
            "networks": lambda self, context: Networks(
                {"policy": context.continued("policy")}, {"scale": torch.arange(3.0)}
            )
        },
        r"scale in its fixed parameters is float32 of shape \(3,\); .* \(2, ...\)",
    ),
    "networks without their class": (
        {"networks": lambda self, context: {"policy": context.continued("policy")}},
        r"its networks are a dict; it takes Networks\(trained={name: parameters}\)",
    ),
    "a curve for all seeds": (
        {"on_gradient": lambda self, t, s: {"size": torch.zeros(())}},
        r"on_gradient gave size as float32 of shape \(\)",
    ),
    "a network for one seed": (
        {"networks": bad_network(lambda part: part[:1])},
        (
            r"in its network policy is float32 of shape \(1, .*it takes float32 of"
            r" shape \(2, ...\)"
        ),
    ),
    "a double network": (
        {"networks": bad_network(torch.Tensor.double)},
        "in its network policy is float64",
    ),
    "a network of NaN": (
        {"networks": bad_network(lambda p: p * torch.nan)},
        "in its network policy is not finite",
    ),
    "kept for one seed": (
        {"finish": lambda self, t: {"anchor": torch.zeros(3, 2)}},
        (
            r"anchor in its finish is float32 of shape \(3, 2\); it takes float32 of"
            r" shape \(2, ...\)"
        ),
    ),
    "kept NaN": (
        {"finish": lambda self, t: {"anchor": torch.full((2, 3), torch.nan)}},
        "anchor in its finish is not",
    ),
    "kept no tensors": (
        {"finish": lambda self, t: {"anchor": [1.0, 2.0]}},
        "anchor in its finish is a list",
    ),
    "kept nothing": (
        {"finish": lambda self, t: None},
        "its finish is a NoneType; it takes tensors by name",
    ),
}

OF_BASES: dict[str, tuple[dict[str, Callable[..., Any]], str]] = {
    "one loss for all": (
        {"losses": lambda self, t, s, action: {"loss": action.mean()}},
        r"losses gave loss as float32 of shape \(\); it takes float32 of shape \(2,\)",
    ),
    "one value loss for all": (
        {
            "update_values": lambda self, t, batch, target: {
                "value": batch.reward.mean()
            }
        },
        r"update_values gave value as float32 of shape \(\)",
    ),
    "too few targets": (
        {"targets": lambda self, t, together, noise: [None]},
        "targets gave 1; it takes one of each of 2 minibatches",
    ),
    "targets of another shape": (
        {"targets": lambda self, t, together, noise: [torch.zeros(2)] * len(noise)},
        (
            r"targets gave float32 of shape \(2,\); it takes None or float32 of shape"
            r" \(2, 8\)"
        ),
    ),
    "double targets": (
        {
            "targets": lambda self, t, together, noise: (
                [torch.zeros(2, 8, dtype=torch.float64)] * len(noise)
            )
        },
        r"targets gave float64 of shape \(2, 8\); it takes None or float32",
    ),
    "a double loss": (
        {"losses": lambda self, t, s, action: {"loss": action.double().mean((1, 2))}},
        r"losses gave loss as float64 of shape \(2,\); it takes float32",
    ),
    "too few columns": (
        {"further_columns": lambda self, data: np.zeros((3, 1), np.float32)},
        (
            r"further_columns gave float32 of shape \(3, 1\); it takes float32 of shape"
            r" \(300, C\)"
        ),
    ),
    "flat columns": (
        {"further_columns": lambda self, data: data.reward},
        r"gave float32 of shape \(300,\)",
    ),
    "columns of NaN": (
        {
            "further_columns": lambda self, data: np.where(
                np.arange(len(data)) == 7, np.nan, 0.0
            )[:, None]
        },
        "further_columns is not finite in row 7",
    ),
    "no delay": (
        {"policy_delay": lambda self, settings: 0},
        "policy_delay gave 0; it takes a number of updates",
    ),
}


@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize("name", OF_LEARNERS)
def test_a_learners_wrong_answer_is_one_line_that_names_it(
    name: str, graphs: bool
) -> None:
    methods, words = OF_LEARNERS[name]
    with pytest.raises(ConfigurationError, match=words) as caught:
        train(with_methods(Learner, **methods), BehaviourCloning(), graphs)
    assert str(caught.value).startswith(f"learner {__name__}:Theirs: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize("name", OF_BASES)
def test_a_bases_wrong_answer_is_one_line_that_names_it(
    name: str, graphs: bool
) -> None:
    methods, words = OF_BASES[name]
    with pytest.raises(ConfigurationError, match=words) as caught:
        train(Learner(), with_methods(BehaviourCloning, **methods), graphs)
    assert str(caught.value).startswith(f"base {__name__}:Theirs: ")
    assert "\n" not in str(caught.value)


def test_what_is_right_passes() -> None:
    train(with_methods(Learner), with_methods(BehaviourCloning), True)


def test_a_loss_that_is_not_finite_is_named_with_its_curve_and_seed() -> None:
    def losses(self: Any, training: LearnerView, step: Any) -> dict[str, torch.Tensor]:
        poisoned = torch.tensor([0.0, torch.nan])
        return Learner.losses(self, training, step) | {"own": poisoned}

    with pytest.raises(
        DivergedError,
        match=r"losses of seed\(s\) \[5\] are not finite \(curves own\) at update 4",
    ):
        train(with_methods(Learner, losses=losses), BehaviourCloning(), False)


def test_weights_that_the_last_update_spoiled_are_not_handed_on() -> None:
    """The losses of the last update are those before its step."""

    def on_gradient(self: Any, training: LearnerView, step: Any) -> None:
        if training.updates == SETTINGS.updates:
            training.networks["policy"].gradient[0] = torch.nan

    learner = with_methods(Learner, on_gradient=on_gradient)
    with pytest.raises(
        DivergedError,
        match=r"the weights of seed\(s\) \[0\] are not finite after update 4",
    ):
        train(learner, BehaviourCloning(), False)
