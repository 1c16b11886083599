"""`make tune`: fair tuning (method, section 7), the same nine values for every method, into conf/base/tuned.yml.

Tried on a suite and seeds that are never reported, chosen by PER. Each (method, value) is a `kedro run` of the
continual pipeline; what is up to date is kept, so a stopped tuning goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oer_pipeline.atomic import atomic_path
from oer_pipeline.context import data_root, parameters_of
from oer_pipeline.errors import OERError
from oer_pipeline.grid import Job, cell_seconds, data_seconds, run_all
from oer_pipeline.metrics.continual import References, normalise
from oer_pipeline.plan import Plan

VALUES = (0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6)
COEFFICIENTS = {
    "er": "learners.er.replay_weight",
    "er_random": "learners.er_dbc.replay_weight",
    "oer": "learners.er_dbc.replay_weight",
    "ewc": "learners.ewc.penalty",
    "online_ewc": "learners.online_ewc.penalty",
    "si": "learners.si.penalty",
    "rwalk": "learners.rwalk.penalty",
    "gem": "learners.gem.margin",
    "lwf": "learners.lwf.distillation_weight",
}
"""Methods with a coefficient, and which it is; a learner's weight is another with another selector."""
SUITE, QUALITY, SEEDS = "cheetah_vel_tuning", "medium", "1000-1002"
DIVERGED = r"^Error: .*(losses|weights) of seed\(s\) .*(not finite|mean Q is beyond)"
"""What a run ends with when training diverges (`learners.task_training.DivergedError`)."""
HEADER = """\
# Written by `make tune`, not by hand: the coefficient of every learner that has one, tried at the same values on a
# suite and seeds that are never reported, chosen by PER (success where the suite has it, else normalised; mean over
# tasks and seeds; of equal ones the smaller value) and frozen (method, section 7). `parameters` come on top of the
# method's preset in conf/base/methods.yml; a value given on the command line wins over them. `provenance` has the PER
# of every value and of each seed; null: training diverged.
"""


@dataclass(frozen=True)
class Trial:
    """A method with one value of its coefficient."""

    method: str
    value: float

    @property
    def name(self) -> str:
        return f"tune_{self.method}_{self.value:g}"

    def run(self, given: str) -> str:
        """Its parameters, as `kedro run --params` takes them."""
        return _joined(given, f"method={self.method}", f"{COEFFICIENTS[self.method]}={self.value}")


@dataclass(frozen=True)
class Score:
    """What a trial came to: PER per seed to two decimals (`per_by_seed`), or what made it diverge."""

    value: float
    per_seed: tuple[float, ...]
    failure: str | None = None

    @property
    def per(self) -> float | None:
        return None if self.failure else round(sum(self.per_seed) / len(self.per_seed), 2)


def trials() -> list[Trial]:
    """Every method with every value, all methods' first value first."""
    return [Trial(method, value) for value in VALUES for method in COEFFICIENTS]


def jobs_of(plans: Mapping[Trial, Plan], given: str, options: Sequence[str]) -> list[Job]:
    """One job for the data, then one a trial; divergence ends a trial, not the tuning.

    A method's first trial goes ahead: the first task, on which coefficients do not act, is taken over by the others.
    """
    plan = next(iter(plans.values()))
    data = ["--pipelines=collection,ingestion", *options, f"--params={_joined(given, 'method=finetune')}"]
    jobs = [Job("tune_data", data, (), data_seconds(plan))]
    first: dict[str, str] = {}
    for trial in plans:
        arguments = ["--pipelines=continual", *options, f"--params={trial.run(given)}"]
        after = first.setdefault(trial.method, trial.name)
        waits = ("tune_data",) if after == trial.name else (after,)
        jobs.append(Job(trial.name, arguments, waits, cell_seconds(plan), DIVERGED))
    return jobs


