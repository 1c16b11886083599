"""float32 matrix products: member by member on a CPU, those of all members at once on a
GPU.

On a CPU torch hands products to MKL, which runs AVX2 code on AMD processors. oneDNN, in
the same torch, runs AVX-512 there and takes half the time. It is asked by a setting
that allows it to round to bfloat16, which it does on processors with AMX: a check
against float64 decides, once per process, whether its products are float32's.

The setting is the whole process's: products that other threads compute meanwhile go
there too.

A batched product of oneDNN rounds differently with the number of members. One product
per member does not, and takes as long. Shapes: M members, R rows, K inner dimension, C
columns; each member's matrix starts on a whole vector register (`aligned`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from math import sqrt
from typing import Any, Literal

import torch
from torch import Tensor

Library = Literal["onednn", "torch"]

REGISTER = 16
"""Floats of a whole vector register."""
WIDE = 2**20
"""Multiply-adds above which a product is worth the microseconds that oneDNN takes to
start."""
NARROW = 64
"""Columns below which torch's own product takes longer than its transpose, unless they
fill vector registers."""
ROUNDING = 2.0**-24
"""Unit round-off of float32."""
TOLERANCE = 4.0
"""A product may err by so many times sqrt(K) round-offs of |a| |b|: float32 stays below
1, bfloat16 near 1,000."""
CHECKED = (
    (256, 256, 256),
    (256, 26, 256),
    (256, 128, 128),
    (1_024, 256, 256),
    (1_024, 256, 6),
    (256, 200, 42),
    (16, 20, 6_500),
)
"""(R, K, C) of what is checked: layers of default and paper size, narrow heads, a
neighbour search."""

SETTING: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
"""Torch's switch, for the whole process. While it is set, torch's older functions for
precision raise."""
OTHERWISE: str = SETTING.fp32_precision
"""What it was set to before."""

logger = logging.getLogger(__name__)


@cache
def library_in_use() -> Library:
    """Which library computes wide products on this machine's CPU; found out and logged
    at the first call."""
    reason = _against_onednn()
    if reason:
        logger.info("float32 products: torch's own, because %s", reason)
        return "torch"
    logger.info(
        "float32 products: oneDNN, as exact as float32 (checked against float64)"
    )
    return "onednn"


def _against_onednn() -> str:
    """Why oneDNN may not be used; empty if it may."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return "this build of torch lacks oneDNN"
    draws = torch.Generator().manual_seed(0)
    for rows, inner, columns in CHECKED:
        a = torch.randn(rows, inner, generator=draws)
        turned_a = torch.randn(inner, rows, generator=draws)
        b = torch.randn(inner, columns, generator=draws)
        turned_b = torch.randn(columns, inner, generator=draws)
        forward = (a, b)
        of_weights = (turned_a.T, b)
        of_inputs = (a, turned_b.T)
        for left, right in (forward, of_weights, of_inputs):
            error = error_in_roundings(by_onednn(left, right), left, right)
            if not error <= TOLERANCE:
                return (
                    f"oneDNN's {rows} x {inner} x {columns} errs by {error:.3g} sqrt(K)"
                    f" round-offs, over {TOLERANCE:g}"
                )
    return ""


def error_in_roundings(product_RC: Tensor, a_RK: Tensor, b_KC: Tensor) -> float:
    """The largest error of a product, in sqrt(K) float32 round-offs of |a| |b|;
    infinite where it is not finite.

    Args:
        product_RC: of a and b.
        a_RK: float32.
        b_KC: float32.
    """
    exact = a_RK.double() @ b_KC.double()
    size = a_RK.double().abs() @ b_KC.double().abs()
    error = ((product_RC - exact).abs() / size).nan_to_num(torch.inf).max()
    return float(error) / (sqrt(a_RK.shape[1]) * ROUNDING)


def ask_onednn(wanted: bool) -> None:
    """Send float32 products on a CPU to oneDNN from now on, or to torch's own library
    again."""
    SETTING.fp32_precision = "bf16" if wanted else OTHERWISE


def onednn_asked() -> bool:
    """Whether float32 products go to oneDNN at the moment."""
    return bool(SETTING.fp32_precision == "bf16")


@contextmanager
def onednn() -> Iterator[None]:
    """A context in which float32 products on a CPU go to oneDNN."""
    ask_onednn(True)
    try:
        yield
    finally:
        ask_onednn(False)


