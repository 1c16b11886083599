"""The reports that a grid's file can name, and what each asks of the grid."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReportKind:
    """What a report asks of the grid that ends with it.

    Attributes:
        path: `package.module:function`, which makes it.
        reads: the stage whose results it reads, so that each cell goes through it;
            None: not known.
        compares_methods: it puts cells side by side: it needs the results of all, and
            those of a group differ in their method alone.
        one_regime: it takes one suite, one quality, and one value of each parameter.
        chooses: it chooses a value of each method's coefficient, among two or more.
        tests_claims: of a study; its units are task orders.
        is_of_kept_results: it is made of all results that are kept, so that a part of
            the grid may rewrite the page, too.
        has_comparison_pages: cells that differ in their method alone get a page that
            compares them.
    """

    path: str
    reads: str | None = "reporting"
    compares_methods: bool = False
    one_regime: bool = False
    chooses: bool = False
    tests_claims: bool = False
    is_of_kept_results: bool = False
    has_comparison_pages: bool = False


KINDS = {
    "comparison": ReportKind(
        "oer_pipeline.studies.comparison:report",
        compares_methods=True,
        has_comparison_pages=True,
    ),
    "continual_world": ReportKind(
        "oer_pipeline.studies.continual_world:report",
        compares_methods=True,
        one_regime=True,
        has_comparison_pages=True,
    ),
    "learners": ReportKind(
        "oer_pipeline.studies.learners:report",
        compares_methods=True,
        one_regime=True,
        has_comparison_pages=True,
    ),
    "selectors": ReportKind(
        "oer_pipeline.studies.selectors:report",
        reads="judging",
        compares_methods=True,
    ),
    "study": ReportKind(
        "oer_pipeline.studies.study:report",
        tests_claims=True,
        is_of_kept_results=True,
    ),
    "tuning": ReportKind(
        "oer_pipeline.studies.tuning:report",
        reads="continual",
        one_regime=True,
        chooses=True,
    ),
    "weights": ReportKind(
        "oer_pipeline.studies.weights:report",
        reads="continual",
        one_regime=True,
        chooses=True,
    ),
}


def kind_of(report: str) -> ReportKind:
    """The kind of a report, by its name or by the path of a function of one's own.

    Args:
        report: as a grid's file says it.
    """
    return KINDS.get(report, ReportKind(report, reads=None))
