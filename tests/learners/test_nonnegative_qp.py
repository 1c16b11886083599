"""GEM's quadratic program against SciPy and against the conditions that an optimum has to fulfil."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, nnls
from torch import Tensor

from oer_pipeline.learners.nonnegative_qp import solve

MEMBERS, WIDTH = 40, 60
KINDS = ("any", "duplicate", "nearly dependent", "opposite", "few directions", "nothing")


def problems(kind: str, tasks: int) -> tuple[Tensor, Tensor]:
    """Constraints G (M, J, P) of lengths that differ by four orders of magnitude, and gradients g (M, P)."""
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
    return constraints * 10.0 ** (4.0 * torch.rand(MEMBERS, tasks, 1, generator=draw) - 2.0), gradient


def program(constraints: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    return constraints @ constraints.mT, (constraints @ gradient.unsqueeze(2)).squeeze(2)


def projected(constraints: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    multiplier = solve(*program(constraints, gradient))
    return multiplier, gradient + (multiplier.unsqueeze(2) * constraints).sum(dim=1)


@pytest.mark.parametrize(("kind", "tasks"), product(KINDS, range(1, 9)))
def test_karush_kuhn_tucker_conditions(kind: str, tasks: int) -> None:
    constraints, gradient = problems(kind, tasks)
    matrix, linear = program(constraints, gradient)
    multiplier, nearest = projected(constraints, gradient)
    slope = (matrix @ multiplier.unsqueeze(2)).squeeze(2) + linear  # of the objective; <g~, g_j>
    length, size = constraints.norm(dim=2), gradient.norm(dim=1, keepdim=True)
    assert (multiplier >= 0.0).all()
    assert (slope >= -1e-6 * length * size).all()
    assert ((slope * multiplier).abs() <= 1e-6 * size.square()).all()
    assert ((nearest * (nearest - gradient)).sum(dim=1).abs() <= 1e-6 * size.square().squeeze(1)).all()


@pytest.mark.parametrize(("kind", "tasks"), product(KINDS, range(1, 9)))
def test_the_projection_is_scipys(kind: str, tasks: int) -> None:
    constraints, gradient = problems(kind, tasks)
    _, nearest = projected(constraints, gradient)
    for own, wanted, found in zip(constraints.numpy(), gradient.numpy(), nearest.numpy(), strict=True):
        unit = own / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-12)
        theirs, _ = nnls(unit.T, -wanted)  # the same program as a least-squares problem
        np.testing.assert_allclose(found, wanted + theirs @ unit, atol=2e-6 * np.linalg.norm(wanted))


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
        found = solve(torch.from_numpy(matrix)[None], torch.from_numpy(linear)[None])[0]
        np.testing.assert_allclose(found, general.x, atol=1e-6)


@pytest.mark.parametrize("tasks", range(1, 6))
def test_the_longest_way_is_walked_to_its_end(tasks: int) -> None:
    """Murty's example (1978), where the method comes by all 2^J bases: H is no Gram matrix, but has one optimum."""
    matrix, linear = torch.eye(tasks).double() + 2.0 * torch.ones(tasks, tasks).double().triu(1), -torch.ones(tasks)
    multiplier = solve(matrix[None], linear.double()[None])[0]
    slack = matrix @ multiplier + linear
    assert (slack > -1e-9).all()
    assert (slack * multiplier).abs().max() < 1e-9


def test_equal_constraints_that_rounding_tells_apart() -> None:
    matrix, linear = torch.ones(1, 2, 2, dtype=torch.float64), torch.tensor([[-1.0, -1.0 - 1e-9]], dtype=torch.float64)
    np.testing.assert_allclose(solve(matrix, linear).sum(), 1.0, atol=1e-6)


def test_nothing_violated_nothing_moves() -> None:
    constraints, gradient = problems("any", 4)
    constraints = constraints * (constraints @ gradient.unsqueeze(2)).sign()
    assert solve(*program(constraints, gradient)).equal(torch.zeros(MEMBERS, 4, dtype=torch.float64))


@pytest.mark.parametrize("tasks", [1, 3, 7])
def test_a_member_alone_and_among_others(tasks: int) -> None:
    matrix, linear = program(*problems("nearly dependent", tasks))
    together = solve(matrix, linear)
    assert (together > 0.0).any()
    for m in range(MEMBERS):
        assert solve(matrix[m : m + 1], linear[m : m + 1])[0].equal(together[m])


def test_an_accelerator_is_never_waited_for() -> None:
    """Tensors without values fail where a value is asked for, a branch included."""
    matrix, linear = (torch.empty(*shape, dtype=torch.float64, device="meta") for shape in ((3, 4, 4), (3, 4)))
    assert solve(matrix, linear).shape == (3, 4)
