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
    its buffer should hold.

    Args:
        policies_by_seed: right after learning the task, as tensors and header.
        task: of the plan's sequence.
        evaluation: of the parameters; `episodes`: per seed.
        seeds: one per member.
    """
    from oer_pipeline.pipelines.visits import visits_of
    from oer_pipeline.pipelines.weights import stacked_policies

    act = stacked_policies(policies_by_seed, seeds).task_action
    kind = "visits of the task policy"
    return visits_of(act, task, evaluation["episodes"], seeds, kind)


def judge_selectors(
    data: Trajectories,
    policies_by_seed: dict[int, Weights],
    visits_by_seed: dict[int, Trajectories],
    dynamics: Weights,
    task: dict[str, Any],
    selectors: dict[str, Any],
    sizes: list[int],
    discount: float,
    facts: dict[str, Any],
    seeds: list[int],
) -> tuple[dict[int, pd.DataFrame], dict[int, pd.DataFrame]]:
    """Per seed: one row of judgements per selector and size M, and the rows of D_n that
    each chose.

    Args:
        data: D_n.
        policies_by_seed: right after learning the task, as tensors and header.
        visits_by_seed: what they do there (`visit_as_learned`).
        dynamics: the transition model, as tensors and header.
        task: of the plan's sequence.
        selectors: name -> class and options.
        sizes: of the parameters: each M that is judged.
        discount: gamma, that the critics were trained with.
        facts: of the suite: `horizon` and `distance_dimensions`.
        seeds: one per member.
    """
    from oer_pipeline.common.loading import build
    from oer_pipeline.dynamics.model import TransitionModel
    from oer_pipeline.metrics import judge_selectors as judging_of
    from oer_pipeline.pipelines import weights
    from oer_pipeline.selection.protocol import Selector

    built = {}
    for name, entry in selectors.items():
        built[name] = build(entry["class"], Selector, entry["options"])  # type: ignore[type-abstract]
    learned = judging_of.JudgedTask(
        data.scaled(),
        weights.policies_by_seed(policies_by_seed, seeds),
        {seed: visits_by_seed[seed].observation for seed in seeds},
        TransitionModel.from_tensors(*dynamics),
        facts,
        task["index"],
        discount,
    )

    def tell(name: str) -> None:
        logger.info("task %d: judged %s", task["index"], name)

    return judging_of.judge_selectors(learned, built, sizes, tell)


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
    shows the lowest seed.

    Args:
        data: D_n.
        visits_by_seed: as `judge_selectors` takes them.
        judged_by_seed: its judgements.
        chosen_by_seed: the rows that it says were chosen.
        task: of the plan's sequence.
        judging: of the parameters; `shown`: the size M that is drawn.
        facts: of the suite: `distance_dimensions`.
        seeds: all, in order.
    """
    from oer_pipeline.reports.judging_page import judging_page, ranked
    from oer_pipeline.reports.judging_picture import judging_png, scene_of
    from oer_pipeline.reports.judging_table import judgements_at

    size, first = judging["shown"], min(seeds)
    judged = [judged_by_seed[seed] for seed in seeds]
    judgements = judgements_at(judged, size)
    chosen = chosen_by_seed[first]
    visits = visits_by_seed[first].observation
    dimensions = tuple(facts["distance_dimensions"])
    scene = scene_of(data.observation, visits, chosen, size, dimensions)
    title = f"{task['suite']}, task {task['index']}, M = {size}"
    page = judging_page(title, judgements, scene)
    return page, judging_png(scene, ranked(judgements))
