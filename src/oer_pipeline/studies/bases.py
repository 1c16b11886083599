"""`make bases`: base learners on three suites and four qualities; `make base-choice`:
alpha and critic normalisation.

Both go on where they were stopped, and may be run in parts: docs/base_learners.md is
made of all results that are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from oer_pipeline.common.atomic import write_atomic
from oer_pipeline.common.checks import MOST_UPDATES, known, whole
from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.terminal import Line, summary
from oer_pipeline.orchestration.configuration import data_root, plans_of
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.studies.base_report import picture, report
from oer_pipeline.studies.base_results import (
    Curves,
    Means,
    kept,
    points_of,
    text_of,
)
from oer_pipeline.studies.base_studies import STUDIES, TASKS, Study
from oer_pipeline.studies.cells import data_seconds
from oer_pipeline.studies.command import run_all, say, workers
from oer_pipeline.studies.jobs import Job
from oer_pipeline.studies.kept_files import changing, rewrite_page
from oer_pipeline.studies.learning_curves import (
    POINTS,
    curves_folder,
    perform_all,
    trials_of,
)
from oer_pipeline.studies.places import data_file, references
from oer_pipeline.studies.trial import Trial

PAGE = Path("docs/base_learners.md")
PICTURES = Path("docs/pictures")
RESULTS = Path("docs/results")


def parse_points(given: str) -> list[int]:
    """Numbers of updates, ascending, each once.

    Args:
        given: such as `1000+4000`.

    Raises:
        ConfigurationError: one that is no number of updates.
    """
    points = set()
    for part in given.split("+"):
        if not part.isdecimal():
            raise ConfigurationError(
                f"--points is {given!r}; it takes numbers such as 1000+4000"
            )
        whole(
            "--points: a number of updates",
            int(part),
            1,
            MOST_UPDATES,
        )
        points.add(int(part))
    return sorted(points)


def run_study(
    name: str,
    *,
    env: str | None = None,
    params: str = "",
    jobs: int | None = None,
    scheduler: str | None = None,
    suites: Sequence[str] | None = None,
    qualities: Sequence[str] | None = None,
    variants: Sequence[str] | None = None,
    points: str = "",
) -> str:
    """Run a study or a part of it; returns its report.

    Without `params` and `env` the results are kept beside those of other parts
    (docs/results), and the page is made of all that are kept.

    Args:
        name: of `STUDIES`.
        env: the environment; None for the default.
        params: beside what the study says, as `kedro run --params` takes them.
        jobs: workers on this machine; None: as many as it can take.
        scheduler: of a Dask cluster that runs already; None: this machine works.
        suites: a part of the study's; None: all.
        qualities: a part of the study's; None: all.
        variants: a part of the study's; None: all.
        points: numbers of updates, `1000+4000`; empty: `POINTS`.

    Raises:
        ConfigurationError: a name or a number that the study doesn't take, whatever
            `kedro run` would refuse; before any work.
        SystemExit: data could not be made.
    """
    known("study", name, STUDIES)
    study = STUDIES[name].part(suites, qualities, variants)
    updates = parse_points(points) if points else list(POINTS)
    runs = study.runs(params)
    plans = dict(zip(runs, plans_of(list(runs.values()), env), strict=True))
    root = Path(data_root(env))
    data_jobs = jobs_of(
        study,
        plans,
        params,
        [f"--env={env}"] if env else [],
    )
    with workers(jobs, scheduler) as client:
        run_all(data_jobs, client)
        trials = {
            key: trials_of(
                plan,
                key[2],
                root,
                updates,
            )
            for key, plan in plans.items()
        }
        every: list[Trial] = []
        for of_plan in trials.values():
            every += of_plan
        found = perform_all(
            every,
            curves_folder(root),
            client,
            say,
        )
    curves = {}
    for key, of_plan in trials.items():
        curves[key] = [found[trial.name] for trial in of_plan]
    means = {key[:2]: data_means(plan, root) for key, plan in plans.items()}
    lines: list[Line] = [("curves", curves_folder(root))]
    if not params and env is None:
        text = publish(STUDIES[name], curves, means)
        lines.append(("kept", _kept_in(study)))
    else:
        text = report(study, curves, means, _seen_from_page(study))
    done = summary(f"Done: study {name}, {len(every)} trials", lines)
    return f"{text}\n\n{done}"


def publish(
    study: Study,
    curves: Curves,
    means: Means,
) -> str:
    """Add results to those that are kept, and make the page's block and its figure of
    all of them; returns the block.

    Args:
        study: the whole of it.
        curves: of the part that was run.
        means: of the data and references there.

    Raises:
        DataError: the file of what is kept has another form.
    """
    file = _kept_in(study)
    with changing(file):
        before, means_before = kept(file)
        newer = _not_shorter(curves, before)
        replaced = {(suite, quality) for suite, quality, _ in newer}
        new_means = {place: means[place] for place in means if place in replaced}
        means = {**means_before, **new_means}
        curves = study.in_order({**before, **newer})
        write_atomic(file, text_of(curves, means))
        has_run = study.covered(curves)
        shown = has_run.in_order(curves)
        for suite in sorted({suite for suite, _, _ in curves} - set(has_run.suites)):
            say(f"{suite} waits until it has what the page has of the others")
        if not has_run.qualities:
            return f"{PAGE} stays as it is: no quality is kept with cloning in {file}"
        if not points_of(shown):
            return f"{PAGE} stays as it is: no number of updates is kept of all"
        write_atomic(_picture(study), picture(has_run, shown, means))
        text = report(has_run, shown, means, _seen_from_page(study))
        rewrite_page(PAGE, {study.block: text})
        return text


def _not_shorter(curves: Curves, before: Curves) -> Curves:
    """The curves without those that have less points than what is kept of them."""
    found = {}
    for key, results in curves.items():
        kept_points = set(points_of({key: before[key]})) if key in before else set()
        if kept_points <= set(points_of({key: results})):
            found[key] = results
        else:
            say(f"{', '.join(key)}: kept as it was, which has further points")
    return found


def _kept_in(study: Study) -> Path:
    return RESULTS / f"base_learners_{study.block}.csv"


def _picture(study: Study) -> Path:
    return PICTURES / f"base_learners_{study.block}.png"


def _seen_from_page(study: Study) -> str:
    return f"{PICTURES.name}/{_picture(study).name}"


def jobs_of(
    study: Study,
    plans: Mapping[tuple[str, str, str], Plan],
    more: str,
    options: Sequence[str],
) -> list[Job]:
    """One job per suite for its raw data, then one per quality.

    Args:
        study: its suites and qualities.
        plans: of its runs, by suite, quality and variant.
        more: further `--params`; empty: none.
        options: of `kedro run`, such as `--env=test`.
    """
    jobs = []
    of_suite = {suite: plan for (suite, _, _), plan in plans.items()}
    for suite in study.suites:
        parts = ["method=finetune", f"tasks={TASKS}", more, f"suite={suite}"]
        given = ",".join(filter(None, parts))
        plan = of_suite[suite]
        collect = ("--pipelines=collection", *options, f"--params={given}")
        jobs.append(
            Job(
                f"data_{suite}",
                collect,
                (),
                4 * data_seconds(plan),
                folder=f"bases_{study.block}",
            )
        )
        for quality in study.qualities:
            ingest = (
                "--pipelines=ingestion",
                *options,
                f"--params={given},quality={quality}",
            )
            jobs.append(
                Job(
                    f"data_{suite}_{quality}",
                    ingest,
                    (f"data_{suite}",),
                    15.0,
                    folder=f"bases_{study.block}",
                )
            )
    return jobs


def data_means(plan: Plan, root: Path) -> dict[str, float]:
    """Mean returns over a plan's tasks: of the data set, of doing nothing, of the
    expert."""
    from oer_pipeline.trajectories.table import read_trajectories

    found = {"data": 0.0, "doing nothing": 0.0, "expert": 0.0}
    for task in plan.tasks:
        listed = plan.data_of(task)
        data = read_trajectories(data_file(root, plan, listed))
        measured = references(root, plan, listed)
        of_task = {
            "data": float(data.returns.mean()),
            "doing nothing": measured["zero"]["mean"],
            "expert": measured["expert"]["mean"],
        }
        for name, value in of_task.items():
            found[name] += value / len(plan.tasks)
    return found
