"""Cutting raw kinds to a quality."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.trajectories.qualities import QUALITIES, cut, is_quality, raw_kinds
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


def test_episodes_that_were_cut_off_are_not_counted_as_diverged(
    make: Callable[..., Trajectories],
) -> None:
    ends = {"diverged_episodes": 3, "broken_off": [1, 4]}  # one of them without a row
    raw = {"medium": make((4,) * 5, 0, kind="medium", **ends)}
    assert cut("medium", raw, 12).metadata["diverged_episodes"] == 1
    assert cut("medium", raw, 4).metadata["diverged_episodes"] == 0


def test_half_and_half(raw: dict[str, Trajectories]) -> None:
    data = cut("medium_random", raw, 17)
    validate_trajectories(data, "here")
    assert data.lengths.tolist() == [4, 4, 4, 4]
    assert data.episode.tolist() == np.repeat(range(4), 4).tolist()
    np.testing.assert_array_equal(data.reward[:8], raw["medium"].reward[:8])
    np.testing.assert_array_equal(data.reward[8:], raw["random"].reward[:8])
    assert [part["kind"] for part in data.metadata["parts"]] == ["medium", "random"]


def test_a_mixture_has_its_per_cent_of_each_kind(raw: dict[str, Trajectories]) -> None:
    data = cut("mix_expert_20_random_80", raw, 20)
    validate_trajectories(data, "here")
    assert data.lengths.tolist() == [4] * 5
    np.testing.assert_array_equal(data.reward[:4], raw["expert"].reward[:4])
    np.testing.assert_array_equal(data.reward[4:], raw["random"].reward[:16])
    assert data.metadata["episodes_of_kinds"] == [["expert", 1], ["random", 4]]
    assert raw_kinds("mix_medium_replay_30_medium_70") == ("medium_replay", "medium")
    assert raw_kinds("mix_random_100") == ("random",)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mix_expert_10_random_80", "adds up to 90 per cent; it takes 100"),
        ("mix_expert_100_random_0", "is no mixture; it takes kinds out of random, "),
        ("mix_expert_50_expert_50", "is no mixture; .* each once"),
        ("mix_experts_100", "is no mixture"),
        ("mix_expert_50random_50", "is no mixture"),
        ("mix_expert_100_", "is no mixture"),
        ("mix_", "is no mixture"),
        ("mix_expert_05_random_95", "is no mixture"),
        ("mixed", "unknown quality 'mixed'"),
    ],
)
def test_what_is_no_mixture_says_what_one_is(name: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        raw_kinds(name)
    assert not is_quality(name)
    assert is_quality("mix_expert_10_random_90")


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
