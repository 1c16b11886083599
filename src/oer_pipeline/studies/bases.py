"""`make bases`: base learners on three suites and four qualities; `make base-choice`:
alpha and critic normalisation.

`bases` runs on reported suites and seeds and writes docs/base_learners.md; `choice`
runs on tasks and seeds that are never reported, and says which alpha the rule takes.
Both go on where they were stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import fill
from typing import Any

from oer_pipeline.common.atomic import write_atomic
from oer_pipeline.common.checks import MOST_UPDATES, known, whole
from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.terminal import Line, summary
from oer_pipeline.metrics.intervals import interval, paired_difference
from oer_pipeline.orchestration.configuration import data_root, plans_of
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.reports.document_blocks import rewrite
from oer_pipeline.reports.learning_curves import Panel, figure
from oer_pipeline.reports.markdown import markdown
from oer_pipeline.studies.cells import data_seconds
from oer_pipeline.studies.command import run_all, say, workers
from oer_pipeline.studies.jobs import Job
from oer_pipeline.studies.learning_curves import (
    POINTS,
    Trial,
    perform_all,
    trials_of,
)
from oer_pipeline.studies.places import data_file, references

PAGE = Path("docs/base_learners.md")
PICTURES = Path("docs/pictures")
RESULTS = Path("docs/results")
TASKS = 2
LINE = 100
"""Characters of a page's line."""
MIXED = ("medium_random", "medium_replay")
"""Qualities whose data hold better and worse than they are on the mean."""
COLUMNS = ("suite", "quality", "variant", "task", "seed", "updates", "return")


@dataclass(frozen=True)
class Study:
    """Suites, qualities and seeds, and the variants of the base learner, as `kedro run
    --params` takes them."""

    block: str
    suites: tuple[str, ...]
    qualities: tuple[str, ...]
    seeds: str
    variants: Mapping[str, str]

    def part(
        self,
        suites: Sequence[str] | None,
        qualities: Sequence[str] | None,
        variants: Sequence[str] | None = None,
    ) -> Study:
        """The study on some of its suites, qualities and variants; None: on all.

        Raises:
            ConfigurationError: one that is none of the study's: a choice must not see
                what is reported; variants without `bc`, which the others are compared
                with.
        """
        kept = _some("--variants", variants, tuple(self.variants))
        if "bc" not in kept:
            raise ConfigurationError(
                f"--variants is {'+'.join(kept)}; bc has to be among them, because the"
                " others are compared with it"
            )
        return replace(
            self,
            suites=_some("--suites", suites, self.suites),
            qualities=_some("--qualities", qualities, self.qualities),
            variants={name: self.variants[name] for name in kept},
        )

    def runs(self, more: str) -> dict[tuple[str, str, str], str]:
        """Parameters of each (suite, quality, variant); `more` are a user's own.

        Raises:
            ConfigurationError: `more` says what the study says itself.
        """
        fixed = ["method=finetune", f"tasks={TASKS}", f"seeds={self.seeds}"]
        self._check_beside(more, fixed)
        found = {}
        for suite in self.suites:
            for quality in self.qualities:
                data = [f"suite={suite}", f"quality={quality}"]
                for variant, told in self.variants.items():
                    parts = [*fixed, told, more, *data]
                    found[suite, quality, variant] = ",".join(filter(None, parts))
        return found

    def _check_beside(
        self,
        more: str,
        fixed: Sequence[str],
    ) -> None:
        """Refuse what would be of no effect, or would make variants the same."""
        said = {"suite", "quality", "compare", *_named(",".join(fixed))}
        for told in self.variants.values():
            said |= _named(told)
        for name in _named(more):
            if name in said:
                raise ConfigurationError(
                    f"study {self.block} says {name} itself; pick among its suites or"
                    " qualities by --suites, --qualities, or write a grid of your own"
                    " (docs/cluster.md)"
                )


def _named(params: str) -> set[str]:
    """The names in what `--params` takes."""
    names = {part.partition("=")[0].strip() for part in params.split(",")}
    return names - {""}