def by_onednn(a_RK: Tensor, b_KC: Tensor) -> Tensor:
    """a b by oneDNN, whatever it does with it."""
    with onednn():
        return a_RK @ b_KC


def product(a_RK: Tensor, b_KC: Tensor) -> Tensor:
    """a b, (R, C), of one member."""
    return by_onednn(a_RK, b_KC) if _goes_to_onednn(a_RK, b_KC) else a_RK @ b_KC


def products(
    a_MRK: Tensor,
    b_MKC: Tensor,
    bias_M1C: Tensor | None = None,
    out_MRC: Tensor | None = None,
) -> Tensor:
    """a b + bias of every member, (M, R, C), without gradients.

    On a CPU a member's bits are the same alone and among others.

    Args:
        a_MRK: rows of every member.
        b_MKC: its weights.
        bias_M1C: None: none is added.
        out_MRC: takes the result, aligned as `aligned` makes it; None: a new tensor
            does.
    """
    if a_MRK.device.type != "cpu":
        return _batched(a_MRK, b_MKC, bias_M1C, out_MRC)
    rows = a_MRK.shape[1]
    columns = b_MKC.shape[2]
    by_member = _by_member(a_MRK[0], b_MKC[0])
    if not by_member and _faster_turned(columns):
        bias_MC1 = None if bias_M1C is None else bias_M1C.mT
        turned_MCR = aligned(a_MRK, columns, rows)
        _batched(
            b_MKC.mT,
            a_MRK.mT,
            bias_MC1,
            turned_MCR,
        )
        return turned_MCR.mT if out_MRC is None else out_MRC.copy_(turned_MCR.mT)
    if out_MRC is None:
        out_MRC = aligned(a_MRK, rows, columns)
    if by_member:
        return _one_by_one(a_MRK, b_MKC, bias_M1C, out_MRC)
    return _batched(a_MRK, b_MKC, bias_M1C, out_MRC)


def _by_member(a_RK: Tensor, b_KC: Tensor) -> bool:
    """Whether one product per member is faster, or rounds the same as several."""
    return _has_a_vector(a_RK, b_KC) or _goes_to_onednn(a_RK, b_KC)


def aligned(like: Tensor, rows: int, columns: int) -> Tensor:
    """Empty, (M, rows, columns) with the members of `like`, each one's share from a
    whole vector register on."""
    members = len(like)
    size = rows * columns
    whole = size + -size % REGISTER
    return like.new_empty(members, whole)[:, :size].view(members, rows, columns)


def _batched(
    a_MRK: Tensor,
    b_MKC: Tensor,
    bias_M1C: Tensor | None,
    out_MRC: Tensor | None,
) -> Tensor:
    if bias_M1C is None:
        return torch.bmm(a_MRK, b_MKC, out=out_MRC)
    return torch.baddbmm(bias_M1C, a_MRK, b_MKC, out=out_MRC)


def _one_by_one(
    a_MRK: Tensor,
    b_MKC: Tensor,
    bias_M1C: Tensor | None,
    out_MRC: Tensor,
) -> Tensor:
    with _library(a_MRK[0], b_MKC[0]):
        for member, out_RC in enumerate(out_MRC):
            if bias_M1C is None:
                torch.mm(a_MRK[member], b_MKC[member], out=out_RC)
            else:
                torch.addmm(
                    bias_M1C[member],
                    a_MRK[member],
                    b_MKC[member],
                    out=out_RC,
                )
    return out_MRC


def _library(a_RK: Tensor, b_KC: Tensor) -> AbstractContextManager[None]:
    """The context in which the product of such matrices is computed."""
    return onednn() if _goes_to_onednn(a_RK, b_KC) else nullcontext()


def _goes_to_onednn(a_RK: Tensor, b_KC: Tensor) -> bool:
    if _has_a_vector(a_RK, b_KC) or a_RK.numel() * b_KC.shape[1] <= WIDE:
        return False
    return (
        a_RK.device.type == "cpu"
        and a_RK.dtype == torch.float32
        and library_in_use() == "onednn"
    )


def _has_a_vector(a_RK: Tensor, b_KC: Tensor) -> bool:
    """Whether torch takes another code path for one such product than for several."""
    return 1 in (*a_RK.shape, b_KC.shape[1])


def _faster_turned(columns: int) -> bool:
    """Whether torch's own b^T a^T takes less time than a b."""
    return columns < NARROW and columns % REGISTER != 0
