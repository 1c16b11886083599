"""Roll-outs in the model first, rows afterwards."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.selection.imagined_rollouts import (
    ImaginedRollouts,
    RollOuts,
    Visits,
)

Kit = Any


def lanes(kit: Kit, count: int = 6, length: int = 20) -> Any:
    """Episode e walks along a lane of its own, (0, 5 e), (1, 5 e), ..."""
    paths = []
    for lane in range(count):
        paths.append([(float(x), 5.0 * lane) for x in range(length + 1)])
    return kit.table(paths)


def test_a_small_buffer_holds_late_steps_as_well_as_early_ones(kit: Kit) -> None:
    request = kit.request(lanes(kit), 12, horizon=20)
    for choice in ("random", "clusters"):
        step = ImaginedRollouts(choice=choice).select(request).record["step"]
        assert step.max() >= 14
        assert 7.0 < step.mean() < 12.0


def test_a_slow_policy_is_followed_though_no_step_reaches_another_row(kit: Kit) -> None:
    """A quarter of a row per step: snapped after every step, it would stand still."""
    data = lanes(kit)
    request = kit.request(data, 20, horizon=20, act=kit.right_by(0.25))
    selection = ImaginedRollouts(choice="random").select(request)
    assert set(data.observation[selection.rows, 0].tolist()) == {0.0, 1, 2, 3, 4, 5}


def test_what_is_visited_often_is_chosen_often(kit: Kit) -> None:
    """Half of all visits are to the first two columns of a slow policy's lane."""
    data = lanes(kit)
    request = kit.request(data, 6, horizon=9, act=kit.right_by(0.1))
    selection = ImaginedRollouts(choice="random").select(request)
    visited = Counter(data.observation[selection.rows, 0].tolist())
    assert set(visited) == {0.0, 1.0}


@pytest.mark.parametrize("beyond", ["snap", "end"])
def test_a_prediction_that_leaves_the_data(kit: Kit, beyond: str) -> None:
    """The policy runs off the lanes' end; the model knows no wall there."""
    request = kit.request(lanes(kit), 12, horizon=60)
    selector = ImaginedRollouts(beyond=beyond, choice="random")
    notes = selector.select(request).notes
    if beyond == "snap":
        assert notes["ended_by"] == {"horizon": 6, "terminal": 0}
        assert notes["snapped"] > 100
    else:
        assert notes["ended_by"] == {"horizon": 0, "limit": 6, "terminal": 0}
        assert notes["snapped"] == 0


def test_a_prediction_without_any_neighbour_is_too_far_to_come_back() -> None:
    """The search answers -1 for a state beyond all numbers that it can square."""
    observation = torch.zeros(3, 2)
    going = RollOuts(
        number=np.arange(3),
        state=torch.ones(3, 2),
        row=np.array([-1, 1, 3]),
        distance=np.array([np.inf, 9.0, 0.0]),
        source=np.full(3, -1),
    )
    visits = Visits()
    selector = ImaginedRollouts(beyond="snap")
    found = selector._staying(going, 1.0, observation, visits)
    assert found.row.tolist() == [1]
    assert found.state.tolist() == [[0.0, 0.0]]
    assert visits.ended == {"limit": 1, "terminal": 1}
    assert visits.snapped == 1


def test_a_rollout_ends_where_an_episode_did(kit: Kit) -> None:
    paths = [[(float(x), 5.0 * lane) for x in range(11)] for lane in range(4)]
    data = kit.table(paths, terminal=[True] * 4)
    request = kit.request(data, 5, horizon=50)
    selection = ImaginedRollouts().select(request)
    assert selection.notes["ended_by"]["terminal"] == 4
    assert selection.notes["visits"] == 40


def test_too_few_noted_rows_are_filled_with_uniform_ones(kit: Kit) -> None:
    data = lanes(kit)
    request = kit.request(data, 30, horizon=3)
    selection = ImaginedRollouts().select(request)
    assert selection.notes["distinct_rows"] == 18
    assert selection.notes["filled"] == 12
    walked = selection.record["walked"]
    assert walked.sum() == 18
    assert np.isnan(selection.record["distance"][~walked]).all()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"rollouts": 0}, "imagined: rollouts is 0; .* at least 1"),
        ({"beyond": "stop"}, "imagined: beyond is 'stop'; .*snap"),
        ({"choice": "best"}, "imagined: choice is 'best'; .*clusters"),
        ({"distance_quantile": 2.0}, "imagined: distance_quantile"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        ImaginedRollouts(**options)
