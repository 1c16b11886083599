"""What the package's behaviour policies earn and cost, as the tables of docs/data.md.

`kedro behaviours --table` prints them from the records in the behaviour files, and for
scripts from what `kedro clones` recorded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from oer_pipeline.reports.table import Table
from oer_pipeline.suites.behaviour import BehaviourFile, behaviour_path
from oer_pipeline.suites.scripted import Scripts
from oer_pipeline.suites.suite import FAMILIES, Suite, Task

NAMED = (
    "cheetah_vel_signed",
    "cheetah_vel",
    "cheetah_vel_spread",
    "ant_dir",
    "walker_par",
)
SCRIPTED = {"continual_world_10": 10, "continual_world_tuning": 4}
"""Suites that together have every script of the package once, and how many tasks they
have."""
CLONES = (
    Path(str(resources.files("oer_pipeline.suites")))
    / "behaviours"
    / "meta_world"
    / "clones.json"
)
"""What clones of the scripts' medium data do (`kedro clones`)."""

TITLES = (
    "suite",
    "task",
    "MDP",
    "random",
    "zero action",
    "medium (after steps)",
    "final",
    "steps",
)
OF_SCRIPTS = (
    "suite",
    "task",
    "MDP",
    "random",
    "zero action",
    "medium",
    "bias, cm",
    "its clone",
    "expert",
)


def behaviour_table(suites: Sequence[Suite]) -> str:
    """A Markdown table, a row per task: mean undiscounted returns, environment steps
    of training."""
    rows: list[tuple[str, ...]] = []
    for suite in suites:
        rows += [_row(task) for task in suite.tasks]
    return Table(TITLES, tuple(rows), words=3).markdown()


def script_table(suites: Sequence[Suite]) -> str:
    """A Markdown table, a row per task: mean undiscounted returns, each with the
    success in %, and medium's bias."""
    clones = json.loads(CLONES.read_text(encoding="utf-8")) if CLONES.is_file() else {}
    rows: list[tuple[str, ...]] = []
    for suite in suites:
        rows += [_script_row(task, clones) for task in suite.tasks]
    return Table(OF_SCRIPTS, tuple(rows), words=3).markdown()


def _row(task: Task) -> tuple[str, ...]:
    record: Mapping[str, Any] = BehaviourFile.load(
        behaviour_path(task.family, task.key)
    ).record
    returns = {name: f"{value:.0f}" for name, value in record["returns"].items()}
    medium = f"{returns['medium']} ({record['medium_steps']:,})"
    return (
        task.suite,
        str(task.index),
        task.key,
        returns["random"],
        returns["zero"],
        medium,
        returns["final"],
        f"{record['settings']['steps']:,}",
    )


def _script_row(task: Task, clones: Mapping[str, Any]) -> tuple[str, ...]:
    record = Scripts.load(behaviour_path(task.family, task.key)).record
    told = {
        name: _both(record["returns"][name], record["success"][name])
        for name in record["returns"]
    }
    clone = clones.get(record["script"])
    cloned = _both(clone["return"], clone["success"]) if clone else "-"
    medium = told["medium"], f"{100 * record['bias']:.1f}", cloned
    place = task.suite, str(task.index), record["script"]
    return (*place, told["random"], told["zero"], *medium, told["final"])


def _both(mean: float, success: float) -> str:
    return f"{mean:.0f}, {success:.0%}"


def tables(suites: Sequence[Suite]) -> str:
    """The tables of trained and of scripted suites, of those that there are."""
    scripted = [suite for suite in suites if FAMILIES[suite.family].scripted]
    trained = [suite for suite in suites if suite not in scripted]
    parts = []
    if trained:
        parts.append(behaviour_table(trained))
    if scripted:
        parts.append(script_table(scripted))
    return "\n".join(parts)
