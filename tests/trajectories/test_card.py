"""The data card says what the table holds, in plain JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.card import data_card, normalised
from oer_pipeline.trajectories.table import Trajectories

REFERENCES = {"random": {"mean": -100.0}, "expert": {"mean": 100.0}}


def test_card(table: Trajectories) -> None:
    card = json.loads(json.dumps(data_card(table), allow_nan=False))
    assert card["provenance"] == dict(table.metadata)
    assert card["transitions"] == 8
    assert card["episodes"] == 3
    assert card["observation_size"] == 5
    assert card["action_size"] == 2
    assert card["bytes"] == 8 * (2 * 5 + 2 + 1 + 1 + 1) * 4 + 16
    assert card["sha256"] == table.content_hash()
    lengths = card["episode_lengths"]
    assert (lengths["min"], lengths["max"]) == (1, 4)
    assert sum(lengths["histogram"]["counts"]) == 3
    returns = card["returns"]
    assert returns["mean"] == pytest.approx(table.returns.mean())
    assert sum(returns["histogram"]["counts"]) == 3
    deviation = card["coverage"]["observation"]["std"]
    largest = card["coverage"]["action"]["max"]
    np.testing.assert_allclose(deviation, table.observation.std(axis=0), rtol=1e-5)
    np.testing.assert_allclose(largest, table.action.max(axis=0))
    assert card["terminal_episodes"] == 1
    assert card["terminal_at_horizon"] == 0
    assert card["timeout_episodes"] == 2
    assert not [key for key in card if "normalised" in key]
    assert card["action_bounds"] == {"low": [-1.0, -1.0], "high": [1.0, 1.0]}
    assert card["mended"] == {}
    assert card["versions"] == {}
    assert card["at_bounds"] == 0.0


def test_card_of_imported_data(table: Trajectories) -> None:
    metadata = {
        **table.metadata,
        "mended": {"clipped_actions": 4},
        "mujoco": "3.3.7",
        "gymnasium": "1.4.0",
    }
    clipped = table.action.copy()
    clipped[:4, 1] = 1.0
    card = data_card(replace(table, action=clipped, metadata=metadata))
    assert card["mended"] == {"clipped_actions": 4}
    assert card["versions"] == {"mujoco": "3.3.7", "gymnasium": "1.4.0"}
    assert card["at_bounds"] == 0.5
    assert set(card) == set(data_card(table))  # collected data look the same


def test_a_last_row_that_the_import_dropped_makes_no_episode_early(
    make: Callable[..., Trajectories],
) -> None:
    """Next observations were taken from the next rows, which the last ones lack."""
    dropped = make((4, 3, 2), mended={"rows_dropped": 3})
    assert data_card(dropped)["timeouts_before_horizon"] == 1
    assert data_card(make((4, 3, 2)))["timeouts_before_horizon"] == 2


def test_returns_that_nearly_agree(table: Trajectories) -> None:
    """Two returns that differ by rounding leave no room for 20 bins between them."""
    for apart in (0.0, 2.0**-33, 2.0**-30):
        near = replace(table, reward=np.float32([1e6, apart, 0, 1e6, 1e6, 0, 0, 0]))
        assert sum(data_card(near)["returns"]["histogram"]["counts"]) == 3


def test_normalised_return(table: Trajectories) -> None:
    fixed = replace(table, reward=np.full(8, 3, np.float32))  # returns 9, 3, 12: mean 8
    assert data_card(fixed, REFERENCES)["normalised_return"] == pytest.approx(54.0)


def test_without_an_expert_reference_nothing_is_normalised(table: Trajectories) -> None:
    card = data_card(table, {"random": {"mean": 0.0}, "zero": {"mean": 1.0}})
    assert card["references"] == {"random": {"mean": 0.0}, "zero": {"mean": 1.0}}
    assert "normalised_return" not in card


def test_useless_references(table: Trajectories) -> None:
    with pytest.raises(DataError, match="references have no 'expert'"):
        normalised(1.0, {"random": {"mean": 0.0}})
    with pytest.raises(DataError, match="both 5"):
        data_card(table, {"random": {"mean": 5.0}, "expert": {"mean": 5.0}})