def _some(
    option: str,
    given: Sequence[str] | None,
    every: tuple[str, ...],
) -> tuple[str, ...]:
    if given is None:
        return every
    for name in given:
        known(f"{option}: one of them", name, every)
    return tuple(given)


ALPHAS = ("2.5", "1.0", "0.5", "0.25")
STUDIES = {
    "bases": Study(
        block="bases",
        suites=("cheetah_vel_signed", "ant_dir", "walker_par"),
        qualities=("medium", "medium_random", "medium_replay", "expert"),
        seeds="0-2",
        variants={
            "bc": "learner.base=bc",
            "td3bc_paper": "learner.alpha=2.5,learner.critic_norm=none",
            "td3bc": "",
            "rebrac": "learner.base=rebrac,learner.critic_norm=layer",
            "iql": "learner.base=iql",
        },
    ),
    "choice": Study(
        block="choice",
        suites=("cheetah_vel_tuning", "ant_dir_tuning", "walker_par_tuning"),
        qualities=("random", "medium", "medium_random", "medium_replay", "expert"),
        seeds="1000-1002",
        variants={
            "bc": "learner.base=bc",
            "alpha_2.5_none": "learner.alpha=2.5,learner.critic_norm=none",
            "alpha_2.5": "learner.alpha=2.5,learner.critic_norm=layer",
            "alpha_1.0": "learner.alpha=1.0,learner.critic_norm=layer",
            "alpha_0.5": "learner.alpha=0.5,learner.critic_norm=layer",
            "alpha_0.25": "learner.alpha=0.25,learner.critic_norm=layer",
        },
    ),
}

Curves = Mapping[tuple[str, str, str], Sequence[Mapping[str, Any]]]
"""Per (suite, quality, variant), the result of each task
(`learning_curves.perform`)."""
Means = Mapping[tuple[str, str], Mapping[str, float]]
"""Per (suite, quality), `data_means`."""


def per_seed(results: Sequence[Mapping[str, Any]], point: int) -> dict[str, float]:
    """Each seed's return after `point` updates, mean over tasks; a training that
    diverged has none."""
    found = {}
    for seed in results[0]["returns"]:
        place = list(results[0]["points"]).index(point)
        values = [result["returns"][seed] for result in results]
        if all(len(returns) > place for returns in values):
            found[seed] = sum(returns[place] for returns in values) / len(values)
    return found


def verdict(
    curves: Curves,
    variant: str,
    point: int,
) -> tuple[list[str], list[str]]:
    """Where a variant is below `bc` beyond noise, and where it is above it, by
    intervals paired by seed."""
    below = []
    above = []
    for suite, quality, name in curves:
        if name != variant:
            continue
        ours = per_seed(curves[suite, quality, variant], point)
        cloning = per_seed(curves[suite, quality, "bc"], point)
        difference = paired_difference(ours, cloning)
        pair = f"{suite}, {quality}"
        if difference is None or len(ours) < len(cloning):
            below.append(f"{pair} (diverged)")
        elif difference.high is not None and difference.high < 0.0:
            below.append(pair)
        elif difference.low is not None and difference.low > 0.0:
            above.append(pair)
    return below, above


def chosen(curves: Curves, point: int) -> str | None:
    """The largest alpha, with normalised critics, that is nowhere below `bc` beyond
    noise and above it beyond its interval in two pairs or more of medium_random and
    medium_replay; None if there is none."""
    for alpha in ALPHAS:
        below, above = verdict(curves, f"alpha_{alpha}", point)
        mixed = [pair for pair in above if pair.endswith(MIXED)]
        if not below and len(mixed) >= 2:
            return alpha
    return None


