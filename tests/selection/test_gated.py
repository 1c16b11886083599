"""The gated form against a slow, literal implementation, and in worlds small enough to
see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from oer_pipeline.selection.mbes import MBES
from oer_pipeline.selection.order import content_order

Kit = Any


def literal(settings: MBES, request: Any) -> list[list[Any]]:
    """[row, roll-out, step, distance, uncertainty, walked] of every stored row, by
    measuring everything."""
    order = content_order(request.data)
    data, draws, model, rows = (
        request.data.select(order),
        request.generator,
        request.model,
        len(order),
    )
    mean = data.observation.mean(0, dtype=np.float64).astype(np.float32)
    std = data.observation.std(0, dtype=np.float64).astype(np.float32)

    def scaled(x: Any) -> Any:
        return ((np.asarray(x) - mean) / (std + 1e-3)).astype(np.float64)

    def after(row: int) -> int | None:
        """The next row; `rows` behind a terminal one, None where the data end or do not
        say."""
        if data.terminal[row]:
            return rows if data.known[row] else None
        return (
            row + 1
            if row + 1 < rows and data.episode[row + 1] == data.episode[row]
            else None
        )

    def at(row: int, action: Any, member: int, noise: Any) -> tuple[Any, float]:
        s, a = (
            torch.from_numpy(data.observation[row : row + 1]),
            torch.from_numpy(action),
        )
        if settings.prediction == "mean":
            return scaled(model.mean_next(s, a))[0], float(model.uncertainty(s, a))
        return scaled(model.sample_next(s, a, torch.tensor([member]), noise))[0], float(
            model.uncertainty(s, a)
        )

    buffer: list[list[Any]] = []
    queue: list[int] = []
    rollouts = barren = 0

    def stored() -> list[int]:
        return [b[0] for b in buffer]

    def barred(target: int, been: list[int]) -> bool:
        return (
            target in {"never": stored(), "rollout": been, "any": []}[settings.revisit]
        )

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
            if len(buffer) < request.size and walkers[-1][1] not in stored():
                buffer.append([walkers[-1][1], rollouts, 0, 0.0, 0.0, True])
            rollouts += 1
        while walkers and len(buffer) < request.size:
            members, noise = (
                torch.zeros(len(walkers), dtype=torch.int64),
                torch.zeros(len(walkers), 3),
            )
            if settings.prediction != "mean":
                members = torch.randint(model.members, (len(walkers),), generator=draws)
                noise = torch.randn(noise.shape, generator=draws)
            going, barred_before = (
                [],
                [[r for r in range(rows) if barred(r, w[3])] for w in walkers],
            )
            for number, w in enumerate(walkers):
                row, member, silent = w[1], int(members[number]), torch.zeros(1, 3)
                wanted, u = at(
                    row,
                    request.act(data.observation[[row]]),
                    member,
                    noise[number : number + 1],
                )
                ok = [
                    r
                    for r in range(rows)
                    if after(r) is not None and after(r) not in barred_before[number]
                ]  # its candidates, as they were when the step began
                near = sorted(
                    ok,
                    key=lambda r: (
                        (
                            (scaled(data.observation) - scaled(data.observation)[row])
                            ** 2
                        ).sum(1)[r],
                        r,
                    ),
                )
                near = near[: settings.neighbours]
                told = [at(r, data.action[[r]], member, silent) for r in near]
                best = sorted(
                    range(len(near)),
                    key=lambda k: (((told[k][0] - wanted) ** 2).sum(), k),
                )
                gate = bool(near) and u < settings.gate * float(
                    np.mean([t[1] for t in told])
                )
                ways = [near[k] for k in best] if gate else [row]
                targets = [
                    after(r)
                    for r in ways
                    if after(r) is None or not barred(after(r), w[3])
                ]
                if (
                    not targets
                    or targets[0] is None
                    or targets[0] == rows
                    or len(buffer) == request.size
                ):
                    continue
                w[1:3] = targets[0], w[2] + 1
                w[3].append(targets[0])
                if targets[0] not in stored():
                    gap = np.sqrt(
                        ((wanted - scaled(data.observation)[targets[0]]) ** 2).sum()
                    )
                    buffer.append([targets[0], w[0], w[2], gap, u, True])
                if w[2] + 1 < request.horizon:
                    going.append(w)
            walkers = going
        barren = 0 if len(buffer) > before else barren + settings.walkers
        if barren >= len(data.starts):
            left = [r for r in range(rows) if r not in stored()]
            for i in torch.randperm(len(left), generator=draws)[
                : request.size - len(buffer)
            ].tolist():
                buffer.append([left[i], -1, -1, np.nan, np.nan, False])
    return [[int(order[b[0]]), *b[1:]] for b in buffer]


@pytest.mark.parametrize("unknown", [(), (0, 4)])
@pytest.mark.parametrize("revisit", ["never", "rollout", "any"])
@pytest.mark.parametrize(
    ("prediction", "gate"), [("sample", 2.0), ("sample", 0.9), ("mean", 1.0)]
)
def test_the_walk_is_that_of_a_literal_implementation(
    kit: Kit, revisit: str, prediction: str, gate: float, unknown: tuple[int, ...]
) -> None:
    data = kit.unknown_ends(kit.walks(episodes=5, steps=14, seed=4), unknown)
    settings = MBES(
        form="gated",
        walkers=3,
        neighbours=6,
        gate=gate,
        revisit=revisit,
        prediction=prediction,
    )

    def requested() -> Any:
        model = kit.Model(observation_size=3, members=3, noise=0.3)
        return kit.request(data, 45, model=model, horizon=15, act=kit.right_by(0.7))

    selection, expected = settings.select(requested()), literal(settings, requested())
    rows, *columns = (np.array(column) for column in zip(*expected, strict=True))
    np.testing.assert_array_equal(selection.rows, rows)
    for name, column in zip(
        ("rollout", "step", "distance", "uncertainty", "walked"), columns, strict=True
    ):
        np.testing.assert_allclose(
            selection.record[name], column, rtol=1e-5, atol=1e-6, err_msg=name
        )


def test_a_closed_gate_follows_the_data_an_open_one_the_policy(kit: Kit) -> None:
    # From 0 the data of episode 1 go down, those of episode 0, beside it, up; and up is
    # where the policy goes.
    data = kit.table([[(0.01 + i, 0) for i in range(6)], [(-i, 1) for i in range(6)]])
    data.action[:5], data.action[5:] = 1.0, -1.0
    for gate, rows in [(1e9, [1, 2, 3]), (1e-9, [6, 7, 8])]:
        settings = MBES(form="gated", gate=gate, walkers=1)
        walks = [
            settings.select(
                kit.request(data, 4, distance_dimensions=(0,), generator=_draws(seed))
            ).rows.tolist()
            for seed in range(20)
        ]
        began = [walk for walk in walks if walk[0] == 5]
        assert began
        assert all(walk[1:] == rows for walk in began)


@pytest.mark.parametrize(
    ("terminal", "known", "ended"),
    [
        (True, True, "terminal"),
        (False, True, "no_successor"),
        (True, False, "no_successor"),
    ],
)
def test_where_an_episode_ends_the_walk_ends(
    kit: Kit, terminal: bool, known: bool, ended: str
) -> None:
    # One walker goes along the first episode until the buffer is full, the other is at
    # the end of its own at once.
    data = kit.table(
        [[(x, 0) for x in range(5)], [(-9, 0), (-9, 0)]], terminal=[terminal, terminal]
    )
    data.action[:] = 1.0
    data = data if known else kit.unknown_ends(data, [0, 1])
    chosen = MBES(form="gated", gate=1e-9, walkers=2).select(kit.request(data, 5))
    assert sorted(chosen.rows.tolist()) == [0, 1, 2, 3, 4]
    assert chosen.record["walked"].all()
    assert chosen.notes["ended_by"] == {"full": 1, ended: 1}


def _draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
