"""MBES: hand-made worlds whose walks are known, and a plain re-implementation of the
walk on random data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.metrics.fidelity import buffer_fidelity
from oer_pipeline.networks.randomness import generator
from oer_pipeline.selection.mbes import MBES
from oer_pipeline.selection.order import content_order
from oer_pipeline.selection.protocol import Selection
from oer_pipeline.trajectories.table import Trajectories

Kit = Any


def scaler(request: Any) -> Any:
    """Standardised distance dimensions, (B, D) float64."""
    used = request.data.observation[:, request.distance_dimensions]
    mean, std = (
        used.mean(0, dtype=np.float64).astype(np.float32),
        used.std(0, dtype=np.float64).astype(np.float32),
    )

    def scaled(x: Any) -> Any:
        return (
            (np.asarray(x)[:, request.distance_dimensions] - mean) / (std + 1e-3)
        ).astype(np.float64)

    return scaled


def plain_walk(
    settings: MBES, request: Any
) -> list[tuple[int, int, int, float, float, bool]]:
    """Method, section 5, steps 1 to 5, as a loop that measures every distance; a visit
    is a row and its record."""
    order = content_order(request.data)
    data, draws, rows, scaled = (
        request.data.select(order),
        request.generator,
        len(request.data),
        scaler(request),
    )
    points = np.concatenate(
        (
            scaled(data.observation),
            scaled(data.next_observation[data.terminal & data.known]),
        )
    )
    between = np.sqrt(((points[:rows, None] - points[None]) ** 2).sum(-1))
    between[np.arange(rows), np.arange(rows)] = np.inf
    sample = torch.randperm(rows, generator=generator("selection/distance", 0, 0))[
        : settings.distance_sample
    ].numpy()
    limit = np.quantile(between[sample].min(1), settings.distance_quantile)
    buffer: list[tuple[int, int, int, float, float, bool]] = []
    queue: list[int] = []
    rollouts = barren = 0

    def store(*visit: Any) -> None:
        if len(buffer) < request.size and visit[0] not in [b[0] for b in buffer]:
            buffer.append(visit)

    while len(buffer) < request.size:
        before, walkers = len(buffer), []
        for _ in range(settings.walkers):
            if not queue:
                queue = [
                    int(data.starts[e])
                    for e in torch.randperm(len(data.starts), generator=draws)
                ]
            walkers.append([rollouts, queue.pop(0), 0, []])
            walkers[-1][3].append(walkers[-1][1])
            store(walkers[-1][1], rollouts, 0, 0.0, 0.0, True)
            rollouts += 1
        walkers = [w for w in walkers if request.horizon > 1]
        while walkers and len(buffer) < request.size:
            s = torch.from_numpy(data.observation[[w[1] for w in walkers]])
            a = torch.from_numpy(request.act(s.numpy()))
            member = torch.randint(
                request.model.members, (len(walkers),), generator=draws
            )
            noise = torch.randn(s.shape, generator=draws)
            predicted = scaled(request.model.sample_next(s, a, member, noise))
            uncertainty, going = request.model.uncertainty(s, a).tolist(), []
            for w, p, u in zip(walkers, predicted, uncertainty, strict=True):
                distance = np.sqrt(((points - p) ** 2).sum(-1))
                excluded = {
                    "never": [b[0] for b in buffer],
                    "rollout": w[3],
                    "any": [],
                }[settings.revisit]
                distance[excluded] = np.inf
                nearest = int(distance.argmin())
                if distance[nearest] <= limit and nearest < rows:
                    w[1:3] = nearest, w[2] + 1
                    w[3].append(nearest)
                    store(nearest, w[0], w[2], distance[nearest], u, True)
                    if w[2] + 1 < request.horizon:
                        going.append(w)
            walkers = going
        barren = 0 if len(buffer) > before else barren + settings.walkers
        if barren >= len(data.starts):
            left = [r for r in range(rows) if r not in [b[0] for b in buffer]]
            for i in torch.randperm(len(left), generator=draws)[
                : request.size - len(buffer)
            ].tolist():
                store(left[i], -1, -1, np.nan, np.nan, False)
    return [(int(order[row]), *record) for row, *record in buffer]


@pytest.mark.parametrize("unknown", [(), (0, 4)])
@pytest.mark.parametrize("revisit", ["never", "rollout", "any"])
@pytest.mark.parametrize(
    ("walkers", "size", "horizon"),
    [(1, 60, 19), (4, 60, 6), (10, 60, 1), (10, 150, 19)],
)
def test_the_walk_is_that_of_a_plain_implementation(
    kit: Kit,
    walkers: int,
    size: int,
    horizon: int,
    revisit: str,
    unknown: tuple[int, ...],
) -> None:
    data = kit.unknown_ends(kit.walks(seed=walkers), unknown)
    settings = MBES(
        walkers=walkers, distance_sample=100, distance_quantile=0.9, revisit=revisit
    )

    def requested() -> Any:
        model = kit.Model(observation_size=3, members=3, noise=0.5)
        return kit.request(
            data, size, model=model, distance_dimensions=(0, 2), horizon=horizon
        )

    selection, expected = (
        settings.select(requested()),
        plain_walk(settings, requested()),
    )
    rows, *columns = (np.array(column) for column in zip(*expected, strict=True))
    np.testing.assert_array_equal(selection.rows, rows)
    for name, column in zip(
        ("rollout", "step", "distance", "uncertainty", "walked"), columns, strict=True
    ):
        np.testing.assert_allclose(
            selection.record[name], column, rtol=1e-6, err_msg=name
        )
    notes = selection.notes
    assert notes["filled"] == (~selection.record["walked"]).sum()
    assert sum(notes["ended_by"].values()) == notes["rollouts"]


@pytest.mark.parametrize("size", [1, 37, 150])
def test_exactly_m_distinct_real_rows_the_same_for_the_same_generator(
    kit: Kit, size: int
) -> None:
    data = kit.table(
        [
            np.cumsum(np.random.default_rng(e).standard_normal((31, 2)), axis=0)
            for e in range(5)
        ]
    )
    model = kit.Model(noise=0.3)
    first, second = (
        MBES().select(kit.request(data, size, model=model)) for _ in range(2)
    )
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


@pytest.mark.parametrize("prediction", ["sample", "mean_of_member", "mean"])
def test_with_a_perfect_model_it_picks_the_states_that_the_policy_visits(
    kit: Kit, prediction: str
) -> None:
    data = kit.table([[(x, y) for x in range(11)] for y in (0, 50)])
    selection = MBES(walkers=1, prediction=prediction).select(
        kit.request(data, 10, act=kit.right_by(2), horizon=5)
    )
    first = selection.rows[0]
    assert first in (0, 10)
    assert selection.rows.tolist() == [
        *range(first, first + 10, 2),
        *range(10 - first, 20 - first, 2),
    ]
    assert selection.record["rollout"].tolist() == [0] * 5 + [1] * 5
    assert selection.record["step"].tolist() == [0, 1, 2, 3, 4] * 2
    assert selection.record["distance"].max() == 0
    left = data.observation[selection.rows].sum(
        1
    )  # the model's u(s, a) is |s|; a step's is that of where it came from
    assert selection.record["uncertainty"].tolist() == [0, *left[:4], 0, *left[5:9]]
    visits = np.array([(x, y) for y in (0, 50) for x in range(0, 10, 2)], np.float32)
    mean, std = data.observation.mean(0), data.observation.std(0)
    fidelity = buffer_fidelity(
        visits, data.observation[selection.rows], mean, std, (0, 1)
    )
    assert (fidelity.visits_to_buffer, fidelity.buffer_to_visits) == (0.0, 0.0)


def test_the_prediction_is_the_sample_the_member_or_the_ensemble(kit: Kit) -> None:
    # From 0 the policy goes to 1: member m says 1 + m / 10, which is 1.05 in the mean.
    data = kit.table([[(0, 0), (1, 0), (1.05, 0), (1.1, 0), (9, 9), (9, 9)]])

    def second(prediction: str, noise: float) -> set[int]:
        settings, rows = (
            MBES(walkers=1, prediction=prediction, distance_quantile=None),
            set(),
        )
        for seed in range(12):
            model, draws = (
                kit.Model(members=2, noise=noise),
                torch.Generator().manual_seed(seed),
            )
            rows.add(
                int(
                    settings.select(
                        kit.request(data, 2, model=model, horizon=2, generator=draws)
                    ).rows[1]
                )
            )
        return rows

    assert second("mean", 9.0) == {2}
    assert second("mean_of_member", 9.0) == second("sample", 0.0) == {1, 3}
    assert 4 in second("sample", 9.0)


def test_walkers_that_want_the_same_sample_are_served_in_order(kit: Kit) -> None:
    # Both starts predict (1, 0): the first walker gets it exactly, the second the next
    # best at (1.1, 0).
    data = kit.table([[(0, 0), (1, 0), (9, 9)], [(0, 0), (1.1, 0), (9, 9)]])
    selection = MBES(walkers=2, distance_quantile=1.0).select(
        kit.request(data, 4, horizon=2)
    )
    assert selection.record["rollout"].tolist() == [0, 1, 0, 1]
    assert sorted(selection.rows[:2].tolist()) == [0, 2]
    assert selection.rows[2:].tolist() == [1, 3]
    assert selection.record["distance"][2] == 0
    assert selection.record["distance"][3] > 0


def test_reaching_a_terminal_state_ends_the_rollout_a_timeout_does_not(
    kit: Kit,
) -> None:
    # The walk over rows 0 to 3 wants to go on to x = 4: its episode's end or, if that
    # was a time-out, row 5 at 4.4.
    paths = [[(x, 0) for x in range(5)], [(20, 1), (4.4, 0), (30, 1)]]
    settings = MBES(walkers=2, distance_quantile=0.5)
    ended = settings.select(
        kit.request(kit.table(paths, terminal=[True, False]), 6, horizon=6)
    )
    timed_out = settings.select(kit.request(kit.table(paths), 6, horizon=6))
    assert ended.rows[-1] == timed_out.rows[-1] == 5
    assert ended.record["step"].max() == 3
    assert ended.notes["ended_by"]["terminal"] >= 1
    assert not ended.record["walked"][-1]  # only filled in
    assert timed_out.record["step"][-1] == 4
    assert timed_out.record["walked"][-1]


def test_an_end_that_nobody_knows_is_no_terminal_state(kit: Kit) -> None:
    """Behind row 3, at (3, 0), the walk wants to go on to where its episode ended."""
    paths = [[(x, 0) for x in range(5)], [(20, 1), (21, 1), (30, 1)]]
    told = kit.table(paths, terminal=[True, False])
    filled = replace(told, next_observation=told.next_observation.copy())
    filled.next_observation[3] = 3, 0
    settings = MBES(walkers=1, distance_quantile=None)

    def ended_by(data: Trajectories) -> set[str]:
        return set(settings.select(kit.request(data, 6)).notes["ended_by"])

    assert "terminal" in ended_by(filled)
    assert "terminal" not in ended_by(kit.unknown_ends(told, [0]))


def test_what_walks_cannot_reach_is_filled_uniformly_and_recorded(kit: Kit) -> None:
    data = kit.table([[(x, y) for x in range(11)] for y in range(3)])
    selection = MBES().select(kit.request(data, 20, act=kit.right_by(1e6)))
    walked = selection.record["walked"]
    assert sorted(selection.rows[walked].tolist()) == data.starts.tolist()
    assert len(set(selection.rows.tolist())) == 20
    assert not walked[3:].any()
    assert (
        set(selection.record["rollout"][3:])
        == set(selection.record["step"][3:])
        == {-1}
    )
    assert np.isnan(selection.record["distance"][3:]).all()
    assert np.isnan(selection.record["uncertainty"][3:]).all()
    assert selection.notes["filled"] == 17
    assert set(selection.notes["ended_by"]) == {"limit"}


def test_without_a_distance_limit_it_walks_on(kit: Kit) -> None:
    data = kit.table([[(x, y) for x in range(11)] for y in range(3)])
    selection = MBES(distance_quantile=None).select(
        kit.request(data, 20, act=kit.right_by(1e6))
    )
    assert selection.record["walked"].all()
    assert selection.notes["distance_limit"] is None


def test_a_start_that_leads_nowhere_does_not_end_the_walk(kit: Kit) -> None:
    # One roll-out in three ends at once, and every other stores one row.
    data = kit.table(
        [
            [(x, 0) for x in range(10)],
            [(x, 50) for x in range(10)],
            [(-1000, 0), (-1000, 0)],
        ]
    )

    def act(observation: Any) -> Any:
        return np.where(observation[:, :1] < 0, 1e9, 1.0).astype(np.float32)

    chosen = MBES(walkers=1, distance_quantile=1.0).select(
        kit.request(data, 19, act=act, horizon=2)
    )
    assert chosen.record["walked"].all()
    assert chosen.notes["rollouts"] > 19


def test_any_revisit_stands_still_on_dense_data_and_says_so(kit: Kit) -> None:
    # A step of 0.01 among samples 0.1 apart: the nearest to where it leads is where it
    # began.
    data = kit.table([[(0.1 * x, y) for x in range(61)] for y in (0, 9)])

    def walk(revisit: str) -> Selection:
        return MBES(revisit=revisit, walkers=1).select(
            kit.request(data, 40, act=kit.right_by(0.01))
        )

    still = walk("any")
    assert sorted(still.rows[still.record["walked"]].tolist()) == [0, 60]
    assert (
        still.notes["stood_still"]
        == still.notes["revisits"]
        == 20 * still.notes["rollouts"]
    )
    assert set(still.notes["ended_by"]) == {"revisits"}
    assert still.notes["filled"] == 38
    for revisit in ("never", "rollout"):
        moved = walk(revisit)
        assert moved.record["walked"].all()
        assert moved.notes["stood_still"] == 0
        assert sorted(moved.rows.tolist()) in (list(range(40)), list(range(60, 100)))


@pytest.mark.parametrize(
    "options", [{}, {"revisit": "rollout"}, {"form": "gated", "neighbours": 5}]
)
def test_a_member_alone_and_among_others_chooses_the_same(
    kit: Kit, options: dict[str, Any]
) -> None:
    data = kit.walks(episodes=8, seed=3)
    model = kit.Model(observation_size=3, members=3, noise=0.5)

    def requested(member: int) -> Any:
        draws = torch.Generator().manual_seed(member)
        policy = kit.right_by(0.5 * member - 0.5)
        return kit.request(
            data,
            90 - 25 * member,
            model=model,
            act=policy,
            horizon=12 + member,
            generator=draws,
        )

    together = MBES(walkers=4, **options).select_all([requested(m) for m in range(3)])
    for member, chosen in enumerate(together):
        alone = MBES(walkers=4, **options).select(requested(member))
        assert chosen.rows.tobytes() == alone.rows.tobytes()
        assert {n: c.tobytes() for n, c in chosen.record.items()} == {
            n: c.tobytes() for n, c in alone.record.items()
        }
        assert chosen.notes == alone.notes


def test_requests_for_different_data_are_met_one_after_another(kit: Kit) -> None:
    one, other = kit.walks(seed=1, width=2), kit.walks(seed=2, width=2)
    chosen = MBES().select_all([kit.request(one, 20), kit.request(other, 30)])
    for selection, data, size in zip(chosen, (one, other), (20, 30), strict=True):
        np.testing.assert_array_equal(
            selection.rows, MBES().select(kit.request(data, size)).rows
        )
    assert MBES().select_all([]) == []


def test_distances_are_measured_where_asked(kit: Kit) -> None:
    # The prediction is (1, 0, 0): another row is nearest to it by each measure.
    data = kit.table(
        [[(0, 0, 0), (1.1, 0.3, 8), (1, 5, 8), (7, 9, 0), (6, 5, 8), (9, 9, 9)]]
    )
    features = {"policy": lambda s: s[:, 2:], "critic": lambda s: s[:, :1] - s[:, 1:2]}
    for options, row in [
        ({}, 1),
        ({"dimensions": [0]}, 2),
        ({"space": "policy"}, 3),
        ({"space": "critic"}, 4),
    ]:
        model = kit.Model(observation_size=3)
        asked = kit.request(
            data,
            2,
            model=model,
            horizon=2,
            distance_dimensions=(0, 1),
            features=features,
        )
        chosen = MBES(walkers=1, **options).select_all([asked, asked])  # type: ignore[arg-type]
        assert [selection.rows.tolist() for selection in chosen] == [
            [0, row],
            [0, row],
        ], options


def test_options_out_of_range_are_named() -> None:
    for option, value, says in [
        ("walkers", 0, "at least 1 and at most 10000"),
        ("walkers", 10**6, "at least 1 and at most 10000"),
        ("walkers", "many", "a whole number"),
        ("distance_sample", 0, "at least 1"),
        ("neighbours", 1.5, "a whole number"),
        ("neighbours", True, "a whole number"),
        ("distance_quantile", 1.5, "at least 0 and at most 1"),
        ("distance_quantile", "high", "a number"),
        ("gate", 0, "above 0"),
        ("gate", float("inf"), "above 0 and at most 1e"),
        ("gate", float("nan"), "above 0"),
        ("prediction", "median", "choose one of mean, mean_of_member, sample"),
        ("form", "gate", "did you mean gated"),
        ("revisit", "always", "choose one of any, never, rollout"),
        ("space", "state", "choose one of critic, observation, policy"),
        ("dimensions", [], "a list such as"),
        ("dimensions", "0", "a list such as"),
        ("dimensions", [-1], "a list such as"),
    ]:
        with pytest.raises(ConfigurationError, match=f"mbes: {option} is .*{says}"):
            MBES(**{option: value})  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="but space is 'policy'"):
        MBES(dimensions=[0], space="policy")


def test_a_walk_needs_what_its_options_name_and_finite_numbers(kit: Kit) -> None:
    data = kit.table([[(x, 0) for x in range(6)]])

    def walk(settings: MBES | None = None, **changes: Any) -> Selection:
        return (settings or MBES()).select(kit.request(data, 3, **changes))

    with pytest.raises(
        ConfigurationError,
        match="mbes needs a transition model, but the request has none",
    ):
        walk(model=None)
    with pytest.raises(
        ConfigurationError, match=r"mbes needs features\['critic'\] for space critic"
    ):
        walk(MBES(space="critic"), features={"policy": lambda s: s})
    with pytest.raises(
        ConfigurationError, match=r"dimensions is \[0, 2\]; choose from 0 to 1"
    ):
        walk(MBES(dimensions=[0, 2]))
    with pytest.raises(
        DataError, match="prediction at episode 0, step 0 of the data is not finite"
    ):
        walk(model=kit.Model(noise=float("nan")))
    with pytest.raises(
        DataError, match="action at episode 0, step 0 of the data is not finite"
    ):
        walk(act=kit.right_by(float("nan")))
