"""Where environments show their state, and that a state put there goes on as it did."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

from oer_pipeline.suites.gymnasium_physics import GymnasiumPhysics
from oer_pipeline.suites.mujoco_layout import layout_of
from oer_pipeline.suites.physics import Physics
from oer_pipeline.suites.suite import FAMILIES
from oer_pipeline.suites.task_lists import listed

# id -> positions left out, and whether velocities may be clipped
KNOWN: dict[str, tuple[int, bool] | None] = {
    "HalfCheetah-v5": (1, False),
    "Hopper-v5": (1, True),
    "Walker2d-v5": (1, True),
    "Ant-v5": (2, False),
    "Humanoid-v5": (2, False),
    "Swimmer-v5": (2, False),
    "InvertedPendulum-v5": (0, False),
    "InvertedDoublePendulum-v5": None,
    "Reacher-v5": None,
    "Pendulum-v1": None,
}


@pytest.mark.parametrize("id", KNOWN)
def test_layouts(id: str) -> None:
    env: Any = gymnasium.make(id)
    layout, expected = layout_of(env), KNOWN[id]
    if expected is None:
        assert layout is None
        return
    assert layout is not None
    skipped, clipped = expected
    assert layout.skipped == skipped
    assert layout.limit == 10.0 or not clipped
    model = env.unwrapped.model
    assert len(layout.dimensions) == model.nq - skipped + model.nv


def physics_of(family: str) -> Physics:
    if family in FAMILIES and family != "gymnasium":
        return FAMILIES[family](**listed(family, [1], "test")[0])
    return GymnasiumPhysics(family)


@pytest.mark.parametrize(
    "family",
    ["ant_dir", "walker_par", "cheetah_vel", "Hopper-v5", "HalfCheetah-v5", "Ant-v5"],
)
def test_a_state_goes_on_from_its_observation(family: str) -> None:
    physics = physics_of(family)
    state, again = physics.new_state(), physics.new_state()
    physics.reset(state, np.random.default_rng(0))
    physics.reset(again, np.random.default_rng(1))
    draw, dimensions = np.random.default_rng(2), list(physics.state_dimensions)
    tried = 0
    for _ in range(30):
        observed, action = (
            physics.observe(state).copy(),
            draw.uniform(-0.1, 0.1, physics.action_size),
        )
        physics.step(state, action)
        if physics.restore(again, observed):
            physics.step(again, action)
            after, wanted = physics.observe(again), physics.observe(state)
            np.testing.assert_allclose(after[dimensions], wanted[dimensions], atol=1e-4)
            tried += 1
    assert tried >= 10


def test_a_family_that_says_nothing_cannot_be_tried() -> None:
    physics = GymnasiumPhysics("Pendulum-v1")
    assert physics.state_dimensions == ()
    assert not physics.restore(physics.new_state(), np.zeros(3))
