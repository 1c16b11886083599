"""A run and the same run made again: what differs, and whether that is as promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oer_pipeline.common.json_text import read_json
from oer_pipeline.orchestration import circumstances
from oer_pipeline.orchestration.artefacts import BUNDLE, artefact_folder
from oer_pipeline.orchestration.fingerprints import accelerator_in_force
from oer_pipeline.orchestration.processor import processor_kind
from oer_pipeline.orchestration.records import file_sha256, read_record
from oer_pipeline.studies.recorded import METRICS, Recorded

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
        last = "it is not the same"
        if self.is_same:
            last = "it is the same"
        return "\n".join([*self.lines, last])


@dataclass(frozen=True)
class Interval:
    """A metric's mean over seeds, with its interval where it has one."""

    mean: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Interval:
        """From a document of metrics."""
        return cls(
            told["mean"],
            told["low"],
            told["high"],
        )

    def overlaps(self, other: Interval) -> bool:
        """Whether the intervals do; without intervals, whether means are equal."""
        low, high = self._ends()
        other_low, other_high = other._ends()
        return low <= other_high and other_low <= high

    def _ends(self) -> tuple[float, float]:
        """Of the interval; the mean stands in for one that there is not."""
        low = self.low
        if low is None:
            low = self.mean
        high = self.high
        if high is None:
            high = self.mean
        return low, high

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.mean:.4g}"
        return f"{self.mean:.4g} ({self.low:.4g} to {self.high:.4g})"


def compared(known: Recorded, project: Path) -> Verdict:
    """What a run left, and what lies in the project in which it was made again."""
    made = artefacts_of(project)
    data = []
    trained = []
    for name in sorted(known.artefacts):
        if is_data(name):
            data.append(name)
        else:
            trained.append(name)
    of_data = _by_bytes("data", data, known, made)
    of_trained = _by_bytes("models, policies and results", trained, known, made)
    lines = [*of_data.lines, *of_trained.lines]
    is_same = of_data.is_none and of_trained.is_none
    accelerators = {known.accelerator, accelerator_in_force(known.asked_accelerator)}
    by_bytes = accelerators == {"cpu"} and known.processor == processor_kind()
    if not of_trained.is_none and not by_bytes:
        of_metrics = _by_intervals(known, made)
        lines += of_metrics.lines
        is_whole = made.keys() >= set(trained)
        is_same = of_data.is_none and is_whole and of_metrics.is_none
    here = circumstances.versions()
    if not is_same and known.versions != here:
        lines.append(f"made with {known.versions}; here {here}")
    return Verdict(is_same, tuple(lines))


def is_data(name: str) -> bool:
    """Whether an artefact's name, `task_1/transitions/task_1.parquet`, is that of
    data."""
    *folders, _ = name.split("/")
    return folders[-1].startswith(DATA)


def artefacts_of(project: Path) -> dict[str, Path]:
    """Every artefact of a project's runs by the name that MLflow knows it by."""
    found = {}
    records = (project / "data").rglob(".made/*.json")
    for record in sorted(records):
        cell_folder = record.parents[1]
        path = cell_folder / record.stem
        told = read_record(path)
        if told is None or not path.is_file():
            continue
        if told.dataset == BUNDLE:
            continue
        folder = artefact_folder(told.dataset, told.seed)
        found[f"{folder}/{path.name}"] = path
    return found


@dataclass(frozen=True)
class Difference:
    """Whether what was made again is as promised, and what there is to say of it."""

    is_none: bool
    lines: Sequence[str]


def _by_bytes(
    what: str,
    names: Sequence[str],
    known: Recorded,
    made: Mapping[str, Path],
) -> Difference:
    """Artefacts whose bytes differ or that were not made again."""
    lines = []
    different = []
    for name in names:
        path = made.get(name)
        if path is None:
            different.append(f"  {name} (was not made)")
        elif file_sha256(path) != known.artefacts[name]:
            different.append(f"  {name}")
    if not different and names:
        lines.append(f"{what}: {len(names)} files, the same bytes")
    if different:
        lines.append(f"{what}: {len(different)} of {len(names)} files differ")
        lines.extend(different[:SHOWN])
    more = len(different) - SHOWN
    if more > 0:
        lines.append(f"  and {more} more")
    return Difference(not different, lines)


def _by_intervals(known: Recorded, made: Mapping[str, Path]) -> Difference:
    """Metrics whose intervals lie apart."""
    accelerator = accelerator_in_force(known.asked_accelerator)
    there = f"{known.processor}, accelerator {known.accelerator}"
    here = f"{processor_kind()}, accelerator {accelerator}"
    why = f"it was run on {there}; here {here}: results are compared by their intervals"
    again = made.get(METRICS)
    if known.metrics is None:
        return Difference(
            False, [why, "it left no metrics, so results can't be compared"]
        )
    if again is None:
        return Difference(False, [why, "it left metrics, and none were made again"])
    before = _intervals(known.metrics)
    now = _intervals(read_json(again))
    apart = []
    for name, estimate in before.items():
        found = now.get(name)
        if found is None:
            apart.append(f"  {name}: {estimate} there, none here")
        elif not estimate.overlaps(found):
            apart.append(f"  {name}: {estimate} there, {found} here")
    number = len(before) - len(apart)
    overlap = f"metrics: the intervals of {number} of {len(before)} overlap"
    return Difference(not apart, [why, overlap, *apart])


def _intervals(document: Mapping[str, Any]) -> dict[str, Interval]:
    """The metrics of a document that have a value."""
    found = {}
    for name, told in document["aggregate"].items():
        if told is not None:
            found[name] = Interval.of(told)
    return found
