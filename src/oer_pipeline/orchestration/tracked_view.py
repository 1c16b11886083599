"""What MLflow's page of an experiment shows first, and the links that lead there.

MLflow 3.17 keeps the columns that are shown in the browser. What a server can keep is a
saved view, in a tag: one click of its button Views, or a link.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

STORE = Path("mlflow.db")
"""As conf/base/mlflow.yml has it."""
NAME = "PER first"
"""The view's name."""
KEY = "cells"
"""The view's name in links."""
METRICS = ("per", "forgetting", "plasticity", "seeds")
"""The columns that come first, raw: every suite has them."""
AS_ON_PAGES = "per_normalised"
"""What pages and tables lead with, beside PER, where there are references."""
ATTRIBUTES = ("Models", "Dataset", "Source")
ONLY_CELLS = "metrics.seeds > 0"
"""A cell's run has a number of seeds, the runs of its seeds have none."""
KIND = {
    "mlflow.experimentKind": "custom_model_development",
    "mlflow.experiment.primaryMetric.name": "per",
    "mlflow.experiment.primaryMetric.greaterIsBetter": "True",
}
"""An experiment is about training models, not about GenAI, and PER comes first."""


def experiment_tags(number: str) -> dict[str, str]:
    """Kind, primary metric, saved view and description of an experiment.

    Args:
        number: of the experiment.
    """
    return {
        **KIND,
        f"mlflow.sharedViewState.{KEY}": _view(),
        "mlflow.note.content": (
            f"A run per method and its parameters, a child per seed: [{NAME}]"
            f"({view_link(number)})."
        ),
    }


def view_link(number: str) -> str:
    """The path of the saved view behind a server's address.

    Args:
        number: of the experiment.
    """
    asked = f"workflowType=machine_learning&viewStateShareKey={KEY}"
    return f"#/experiments/{number}/runs?{asked}"


def links_at(address: str) -> list[str]:
    """A link per experiment of the working directory; none before the first run.

    Args:
        address: of the server that will show them.
    """
    if not STORE.is_file():
        return []
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{STORE}")
    return view_links(client, address)


def view_links(client: MlflowClient, address: str) -> list[str]:
    """A link per experiment that has the view, newest first: a browser that follows it
    leaves MLflow's GenAI view.

    Args:
        client: of the store.
        address: of the server that shows it.
    """
    links = []
    for experiment in client.search_experiments():
        if f"mlflow.sharedViewState.{KEY}" in experiment.tags:
            link = view_link(experiment.experiment_id)
            links.append(f"{experiment.name}  {address}/{link}")
    return links


def _view() -> str:
    """A saved view as MLflow's page writes it: cells, the best PER on top."""
    per, *others = METRICS
    metrics = [f"metrics.`{name}`" for name in (per, AS_ON_PAGES, *others)]
    attributes = [f"attributes.`{name}`" for name in ATTRIBUTES]
    state = {
        "selectedColumns": metrics + attributes,
        "columnOrder": metrics + attributes,
        "searchFilter": ONLY_CELLS,
        "orderByKey": metrics[0],
        "orderByAsc": False,
    }
    now = int(1000 * time.time())
    view = {"name": NAME, "createdAt": now, "updatedAt": now}
    return json.dumps({**view, "state": json.dumps(state)})