def per_by_seed(plan: Plan, root: Path) -> tuple[float, ...]:
    """PER of a finished cell, one a seed: the mean over all tasks after the last one.

    Of success in per cent where the suite has it, else of the normalised return.
    """
    import pandas as pd

    from oer_pipeline.reports.returns_table import task_means

    names = [task.name for task in plan.tasks]
    column = "success" if plan.suite.has_success else "return"
    references = None if plan.suite.has_success else _references(plan, root)
    cell = root / "07_model_output" / plan.suite_folder / plan.quality_folder / plan.cell
    scores = []
    for seed in plan.seeds:
        table = pd.read_parquet(cell / f"seed_{seed}" / f"{names[-1]}_returns.parquet")
        values = task_means(table, "deployed", column).to_numpy()
        if references is not None:
            values = normalise(values, references.random, references.expert)
        scores.append(round(float(values.mean()), 2))
    return tuple(scores)


def _references(plan: Plan, root: Path) -> References | None:
    names = [task.name for task in plan.tasks]
    folder = root / "01_raw" / plan.suite_folder
    measured = {n: json.loads((folder / n / "references.json").read_text()) for n in names}
    means = {n: {kind: found["mean"] for kind, found in kinds.items()} for n, kinds in measured.items()}
    return References.of(names, means)


def chosen(scores: Sequence[Score]) -> float | None:
    """The value of the highest PER, of equal ones the smallest; None where every value diverged."""
    finished = [(-score.per, score.value) for score in scores if score.per is not None]
    return min(finished)[1] if finished else None


def tuned(scores: Mapping[str, Sequence[Score]], plan: Plan, changed: str) -> dict[str, Any]:
    """The document: `{method: {parameters, provenance}}`; a method all of whose values diverged keeps its default."""
    common = {
        "suite": plan.suite.name,
        "tasks": len(plan.tasks),
        "quality": plan.quality,
        "seeds": list(plan.seeds),
        "updates": plan.parameters["learner"]["updates"],
    }
    common |= {"scale": "success"} if plan.suite.has_success else {}
    common |= {"changed": changed} if changed else {}
    return {method: _entry(COEFFICIENTS[method], own, common) for method, own in scores.items()}


def _entry(option: str, scores: Sequence[Score], common: Mapping[str, Any]) -> dict[str, Any]:
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
    """The document with its header, whole or not at all; equal documents give equal bytes."""
    import yaml

    text = HEADER + yaml.dump(dict(document), Dumper=_dumper(), sort_keys=False, default_flow_style=None, width=118)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _dumper() -> type[Any]:
    """A YAML writer without references to what was written before."""
    import yaml

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return Plain


def _joined(*parts: str) -> str:
    """Parameters of a run on the tuning suite; what is fixed comes last and wins."""
    return ",".join(filter(None, (*parts, f"suite={SUITE}", f"quality={QUALITY}", f"seeds={SEEDS}")))


def _why(failure: str | None) -> str | None:
    """The error's message without the file that it names at the end."""
    return failure and failure.removeprefix("Error: ").partition(";")[0]


def main() -> None:
    """Command line: `--jobs`, `--params` and `--env` as `kedro run` takes them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="processes at once")
    parser.add_argument("--params", default="", help="sizes to tune at, such as learner.updates=4000")
    parser.add_argument("--env", help="writes conf/ENV/tuned.yml")
    given = parser.parse_args()

    from oer_pipeline.context import plans_of

    tried = trials()
    try:
        plans = dict(zip(tried, plans_of([t.run(given.params) for t in tried], given.env), strict=True))
    except OERError as error:
        raise SystemExit(f"Error: {error}") from error
    jobs = jobs_of(plans, given.params, [f"--env={given.env}"] if given.env else [])
    run_all(jobs, given.jobs)
    root, failures = Path(data_root(given.env)), {job.name: job.failure for job in jobs}
    scores: dict[str, list[Score]] = {method: [] for method in COEFFICIENTS}
    for trial, plan in plans.items():
        failure = _why(failures[trial.name])
        scores[trial.method].append(Score(trial.value, () if failure else per_by_seed(plan, root), failure))
    path = path_of(given.env)
    write(path, tuned(scores, plans[tried[0]], given.params))
    print(f"{path.read_text(encoding='utf-8')}\nin {path}")


if __name__ == "__main__":
    main()
