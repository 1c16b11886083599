"""Nodes of the reporting pipeline; arguments such as `returns__task_1` come one a task."""

from __future__ import annotations

from typing import Any


def measure(
    cell: dict[str, str], policies_by_seed: dict[int, Any], **by_task: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The cell's metrics document and its headline numbers.

    From `returns`, `references`, and where there are buffers `buffer` and `fidelity`.
    """
    from oer_pipeline.metrics.fidelity import Fidelity
    from oer_pipeline.metrics.report import cell_metrics, headlines
    from oer_pipeline.reports.returns_table import diverged_episodes, matrix, next_task_returns, task_policy_returns

    given = _grouped(by_task)
    tasks, seeds = list(given["references"]), sorted(policies_by_seed)
    by_seed = {s: [table[s] for table in given["returns"].values()] for s in seeds}
    dual = {s: r for s in seeds if (r := task_policy_returns(by_seed[s], len(tasks))) is not None}
    ahead = {s: r for s in seeds if (r := next_task_returns(by_seed[s], len(tasks))) is not None}
    fidelity = given.get("fidelity", {})
    kept = {s: [Fidelity(**fidelity[t][s]) for t in tasks] for s in seeds} if fidelity else None
    buffers = given.get("buffer", {})
    header = policies_by_seed[seeds[0]][1]
    cost = {
        "updates": header["updates"] * len(given["returns"]),
        "parameters": header["parameters"],
        "replay_bytes": sum(b[seeds[0]].replay_bytes for b in buffers.values()),
    }
    references = {t: {kind: r["mean"] for kind, r in given["references"][t].items()} for t in tasks}
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
        diverged_episodes={s: diverged_episodes(tables) for s, tables in by_seed.items()},
        buffers={s: [{"rows": len(b[s]), "walked": int(b[s].walked.sum())} for b in buffers.values()] for s in seeds},
    )
    return metrics, headlines(metrics["aggregate"])


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
    """The cell's table, page, returns as rows to plot, and figures; the projection shows the first seed."""
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
            ("Matrix R", "<p>Return on each task after learning each task.</p>", heatmap.figure(metrics)),
            ("Return over the sequence", "", returns.figure(metrics)),
            ("How the buffers were chosen", buffer_table(metrics), None),
            ("What data, buffer and deployed policy cover", f"<p>Seed {seed}, states on the first two principal "
             "components of each task's data.</p>", projection.figure(panels, dimensions)),
        ],
    )  # fmt: skip
    pictures = heatmap.png(metrics), returns.png(metrics), projection.png(panels, dimensions)
    return table.markdown(), document, _plot_rows(metrics), *pictures


def _plot_rows(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """R as rows for `dvc plots`: {seed, task, learned, return}."""
    return [
        {"seed": int(seed), "task": task, "learned": k + 1, "return": R[k][i]}
        for seed, R in metrics["matrix"].items()
        for i, task in enumerate(metrics["tasks"])
        for k in range(i, len(R))
        if R[k][i] is not None
    ]
