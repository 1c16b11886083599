"""The report of fair tuning (method, section 7): the same values for every method's
coefficient, chosen by PER on a suite and seeds that are never reported, into
tuned.yml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oer_pipeline.common.atomic import write_atomic
from oer_pipeline.common.terminal import summary
from oer_pipeline.metrics.continual import References, normalise
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.orchestration.run_parameters import parameters_of
from oer_pipeline.orchestration.yaml_files import read_yaml
from oer_pipeline.studies.cells import Cell, Cells
from oer_pipeline.studies.grids import TUNED
from oer_pipeline.studies.jobs import Outcome, Status
from oer_pipeline.studies.kept_files import changing
from oer_pipeline.studies.places import OUTPUT, cell_folder, references, table_of

HEADER = """\
# Written by `make tune`, not by hand: the coefficient of every learner that has one,
# tried at the same values on a suite and seeds that are never reported, chosen by PER
# (success where the suite has it, else normalised; mean over tasks and seeds; of equal
# ones the smaller value) and frozen (method, section 7). `parameters` come on top of
# the method's preset in conf/base/methods.yml; a value given on the command line wins
# over them. `provenance` has the PER of every value and of each seed; null: training
# diverged.
"""


@dataclass(frozen=True)
class Score:
    """What a trial came to: PER per seed to two decimals (`per_by_seed`), or what made
    it diverge."""

    value: float
    per_seed: tuple[float, ...]
    failure: str | None = None

    @property
    def per(self) -> float | None:
        if self.failure:
            return None
        mean = sum(self.per_seed) / len(self.per_seed)
        return round(mean, 2)


def report(cells: Cells, outcomes: Mapping[str, Outcome]) -> str:
    """Writes the environment's tuned.yml; a grid of some methods leaves the others'
    alone."""
    path = path_of(cells.env)
    found = document_of(cells, outcomes)
    with changing(path):
        others: dict[str, Any] = {}
        if cells.grid.methods != TUNED and path.is_file():
            others = read_yaml(path) or {}  # without those of other environments
        write(path, {**others, **found})
    text = path.read_text(encoding="utf-8")
    return f"{text}\n{summary('Tuned values', [('file', path)])}"


def document_of(cells: Cells, outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """What `tuned` makes of a finished grid.

    Args:
        cells: of a grid that varies nothing but the coefficient.
        outcomes: by the cell's name.
    """
    options = {}
    for cell in cells.cells:
        option, _ = _coefficient(cell)
        options[cell.plan.method] = option
    first = cells.cells[0].plan
    scores = scores_of(cells, outcomes)
    return tuned(scores, options, first, cells.params)


def scores_of(cells: Cells, outcomes: Mapping[str, Outcome]) -> dict[str, list[Score]]:
    """What every value of each method's coefficient came to, in the grid's order.

    Args:
        cells: of a grid that varies nothing but the coefficient.
        outcomes: by the cell's name.
    """
    scores: dict[str, list[Score]] = {}
    for cell in cells.cells:
        outcome = outcomes[cell.name]
        _, value = _coefficient(cell)
        failure = None
        per_seed: tuple[float, ...] = ()
        if outcome.status is Status.EXCUSED:
            failure = _why(outcome.reason)
        else:
            per_seed = per_by_seed(cell.plan, cells.root)
        of_method = scores.setdefault(cell.plan.method, [])
        of_method.append(Score(value, per_seed, failure))
    return scores


def _coefficient(cell: Cell) -> tuple[str, float]:
    """The one option that differs between a method's cells, and its value in this
    one."""
    [(name, value)] = cell.combination.varied.items()
    return name, float(value)


def per_by_seed(plan: Plan, root: Path) -> tuple[float, ...]:
    """PER of a finished cell, one a seed: the mean over all tasks after the last one.

    Of success in per cent where the suite has it, else of the normalised return.

    Args:
        plan: of the run.
        root: of the environment's data.
    """
    from oer_pipeline.metrics.returns_table import task_means

    last = plan.tasks[-1].name
    column = "success" if plan.suite.has_success else "return"
    scale = None if plan.suite.has_success else _references(plan, root)
    cell = cell_folder(root, OUTPUT, plan)
    scores = []
    for seed in plan.seeds:
        table = table_of(cell, seed, f"{last}_returns")
        values = task_means(table, "deployed", column).to_numpy()
        if scale is not None:
            values = normalise(values, scale.random, scale.expert)
        scores.append(round(float(values.mean()), 2))
    return tuple(scores)


def _references(plan: Plan, root: Path) -> References | None:
    means: dict[str, dict[str, float]] = {}
    for task in plan.tasks:
        measured = references(root, plan, plan.data_of(task))
        means[task.name] = {kind: found["mean"] for kind, found in measured.items()}
    return References.of(list(means), means)


def chosen(scores: Sequence[Score]) -> float | None:
    """The value of the highest PER, of equal ones the smallest; None where every value
    diverged."""
    finished = [(-score.per, score.value) for score in scores if score.per is not None]
    return min(finished)[1] if finished else None


def tuned(
    scores: Mapping[str, Sequence[Score]],
    options: Mapping[str, str],
    plan: Plan,
    changed: str,
) -> dict[str, Any]:
    """The document: `{method: {parameters, provenance}}`; a method all of whose values
    diverged keeps its default.

    Args:
        scores: of every value, by method.
        options: dotted name of the coefficient, by method.
        plan: of one of the runs; says what all have in common.
        changed: `--params` of all runs beside the grid's; empty: none.
    """
    common = {
        "suite": plan.suite.name,
        "tasks": len(plan.tasks),
        "quality": plan.quality,
        "seeds": list(plan.seeds),
        "updates": plan.parameters["learner"]["updates"],
    }
    common |= {"scale": "success"} if plan.suite.has_success else {}
    common |= {"changed": changed} if changed else {}
    return {
        method: _entry(options[method], own, common) for method, own in scores.items()
    }


def _entry(
    option: str,
    scores: Sequence[Score],
    common: Mapping[str, Any],
) -> dict[str, Any]:
    value = chosen(scores)
    provenance = {
        **common,
        "option": option,
        "values": {s.value: s.per for s in scores},
        "per_seed": {s.value: list(s.per_seed) for s in scores if not s.failure},
    }
    diverged = {s.value: s.failure for s in scores if s.failure}
    return {
        "parameters": {} if value is None else parameters_of(f"{option}={value}"),
        "provenance": provenance | ({"diverged": diverged} if diverged else {}),
    }


def path_of(env: str | None) -> Path:
    """The environment's tuned values, relative to the project."""
    return Path("conf") / (env or "base") / "tuned.yml"


def write(path: Path, document: Mapping[str, Any]) -> None:
    """The document with its header, whole or not at all; equal documents give equal
    bytes."""
    import yaml

    text = HEADER + yaml.dump(
        dict(document),
        Dumper=_dumper(),
        sort_keys=False,
        default_flow_style=None,
        width=118,
    )
    write_atomic(path, text)


def _dumper() -> type[Any]:
    """A YAML writer without references to what was written before."""
    import yaml

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return Plain


def _why(failure: str | None) -> str | None:
    """The error's message without the file that it names at the end."""
    return failure and failure.removeprefix("Error: ").partition(";")[0]
