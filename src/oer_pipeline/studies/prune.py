"""`kedro prune`: what lies around that no result needs any more, and its removal.

These are folders of suites, qualities and methods that the configuration no longer has;
files that were made by other code, parameters, libraries or inputs; what killed runs
left, stopped trainings' checkpoints included; and logs. Raw and primary data and
behaviour policies only when asked for.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from oer_pipeline.common.atomic import is_abandoned
from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.locks import FOLDER as LOCKS
from oer_pipeline.common.locks import is_held
from oer_pipeline.orchestration.configuration import (
    Configuration,
    configuration_of,
    data_root,
)
from oer_pipeline.orchestration.freshness import State, outputs_of
from oer_pipeline.orchestration.records import record_path
from oer_pipeline.orchestration.run_parameters import parameters_of
from oer_pipeline.studies import grid_files
from oer_pipeline.studies.behaviours import FOLDER as BEHAVIOURS
from oer_pipeline.studies.cells import cells_of
from oer_pipeline.studies.folder_origin import Place, params_of, stem, why_orphaned
from oer_pipeline.studies.jobs import LOGS
from oer_pipeline.studies.places import MODELS, OUTPUT, PRIMARY, RAW, REPORTS
from oer_pipeline.suites.behaviour import behaviour_name
from oer_pipeline.suites.suite import Suite
from oer_pipeline.trajectories.qualities import IMPORTED

CHECKPOINTS = "checkpoints"
LAYERS = (MODELS, OUTPUT, REPORTS, CHECKPOINTS)
STAGES = ("continual", "evaluation", "judging")
"""Pipelines whose files are per seed; a page that is stale costs nothing."""
STOPPED = "of trainings that were stopped; without them these begin anew"
MADE_OTHERWISE = "made by other code, parameters, libraries or inputs"


@dataclass(frozen=True)
class Waste:
    """Something to remove: files and whole folders, and why."""

    what: str
    reason: str
    paths: tuple[Path, ...]

    @property
    def bytes(self) -> int:
        """What it occupies."""
        total = 0
        for path in self.paths:
            files = path.rglob("*") if path.is_dir() else [path]
            total += sum(file.stat().st_size for file in files if file.is_file())
        return total


def find(env: str | None, data: bool = False) -> list[Waste]:
    """What can be removed of an environment; `data`: of its raw and primary data and
    the behaviour policies, too.

    Raises:
        ConfigurationError: a job is at work, or an unknown environment.
    """
    if any(is_held(path) for path in LOCKS.glob("*.lock")):
        raise ConfigurationError(
            "jobs of a grid are at work; prune when they have ended, or stop them"
        )
    root = Path(data_root(env))
    configured = configuration_of(env)
    found = [*_cells(root, env, configured), *_models(root, env, configured)]
    layers = [root / layer for layer in LAYERS]
    if data:
        found += _data(root, env, configured)
        if root == BEHAVIOURS.parents[1]:
            found += _behaviours(configured)
        layers += [root / RAW, root / PRIMARY]
    stopped = tuple(sorted((root / CHECKPOINTS).rglob("*.safetensors")))
    listed = {path for waste in found for path in waste.paths}
    stopped = tuple(path for path in stopped if not set(path.parents) & listed)
    if stopped:
        found.append(Waste(CHECKPOINTS, STOPPED, stopped))
    leftover = tuple(_leftover(layers))
    if leftover:
        found.append(Waste("temporary files", "left by killed runs", leftover))
    logs = tuple(sorted(LOGS.rglob("*.log")))
    if logs:
        found.append(Waste(f"{LOGS}/**/*.log", "logs of grids", logs))
    return found


def remove(found: Sequence[Waste]) -> None:
    """Remove all of it, with the records of files and folders that get empty."""
    for waste in found:
        for path in waste.paths:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
                record_path(path).unlink(missing_ok=True)
            _remove_empty(path.parent)


def _remove_empty(folder: Path) -> None:
    """Remove a folder without files, and those above it, up to a layer."""
    layers = {*LAYERS, RAW, PRIMARY, LOGS.name}
    while folder.name not in layers and folder.is_dir():
        if any(path.is_file() for path in folder.rglob("*")):
            return
        shutil.rmtree(folder)
        folder = folder.parent


def listing(found: Sequence[Waste]) -> str:
    """A line per waste, with its size, and the sum."""
    lines = []
    for waste in found:
        size = megabytes(waste.bytes)
        lines.append(f"{size:>12}  {waste.what}: {waste.reason}")
    total = megabytes(sum(waste.bytes for waste in found))
    return "\n".join([*lines, f"{total:>12}  in all"])


def megabytes(size: int) -> str:
    """`1,234.5 MB`."""
    return f"{size / 1e6:,.1f} MB"


def _cells(
    root: Path,
    env: str | None,
    configured: Configuration,
) -> Iterator[Waste]:
    """Folders that the configuration names no more, and stale files in the others."""
    places = _places(root)
    told: dict[Place, str] = {}
    if any(place.is_hashed for place in places):
        told = _told_by_grids(env)
    any_method = next(iter(configured.methods))
    for place, folders in places.items():
        is_cell = stem(place.cell) not in ("data", "dynamics", "comparison")
        named = place if is_cell else replace(place, cell=any_method)
        reason = why_orphaned(named, configured)
        if reason:
            yield Waste(place.path, reason, folders)
            continue
        if not is_cell:
            continue
        params = told.get(place) or params_of(place, configured)
        seeds = _seeds(folders)
        if params is not None and seeds:
            files = _stale_files(
                folders,
                STAGES,
                env,
                params,
                seeds,
            )
            yield from _made_otherwise(place.path, files)


def _told_by_grids(env: str | None) -> dict[Place, str]:
    """What the cells of all grids are told; names that are hashed do not say it."""
    conf = Path("conf")
    told = {}
    for name in grid_files.names(conf, env):
        try:
            cells = cells_of(grid_files.read(name, conf, env), "", env).cells
        except ConfigurationError:
            continue  # what it has made cannot be checked, and is kept
        for cell in cells:
            plan = cell.plan
            place = Place(plan.suite_folder, plan.quality_folder, plan.cell)
            told[place] = cell.params
    return told


def _places(root: Path) -> dict[Place, tuple[Path, ...]]:
    """Every place that has a folder, with its folders in all layers."""
    found: dict[Place, tuple[Path, ...]] = {}
    for layer in LAYERS:
        for folder in sorted((root / layer).glob("*/*/*")):
            if folder.is_dir():
                place = Place(*folder.relative_to(root / layer).parts)
                found[place] = (*found.get(place, ()), folder)
    return found


def _seeds(folders: Sequence[Path]) -> str:
    """The seeds that folders have files of, as `--params` takes them."""
    seeds = set()
    for folder in folders:
        for path in folder.glob("seed_*"):
            number = path.name.removeprefix("seed_")
            if number.isdecimal():
                seeds.add(int(number))
    return "+".join(map(str, sorted(seeds)))


def _stale_files(
    folders: Sequence[Path],
    pipelines: Sequence[str],
    env: str | None,
    params: str,
    seeds: str = "",
) -> list[Path]:
    """The stale files in folders: those of seeds, or without seeds those that are
    shared."""
    told = f"{params},seeds={seeds}" if seeds else params
    files = []
    for output in outputs_of(pipelines, env, parameters_of(told)):
        path = output.path.absolute()
        of_these = any(path.is_relative_to(folder.absolute()) for folder in folders)
        of_seeds = output.seed is not None
        if output.state is State.STALE and of_these and of_seeds == bool(seeds):
            files.append(path)
    return files


def _made_otherwise(what: str, files: Sequence[Path]) -> list[Waste]:
    """Files that are stale, as something to remove; nothing where there are none."""
    different = tuple(dict.fromkeys(files))
    if not different:
        return []
    return [Waste(what, f"{len(different)} files {MADE_OTHERWISE}", different)]


def _models(
    root: Path,
    env: str | None,
    configured: Configuration,
) -> Iterator[Waste]:
    """Stale transition models."""
    method = next(iter(configured.methods))
    for folder in sorted((root / MODELS).glob("*/*/dynamics")):
        quality, suite = folder.parent.name, folder.parents[1].name
        params = params_of(Place(suite, quality, method), configured)
        if params is not None:
            files = _stale_files(
                [folder],
                ("dynamics",),
                env,
                params,
            )
            yield from _made_otherwise(f"{suite}/{quality}/dynamics", files)


def _data(
    root: Path,
    env: str | None,
    configured: Configuration,
) -> Iterator[Waste]:
    """Raw and primary data of suites that are no more, and stale ones."""
    method = next(iter(configured.methods))
    for layer, stage in ((RAW, "collection"), (PRIMARY, "ingestion")):
        for folder in sorted((root / layer).glob("*")):
            if not folder.is_dir() or folder == BEHAVIOURS:
                continue
            what = f"{layer}/{folder.name}"
            reason = why_orphaned(Place(folder.name, "medium", method), configured)
            if reason:
                yield Waste(what, reason, (folder,))
                continue
            files: list[Path] = []
            for quality in _qualities(layer, folder):
                place = Place(folder.name, quality, method)
                params = params_of(place, configured)
                if params is not None:
                    files += _stale_files([folder], (stage,), env, params)
            yield from _made_otherwise(what, files)


def _qualities(layer: str, folder: Path) -> list[str]:
    """The quality folders of a suite's data; of its raw data one quality that is rolled
    out, which makes all kinds, and the imported one."""
    if layer == RAW:
        return ["random", IMPORTED]
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def _behaviours(configured: Configuration) -> Iterator[Waste]:
    """The project's own behaviour policies that no suite's task is collected with."""
    used = set()
    for name, told in configured.suites.items():
        for task in Suite.from_config(name, told).tasks:
            used.add(BEHAVIOURS / behaviour_name(task.family, task.key))
    for path in sorted(BEHAVIOURS.glob("*/*")):
        if path.is_file() and path not in used:
            yield Waste(str(path), "no suite has such a task", (path,))


def _leftover(layers: Sequence[Path]) -> Iterator[Path]:
    """Temporary files of atomic writes that were killed."""
    for layer in layers:
        for path in sorted(layer.rglob(".*.tmp")):
            if path.is_file() and is_abandoned(path):
                yield path
