"""A measured figure, its verdict, and the record of all of them."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import torch

from oer_pipeline.common.atomic import write_atomic

RESULTS = Path(__file__).parent / "results.json"
LIBRARIES = (
    "kedro",
    "mujoco",
    "numpy",
    "pandas",
    "pyarrow",
    "pytorch-lightning",
    "torch",
)


@dataclass(frozen=True)
class Figure:
    """What was measured and what it should be."""

    name: str
    value: float
    target: float
    better: Literal["higher", "lower"]
    device: str = "cpu"

    @property
    def met(self) -> bool:
        return (
            self.value <= self.target
            if self.better == "lower"
            else self.value >= self.target
        )

    def __str__(self) -> str:
        sign = "<=" if self.better == "lower" else ">="
        return (
            f"{self.name}: {self.value:.3g} (target {sign} {self.target:g}):"
            f" {'met' if self.met else 'NOT MET'}"
        )

    def record(self) -> dict[str, Any]:
        """What results.json keeps."""
        return {
            "name": self.name,
            "value": float(f"{self.value:.4g}"),
            "target": self.target,
            "better": self.better,
            "met": self.met,
            "device": describe(self.device),
            "versions": versions(),
        }


def versions() -> dict[str, str]:
    """Of Python and of the libraries that are installed: training is measured on
    machines that lack some."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def keep(figure: Figure) -> None:
    """Put the figure's record in the place of an older one of its name."""
    keep_records([figure.record()])


def keep_records(new: Sequence[Mapping[str, Any]]) -> None:
    """Put records in the place of older ones of their names."""
    records = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    by_name = {record["name"]: record for record in [*records, *new]}
    text = json.dumps(
        [by_name[name] for name in sorted(by_name)], indent=2, sort_keys=True
    )
    write_atomic(RESULTS, text + "\n")


def describe(device: str) -> str:
    """The processor that did the work."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    model = [
        line.partition(":")[2].strip()
        for line in _cpuinfo()
        if line.startswith("model name")
    ]
    return f"{model[0] if model else platform.machine()}, {os.cpu_count()} cores"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def best_device() -> str:
    """`cuda` where there is a GPU, whose figures carry `_gpu` in their names, else
    `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def on(device: str, name: str) -> str:
    """The figure's name on `device`."""
    return f"{name}_gpu" if device == "cuda" else name
