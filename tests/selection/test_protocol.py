"""Requests that cannot be met are refused before anything is chosen; uniform selection; selectors by name."""

from __future__ import annotations

import sys
from collections import Counter
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from oer_pipeline.errors import ConfigurationError, DataError
from oer_pipeline.loading import build
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
def test_a_size_outside_the_data_is_refused(kit: Kit, data: Trajectories, size: int) -> None:
    with pytest.raises(ConfigurationError, match=f"buffer size {size}: the data have 20 rows"):
        kit.request(data, size)


def test_other_impossible_requests_are_refused(kit: Kit, data: Trajectories) -> None:
    with pytest.raises(ConfigurationError, match="horizon 0"):
        kit.request(data, 5, horizon=0)
    for dimensions in ((), (0, 2)):
        with pytest.raises(ConfigurationError, match="one or more of 0 to 1"):
            kit.request(data, 5, distance_dimensions=dimensions)
    with pytest.raises(DataError, match="model of 3 observation and 1 action dimensions; the data have 2 and 1"):
        kit.request(data, 5, model=kit.Model(observation_size=3))


def test_uniform_draws_distinct_rows_and_all_rows_alike(kit: Kit, data: Trajectories) -> None:
    counts: Counter[int] = Counter()
    for seed in range(400):
        chosen = Uniform().select(kit.request(data, 5, model=None, generator=torch.Generator().manual_seed(seed)))
        assert len(set(chosen.rows.tolist())) == 5
        counts.update(chosen.rows.tolist())
    assert set(counts) == set(range(20))
    assert max(abs(count - 100) for count in counts.values()) < 40  # more than 4 standard deviations
    assert not chosen.record["walked"].any()
    assert chosen.record["order"].tolist() == [0, 1, 2, 3, 4]


MBES_PATH, UNIFORM_PATH = "oer_pipeline.selection.mbes:MBES", "oer_pipeline.selection.uniform:Uniform"


def make(path: str, options: dict[str, Any]) -> Selector:
    return build(path, Selector, options)  # type: ignore[type-abstract]


@pytest.mark.parametrize("path", [MBES_PATH, UNIFORM_PATH])
def test_every_selector_fills_the_whole_data(kit: Kit, data: Trajectories, path: str) -> None:
    assert sorted(make(path, {}).select(kit.request(data, 20)).rows.tolist()) == list(range(20))


def test_selectors_come_by_path_with_their_options() -> None:
    assert make(MBES_PATH, {"walkers": 3}) == MBES(walkers=3)
    assert make(UNIFORM_PATH, {}) == Uniform()


def test_unknown_options_are_answered_with_the_good_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"'walker'; did you mean walkers\? .*distance_quantile"):
        make(MBES_PATH, {"walker": 3})
    with pytest.raises(ConfigurationError, match="unknown option 'walkers'; it takes none"):
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
    assert make("their_selectors:FirstRows", {"skip": 2}).select(kit.request(data, 3)).rows.tolist() == [2, 3, 4]
    with pytest.raises(ConfigurationError, match="unknown option 'size'"):
        make("their_selectors:FirstRows", {"size": 2})
    for path in ("their_selectors:Missing", "no_such_module:FirstRows", "nonsense"):
        with pytest.raises(ConfigurationError, match=r"cannot be loaded.*package.module:Class"):
            make(path, {})
    with pytest.raises(ConfigurationError, match="is not a Selector"):
        make("their_selectors:number", {})
