"""What Kedro-Viz's workflow view shows: how each node last ended, how long it took, and
which data sets lie there.

Kedro-Viz has a hook for that, which looks at Kedro's own runner and at whole runs alone
and takes what a run kept for skipped. This one writes the same file after every node,
and keeps what other runs left there: a node is shown as it last ran. Of two runs at
once, the file may lack what one of them did.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from oer_pipeline.common.atomic import atomic_path
from oer_pipeline.common.errors import DataError
from oer_pipeline.common.json_text import read_json
from oer_pipeline.datasets.documents import encoded
from oer_pipeline.orchestration.artefacts import files_of
from oer_pipeline.orchestration.inputs import is_parameter
from oer_pipeline.orchestration.internals import EVENTS, viz_id
from oer_pipeline.orchestration.redaction import hide

logger = logging.getLogger(__name__)

Event = dict[str, Any]
FAILED = "on_node_error"
NOT_ENDED = "the run has not ended, or was stopped"


class RunStatus:
    """A Kedro hook that keeps Kedro-Viz's events; a file that cannot be written stops
    nothing."""

    def __init__(self) -> None:
        self._file = Path(EVENTS)
        self._start: Event = {}
        self._events: dict[str, Event] = {}
        """By what Kedro-Viz calls the node or the data set."""
        self._begun: dict[str, float] = {}

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        self._file = Path(run_params["project_path"]) / EVENTS
        self._start = {"event": "before_pipeline_run", "timestamp": _now()}
        self._events = _earlier(self._file)

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        self._begun[node.name] = time.monotonic()

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        self._events[viz_id(node)] = {
            "event": "after_node_run",
            "node": node.name,
            "node_id": viz_id(node),
            "duration": round(time.monotonic() - self._begun[node.name], 3),
            "status": "success",
        }
        self._write(_failed(NOT_ENDED))

    @hook_impl
    def on_node_error(self, error: Exception, node: Node) -> None:
        self._events[viz_id(node)] = {
            "event": FAILED,
            "node": node.name,
            "node_id": viz_id(node),
            "error": _one_line(error),
        }

    @hook_impl
    def after_pipeline_run(
        self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """All nodes are done, also one that failed before and was up to date now."""
        for node in pipeline.nodes:
            event = self._events.get(viz_id(node), {})
            if event.get("event") == FAILED:
                del self._events[viz_id(node)]
        self._look_at(pipeline, catalog)
        self._write({"event": "after_pipeline_run", "timestamp": _now()})

    @hook_impl
    def on_pipeline_error(
        self,
        error: Exception,
        pipeline: Pipeline,
        catalog: CatalogProtocol[Any, Any],
    ) -> None:
        self._look_at(pipeline, catalog)
        self._write(_failed(_one_line(error)))

    def _look_at(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Which data sets lie there, and how large they are."""
        for name in sorted(pipeline.datasets()):
            if is_parameter(name):
                continue
            size = _bytes(catalog[name])
            if size is None:
                self._events.pop(viz_id(name), None)
                continue
            self._events[viz_id(name)] = {
                "event": "after_dataset_saved",
                "dataset": name,
                "node_id": viz_id(name),
                "status": "Available",
                "size": size,
            }

    def _write(self, end: Event) -> None:
        events = [self._start, *self._events.values(), end]
        try:
            self._file.parent.mkdir(exist_ok=True)
            with atomic_path(self._file) as temporary:
                text = encoded(events, str(self._file), indent=2)
                temporary.write_text(text, encoding="utf-8")
        except OSError as error:
            logger.warning("the run's status is not kept for Kedro-Viz: %s", error)


def _earlier(file: Path) -> dict[str, Event]:
    """What earlier runs left, by node or data set; nothing of a file that is missing or
    damaged."""
    try:
        events = read_json(file)
    except DataError:
        return {}
    found = {}
    for event in events if isinstance(events, list) else ():
        if isinstance(event, Mapping) and isinstance(event.get("node_id"), str):
            found[event["node_id"]] = dict(event)
    return found


def _bytes(dataset: Any) -> int | None:
    """Of all files of a data set; None if one is missing."""
    sizes = []
    for path in (files_of(dataset) or {}).values():
        if not path.is_file():
            return None
        sizes.append(path.stat().st_size)
    return sum(sizes)


def _failed(why: str) -> Event:
    return {"event": "on_pipeline_error", "timestamp": _now(), "error": why}


def _one_line(error: Exception) -> str:
    """What it says, in one line and without credentials."""
    return hide(" ".join(str(error).split()))


def _now() -> str:
    return datetime.now(UTC).isoformat()
