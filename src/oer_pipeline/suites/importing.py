"""A task's source, whatever its format, as a sound transition table; or one error with
everything that is wrong."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from oer_pipeline.common.errors import ConfigurationError, DataError, choices
from oer_pipeline.suites.physics import Bounds, Physics
from oer_pipeline.suites.plausibility import plausibility, space_difference, warn
from oer_pipeline.suites.suite import Task
from oer_pipeline.trajectories import arrow
from oer_pipeline.trajectories.concatenate import DIVERGED_NUMBERS
from oer_pipeline.trajectories.exchange import repair
from oer_pipeline.trajectories.exchange.d4rl import read_d4rl
from oer_pipeline.trajectories.exchange.draft import Draft
from oer_pipeline.trajectories.exchange.foreign_data import ForeignData
from oer_pipeline.trajectories.exchange.minari import read_minari
from oer_pipeline.trajectories.exchange.npz import read_npz
from oer_pipeline.trajectories.exchange.npz_episodes import read_npz_episodes
from oer_pipeline.trajectories.exchange.ogbench import read_ogbench
from oer_pipeline.trajectories.exchange.robomimic import read_robomimic
from oer_pipeline.trajectories.exchange.source import FORMATS, Source
from oer_pipeline.trajectories.file_checks import reading
from oer_pipeline.trajectories.metadata import DIVERGED, HIGH, LOW, action_bounds
from oer_pipeline.trajectories.qualities import IMPORTED
from oer_pipeline.trajectories.rules import (
    FINITE,
    NEXT_KNOWN_RULE,
    ORDER,
    find_flaws,
)
from oer_pipeline.trajectories.schema import TRANSITIONS
from oer_pipeline.trajectories.table import Trajectories, validate_trajectories

logger = logging.getLogger(__name__)

READERS = {
    "d4rl": read_d4rl,
    "npz": read_npz,
    "ogbench": read_ogbench,
    "robomimic": read_robomimic,
}
"""The formats that are one file, in which the source may name columns."""


def import_source(source: Source, task: Task) -> Trajectories:
    """The data of a task's source as a sound table of that task (protocol, section 2).

    Only what the source allows is repaired; metadata `mended` says what was. float64
    becomes float32 always, and `mended` says what that changed. Actions stay in the
    environment's units.

    Raises:
        ConfigurationError: an unknown format.
        DataError: a file that cannot be read, or every flaw of its content in one
            message: column, row, rule, how many, and the option that repairs it.
    """
    if source.format not in FORMATS:
        raise ConfigurationError(
            f"unknown format {source.format!r}; {choices(FORMATS, str(source.format))}"
        )
    physics = task.physics()
    where = source.path
    if source.reversed:
        where = f"{source.path} (reversed: rows count from its end)"
    draft = _read(source)
    _choose_columns(draft, source)
    if not draft.flaws:
        _check_spaces(draft, physics, where)
    if not draft.flaws:
        _repair(draft, source, task.horizon, _bounds(physics))
    if draft.flaws:
        flaws = dict.fromkeys(draft.flaws)  # two columns may be one of the file's
        raise DataError(f"{where}: {'; '.join(flaws)}{_narrowing(draft)}")
    repair.derive_next_observations(draft, where)
    columns: dict[str, Any] = {"reward": None}
    for name in TRANSITIONS.present(draft.columns):
        columns[name] = draft.columns[name]
    table = Trajectories(**columns, metadata=_metadata(draft, source, task, physics))
    validate_trajectories(table, where)
    table = _with_plausibility(table, physics, draft, where)
    logger.info("%s: imported %d rows; mended: %s", where, len(table), draft.repairs)
    return table


def _read(source: Source) -> Draft:
    """What the source's file holds, by the reader of its format."""
    if source.format == "parquet":
        columns, metadata = arrow.read(source.file, TRANSITIONS)
        return Draft.of_table(columns, metadata)
    data: ForeignData
    if source.format == "minari":
        data = read_minari(source.file, source.path, source.observation_keys)
    elif source.format == "npz_episodes":
        data = read_npz_episodes(source, source.path)
    else:
        data = READERS[source.format](source.file, source.path, source)
    return Draft.of_foreign(data)


def _with_plausibility(
    table: Trajectories,
    physics: Physics,
    draft: Draft,
    where: str,
) -> Trajectories:
    """The table, its metadata with how it fits the task's environment; what does not is
    a warning."""
    metadata = table.metadata
    fit = plausibility(table, physics)
    difference = space_difference(draft.action_space, _bounds(physics))
    if difference is not None:
        fit["action_space"] = difference
    task = f"task {metadata['task']} of suite {metadata['suite']}"
    name = metadata["parameters"].get("id", f"{metadata['family']}, {task}")
    warn(fit, where, f"environment {name}")
    return replace(table, metadata={**metadata, "plausibility": fit})


