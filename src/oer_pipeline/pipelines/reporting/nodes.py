"""Nodes of the reporting pipeline; arguments such as `returns__task_1` come one a
task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oer_pipeline.metrics.report import Success
    from oer_pipeline.reports.page import Section


def measure(
    cell: dict[str, str], policies_by_seed: dict[int, Any], **by_task: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The cell's metrics document and its headline numbers.

    From `returns`, `references`, and where there are buffers `buffer` and `fidelity`.
    """
    from oer_pipeline.metrics.fidelity import Fidelity
    from oer_pipeline.metrics.report import cell_metrics, headlines
    from oer_pipeline.metrics.returns_table import (
        diverged_episodes,
        matrix,
        next_task_returns,
        task_policy_returns,
    )

    given = _grouped(by_task)
    tasks, seeds = list(given["references"]), sorted(policies_by_seed)
    by_seed = {s: [table[s] for table in given["returns"].values()] for s in seeds}
    dual = {
        s: r
        for s in seeds
        if (r := task_policy_returns(by_seed[s], len(tasks))) is not None
    }
    ahead = {
        s: r
        for s in seeds
        if (r := next_task_returns(by_seed[s], len(tasks))) is not None
    }
    fidelity = given.get("fidelity", {})
    kept = (
        {s: [Fidelity(**fidelity[t][s]) for t in tasks] for s in seeds}
        if fidelity
        else None
    )
    buffers = given.get("buffer", {})
    header = policies_by_seed[seeds[0]][1]
    cost = {
        "updates": header["updates"] * len(given["returns"]),
        "parameters": header["parameters"],
        "replay_bytes": sum(b[seeds[0]].replay_bytes for b in buffers.values()),
    }
    references = {
        t: {kind: r["mean"] for kind, r in given["references"][t].items()}
        for t in tasks
    }
    measured = all({"random", "expert"} <= set(r) for r in references.values())
    matrices = {s: matrix(tables, len(tasks)) for s, tables in by_seed.items()}
    metrics = cell_metrics(
        **cell,
        tasks=tasks,
        matrices=matrices,
        cost=cost,
        references=references if measured else None,
        task_policy_returns=dual or None,
        next_task_returns=ahead or None,
        fidelity=kept,
        diverged_episodes={
            s: diverged_episodes(tables) for s, tables in by_seed.items()
        },
        success=_success(by_seed, given["references"]),
        buffers={
            s: [
                {"rows": len(b[s]), "walked": int(b[s].walked.sum())}
                for b in buffers.values()
            ]
            for s in seeds
        },
    )
    return metrics, headlines(metrics["aggregate"])


def _success(
    by_seed: dict[int, list[Any]], references: dict[str, Any]
) -> Success | None:
    """Success in per cent, where every episode says whether it solved its task."""
    from oer_pipeline.metrics.report import Success
    from oer_pipeline.metrics.returns_table import (
        has_success,
        matrix,
        next_task_returns,
        task_policy_returns,
    )

    if not all(has_success(tables) for tables in by_seed.values()):
        return None
    tasks, column = len(references), "success"
    dual = {
        s: task_policy_returns(tables, tasks, column) for s, tables in by_seed.items()
    }
    ahead = {
        s: next_task_returns(tables, tasks, column) for s, tables in by_seed.items()
    }
    return Success(
        matrices={s: matrix(tables, tasks, column) for s, tables in by_seed.items()},
        references={task: _rates(kinds) for task, kinds in references.items()},
        task_policy={s: rates for s, rates in dual.items() if rates is not None},
        next_task={s: rates for s, rates in ahead.items() if rates is not None},
    )


def _rates(kinds: dict[str, dict[str, float]]) -> dict[str, float]:
    """A task's reference success in per cent, as far as it was measured."""
    return {
        k: 100.0 * r["success"]
        for k, r in kinds.items()
        if r.get("success") is not None
    }


def _grouped(by_task: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """`{"returns__task_1": x}` as `{"returns": {"task_1": x}}`."""
    grouped: dict[str, dict[str, Any]] = {}
    for name, value in by_task.items():
        kind, _, task = name.partition("__")
        grouped.setdefault(kind, {})[task] = value
    return grouped


def draw(
    metrics: dict[str, Any], facts: dict[str, Any], **by_task: Any
) -> tuple[str, str, list[dict[str, Any]], bytes, bytes, bytes]:
    """The cell's table, page, returns as rows to plot, and figures; the projection
    shows the first seed."""
    from oer_pipeline.reports import heatmap, projection, returns
    from oer_pipeline.reports.buffers import buffer_table
    from oer_pipeline.reports.page import page
    from oer_pipeline.reports.tables import cell_table

    given, seed = _grouped(by_task), metrics["seeds"][0]
    dimensions = facts["distance_dimensions"]
    panels = [
        projection.Panel(
            task,
            data.observation,
            given["visits"][task][seed].observation,
            given["buffer"][task][seed].observation if "buffer" in given else None,
        )
        for task, data in given["transitions"].items()
    ]
    table = cell_table(metrics)
    document = page(
        f"{metrics['cell']} on {metrics['suite']}, {metrics['quality']}",
        [
            ("Metrics", table.html(), None),
            *_over_the_sequence(metrics),
            ("How the buffers were chosen", buffer_table(metrics), None),
            (
                "What data, buffer and deployed policy cover",
                f"<p>Seed {seed}, states on the first two principal "
                "components of each task's data.</p>",
                projection.figure(panels, dimensions),
            ),
        ],
    )
    pictures = (
        heatmap.png(metrics),
        returns.png(metrics),
        projection.png(panels, dimensions),
    )
    return table.markdown(), document, _plot_rows(metrics), *pictures


def _over_the_sequence(metrics: dict[str, Any]) -> list[Section]:
    """R as map and as curves: success first where there is any, then return."""
    from oer_pipeline.reports import heatmap, returns
    from oer_pipeline.reports.cells import MEASURED, drawn_scales

    sections: list[Section] = []
    for name in drawn_scales(metrics):
        what = MEASURED[name].capitalize()
        heading = "Matrix R" if name != "success" else "Matrix R of success"
        text = f"<p>{what} on each task after learning each task.</p>"
        sections.append((heading, text, heatmap.figure(metrics, name)))
        sections.append(
            (f"{what} over the sequence", "", returns.figure(metrics, name))
        )
    return sections


def _plot_rows(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """R as rows for `dvc plots`: {seed, task, learned, return} and, where there is any,
    success in per cent."""
    rows = []
    for seed, R in metrics["matrix"].items():
        for i, task in enumerate(metrics["tasks"]):
            for k in range(i, len(R)):
                if R[k][i] is None:
                    continue
                row = {
                    "seed": int(seed),
                    "task": task,
                    "learned": k + 1,
                    "return": R[k][i],
                }
                if "success" in metrics:
                    row["success"] = metrics["success"]["matrix"][seed][k][i]
                rows.append(row)
    return rows
