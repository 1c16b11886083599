"""Cutting raw kinds to a quality."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.trajectories.qualities import QUALITIES, cut, raw_kinds
from oer_pipeline.trajectories.table import Trajectories, validate_trajectories


@pytest.fixture
def raw(make: Callable[..., Trajectories]) -> dict[str, Trajectories]:
    """20 rows a kind: five episodes of 4 steps."""
    return {
        kind: make((4,) * 5, seed, kind=kind)
        for seed, kind in enumerate(("random", "medium", "expert"))
    }


def test_whole_episodes_up_to_the_budget(raw: dict[str, Trajectories]) -> None:
    for rows, kept in ((20, 20), (19, 16), (16, 16), (4, 4)):
        data = cut("medium", raw, rows)
        assert len(data) == kept
        np.testing.assert_array_equal(
            data.observation, raw["medium"].observation[:kept]
        )
    assert data.metadata["quality"] == data.metadata["kind"] == "medium"
    assert data.metadata["raw_sha256"] == {"medium": raw["medium"].content_hash()}


def test_half_and_half(raw: dict[str, Trajectories]) -> None:
    data = cut("medium_random", raw, 17)
    validate_trajectories(data, "here")
    assert data.lengths.tolist() == [4, 4, 4, 4]
    assert data.episode.tolist() == np.repeat(range(4), 4).tolist()
    np.testing.assert_array_equal(data.reward[:8], raw["medium"].reward[:8])
    np.testing.assert_array_equal(data.reward[8:], raw["random"].reward[:8])
    assert [part["kind"] for part in data.metadata["parts"]] == ["medium", "random"]


def test_names(raw: dict[str, Trajectories]) -> None:
    assert raw_kinds("medium_random") == ("medium", "random")
    assert {"random", "medium", "medium_random", "medium_replay", "expert"} == set(
        QUALITIES
    )
    with pytest.raises(
        ConfigurationError, match="unknown quality 'mediun'; did you mean medium"
    ):
        cut("mediun", raw, 8)


def test_too_little(raw: dict[str, Trajectories]) -> None:
    with pytest.raises(
        DataError,
        match=r"quality expert, raw expert: it has 20 rows in 5 episodes.* 24 rows",
    ):
        cut("expert", raw, 24)
    with pytest.raises(
        DataError, match=r"raw medium: it has 20 rows .*the first of 4 rows; 3 rows"
    ):
        cut("medium", raw, 3)
    with pytest.raises(DataError, match=r"\['random'\] are missing"):
        cut("medium_random", {"medium": raw["medium"]}, 8)
