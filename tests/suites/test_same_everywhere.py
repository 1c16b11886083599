"""Data, references and cards have the same bytes, whatever kernels libraries choose.

OpenBLAS adds in another order on another processor, numpy has functions for each set of
instructions. Both are told here to take what another processor would get. What MuJoCo
and the C library do on another one is not covered.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

X86 = platform.machine() == "x86_64"
pytestmark = pytest.mark.skipif(not X86, reason="the switches are those of x86-64")

PROGRAM = Path(__file__).with_name("data_hashes.py")
FOUND: list[str] = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
"""The sets of instructions that numpy has functions for and this processor knows."""

OLD = {
    "OPENBLAS_CORETYPE": "Nehalem",
    "NPY_DISABLE_CPU_FEATURES": " ".join(FOUND),
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "MKL_CBWR": "COMPATIBLE",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "ARROW_USER_SIMD_LEVEL": "NONE",
}
AVX2 = {
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": " ".join(name for name in FOUND if name != "X86_V3"),
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ARROW_USER_SIMD_LEVEL": "AVX2",
}
AVX512 = {"OPENBLAS_CORETYPE": "SkylakeX"}

needs_avx2 = pytest.mark.skipif("X86_V3" not in FOUND, reason="no AVX2")
needs_avx512 = pytest.mark.skipif("X86_V4" not in FOUND, reason="no AVX-512")

Switches = Mapping[str, str]
Hashes = Callable[[Switches], Any]


@pytest.fixture(scope="module")
def hashes() -> Hashes:
    """Switches -> what `data_hashes` prints in a process of its own that has them."""

    @cache
    def run(switches: tuple[tuple[str, str], ...]) -> Any:
        path = os.pathsep.join(entry for entry in sys.path if entry)
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        environment |= dict(switches)
        command = [sys.executable, str(PROGRAM)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return lambda switches: run(tuple(switches.items()))


def different(left: Mapping[str, str], right: Mapping[str, str]) -> list[str]:
    """The names whose hashes differ."""
    assert left.keys() == right.keys()
    return [name for name in left if left[name] != right[name]]


@needs_avx2
def test_the_forced_kernels_round_differently(hashes: Hashes) -> None:
    """Otherwise the tests below could not fail."""
    plain, old = hashes({})["kernels"], hashes(OLD)["kernels"]
    assert different(plain, old) == [
        "float32 product",
        "float64 product",
        "float32 tanh",
        "float64 tanh",
    ]


@pytest.mark.parametrize(
    "switches",
    [
        pytest.param(OLD, id="old"),
        pytest.param(AVX2, id="avx2", marks=needs_avx2),
        pytest.param(AVX512, id="avx512", marks=needs_avx512),
    ],
)
def test_data_and_cards_are_the_same(hashes: Hashes, switches: Switches) -> None:
    plain, forced = hashes({})["data"], hashes(switches)["data"]
    assert different(plain, forced) == []
