"""Nodes of the collection pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oer_pipeline.suites.scripted import Behaviours
    from oer_pipeline.trajectories.exchange.source import Source
    from oer_pipeline.trajectories.table import Trajectories


def roll_out(
    behaviours: Behaviours,
    task: dict[str, Any],
    transitions: int,
    data_seed: int,
) -> tuple[Trajectories, ...]:
    """Raw trajectories of one task, one table per kind.

    Args:
        behaviours: of the task.
        task: of the plan's sequence.
        transitions: of the parameters: rows of each table.
        data_seed: of the parameters.
    """
    from oer_pipeline.suites.behaviour_data import collect, kinds_of
    from oer_pipeline.suites.suite import Task

    target = Task(**task)
    behaviours.check_task(target)
    tables = []
    for kind in kinds_of(target.family):
        tables.append(collect(target, behaviours, kind, transitions, data_seed))
    return tuple(tables)


def roll_out_random(
    task: dict[str, Any], transitions: int, data_seed: int
) -> Trajectories:
    """Random trajectories of a task without behaviour policies.

    Args:
        task: of the plan's sequence.
        transitions: of the parameters: rows of the table.
        data_seed: of the parameters.
    """
    from oer_pipeline.suites.behaviour_data import collect
    from oer_pipeline.suites.suite import Task

    return collect(Task(**task), None, "random", transitions, data_seed)


def measure_random_references(
    random: Trajectories,
    task: dict[str, Any],
    reference_episodes: int,
    data_seed: int,
) -> dict[str, Any]:
    """Returns of random and zero behaviour, all that a task without behaviour policies
    has.

    Args:
        random: raw trajectories of random behaviour.
        task: of the plan's sequence.
        reference_episodes: of the parameters: how many are played.
        data_seed: of the parameters.
    """
    from oer_pipeline.suites.behaviour_data import references
    from oer_pipeline.suites.suite import Task

    raw = {"random": random}
    return references(Task(**task), raw, data_seed, reference_episodes)


def measure_references(
    random: Trajectories,
    medium: Trajectories,
    expert: Trajectories,
    task: dict[str, Any],
    reference_episodes: int,
    data_seed: int,
) -> dict[str, Any]:
    """Returns of random, zero, medium and expert behaviour; refuses a task whose expert
    has not left the floor.

    Args:
        random: raw trajectories of random behaviour.
        medium: of the behaviour whose return is half-way to the expert's.
        expert: of the behaviour at the end of its training.
        task: of the plan's sequence.
        reference_episodes: of the parameters: how many are played.
        data_seed: of the parameters.
    """
    from oer_pipeline.suites.behaviour import check_trained
    from oer_pipeline.suites.behaviour_data import references
    from oer_pipeline.suites.suite import Task

    target = Task(**task)
    raw = {"random": random, "medium": medium, "expert": expert}
    measured = references(target, raw, data_seed, reference_episodes)
    floor = max(measured["random"]["mean"], measured["zero"]["mean"])
    check_trained(target, floor, measured["expert"]["mean"])
    return measured


def import_data(
    source: Source, task: dict[str, Any]
) -> tuple[Trajectories, dict[str, Any]]:
    """A task's data from a foreign file, repaired as the suite allows, and the
    references that it gives."""
    from oer_pipeline.suites.importing import import_source
    from oer_pipeline.suites.suite import Task

    given = source.references or {}
    references = {name: {"mean": value} for name, value in given.items()}
    return import_source(source, Task(**task)), references