def table(
    curves: Curves,
    data_means: Means,
    point: int,
) -> str:
    """Markdown: a row per suite and quality, the data beside every variant's return
    after `point` updates."""
    variants = list(dict.fromkeys(variant for _, _, variant in curves))
    levels = ("data", "doing nothing", "expert")
    pairs = dict.fromkeys((suite, quality) for suite, quality, _ in curves)
    rows = []
    for suite, quality in pairs:
        means = data_means[suite, quality]
        row = [f"{suite}, {quality}"]
        for name in levels:
            row.append(f"{means[name]:.0f}")
        for variant in variants:
            values = per_seed(curves[suite, quality, variant], point)
            row.append(_shown(list(values.values())) if values else "diverged")
        rows.append(row)
    return markdown(["suite, quality", *levels, *variants], rows)


def _shown(values: Sequence[float]) -> str:
    estimate = interval(values)
    if estimate.low is None:
        return f"{estimate.mean:.0f}"
    return f"{estimate.mean:.0f} [{estimate.low:.0f}, {estimate.high:.0f}]"


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
                )
            )
    return jobs


def conclusion(
    study: Study,
    curves: Curves,
    point: int,
) -> str:
    """What each variant's comparison with `bc` says, and the alpha that the rule
    takes."""
    title = f"after {point:,} updates"
    lines = [
        f"| {title} | below `bc` beyond noise | above `bc` beyond its interval |",
        "| --- | --- | --- |",
    ]
    for variant in study.variants:
        if variant == "bc":
            continue
        below, above = verdict(curves, variant, point)
        lines.append(
            f"| {variant} | {'; '.join(below) or '-'} | {'; '.join(above) or '-'} |"
        )
    alpha = chosen(curves, point)
    taken = "none" if alpha is None else f"alpha {alpha}"
    lines += ["", f"After {point:,} updates the rule takes: {taken}."]
    return "\n".join(lines)


def still_rising(
    curves: Curves,
    variant: str,
    point: int,
    last: int,
) -> list[str]:
    """Suite and quality where a variant gains beyond its interval, paired by seed, by
    training on.

    Args:
        curves: of all variants.
        variant: its name.
        point: updates to train on from.
        last: updates to train on to.
    """
    found = []
    for suite, quality, name in curves:
        if name != variant:
            continue
        results = curves[suite, quality, name]
        gain = paired_difference(per_seed(results, last), per_seed(results, point))
        if gain is not None and gain.low is not None and gain.low > 0.0:
            found.append(f"{suite}, {quality}")
    return found


def convergence(
    curves: Curves,
    variant: str,
    points: Sequence[int],
) -> str:
    """Markdown: a variant's return after every number of updates, and where it still
    rises."""
    titles = [f"{variant}: suite, quality", *(f"{point:,}" for point in points)]
    rows = []
    for suite, quality, name in curves:
        if name != variant:
            continue
        row = [f"{suite}, {quality}"]
        for point in points:
            values = list(per_seed(curves[suite, quality, name], point).values())
            row.append(_shown(values) if values else "diverged")
        rows.append(row)
    text = markdown(titles, rows)
    for point in points[:-1]:
        rising = "; ".join(
            still_rising(
                curves,
                variant,
                point,
                points[-1],
            )
        )
        gains = f"Gains beyond its interval from {point:,} to {points[-1]:,} updates"
        told = fill(f"{gains}: {rising or 'nowhere'}.", LINE)
        text += f"\n{told}\n"
    return text


def picture(
    study: Study,
    curves: Curves,
    means: Means,
    points: Sequence[int],
) -> bytes:
    """The study's curves as PNG, a row per suite and a column per quality.

    Args:
        study: says which rows, columns and lines there are.
        curves: of all variants.
        means: drawn as levels.
        points: numbers of updates, ascending.
    """
    panels = []
    for suite in study.suites:
        for quality in study.qualities:
            lines = {}
            for variant in study.variants:
                results = curves[suite, quality, variant]
                reached = [list(per_seed(results, point).values()) for point in points]
                lines[variant] = [interval(values) for values in reached if values]
            title = f"{suite}, {quality}"
            panels.append(Panel(title, lines, means[suite, quality]))
    return figure(panels, len(study.qualities), points)