def _choose_columns(draft: Draft, source: Source) -> None:
    """What the suite says of the file's columns: their order, which dimensions, no
    rewards."""
    if source.reversed:
        repair.reverse(draft)
    if source.dimensions is not None:
        repair.choose_dimensions(draft, source.dimensions)
    if not source.has_rewards:
        draft.columns.pop("reward", None)
    elif "reward" not in draft.columns:
        draft.flaws.append(
            "it has no rewards; say columns: {rewards: null} to clone them"
            " (learner.base=bc)"
        )


def _check_spaces(draft: Draft, physics: Physics, where: str) -> None:
    """The file has the sizes of the task's environment; a native table has its action
    bounds too."""
    sizes = {
        "observation": physics.observation_size,
        "next_observation": physics.observation_size,
        "action": physics.action_size,
    }
    for column, wanted in sizes.items():
        if column not in draft.columns:
            continue
        width = draft.columns[column].shape[1]
        if width == wanted:
            continue
        remedy = ""
        if width > wanted and column != "action":
            remedy = ": choose them by observation_dimensions"
        draft.flaws.append(
            f"column {draft.name(column)}: found {width} dimensions; the task's"
            f" environment has {wanted}{remedy}"
        )
    if draft.native and draft.description is not None and not draft.flaws:
        _check_bounds(draft, draft.description, physics, where)


def _check_bounds(
    draft: Draft,
    metadata: Mapping[str, Any],
    physics: Physics,
    where: str,
) -> None:
    """The bounds in a native table's metadata are the environment's."""
    low, high = action_bounds(metadata, physics.action_size, where)
    wanted = _bounds(physics)
    if (low != wanted.low).any() or (high != wanted.high).any():
        draft.flaws.append(
            f"column {draft.name('action')}: {LOW} and {HIGH} are {low.tolist()} and"
            f" {high.tolist()}; the task's environment has {wanted.low.tolist()} and"
            f" {wanted.high.tolist()}"
        )


def _repair(
    draft: Draft,
    source: Source,
    horizon: int,
    bounds: Bounds,
) -> None:
    """Repair what is allowed; everything else that is wrong becomes a flaw."""
    repair.refuse_backwards(draft)
    if draft.flaws:
        return
    if "episode" not in draft.columns:
        repair.split_episodes(draft, horizon)
    repair.end_episodes(draft)
    repair.check_lengths(draft, horizon)
    repair.clip_actions(draft, bounds.low, bounds.high, source.clip_actions)
    repair.terminals_to_timeouts(draft, horizon, source.terminals_at_horizon)
    rules = [*FINITE, *ORDER, NEXT_KNOWN_RULE]
    draft.flaws += find_flaws(rules, draft.columns, draft.names, draft.rows)


def _bounds(physics: Physics) -> Bounds:
    """The environment's action bounds, +-1 included."""
    if physics.bounds is not None:
        return physics.bounds
    return Bounds(*action_bounds({}, physics.action_size, ""))


def _narrowing(draft: Draft) -> str:
    """What else the import will do, said where it is refused."""
    changes = []
    for name, record in draft.repairs["narrowed"].items():
        if not record["changed"]:
            continue
        largest = f"{record['largest_error']:.2g}"
        changes.append(f"{name} ({record['changed']} values, by at most {largest})")
    if not changes:
        return ""
    return f"; besides, float64 becomes float32 and changes {', '.join(changes)}"


def _metadata(
    draft: Draft,
    source: Source,
    task: Task,
    physics: Physics,
) -> dict[str, Any]:
    description = draft.description or {}
    licence = description.get("licence") or description.get("license")
    files = {"path": source.path, "format": source.format, "sha256": _sha256(source)}
    metadata: dict[str, Any] = {
        "suite": task.suite,
        "task": task.index,
        "family": task.family,
        "parameters": dict(task.parameters),
        "kind": IMPORTED,
        "collector": draft.description,
        "source": files,
        "horizon": task.horizon,
        "mended": draft.repairs,
    }
    if draft.native:
        metadata |= _of_roll_outs(description, source)
    if licence:
        metadata["licence"] = str(licence)
    if physics.bounds is not None:
        metadata[LOW] = physics.bounds.low.tolist()
        metadata[HIGH] = physics.bounds.high.tolist()
    return metadata


def _of_roll_outs(description: Mapping[str, Any], source: Source) -> dict[str, Any]:
    """What a table of this project says of its episodes' ends; that its terminals at
    the horizon are meant only where they stay."""
    kept = [DIVERGED_NUMBERS]
    if source.terminals_at_horizon != "timeout":
        kept.append(DIVERGED)
    return {name: description[name] for name in kept if name in description}


def _sha256(source: Source) -> str:
    """Of the file, or of the hashes of a folder's files in their order."""
    with reading(source.path, "file"):
        hashes = [_file_sha256(path) for path in source.files]
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
