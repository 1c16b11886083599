"""A task's source, whatever its format, as a sound table of ours; or one error with
everything that is wrong."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from oer_pipeline.common.errors import ConfigurationError, DataError, choices
from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.physics import Bounds, Physics
from oer_pipeline.suites.plausibility import plausibility, space_differs, warn
from oer_pipeline.suites.suite import Task
from oer_pipeline.trajectories import arrow
from oer_pipeline.trajectories.exchange import repair
from oer_pipeline.trajectories.exchange.d4rl import read_d4rl
from oer_pipeline.trajectories.exchange.draft import Draft
from oer_pipeline.trajectories.exchange.minari import read_minari
from oer_pipeline.trajectories.exchange.npz import read_npz
from oer_pipeline.trajectories.exchange.npz_episodes import read_npz_episodes
from oer_pipeline.trajectories.exchange.ogbench import read_ogbench
from oer_pipeline.trajectories.exchange.robomimic import read_robomimic
from oer_pipeline.trajectories.exchange.source import Source
from oer_pipeline.trajectories.guard import reading
from oer_pipeline.trajectories.schema import TRANSITIONS
from oer_pipeline.trajectories.table import Trajectories
from oer_pipeline.trajectories.validate import (
    FINITE,
    HIGH,
    KNOWN,
    LOW,
    ORDER,
    action_bounds,
    flaws,
    validate,
)

logger = logging.getLogger(__name__)

READERS: dict[str, Callable[[Source], Draft]] = {
    "d4rl": lambda source: Draft.of_found(read_d4rl(source.file, source.path, source)),
    "minari": lambda source: Draft.of_found(read_minari(source.file, source.path)),
    "npz": lambda source: Draft.of_found(read_npz(source.file, source.path, source)),
    "npz_episodes": lambda source: Draft.of_found(
        read_npz_episodes(source, source.path)
    ),
    "ogbench": lambda source: Draft.of_found(
        read_ogbench(source.file, source.path, source)
    ),
    "parquet": lambda source: Draft.of_table(*arrow.read(source.file, TRANSITIONS)),
    "robomimic": lambda source: Draft.of_found(
        read_robomimic(source.file, source.path, source)
    ),
}


def import_source(source: Source, task: Task) -> Trajectories:
    """The data of a task's source as a sound table of that task (protocol, section 2).

    Only what the source allows is mended; metadata `mended` says what was. float64
    becomes float32 always, and `mended` says what that changed. Actions stay in the
    environment's units.

    Raises:
        ConfigurationError: an unknown format.
        DataError: a file that cannot be read, or every flaw of its content in one
            message: column, row, rule, how many, and the option that mends it.
    """
    if source.format not in READERS:
        raise ConfigurationError(
            f"unknown format {source.format!r}; {choices(READERS, str(source.format))}"
        )
    physics, where = task.physics(), _called(source)
    draft = READERS[source.format](source)
    _shape(draft, source)
    if not draft.flaws:
        _check_spaces(draft, physics, where)
    if not draft.flaws:
        _mend(draft, source, task.horizon, *_bounds(physics))
    if draft.flaws:
        raise DataError(f"{where}: {'; '.join(draft.flaws)}{_narrowing(draft)}")
    repair.derive_next_observations(draft, where)
    columns = {name: draft.columns[name] for name in TRANSITIONS.present(draft.columns)}
    every: dict[str, Any] = {"reward": None, **columns}
    table = Trajectories(**every, metadata=_metadata(draft, source, task, physics))
    validate(table, where)
    table = _held_against(table, physics, draft, where)
    logger.info("%s: imported %d rows; mended: %s", where, len(table), draft.mended)
    return table


def _held_against(
    table: Trajectories, physics: Physics, draft: Draft, where: str
) -> Trajectories:
    """The table, its metadata with how it fits the task's environment; what does not is
    a warning."""
    found = plausibility(table, physics)
    space = space_differs(draft.action_space, Bounds(*_bounds(physics)))
    if space is not None:
        found["action_space"] = space
    told = table.metadata
    name = told["parameters"].get(
        "id", f"{told['family']}, task {told['task']} of suite {told['suite']}"
    )
    warn(found, where, f"environment {name}")
    return replace(table, metadata={**table.metadata, "plausibility": found})


def _called(source: Source) -> str:
    """What errors call the file; where rows are turned round, that they count from its
    end."""
    return (
        f"{source.path} (reversed: rows count from its end)"
        if source.reversed
        else source.path
    )


def _shape(draft: Draft, source: Source) -> None:
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
    """The file has the sizes of the task's environment; a table of ours has its action
    bounds too."""
    sizes = {
        "observation": physics.observation_size,
        "next_observation": physics.observation_size,
    }
    for column, wanted in {**sizes, "action": physics.action_size}.items():
        found = draft.columns[column].shape[1] if column in draft.columns else wanted
        if found != wanted:
            choose = (
                ": choose them by observation_dimensions"
                if found > wanted and column in sizes
                else ""
            )
            draft.flaws.append(
                f"column {draft.name(column)}: found {found} dimensions; the task's"
                f" environment has {wanted}{choose}"
            )
    if draft.ours and draft.says is not None and not draft.flaws:
        (low, high), given = (
            _bounds(physics),
            action_bounds(draft.says, physics.action_size, where),
        )
        if (given[0] != low).any() or (given[1] != high).any():
            draft.flaws.append(
                f"column {draft.name('action')}: {LOW} and {HIGH} are"
                f" {given[0].tolist()} and {given[1].tolist()}; the task's environment"
                f" has {low.tolist()} and {high.tolist()}"
            )


def _mend(
    draft: Draft, source: Source, horizon: int, low: FloatArray, high: FloatArray
) -> None:
    """Mend what is allowed; everything else that is wrong becomes a flaw."""
    repair.refuse_backwards(draft)
    if draft.flaws:
        return
    if "episode" not in draft.columns:
        repair.split_episodes(draft, horizon)
    repair.end_episodes(draft)
    repair.check_lengths(draft, horizon)
    repair.clip_actions(draft, low, high, source.clip_actions)
    repair.terminals_to_timeouts(draft, horizon, source.terminals_at_horizon)
    rules = [r for r in (*FINITE, *ORDER, *KNOWN) if r.column in draft.columns]
    draft.flaws += flaws(rules, draft.columns, draft.names)


def _bounds(physics: Physics) -> tuple[FloatArray, FloatArray]:
    return physics.bounds or action_bounds({}, physics.action_size, "")


def _narrowing(draft: Draft) -> str:
    """What else the import will do, said where it is refused."""
    narrowed = draft.mended["narrowed"].items()
    each = [
        f"{n} ({r['changed']} values, by at most {r['largest_error']:.2g})"
        for n, r in narrowed
    ]
    return (
        f"; besides, float64 becomes float32 and changes {', '.join(each)}"
        if each
        else ""
    )


def _metadata(
    draft: Draft, source: Source, task: Task, physics: Physics
) -> dict[str, Any]:
    says = draft.says or {}
    licence = says.get("licence") or says.get("license")
    bounds = physics.bounds
    files = {"path": source.path, "format": source.format, "sha256": _sha256(source)}
    return {
        "suite": task.suite,
        "task": task.index,
        "family": task.family,
        "parameters": dict(task.parameters),
        "kind": "imported",
        "collector": draft.says,
        "source": files,
        "horizon": task.horizon,
        "mended": draft.mended,
        **({"licence": str(licence)} if licence else {}),
        **(
            {LOW: bounds.low.tolist(), HIGH: bounds.high.tolist()}
            if bounds is not None
            else {}
        ),
    }


def _sha256(source: Source) -> str:
    """Of the file, or of the hashes of a folder's files in their order."""
    with reading(source.path, "file"):
        each = [_file_sha256(path) for path in source.files]
    if len(each) == 1:
        return each[0]
    return hashlib.sha256("\n".join(each).encode()).hexdigest()


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