def record(curves: Curves, means: Means) -> str:
    """CSV, a row per return that tables and figure are made of; levels have no seed."""
    rows: list[tuple[Any, ...]] = []
    for (suite, quality, variant), results in curves.items():
        for task, result in enumerate(results, start=1):
            for seed, returns in result["returns"].items():
                reached = zip(result["points"], returns, strict=False)
                for updates, value in reached:
                    rows.append((suite, quality, variant, task, seed, updates, value))
    for (suite, quality), levels in means.items():
        for name, value in levels.items():
            rows.append((suite, quality, name, "mean", "", "", value))
    lines = [",".join(COLUMNS)]
    for *words, value in rows:
        cells = [str(word) for word in words]
        lines.append(",".join([*cells, f"{value:.3f}"]))
    return "\n".join(lines) + "\n"


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


def _scope(study: Study) -> str:
    """What the tables are of, in a sentence: a study may have been run in part."""
    suites = ", ".join(study.suites)
    qualities = ", ".join(study.qualities)
    variants = ", ".join(study.variants)
    told = (
        f"{TASKS} tasks of each of {suites}; seeds {study.seeds}; qualities:"
        f" {qualities}; variants: {variants}."
    )
    return fill(told, LINE)


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
    """Run a study; returns its report, which at default sizes is also written.

    Args:
        name: of `STUDIES`.
        env: the environment; None for the default.
        params: beside what the study says, as `kedro run --params` takes them.
        jobs: workers on this machine; None: as many as it can take.
        scheduler: of a Dask cluster that runs already; None: this machine works.
        suites: a part of the study's; None: all.
        qualities: a part of the study's; None: all.
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
            root / "08_reporting" / "learning_curves",
            client,
            say,
        )
    curves = {}
    for key, of_plan in trials.items():
        curves[key] = [found[trial.name] for trial in of_plan]
    means = {key[:2]: data_means(plan, root) for key, plan in plans.items()}
    text = report(
        study,
        curves,
        means,
        updates,
    )
    lines: list[Line] = [("curves", root / "08_reporting" / "learning_curves")]
    if not params and env is None:
        publish(
            study,
            curves,
            means,
            updates,
            text,
        )
        lines += [("page", PAGE), ("figure", PICTURES / _picture_name(study))]
    done = summary(f"Done: study {name}, {len(every)} trials", lines)
    return f"{text}\n\n{done}"


def report(
    study: Study,
    curves: Curves,
    means: Means,
    points: Sequence[int],
) -> str:
    """The study's block of the page: tables of the last point, then what follows from
    them.

    Args:
        study: that was run.
        curves: of all variants.
        means: of the data and references.
        points: numbers of updates, ascending.
    """
    last = points[-1]
    parts = [
        f"![return against updates]({PICTURES.name}/{_picture_name(study)})",
        f"After {last:,} updates:\n\n{table(curves, means, last)}",
    ]
    variant = "td3bc"
    if study.block == "choice":
        parts += [conclusion(study, curves, point) for point in points[-2:]]
        variant = f"alpha_{chosen(curves, last) or ALPHAS[0]}"
    parts.append(convergence(curves, variant, points))
    return "\n\n".join(parts)


def publish(
    study: Study,
    curves: Curves,
    means: Means,
    points: Sequence[int],
    text: str,
) -> None:
    """Write the page's block, its figure, and the numbers that both are made of.

    Args:
        study: that was run.
        curves: of all variants.
        means: of the data and references.
        points: numbers of updates, ascending.
        text: as `report` gives it.
    """
    written = {
        PICTURES / _picture_name(study): picture(
            study,
            curves,
            means,
            points,
        ),
        RESULTS / f"base_learners_{study.block}.csv": record(curves, means).encode(),
    }
    for path, content in written.items():
        write_atomic(path, content)
    rewrite(PAGE, {study.block: f"{_scope(study)}\n\n{text}"})


def _picture_name(study: Study) -> str:
    return f"base_learners_{study.block}.png"
