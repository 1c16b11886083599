"""MBES: hand-made worlds whose walks are known, and a plain re-implementation of the walk on random data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from oer_pipeline.errors import ConfigurationError, DataError
from oer_pipeline.selection.mbes import MBES
from oer_pipeline.selection.protocol import Selection

Kit = Any


def plain_walk(settings: MBES, request: Any) -> list[tuple[int, int, int, float, float, bool]]:
    """Method, section 5, steps 1 to 5, as a loop that measures every distance; a visit is a row and its record."""
    data, draws, rows = request.data, request.generator, len(request.data)
    used = data.observation[:, request.distance_dimensions]
    mean, std = used.mean(0, dtype=np.float64).astype(np.float32), used.std(0, dtype=np.float64).astype(np.float32)

    def scaled(x: Any) -> Any:
        return ((np.asarray(x)[:, request.distance_dimensions] - mean) / (std + 1e-3)).astype(np.float64)

    points = np.concatenate((scaled(data.observation), scaled(data.next_observation[data.terminal])))
    between = np.sqrt(((points[:rows, None] - points[None]) ** 2).sum(-1))
    between[np.arange(rows), np.arange(rows)] = np.inf
    sample = torch.randperm(rows, generator=draws)[: settings.distance_sample].numpy()
    limit = np.quantile(between[sample].min(1), settings.distance_quantile)
    buffer: list[tuple[int, int, int, float, float, bool]] = []
    queue: list[int] = []
    rollouts = 0

    def store(*visit: Any) -> None:
        if len(buffer) < request.size and visit[0] not in [b[0] for b in buffer]:
            buffer.append(visit)

    while len(buffer) < request.size:
        before, walkers = len(buffer), []
        for _ in range(settings.walkers):
            if not queue:
                queue = [int(data.starts[e]) for e in torch.randperm(len(data.starts), generator=draws)]
            walkers.append([rollouts, queue.pop(0), 0])
            store(walkers[-1][1], rollouts, 0, 0.0, 0.0, True)
            rollouts += 1
        walkers = [w for w in walkers if request.horizon > 1]
        while walkers and len(buffer) < request.size:
            s = torch.from_numpy(data.observation[[w[1] for w in walkers]])
            a = torch.from_numpy(request.act(s.numpy()))
            member = torch.randint(request.model.members, (len(walkers),), generator=draws)
            noise = torch.randn(s.shape, generator=draws)
            predicted = scaled(request.model.sample_next(s, a, member, noise))
            uncertainty, going = request.model.uncertainty(s, a).tolist(), []
            for w, p, u in zip(walkers, predicted, uncertainty, strict=True):
                distance = np.sqrt(((points - p) ** 2).sum(-1))
                distance[[b[0] for b in buffer]] = np.inf
                nearest = int(distance.argmin())
                if distance[nearest] <= limit and nearest < rows:
                    w[1:] = nearest, w[2] + 1
                    store(nearest, w[0], w[2], distance[nearest], u, True)
                    if w[2] + 1 < request.horizon:
                        going.append(w)
            walkers = going
        if len(buffer) == before:
            left = [r for r in range(rows) if r not in [b[0] for b in buffer]]
            for i in torch.randperm(len(left), generator=draws)[: request.size - len(buffer)].tolist():
                store(left[i], -1, -1, np.nan, np.nan, False)
    return buffer


@pytest.mark.parametrize(("walkers", "size", "horizon"), [(1, 60, 100), (4, 60, 6), (10, 60, 1), (10, 150, 100)])
def test_the_walk_is_that_of_a_plain_implementation(kit: Kit, walkers: int, size: int, horizon: int) -> None:
    draw = np.random.default_rng(walkers)
    paths = [np.cumsum(draw.standard_normal((26, 3)), axis=0) for _ in range(6)]
    data = kit.table(paths, terminal=[True, False, True, False, False, True])
    settings = MBES(walkers=walkers, distance_sample=100, distance_quantile=0.9)

    def requested() -> Any:
        model = kit.Model(observation_size=3, members=3, noise=0.5)
        return kit.request(data, size, model=model, distance_dimensions=(0, 2), horizon=horizon)

    selection, expected = settings.select(requested()), plain_walk(settings, requested())
    rows, *columns = (np.array(column) for column in zip(*expected, strict=True))
    np.testing.assert_array_equal(selection.rows, rows)
    for name, column in zip(("rollout", "step", "distance", "uncertainty", "walked"), columns, strict=True):
        np.testing.assert_allclose(selection.record[name], column, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("size", [1, 37, 150])
def test_exactly_m_distinct_real_rows_the_same_for_the_same_generator(kit: Kit, size: int) -> None:
    data = kit.table([np.cumsum(np.random.default_rng(e).standard_normal((31, 2)), axis=0) for e in range(5)])
    model = kit.Model(noise=0.3)
    first, second = (MBES().select(kit.request(data, size, model=model)) for _ in range(2))
    assert len(set(first.rows.tolist())) == size
    assert set(first.rows.tolist()) <= set(range(150))
    np.testing.assert_array_equal(first.rows, second.rows)
    dtypes = {name: column.dtype.name for name, column in first.record.items()}
    integers, floats = (
        dict.fromkeys(("order", "rollout", "step"), "int32"),
        dict.fromkeys(("distance", "uncertainty"), "float32"),
    )
    assert dtypes == {**integers, **floats, "walked": "bool"}
    assert first.rows.dtype == np.int64


@pytest.mark.parametrize("prediction", ["sample", "mean"])
def test_with_a_perfect_model_it_picks_the_states_that_the_policy_visits(kit: Kit, prediction: str) -> None:
    data = kit.table([[(x, y) for x in range(11)] for y in (0, 50)])
    selection = MBES(walkers=1, prediction=prediction).select(kit.request(data, 10, act=kit.right_by(2), horizon=5))
    first = selection.rows[0]
    assert first in (0, 10)
    assert selection.rows.tolist() == [*range(first, first + 10, 2), *range(10 - first, 20 - first, 2)]
    assert selection.record["rollout"].tolist() == [0] * 5 + [1] * 5
    assert selection.record["step"].tolist() == [0, 1, 2, 3, 4] * 2
    assert selection.record["distance"].max() == 0
    left = data.observation[selection.rows].sum(1)  # the model's u(s, a) is |s|; a step's is that of where it came from
    assert selection.record["uncertainty"].tolist() == [0, *left[:4], 0, *left[5:9]]


def test_walkers_that_want_the_same_sample_are_served_in_order(kit: Kit) -> None:
    # Both starts predict (1, 0): the first walker gets it exactly, the second the next best at (1.1, 0).
    data = kit.table([[(0, 0), (1, 0), (9, 9)], [(0, 0), (1.1, 0), (9, 9)]])
    selection = MBES(walkers=2, distance_quantile=1.0).select(kit.request(data, 4, horizon=2))
    assert selection.record["rollout"].tolist() == [0, 1, 0, 1]
    assert sorted(selection.rows[:2].tolist()) == [0, 2]
    assert selection.rows[2:].tolist() == [1, 3]
    assert selection.record["distance"][2] == 0
    assert selection.record["distance"][3] > 0


def test_reaching_a_terminal_state_ends_the_rollout_a_timeout_does_not(kit: Kit) -> None:
    # The walk over rows 0 to 3 wants to go on to x = 4: its episode's end or, if that was a time-out, row 5 at 4.4.
    paths = [[(x, 0) for x in range(5)], [(20, 1), (4.4, 0), (30, 1)]]
    settings = MBES(walkers=2, distance_quantile=0.5)
    ended = settings.select(kit.request(kit.table(paths, terminal=[True, False]), 6, horizon=6))
    timed_out = settings.select(kit.request(kit.table(paths), 6, horizon=6))
    assert ended.rows[-1] == timed_out.rows[-1] == 5
    assert ended.record["step"].max() == 3
    assert not ended.record["walked"][-1]  # only filled in
    assert timed_out.record["step"][-1] == 4
    assert timed_out.record["walked"][-1]


def test_what_walks_cannot_reach_is_filled_uniformly_and_recorded(kit: Kit) -> None:
    data = kit.table([[(x, y) for x in range(11)] for y in range(3)])
    selection = MBES().select(kit.request(data, 20, act=kit.right_by(1e6)))
    walked = selection.record["walked"]
    assert sorted(selection.rows[walked].tolist()) == data.starts.tolist()
    assert len(set(selection.rows.tolist())) == 20
    assert not walked[3:].any()
    assert set(selection.record["rollout"][3:]) == set(selection.record["step"][3:]) == {-1}
    assert np.isnan(selection.record["distance"][3:]).all()
    assert np.isnan(selection.record["uncertainty"][3:]).all()


def test_one_row_is_enough(kit: Kit) -> None:
    data = kit.table([[(0, 0), (1, 0)], [(1, 0), (2, 1)]])
    assert MBES().select(kit.request(data, 2)).rows.tolist() in ([0, 1], [1, 0])


@pytest.mark.parametrize(
    ("option", "value"),
    [("walkers", 0), ("distance_sample", 0), ("distance_quantile", 1.5), ("prediction", "median")],
)
def test_options_out_of_range_are_named(option: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"mbes: {option} is "):
        MBES(**{option: value})  # type: ignore[arg-type]


def test_a_walk_needs_a_model_and_finite_numbers(kit: Kit) -> None:
    data = kit.table([[(x, 0) for x in range(6)]])

    def walk(**changes: Any) -> Selection:
        return MBES().select(kit.request(data, 3, **changes))

    with pytest.raises(ConfigurationError, match="transition model, but the request has none"):
        walk(model=None)
    with pytest.raises(DataError, match="prediction at row 0 of the data is not finite"):
        walk(model=kit.Model(noise=float("nan")))
    with pytest.raises(DataError, match="action at row 0 of the data is not finite"):
        walk(act=kit.right_by(float("nan")))
    with pytest.raises(DataError, match=r"shape \(10, 2\); the data's are \(10, 1\)"):
        walk(act=lambda observation: np.zeros((len(observation), 2), np.float32))
