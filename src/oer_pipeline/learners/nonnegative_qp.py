"""Small quadratic programs over non-negative variables, for all members at once.

Shapes: M members, J variables.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

RIDGE = 1e-13
"""Added to the diagonal once that is 1: two equal constraints leave the matrix
singular."""
SMALL = 1e-12
"""What counts as zero beside a problem's largest number; above the ridge, or a
constraint's equal would join it."""
NOTHING = 1e-30
"""The length that a constraint of length zero is divided by."""


class Solution(NamedTuple):
    """The answer of `solve`."""

    multipliers: Tensor  # (M, J) float64, never negative
    unsolved: Tensor  # (M,) bool: pivots ran out, the multipliers are not the optimum


def most_pivots(variables: int) -> int:
    """How many pivots `solve` takes at the most.

    Random problems of up to 39 variables, equal, opposite and nearly dependent
    constraints among them, took 1.2 pivots a variable or fewer, usually half of that.
    """
    return min((1 << variables) - 1, 4 * variables)


def solve(gram_MJJ: Tensor, linear_MJ: Tensor) -> Solution:
    """argmin_v 1/2 v^T H v + q^T v over v >= 0 for positive semidefinite H.

    The active-set method of Lawson & Hanson (1974, chapter 23): among the variables
    that are held at 0, the one along which the objective falls fastest is set free; if
    the free ones' minimum has negative parts, the way there ends where the first
    variable meets 0, and that one is held again. The objective falls from one minimum
    to the next, so none comes twice, and where pivots run out `multipliers` are still
    better than 0. A member's tableau is updated element by element: members do not mix,
    and a GPU is never waited for.

    Args:
        gram_MJJ: H, float64.
        linear_MJ: q, float64.
    """
    variables = linear_MJ.shape[1]
    length_MJ = gram_MJJ.diagonal(dim1=1, dim2=2).sqrt().clamp_min(NOTHING)
    linear = linear_MJ / length_MJ
    size_M1 = linear.abs().amax(dim=1, keepdim=True).clamp_min(NOTHING)
    lengths_MJJ = length_MJ.unsqueeze(1) * length_MJ.unsqueeze(2)
    unit = gram_MJJ / lengths_MJJ
    identity = torch.eye(
        variables,
        dtype=unit.dtype,
        device=unit.device,
    )
    unit = unit + RIDGE * identity
    constants = (linear / size_M1).unsqueeze(2)
    tableau = torch.cat((unit, constants), dim=2)
    free_MJ = torch.zeros_like(linear, dtype=torch.bool)
    point_MJ = torch.zeros_like(linear)
    negative_MJ = _negative(tableau)
    for _ in range(most_pivots(variables)):
        if negative_MJ.device.type == "cpu" and not negative_MJ.any():
            break
        point_MJ, chosen_MJ = _towards_minimum(
            point_MJ,
            tableau[:, :, -1],
            negative_MJ,
            free_MJ,
        )
        tableau = _exchanged(tableau, chosen_MJ)
        free_MJ = free_MJ ^ chosen_MJ
        negative_MJ = _negative(tableau)
    unsolved_M = negative_MJ.any(dim=1)
    minimum_MJ = torch.where(
        free_MJ,
        tableau[:, :, -1],
        0.0,
    )
    found_MJ = torch.where(
        unsolved_M.unsqueeze(1),
        point_MJ,
        minimum_MJ.clamp_min(0.0),
    )
    return Solution(
        multipliers=found_MJ * size_M1 / length_MJ,
        unsolved=unsolved_M,
    )


def _negative(tableau_MJK: Tensor) -> Tensor:
    """Where a free variable's value or a held one's slope is negative, (M, J)."""
    value = tableau_MJK[:, :, -1]
    largest = value.abs().amax(dim=1, keepdim=True)
    return value < -SMALL * largest


def _towards_minimum(
    point_MJ: Tensor,
    value_MJ: Tensor,
    negative_MJ: Tensor,
    free_MJ: Tensor,
) -> tuple[Tensor, Tensor]:
    """The next feasible point, and the one variable of each member to set free or hold.

    Args:
        point_MJ: where the objective was evaluated last, >= 0, 0 for held variables.
        value_MJ: the free variables' minimum, the held ones' slopes there.
        negative_MJ: where these are.
        free_MJ: which variables are free.
    """
    below = negative_MJ & free_MJ
    share = torch.where(
        below,
        point_MJ / (point_MJ - value_MJ),
        torch.inf,
    )
    way_M1 = share.amin(dim=1, keepdim=True).clamp_max(1.0)
    moved = point_MJ + way_M1 * (value_MJ - point_MJ)
    meets_zero = below & (share == way_M1)
    stays_free = free_MJ & ~meets_zero
    point = torch.where(stays_free, moved, 0.0).clamp_min(0.0)
    least_M1 = value_MJ.amin(dim=1, keepdim=True)
    steepest = negative_MJ & (value_MJ == least_M1)
    chosen = torch.where(
        below.any(dim=1, keepdim=True),
        meets_zero,
        steepest,
    )
    is_first = chosen.cumsum(dim=1) == 1
    return point, chosen & is_first


def _exchanged(tableau_MJK: Tensor, chosen_MJ: Tensor) -> Tensor:
    """Solve each member's chosen row for the variable of the same number; members that
    choose none stay as they are.

    Row i reads y_i = sum_k T_ik x_k + c_i. For x_i it is x_i = (y_i - sum_{k != i} T_ik
    x_k - c_i) / T_ii.
    """
    is_row = chosen_MJ.unsqueeze(2)
    is_column = torch.nn.functional.pad(chosen_MJ, (0, 1)).unsqueeze(1)
    old_MJK = torch.where(is_row, tableau_MJK, 0.0)
    old_M1K = old_MJK.sum(dim=1, keepdim=True)
    factor_MJK = torch.where(is_column, tableau_MJK, 0.0)
    factor_MJ1 = factor_MJK.sum(dim=2, keepdim=True)
    pivot_M1K = torch.where(is_column, old_M1K, 0.0)
    pivot_M11 = pivot_M1K.sum(dim=2, keepdim=True)
    new_M1K = torch.where(is_column, 1.0, -old_M1K) / pivot_M11
    others = torch.where(is_column, 0.0, tableau_MJK)
    others = others + factor_MJ1 * new_M1K
    chooses_M = chosen_MJ.any(dim=1)
    return torch.where(
        chooses_M[:, None, None],
        torch.where(is_row, new_M1K, others),
        tableau_MJK,
    )
