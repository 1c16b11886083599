"""Requests that cannot be met are refused before anything is chosen; selectors by name,
somebody else's too."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.common.loading import build
from oer_pipeline.selection.fill import fill
from oer_pipeline.selection.mbes import MBES
from oer_pipeline.selection.protocol import Selection, SelectionRequest, Selector
from oer_pipeline.selection.uniform import Uniform
from oer_pipeline.trajectories.table import Trajectories

Kit = Any


@pytest.fixture
def data(kit: Kit) -> Trajectories:
    table: Trajectories = kit.table([[(x, y) for x in range(11)] for y in range(2)])
    return table


@pytest.mark.parametrize("size", [-1, 0, 21])
def test_a_size_outside_the_data_is_refused(
    kit: Kit, data: Trajectories, size: int
) -> None:
    with pytest.raises(
        ConfigurationError,
        match=f"buffer size {size}: the data have 20 rows; choose 1 to 20",
    ):
        kit.request(data, size)


def test_other_impossible_requests_are_refused(kit: Kit, data: Trajectories) -> None:
    with pytest.raises(ConfigurationError, match="horizon 0"):
        kit.request(data, 5, horizon=0)
    for dimensions in ((), (0, 2)):
        with pytest.raises(ConfigurationError, match="one or more of 0 to 1"):
            kit.request(data, 5, distance_dimensions=dimensions)
    with pytest.raises(
        ConfigurationError, match=r"discount 1.5: it must be between 0 and 1"
    ):
        kit.request(data, 5, discount=1.5)


def test_actions_of_other_bounds_are_refused(kit: Kit, data: Trajectories) -> None:
    size = data.action.shape[1]
    bounds = {"action_low": [-2.0] * size, "action_high": [2.0] * size}
    wide = replace(data, metadata={**data.metadata, **bounds})
    with pytest.raises(DataError, match=r"actions lie within \[-2.0.*call .scaled\(\)"):
        kit.request(wide, 5)
    kit.request(wide.scaled(), 5)


def test_a_model_of_other_sizes_or_of_other_data_is_refused(
    kit: Kit, data: Trajectories
) -> None:
    with pytest.raises(
        DataError,
        match="model of 3 observation and 1 action dimensions; the data have 2 and 1",
    ):
        kit.request(data, 5, model=kit.Model(observation_size=3))
    model = kit.Model()
    kit.request(data, 5, model=model)  # fits
    kit.request(data.select(slice(None)), 5, model=model)  # so do equal data
    moved = replace(data, observation=data.observation + np.float32([0, 0.1]))
    with pytest.raises(
        DataError,
        match=(
            r"fitted to other data: the mean of observation 1 was 0.5 there and is 0.6"
            r" here"
        ),
    ):
        kit.request(moved, 5, model=model)
    with pytest.raises(
        DataError, match="the mean of action 0 was 0 there and is 1 here"
    ):
        kit.request(replace(data, action=data.action + np.float32(1)), 5, model=model)


def test_a_policy_or_critic_of_other_sizes_is_refused(
    kit: Kit, data: Trajectories
) -> None:
    weights = np.zeros((3, 1), np.float32)
    with pytest.raises(
        DataError,
        match=(
            r"the policy does not take the data's observations and actions: .*mismatch"
        ),
    ):
        kit.request(data, 5, act=lambda observation: observation @ weights)
    with pytest.raises(
        DataError,
        match=(
            r"the policy answers one row of the data with shape \(1, 2\), not \(1, 1\)"
        ),
    ):
        kit.request(data, 5, act=lambda observation: observation)
    with pytest.raises(DataError, match="the critic does not take"):
        kit.request(
            data, 5, critic=lambda s, a: torch.from_numpy(s) @ torch.zeros(3, 1)
        )
    with pytest.raises(
        DataError,
        match=r"the critic answers one row of the data with shape \(1, 1\), not \(1,\)",
    ):
        kit.request(data, 5, critic=lambda s, a: a)


def test_a_buffer_holds_the_policys_actions_and_the_selections_notes(
    kit: Kit, data: Trajectories
) -> None:
    asked = kit.request(data, 5, act=kit.right_by(0.5))
    selection = MBES().select(asked)
    buffer = fill(asked, selection, "policy")
    assert buffer.target_action.tolist() == [[0.5]] * 5
    assert buffer.metadata == selection.notes
    np.testing.assert_array_equal(buffer.observation, data.observation[selection.rows])
    assert fill(asked, selection, "data").target_action.tolist() == [[0.0]] * 5
    with pytest.raises(ConfigurationError, match=r"replay.target_action is 'expert'"):
        fill(asked, selection, "expert")
    with pytest.raises(
        DataError,
        match="the policy's action at episode 0, step 0 of the data is not finite",
    ):
        fill(
            replace(asked, act=kit.right_by(np.nan)),
            Selection.unwalked(np.arange(5)),
            "policy",
        )


MBES_PATH, UNIFORM_PATH = (
    "oer_pipeline.selection.mbes:MBES",
    "oer_pipeline.selection.uniform:Uniform",
)


def make(path: str, options: dict[str, Any]) -> Selector:
    return build(path, Selector, options)  # type: ignore[type-abstract]


def test_a_buffer_keeps_which_ends_nobody_knows(kit: Kit) -> None:
    marked = kit.unknown_ends(kit.walks(), [0])  # row 24
    selection = Selection.unwalked(np.array([3, 24, 7]))
    filled = fill(kit.request(marked, 3), selection, "data")
    assert filled.next_known is not None
    assert filled.next_known.tolist() == [True, False, True]
    assert filled.terminal.tolist() == [False, True, False]


def test_selectors_come_by_path_with_their_options() -> None:
    assert make(MBES_PATH, {"walkers": 3}) == MBES(walkers=3)
    assert make(UNIFORM_PATH, {}) == Uniform()


def test_unknown_options_are_answered_with_the_good_ones() -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"'walker'; did you mean walkers\? .*distance_quantile",
    ):
        make(MBES_PATH, {"walker": 3})
    with pytest.raises(
        ConfigurationError, match="unknown option 'walkers'; it takes none"
    ):
        make(UNIFORM_PATH, {"walkers": 3})


class FirstRows(Selector):
    """Somebody else's selector."""

    def __init__(self, skip: int = 0) -> None:
        self.skip = skip

    def select(self, request: SelectionRequest) -> Selection:
        return Selection.unwalked(np.arange(self.skip, self.skip + request.size))


def test_a_dotted_path_names_somebody_elses_selector(
    kit: Kit, data: Trajectories, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("their_selectors")
    module.FirstRows, module.number = FirstRows, 3  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "their_selectors", module)
    theirs = make("their_selectors:FirstRows", {"skip": 2})
    assert theirs.select(kit.request(data, 3)).rows.tolist() == [2, 3, 4]
    assert [
        s.rows.tolist()
        for s in theirs.select_all([kit.request(data, 1), kit.request(data, 2)])
    ] == [[2], [2, 3]]
    with pytest.raises(ConfigurationError, match="unknown option 'size'"):
        make("their_selectors:FirstRows", {"size": 2})
    for path in ("their_selectors:Missing", "no_such_module:FirstRows", "nonsense"):
        with pytest.raises(
            ConfigurationError, match=r"cannot be loaded.*package.module:Class"
        ):
            make(path, {})
    with pytest.raises(ConfigurationError, match="is not a Selector"):
        make("their_selectors:number", {})
