"""A run and the same run made again: what differs, and whether that is as promised."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oer_pipeline.orchestration import circumstances
from oer_pipeline.orchestration.processor import kind
from oer_pipeline.orchestration.records import file_sha256, read_record
from oer_pipeline.studies.recorded import Recorded

DATA = ("raw_", "references", "transitions", "card")
"""What the names of the data's artefacts begin with: the same bytes on every
processor."""
SHOWN = 20


@dataclass(frozen=True)
class Verdict:
    """What came of comparing.

    Attributes:
        is_same: whether all is as promised.
        lines: what was compared, and what differs.
    """

    is_same: bool
    lines: tuple[str, ...]

    def report(self) -> str:
        """All lines, with the verdict at the end."""
        last = "it is the same" if self.is_same else "it is not the same"
        return "\n".join([*self.lines, last])


@dataclass(frozen=True)
class Estimate:
    """A metric's mean over seeds, with its interval where it has one."""

    mean: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Estimate:
        """From a document of metrics."""
        return cls(told["mean"], told["low"], told["high"])

    def overlaps(self, other: Estimate) -> bool:
        """Whether the intervals do; without intervals, whether means are equal."""
        low = self.mean if self.low is None else self.low
        high = self.mean if self.high is None else self.high
        other_low = other.mean if other.low is None else other.low
        other_high = other.mean if other.high is None else other.high
        return low <= other_high and other_low <= high

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.mean:.4g}"
        return f"{self.mean:.4g} ({self.low:.4g} to {self.high:.4g})"


def compared(known: Recorded, project: Path) -> Verdict:
    """What a run left, and what lies in the project in which it was made again."""
    made = artefacts_of(project)
    data, trained = [], []
    for name in sorted(known.artefacts):
        (data if is_data(name) else trained).append(name)
    lines: list[str] = []
    different_data = _different(known, made, data)
    different_trained = _different(known, made, trained)
    _tell("data", data, different_data, lines)
    by_bytes = known.accelerator == "cpu" and known.processor == kind()
    _tell("models, policies and results", trained, different_trained, lines)
    is_same = not different_data and not different_trained
    if different_trained and not by_bytes:
        apart = _tell_intervals(known, project, made, lines)
        is_same = not different_data and not apart
    if not is_same and known.versions != circumstances.versions():
        lines.append(f"made with {known.versions}; here {circumstances.versions()}")
    return Verdict(is_same, tuple(lines))


def is_data(name: str) -> bool:
    """Whether an artefact's name, `task_1/transitions/task_1.parquet`, is that of
    data."""
    *folders, _ = name.split("/")
    return folders[-1].startswith(DATA)


def artefacts_of(project: Path) -> dict[str, Path]:
    """Every artefact of a project's runs by the name that MLflow knows it by."""
    found = {}
    for record in sorted((project / "data").rglob(".made/*.json")):
        path = record.parents[1] / record.stem
        told = read_record(path)
        if told is None or not path.is_file():
            continue
        folder = told.dataset.replace(".", "/")
        if told.seed is not None:
            folder = f"seed_{told.seed}/{folder}"
        found[f"{folder}/{path.name}"] = path
    return found


def _different(
    known: Recorded, made: Mapping[str, Path], names: list[str]
) -> list[str]:
    """The artefacts whose bytes differ, or that were not made again."""
    different = []
    for name in names:
        path = made.get(name)
        if path is None:
            different.append(f"{name} (was not made)")
        elif file_sha256(path) != known.artefacts[name]:
            different.append(name)
    return different


def _tell(what: str, names: list[str], different: list[str], lines: list[str]) -> None:
    if not names:
        return
    if not different:
        lines.append(f"{what}: {len(names)} files, the same bytes")
        return
    lines.append(f"{what}: {len(different)} of {len(names)} files differ")
    lines.extend(f"  {name}" for name in different[:SHOWN])
    if len(different) > SHOWN:
        lines.append(f"  and {len(different) - SHOWN} more")


def _tell_intervals(
    known: Recorded,
    project: Path,
    made: Mapping[str, Path],
    lines: list[str],
) -> list[str]:
    """Compare metrics by their intervals; those that lie apart."""
    where = f"{known.processor}, accelerator {known.accelerator}; here {kind()}"
    lines.append(f"it was run on {where}: results are compared by their intervals")
    again = made.get("metrics/metrics.json")
    if known.metrics is None or again is None:
        lines.append("metrics: there are none on both sides, so nothing to compare")
        return []
    here = json.loads(again.read_text(encoding="utf-8"))["aggregate"]
    apart = []
    number = 0
    for name, told in known.metrics["aggregate"].items():
        found = here.get(name)
        if told is None or found is None:
            continue
        number += 1
        before, now = Estimate.of(told), Estimate.of(found)
        if not before.overlaps(now):
            apart.append(f"  {name}: {before} there, {now} here")
    lines.append(f"metrics: the intervals of {number - len(apart)} of {number} overlap")
    lines.extend(apart)
    return apart
