"""The report of a study: claims tested over task orders, in every regime at once.

A regime is a suite, a quality and a grid's parameters; its unit is a task order with a
seed of its own (`orders` of a grid). Every grid with this report belongs to one study:
what each has found is kept in docs/results/study.csv, and claims are corrected for one
another over all of them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from oer_pipeline.common.atomic import write_atomic
from oer_pipeline.common.errors import DataError
from oer_pipeline.common.terminal import summary
from oer_pipeline.metrics.hypotheses import (
    LEVEL,
    detectable,
    holm,
    paired_p_value,
    standard_error,
)
from oer_pipeline.metrics.intervals import interval, paired_difference
from oer_pipeline.orchestration.circumstances import git
from oer_pipeline.reports.cell_metrics import scale, seed_values
from oer_pipeline.reports.document_blocks import rewrite
from oer_pipeline.reports.table import Row, Table
from oer_pipeline.reports.tables import number
from oer_pipeline.studies import places
from oer_pipeline.studies.cells import Cell, Cells
from oer_pipeline.studies.grids import (
    CLAIMED,
    ORDER,
    Claim,
    Grid,
    names,
    read,
    text_of,
)
from oer_pipeline.studies.jobs import Outcome

RESULTS = Path("docs/results/study.csv")
REPORT = "study"
CEILING, FLOOR, ALONE, UNIFORM = "er_everything", "finetune", "single_task", "er_random"
"""Methods by which a regime qualifies."""
ENOUGH = 80.0
"""That networks of their own reach in a regime that qualifies."""
ROOM = 5.0
"""By which replay of all old data is ahead of a uniform buffer there."""


@dataclass(frozen=True)
class Result:
    """What one method came to on one task order."""

    grid: str
    regime: str
    method: str
    order: int
    scale: str
    per: float
    plasticity: float | None
    forgetting: float | None
    commit: str

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What a newer result takes the place of."""
        return self.grid, self.regime, self.method, self.order


Results = Sequence[Result]


def report(cells: Cells, outcomes: Mapping[str, Outcome]) -> str:
    """Regimes, methods and claims of the whole study, as far as it has run; on the
    grid's page too, where the whole grid ran as its file says."""
    del outcomes
    own = list(_results(cells))
    known = [] if cells.page is None else kept(RESULTS)
    found = merged(known, own)
    grids = [cells.grid]
    if cells.page is not None:
        write_atomic(RESULTS, text_of_results(found))
        grids = study_grids(cells.env)
    blocks = {
        "regimes": regimes_table(found),
        "methods": methods_table(found),
        "claims": claims_table(found, grids),
    }
    lines = []
    if cells.page is not None:
        rewrite(cells.page, blocks)
        lines = [("docs", cells.page), ("results", RESULTS)]
    return "\n\n".join(blocks.values()) + f"\n{summary('Study', lines)}"


def study_grids(env: str | None) -> list[Grid]:
    """Every grid of the study."""
    grids = [read(name, Path("conf"), env) for name in names(Path("conf"), env)]
    return [grid for grid in grids if grid.report == REPORT]


def _results(cells: Cells) -> Iterator[Result]:
    commit = git(Path.cwd(), "rev-parse", "--short=10", "HEAD") or "-"
    for cell in cells.cells:
        metrics = places.metrics(cells.root, cell.plan)
        shown = scale([metrics])
        by_metric = {name: seed_values(metrics, name, shown) for name in CLAIMED}
        for seed in cell.plan.seeds:
            values = {name: by_metric[name][str(seed)] for name in CLAIMED}
            per = values["per"]
            if per is None:
                raise DataError(f"cell {cell.name} has no PER of seed {seed}")
            yield Result(
                grid=cells.grid.name,
                regime=_regime(cell),
                method=cell.plan.method,
                order=seed,
                scale=shown,
                per=per,
                plasticity=values["plasticity"],
                forgetting=values["forgetting"],
                commit=commit,
            )


def _regime(cell: Cell) -> str:
    """`continual_world_10, expert, size=30`."""
    told = cell.combination
    parts = [told.suite, told.quality]
    for name, value in told.varied.items():
        if name != ORDER:
            parts.append(f"{name.rpartition('.')[2]}={text_of(value)}")
    return ", ".join(parts)


