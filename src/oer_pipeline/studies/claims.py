"""The claims of a study: tested over task orders, corrected for one another, shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from statistics import fmean

from oer_pipeline.metrics.hypotheses import LEVEL, detectable, holm, paired_p_value
from oer_pipeline.metrics.intervals import interval, paired_difference
from oer_pipeline.reports.chart_png import png
from oer_pipeline.reports.claims_chart import Judged, chart
from oer_pipeline.reports.table import Table
from oer_pipeline.reports.tables import number
from oer_pipeline.studies.grids import ORDER, Claim, Grid
from oer_pipeline.studies.qualification import qualifications, qualifies_by_regime
from oer_pipeline.studies.regimes import Regime, orders_text, regimes_of
from oer_pipeline.studies.results import Results

QUALIFIES = {True: "yes", False: "no", None: "-"}
"""What the table says of a regime."""


@dataclass(frozen=True)
class Judgement:
    """A claim in one regime.

    Attributes:
        claim, regime: which.
        differences: by which the claim's method is ahead, one per order.
        p_value: of the claim alone.
        corrected: the p-value corrected for all claims of the study that are not
            secondary (Holm), in which those that are not finished count with 1; None
            for a secondary one.
        together: for how many claims it is corrected; 1 for a secondary one.
        is_finished: whether both methods were run on all orders of the grid's file.
        orders: on how many both methods were run.
        diverged: on how many of these one of them diverged.
        qualifies: whether the regime leaves room for selection; None: not known.
    """

    claim: Claim
    regime: str
    differences: tuple[float, ...]
    p_value: float
    corrected: float | None = None
    together: int = 1
    is_finished: bool = True
    orders: int = 0
    diverged: int = 0
    qualifies: bool | None = None

    @property
    def verdict(self) -> str:
        """What the corrected test says of the claim that differences are above 0."""
        if self.corrected is None:
            return "secondary"
        if not self.is_finished:
            return "not finished"
        if self.corrected >= LEVEL:
            return "undecided"
        return "supported" if fmean(self.differences) > 0.0 else "refuted"


def judgements(
    results: Results,
    grids: Sequence[Grid],
) -> list[Judgement]:
    """Every claim in every regime that has orders enough, corrected for one another;
    secondary ones last.

    Args:
        results: of the whole study.
        grids: each brings its claims and its regimes.
    """
    primary: list[Judgement] = []
    secondary: list[Judgement] = []
    known = qualifies_by_regime(qualifications(results, grids))
    for grid in grids:
        of_grid = [result for result in results if result.grid == grid.name]
        for regime in regimes_of(of_grid):
            qualifies = known.get(regime.without_grid)
            for claim in grid.claims:
                judged = _judged(regime, claim, grid)
                if judged is not None:
                    kind = secondary if claim.secondary else primary
                    kind.append(replace(judged, qualifies=qualifies))
    return [*_corrected(primary, primary_claims(grids)), *secondary]


def _corrected(tests: Sequence[Judgement], claims: int) -> list[Judgement]:
    """Tests with the p-values that Holm's correction leaves them.

    Args:
        tests: those that have results, of regimes that the grids no longer have, too.
        claims: how many the study's grids have; what is not finished counts with 1.
    """
    together = max(len(tests), claims)
    p_values = {str(index): 1.0 for index in range(together)}
    for index, test in enumerate(tests):
        if test.is_finished:
            p_values[str(index)] = test.p_value
    adjusted = holm(p_values)
    found = []
    for index, test in enumerate(tests):
        corrected = adjusted[str(index)]
        found.append(replace(test, corrected=corrected, together=together))
    return found


def _judged(
    regime: Regime,
    claim: Claim,
    grid: Grid,
) -> Judgement | None:
    """A claim in a regime, not corrected; None where its orders are too few."""
    differences = _differences(regime, claim)
    p_value = paired_p_value(differences)
    if p_value is None:
        return None
    both = regime.orders(claim.of) & regime.orders(claim.beside)
    diverged = regime.diverged(claim.of) | regime.diverged(claim.beside)
    return Judgement(
        claim,
        regime.name,
        tuple(differences),
        p_value,
        is_finished=both >= set(grid.orders),
        orders=len(both),
        diverged=len(both & diverged),
    )


def primary_claims(grids: Sequence[Grid]) -> int:
    """How many claims are tested together, in all regimes of all grids, run or not."""
    count = 0
    for grid in grids:
        primary = sum(not claim.secondary for claim in grid.claims)
        varied = [len(v) for name, v in grid.parameters.items() if name != ORDER]
        regimes = len(grid.suites) * len(grid.qualities) * prod(varied)
        count += primary * regimes
    return count


def claims_table(tests: Sequence[Judgement]) -> str:
    """Markdown: every claim in every regime, the p-value of each alone and corrected,
    what it comes to, and which difference could have been seen.

    Args:
        tests: those that have results.
    """
    rows = []
    for test in tests:
        more, less = _sides(test.claim)
        shown = "-"
        if test.is_finished:
            shown = f"{detectable(test.differences, test.together):.1f}"
        rows.append(
            (
                test.claim.says,
                test.regime,
                f"{test.claim.metric}, {more} - {less}",
                orders_text(test.orders, test.diverged),
                number(interval(test.differences), 1),
                _p_text(test.p_value),
                "-" if test.corrected is None else _p_text(test.corrected),
                test.verdict,
                shown,
                QUALIFIES[test.qualifies],
            )
        )
    titles = (
        "claim",
        "regime",
        "difference",
        "orders",
        "mean",
        "p",
        "p, Holm",
        "verdict",
        "detectable",
        "qualifies",
    )
    return Table(titles, tuple(rows), words=3).markdown()


def _p_text(p_value: float) -> str:
    """Four digits; smaller ones are no zero."""
    return "< 0.0001" if p_value < 0.0001 else f"{p_value:.4f}"


def claims_picture(tests: Sequence[Judgement]) -> bytes:
    """PNG: the same as intervals beside zero.

    Args:
        tests: at least one.
    """
    judged = []
    for test in tests:
        judged.append(
            Judged(test.claim.says, test.regime, test.differences, test.verdict)
        )
    return png(chart(judged))


def _sides(claim: Claim) -> tuple[str, str]:
    """The methods that have more and less of the metric, if the claim holds: who is
    ahead forgets less."""
    if claim.metric == "forgetting":
        return claim.beside, claim.of
    return claim.of, claim.beside


def _differences(regime: Regime, claim: Claim) -> list[float]:
    """By which the claim's first method is ahead, one per order that both have."""
    more, less = _sides(claim)
    estimate = paired_difference(
        regime.values(more, claim.metric), regime.values(less, claim.metric)
    )
    return [] if estimate is None else list(estimate.values)
