"""Nodes of the judging pipeline; `by_seed` arguments and outputs are dictionaries seed
-> value."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from oer_pipeline.common.types import Weights
    from oer_pipeline.trajectories.table import Trajectories

logger = logging.getLogger(__name__)


def visit_as_learned(
    policies_by_seed: dict[int, Weights],
    task: dict[str, Any],
    evaluation: dict[str, Any],
    seeds: list[int],
) -> dict[int, Trajectories]:
    """What each seed's pi_n, right after learning task n, does there: the states that
    its buffer should hold."""
    from oer_pipeline.learners.policies import Policies
    from oer_pipeline.pipelines.visits import visits_of

    policies = Policies.stack(
        [Policies.from_tensors(*policies_by_seed[s]) for s in seeds]
    )
    return visits_of(
        policies.task_action,
        task,
        evaluation["episodes"],
        seeds,
        "visits of the task policy",
    )


def judge_selectors(
    data: Trajectories,
    policies_by_seed: dict[int, Weights],
    visits_by_seed: dict[int, Trajectories],
    dynamics: Weights,
    task: dict[str, Any],
    selectors: dict[str, Any],
    judging: dict[str, Any],
    discount: float,
    facts: dict[str, Any],
    seeds: list[int],
) -> tuple[dict[int, pd.DataFrame], dict[int, pd.DataFrame]]:
    """Per seed: one row of judgements a selector and size M, and the rows of D_n that
    each chose."""
    import pandas as pd

    from oer_pipeline.common.loading import build
    from oer_pipeline.dynamics.model import TransitionModel
    from oer_pipeline.learners.policies import Policies
    from oer_pipeline.metrics.judging import judge
    from oer_pipeline.selection.answers import selected
    from oer_pipeline.selection.fill import fill
    from oer_pipeline.selection.protocol import Selector
    from oer_pipeline.selection.request import requests_of

    scaled, model = data.scaled(), TransitionModel.from_tensors(*dynamics)
    policies = {seed: Policies.from_tensors(*policies_by_seed[seed]) for seed in seeds}
    judged: dict[int, list[dict[str, Any]]] = {seed: [] for seed in seeds}
    chosen: dict[int, list[pd.DataFrame]] = {seed: [] for seed in seeds}
    for name, entry in selectors.items():
        selector = build(entry["class"], Selector, entry["options"])  # type: ignore[type-abstract]
        for size in judging["sizes"]:
            requests = requests_of(
                policies,
                scaled,
                size,
                model,
                facts,
                task["index"],
                discount,
                {seed: visits_by_seed[seed].observation for seed in seeds},
            )
            selections = selected(name, selector, list(requests.values()))
            for seed, selection in zip(seeds, selections, strict=True):
                buffer = fill(requests[seed], selection, "policy")
                verdict = judge(
                    buffer,
                    scaled,
                    visits_by_seed[seed].observation,
                    buffer.target_action,
                    facts["distance_dimensions"],
                )
                judged[seed].append({"selector": name, "size": size, **verdict})
                chosen[seed].append(
                    pd.DataFrame({"selector": name, "size": size, "row": buffer.row})
                )
        logger.info("task %d: judged %s", task["index"], name)
    return (
        {seed: pd.DataFrame(rows) for seed, rows in judged.items()},
        {seed: pd.concat(tables, ignore_index=True) for seed, tables in chosen.items()},
    )


def draw_judgements(
    data: Trajectories,
    visits_by_seed: dict[int, Trajectories],
    judged_by_seed: dict[int, pd.DataFrame],
    chosen_by_seed: dict[int, pd.DataFrame],
    task: dict[str, Any],
    judging: dict[str, Any],
    facts: dict[str, Any],
    seeds: list[int],
) -> tuple[str, bytes]:
    """The page and picture of one task at the size `judging.shown`; the projection
    shows the first seed."""
    from oer_pipeline.reports.judging_page import Scene, page_of, png, ranked
    from oer_pipeline.reports.judging_table import judgements_at

    judgements = judgements_at(
        [judged_by_seed[seed] for seed in seeds], judging["shown"]
    )
    rows = chosen_by_seed[seeds[0]]
    rows = rows[rows["size"] == judging["shown"]]
    buffers = {
        str(name): data.observation[own["row"]]
        for name, own in rows.groupby("selector", sort=False)
    }
    dimensions = tuple(facts["distance_dimensions"])
    scene = Scene(
        data.observation, visits_by_seed[seeds[0]].observation, buffers, dimensions
    )
    title = f"{task['suite']}, task {task['index']}, M = {judging['shown']}"
    return page_of(title, judgements, scene), png(scene, ranked(judgements))
