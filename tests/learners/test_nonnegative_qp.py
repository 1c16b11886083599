"""GEM's quadratic program against SciPy and against the conditions that an optimum has
to fulfil."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, nnls
from torch import Tensor

from oer_pipeline.learners import nonnegative_qp
from oer_pipeline.learners.nonnegative_qp import solve

MEMBERS, WIDTH = 40, 60
KINDS = (
    "any",
    "duplicate",
    "nearly dependent",
    "opposite",
    "few directions",
    "nothing",
)


def problems(kind: str, tasks: int) -> tuple[Tensor, Tensor]:
    """Constraints G (M, J, P) of lengths that differ by four orders of magnitude, and
    gradients g (M, P)."""
    draw = torch.Generator().manual_seed(tasks)

    def normal(*shape: int) -> Tensor:
        return torch.randn(MEMBERS, *shape, generator=draw, dtype=torch.float64)

    constraints, gradient = normal(tasks, WIDTH), normal(WIDTH)
    if kind == "duplicate":
        constraints[:, -1] = constraints[:, 0]
    if kind == "nearly dependent":
        constraints = constraints[:, :1] + 1e-5 * normal(tasks, WIDTH)
    if kind == "opposite" and tasks > 1:
        constraints[:, -1] = -constraints[:, 0] + 1e-3 * normal(WIDTH)
    if kind == "few directions":
        constraints = normal(tasks, 2) @ normal(2, WIDTH)
    if kind == "nothing":
        constraints[:, 0] = 0.0
    return constraints * 10.0 ** (
        4.0 * torch.rand(MEMBERS, tasks, 1, generator=draw) - 2.0
    ), gradient


def program(constraints: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    return constraints @ constraints.mT, (constraints @ gradient.unsqueeze(2)).squeeze(
        2
    )


def projected(constraints: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    multiplier, unsolved = solve(*program(constraints, gradient))
    assert not unsolved.any()
    return multiplier, gradient + (multiplier.unsqueeze(2) * constraints).sum(dim=1)


@pytest.mark.parametrize(("kind", "tasks"), product(KINDS, (*range(1, 11), 20, 39)))
def test_karush_kuhn_tucker_conditions(kind: str, tasks: int) -> None:
    constraints, gradient = problems(kind, tasks)
    matrix, linear = program(constraints, gradient)
    multiplier, nearest = projected(constraints, gradient)
    slope = (matrix @ multiplier.unsqueeze(2)).squeeze(
        2
    ) + linear  # of the objective; <g~, g_j>
    length, size = constraints.norm(dim=2), gradient.norm(dim=1, keepdim=True)
    assert (multiplier >= 0.0).all()
    assert (slope >= -1e-6 * length * size).all()
    assert ((slope * multiplier).abs() <= 1e-6 * size.square()).all()
    assert (
        (nearest * (nearest - gradient)).sum(dim=1).abs()
        <= 1e-6 * size.square().squeeze(1)
    ).all()


@pytest.mark.parametrize(("kind", "tasks"), product(KINDS, (*range(1, 11), 20, 39)))
def test_the_projection_is_scipys(kind: str, tasks: int) -> None:
    constraints, gradient = problems(kind, tasks)
    _, nearest = projected(constraints, gradient)
    for own, wanted, found in zip(
        constraints.numpy(), gradient.numpy(), nearest.numpy(), strict=True
    ):
        unit = own / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-12)
        theirs, _ = nnls(unit.T, -wanted)  # the same program as a least-squares problem
        np.testing.assert_allclose(
            found, wanted + theirs @ unit, atol=2e-6 * np.linalg.norm(wanted)
        )


def test_the_multipliers_are_those_of_a_general_solver() -> None:
    draw = np.random.default_rng(0)
    for tasks in (1, 2, 4, 8):
        rows, linear = draw.standard_normal((tasks, 12)), draw.standard_normal(tasks)
        matrix = rows @ rows.T
        general = minimize(
            lambda v, h=matrix, q=linear: 0.5 * v @ h @ v + q @ v,
            np.ones(tasks),
            jac=lambda v, h=matrix, q=linear: h @ v + q,
            bounds=[(0.0, None)] * tasks,
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 1000},
        )
        found, _ = solve(torch.from_numpy(matrix)[None], torch.from_numpy(linear)[None])
        np.testing.assert_allclose(found[0], general.x, atol=1e-6)


@pytest.mark.parametrize("tasks", range(1, 13))
def test_where_the_least_index_goes_by_all_bases(tasks: int) -> None:
    """Fathi's example (1979), L^T L: Murty's least-index method takes 2^J - 1
    pivots."""
    triangle = torch.full((tasks, tasks), 2.0, dtype=torch.float64).tril(-1)
    lower = triangle + torch.eye(tasks, dtype=torch.float64)
    linear = -torch.ones(1, tasks, dtype=torch.float64)
    found, unsolved = solve((lower.T @ lower)[None], linear)
    np.testing.assert_allclose(found[0], [0.0] * (tasks - 1) + [1.0], atol=1e-12)
    assert not unsolved.any()


@pytest.mark.parametrize("tasks", range(1, 11))
def test_the_best_of_all_subsets(tasks: int) -> None:
    """Of every set of free variables the minimum, where it is one: the lowest is the
    optimum."""
    draw = np.random.default_rng(tasks)
    for _ in range(3):
        rows = draw.standard_normal((tasks, tasks + 2))
        gram, linear = rows @ rows.T, draw.standard_normal(tasks)
        best = 0.0
        for free in product((False, True), repeat=tasks):
            own = np.array(free)
            value = np.zeros(tasks)
            value[own] = np.linalg.solve(gram[own][:, own], -linear[own])
            if (value >= 0.0).all():
                best = min(best, 0.5 * value @ gram @ value + linear @ value)
        found, unsolved = solve(
            torch.from_numpy(gram)[None], torch.from_numpy(linear)[None]
        )
        reached = (
            0.5 * found[0].numpy() @ gram @ found[0].numpy() + linear @ found[0].numpy()
        )
        assert reached == pytest.approx(best, abs=1e-9)
        assert not unsolved.any()


def test_pivots_that_run_out_are_told_and_leave_a_feasible_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = torch.randn(
        MEMBERS, 6, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    matrix, linear = program(rows, -rows.sum(dim=1))
    optimum = solve(matrix, linear).multipliers
    monkeypatch.setattr(nonnegative_qp, "most_pivots", lambda variables: 4)
    found, unsolved = solve(matrix, linear)
    wrong = (found - optimum).abs().amax(dim=1) > 1e-6
    assert unsolved.any()
    assert wrong.equal(unsolved)
    value = 0.5 * (found * (matrix @ found.unsqueeze(2)).squeeze(2)).sum(dim=1) + (
        linear * found
    ).sum(dim=1)
    assert (found >= 0.0).all()
    assert (value < 0.0).all()  # that of nothing


def test_equal_constraints_that_rounding_tells_apart() -> None:
    matrix, linear = (
        torch.ones(1, 2, 2, dtype=torch.float64),
        torch.tensor([[-1.0, -1.0 - 1e-9]], dtype=torch.float64),
    )
    np.testing.assert_allclose(solve(matrix, linear).multipliers.sum(), 1.0, atol=1e-6)


def test_nothing_violated_nothing_moves() -> None:
    constraints, gradient = problems("any", 4)
    constraints = constraints * (constraints @ gradient.unsqueeze(2)).sign()
    found, unsolved = solve(*program(constraints, gradient))
    assert found.equal(torch.zeros(MEMBERS, 4, dtype=torch.float64))
    assert not unsolved.any()


@pytest.mark.parametrize("tasks", [1, 3, 7])
def test_a_member_alone_and_among_others(tasks: int) -> None:
    matrix, linear = program(*problems("nearly dependent", tasks))
    together = solve(matrix, linear).multipliers
    assert (together > 0.0).any()
    for m in range(MEMBERS):
        assert (
            solve(matrix[m : m + 1], linear[m : m + 1])
            .multipliers[0]
            .equal(together[m])
        )


def test_an_accelerator_is_never_waited_for() -> None:
    """Tensors without values fail where a value is asked for, a branch included."""
    matrix, linear = (
        torch.empty(*shape, dtype=torch.float64, device="meta")
        for shape in ((3, 4, 4), (3, 4))
    )
    found, unsolved = solve(matrix, linear)
    assert (found.shape, unsolved.shape) == ((3, 4), (3,))