def kept(path: Path) -> list[Result]:
    """The results in a file of them; none where there is no file.

    Raises:
        DataError: a file of another form.
    """
    if not path.is_file():
        return []
    found = []
    with path.open(encoding="utf-8", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            try:
                found.append(_result_of(row))
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(f"{path}, line {line}: no result: {error}") from error
    return found


def _result_of(row: Mapping[str, str]) -> Result:
    plasticity, forgetting = row["plasticity"], row["forgetting"]
    return Result(
        grid=row["grid"],
        regime=row["regime"],
        method=row["method"],
        order=int(row["order"]),
        scale=row["scale"],
        per=float(row["per"]),
        plasticity=float(plasticity) if plasticity else None,
        forgetting=float(forgetting) if forgetting else None,
        commit=row["commit"],
    )


def merged(before: Results, now: Results) -> list[Result]:
    """All results, the newer of two, in an order that does not depend on when each was
    found."""
    by_key = {result.key: result for result in [*before, *now]}
    return [by_key[key] for key in sorted(by_key)]


def text_of_results(results: Results) -> str:
    """As a table of comma-separated values."""
    out = io.StringIO()
    columns = [field.name for field in fields(Result)]
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for result in results:
        writer.writerow(asdict(result))
    return out.getvalue()


def regimes_table(results: Results) -> str:
    """Markdown: what a regime leaves room for, and whether it qualifies."""
    rows = []
    for regime in _regimes(results):
        shown = []
        for method in (ALONE, FLOOR, CEILING, UNIFORM):
            mean = _mean_per(results, regime, method)
            shown.append("-" if mean is None else f"{mean:.1f}")
        rows.append((regime, *shown, _qualifies(results, regime)))
    titles = ("regime", ALONE, FLOOR, CEILING, UNIFORM, "qualifies")
    return Table(titles, tuple(rows)).markdown()


def _qualifies(results: Results, regime: str) -> str:
    """`yes`, or the first reason why it does not."""
    means = {}
    for method in (ALONE, FLOOR, CEILING, UNIFORM):
        own = _mean_per(results, regime, method)
        if own is None:
            return f"no {method} yet"
        means[method] = own
    if means[ALONE] < ENOUGH:
        return f"no: {ALONE} is below {ENOUGH:.0f}"
    if means[FLOOR] > means[ALONE] / 2.0:
        return f"no: {FLOOR} keeps over half"
    ahead = _differences(results, regime, Claim("", "per", CEILING, UNIFORM))
    mean = sum(ahead) / len(ahead)
    errors = standard_error(ahead)
    if mean < ROOM or mean < 2.0 * errors:
        return f"no: all data are {mean:.1f} ahead (standard error {errors:.1f})"
    return "yes"


def _mean_per(results: Results, regime: str, method: str) -> float | None:
    """Over the orders that there are; None without any."""
    values = _values(results, regime, method, "per").values()
    return sum(values) / len(values) if values else None


def methods_table(results: Results) -> str:
    """Markdown: every metric of every method, best PER of a regime first."""
    rows: list[Row] = []
    for regime in _regimes(results):
        own = []
        for method in sorted({r.method for r in results if r.regime == regime}):
            cells = []
            for metric in CLAIMED:
                values = list(_values(results, regime, method, metric).values())
                cells.append(number(interval(values), 1) if values else "-")
            per = list(_values(results, regime, method, "per").values())
            own.append((-sum(per) / len(per), (regime, method, *cells, str(len(per)))))
        rows += [row for _, row in sorted(own)]
    titles = ("regime", "method", "PER", "plasticity", "forgetting", "orders")
    return Table(titles, tuple(rows), words=2).markdown()


def claims_table(results: Results, grids: Sequence[Grid]) -> str:
    """Markdown: every claim in every regime, the p-value of each alone and corrected
    for all (Holm), what it comes to, and which difference could have been seen.

    Args:
        results: of the whole study.
        grids: each brings its claims and its regimes.
    """
    tests: dict[str, tuple[Claim, str, list[float], float]] = {}
    for grid in grids:
        of_grid = [result for result in results if result.grid == grid.name]
        for regime in _regimes(of_grid):
            for claim in grid.claims:
                found = _differences(of_grid, regime, claim)
                p_value = paired_p_value(found)
                if p_value is not None:
                    name = f"{grid.name}; {regime}; {claim.says}"
                    tests[name] = (claim, regime, found, p_value)
    corrected = holm({name: test[3] for name, test in tests.items()})
    rows = []
    for name, (claim, regime, found, p_value) in tests.items():
        estimate = interval(found)
        rows.append(
            (
                claim.says,
                regime,
                f"{claim.metric}, {' - '.join(_sides(claim))}",
                number(estimate, 1),
                f"{p_value:.4f}",
                f"{corrected[name]:.4f}",
                verdict(estimate.mean, corrected[name]),
                f"{detectable(found, len(tests)):.1f}",
            )
        )
    titles = (
        "claim",
        "regime",
        "difference",
        "mean",
        "p",
        "p, Holm",
        "verdict",
        "seen",
    )
    return Table(titles, tuple(rows), words=3).markdown()


def verdict(difference: float, p_value: float) -> str:
    """What a corrected test says of a claim that a difference is above 0."""
    if p_value >= LEVEL:
        return "undecided"
    return "supported" if difference > 0.0 else "refuted"


def _sides(claim: Claim) -> tuple[str, str]:
    """The methods that have more and less of the metric, if the claim holds: who is
    ahead forgets less."""
    if claim.metric == "forgetting":
        return claim.beside, claim.of
    return claim.of, claim.beside


def _regimes(results: Results) -> list[str]:
    return sorted({result.regime for result in results})


def _values(
    results: Results, regime: str, method: str, metric: str
) -> dict[int, float]:
    """A metric by task order."""
    found = {}
    for result in results:
        value = getattr(result, metric)
        if (result.regime, result.method) == (regime, method) and value is not None:
            found[result.order] = value
    return found


def _differences(results: Results, regime: str, claim: Claim) -> list[float]:
    """By which the claim's first method is ahead, one per order that both have."""
    more, less = _sides(claim)
    estimate = paired_difference(
        _values(results, regime, more, claim.metric),
        _values(results, regime, less, claim.metric),
    )
    return [] if estimate is None else list(estimate.values)
