"""Small quadratic programs over non-negative variables, for all members at once.

Shapes: M members, J variables.
"""

from __future__ import annotations

import torch
from torch import Tensor

RIDGE = 1e-13
"""Added to the diagonal once that is 1: two equal constraints leave the matrix singular."""
SMALL = 1e-12
"""What counts as zero beside a problem's largest number; above the ridge, or a constraint's equal would join it."""
NOTHING = 1e-30
"""The length that a constraint of length zero is divided by."""


def solve(gram_MJJ: Tensor, linear_MJ: Tensor) -> Tensor:
    """argmin_v 1/2 v^T H v + q^T v over v >= 0, (M, J) float64, for positive semidefinite H.

    The optimum solves the linear complementarity problem w = q + H v, w >= 0, v >= 0, w^T v = 0. Murty's least-index
    method (Murty 1974) walks from basis to basis: exchange the first negative variable with its complement. A tableau
    of each member is updated element by element, so that members do not mix and a GPU is never waited for. No basis
    comes twice, so the 2^J - 1 pivots of J <= 5 are always enough; beyond, 8 J nearly always are.

    Args:
        gram_MJJ: H, float64.
        linear_MJ: q, float64.
    """
    tasks = linear_MJ.shape[1]
    length_MJ = gram_MJJ.diagonal(dim1=1, dim2=2).sqrt().clamp_min(NOTHING)
    linear = linear_MJ / length_MJ
    size_M1 = linear.abs().amax(dim=1, keepdim=True).clamp_min(NOTHING)
    unit = gram_MJJ / (length_MJ.unsqueeze(1) * length_MJ.unsqueeze(2))
    unit = unit + RIDGE * torch.eye(tasks, dtype=unit.dtype, device=unit.device)
    tableau = torch.cat((unit, (linear / size_M1).unsqueeze(2)), dim=2)
    basic_MJ = torch.zeros_like(linear, dtype=torch.bool)
    for _ in range(min(2**tasks - 1, 8 * tasks)):
        value = tableau[:, :, -1]
        negative = value < -SMALL * value.abs().amax(dim=1, keepdim=True)
        if negative.device.type == "cpu" and not negative.any():
            break
        chosen_MJ = negative & (negative.cumsum(dim=1) == 1)
        tableau, basic_MJ = _exchanged(tableau, chosen_MJ), basic_MJ ^ chosen_MJ
    return torch.where(basic_MJ, tableau[:, :, -1], 0.0).clamp_min(0.0) * size_M1 / length_MJ


def _exchanged(tableau_MJK: Tensor, chosen_MJ: Tensor) -> Tensor:
    """Solve each member's chosen row for the variable of the same number; members that choose none stay as they are.

    Row i reads y_i = sum_k T_ik x_k + c_i. For x_i it is x_i = (y_i - sum_{k != i} T_ik x_k - c_i) / T_ii.
    """
    row, column = chosen_MJ.unsqueeze(2), torch.nn.functional.pad(chosen_MJ, (0, 1)).unsqueeze(1)
    old_M1K = torch.where(row, tableau_MJK, 0.0).sum(dim=1, keepdim=True)
    factor_MJ1 = torch.where(column, tableau_MJK, 0.0).sum(dim=2, keepdim=True)
    pivot_M11 = torch.where(column, old_M1K, 0.0).sum(dim=2, keepdim=True)
    new_M1K = torch.where(column, 1.0, -old_M1K) / pivot_M11
    others = torch.where(column, 0.0, tableau_MJK) + factor_MJ1 * new_M1K
    changed = torch.where(row, new_M1K, others)
    return torch.where(chosen_MJ.any(dim=1)[:, None, None], changed, tableau_MJK)
