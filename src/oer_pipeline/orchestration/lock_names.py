"""What runs make, as the names of their locks (`common.locks`).

A name is the folders of what is made, below an environment's data. Two runs that make
the same have the same lock: whoever starts them, a command line or a grid, takes its
name from here.
"""

from __future__ import annotations

from collections.abc import Sequence

from oer_pipeline.orchestration.plan import Plan

LockName = tuple[str, ...]


def raw_data(plan: Plan) -> LockName:
    """Roll-outs and references, of all qualities."""
    return ("raw", plan.suite_folder)


def data_sets(plan: Plan) -> LockName:
    """The data sets of a quality."""
    return ("data", plan.suite_folder, plan.quality)


def models(plan: Plan) -> LockName:
    """The transition models of a quality."""
    return ("dynamics", plan.suite_folder, plan.quality_folder)


def cell(plan: Plan) -> LockName:
    """Whatever the stages of a cell make."""
    return (plan.suite_folder, plan.quality_folder, plan.cell)


def comparison(plan: Plan, cells: Sequence[str]) -> LockName:
    """The page that compares cells of the same data.

    Args:
        plan: of any of them.
        cells: their folders, in the order of the page.
    """
    return ("comparison", plan.suite_folder, plan.quality_folder, "+".join(cells))
