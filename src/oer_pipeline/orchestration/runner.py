"""A sequential runner that makes only what is stale, per artefact and per seed.

An artefact is fresh when its record (`datasets.made`) names the fingerprint that its
node would give it now and the file is the one that was recorded. A per-seed node runs
for its stale seeds alone, and for none that another cell has made by the same recipe: a
sweep over what acts from the second task on trains the first task once.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import SequentialRunner
from kedro.runner.task import Task
from pluggy import PluginManager

from oer_pipeline.common.atomic import atomic_path
from oer_pipeline.common.errors import OERError
from oer_pipeline.orchestration.classes import check_options
from oer_pipeline.orchestration.fingerprints import (
    classes_named,
    code_hash,
    fingerprint,
)
from oer_pipeline.orchestration.records import file_sha256, is_fresh, write_made

Member = int | None
"""A seed, or None for what all seeds share."""

RUN_IT = "run the stage that makes it first"


class FreshRunner(SequentialRunner):
    """Runs nodes whose outputs are missing or stale; `force` runs all of them."""

    def __init__(self, is_async: bool = False, force: bool = False) -> None:
        super().__init__(is_async=is_async)
        self._force = force
        self.started = False
        self.ran: list[str] = []
        """Names of the nodes that were not up to date, in the order in which they
        ran."""

    def _run(
        self,
        pipeline: Pipeline,
        catalog: CatalogProtocol[Any, Any],
        hook_manager: PluginManager | None = None,
        run_id: str | None = None,
    ) -> None:
        self.started = True
        for node in (
            pipeline.nodes
        ):  # the code that runs is the code at the start, whatever is edited meanwhile
            code_hash(_function(node), classes_named(_parameters(node, catalog)))
        _check_inputs(pipeline, catalog)
        for number, node in enumerate(pipeline.nodes, start=1):
            prints = _fingerprints(node, catalog)
            stale = [
                m
                for m, p in prints.items()
                if self._force or not _fresh(node, catalog, m, p)
            ]
            if stale and not self._force:
                stale = self._not_made_elsewhere(
                    node, catalog, {m: prints[m] for m in stale}
                )
            if not stale:
                continue
            if not self.ran:
                for every in pipeline.nodes:
                    check_options(_parameters(every, catalog))
            self._logger.info(
                "Node %d of %d: %s%s",
                number,
                len(pipeline.nodes),
                node.name,
                _of_seeds(stale),
            )
            with _narrowed(node, catalog, stale):
                Task(
                    node=node,
                    catalog=catalog,
                    hook_manager=hook_manager,
                    is_async=False,
                    run_id=run_id,
                ).execute()
            self.ran.append(node.name)
            for member in stale:
                _record(node, catalog, member, prints[member])
        if kept := len(pipeline.nodes) - len(self.ran):
            self._logger.info(
                "%d of %d nodes were up to date and kept", kept, len(pipeline.nodes)
            )

    def _not_made_elsewhere(
        self,
        node: Node,
        catalog: CatalogProtocol[Any, Any],
        prints: Mapping[Member, str],
    ) -> list[Member]:
        """Take over what another cell has; the members that are still to be made."""
        left: list[Member] = []
        for member, print_ in prints.items():
            cell = _made_by(node, catalog, member, print_)
            if cell is None:
                left.append(member)
                continue
            for name in node.outputs:
                path = catalog[name].paths()[member]
                _copy(_in_cell(path, cell), path)
            _record(node, catalog, member, print_)
            self._logger.info(
                "%s (seed %s): taken over from %s", node.name, member, cell
            )
        return left


def _made_by(
    node: Node, catalog: CatalogProtocol[Any, Any], member: Member, print_: str
) -> str | None:
    """Another cell of the suite and quality that has all of the member's outputs, made
    by the same recipe."""
    if member is None:
        return None
    paths = [catalog[name].paths()[member] for name in node.outputs]
    cells = sorted(
        p.parents[1].name
        for p in paths[0].parents[2].glob(f"*/{paths[0].parent.name}/{paths[0].name}")
    )
    return next(
        (
            cell
            for cell in cells
            if all(is_fresh(_in_cell(p, cell), print_) for p in paths)
        ),
        None,
    )


def _in_cell(path: Path, cell: str) -> Path:
    """`.../{cell}/seed_0/file` of another cell."""
    return path.parents[2] / cell / path.parent.name / path.name


def _copy(source: Path, target: Path) -> None:
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)


def _check_inputs(pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
    """Before any work, every file that no node of the pipeline makes has to be
    there."""
    made = pipeline.all_outputs()
    for node in pipeline.nodes:
        for name in node.inputs:
            if name not in made and not name.startswith("params:"):
                for path in catalog[name].paths().values():
                    _hash(node, name, path, getattr(catalog[name], "remedy", RUN_IT))


def _fingerprints(node: Node, catalog: CatalogProtocol[Any, Any]) -> dict[Member, str]:
    """Each member's fingerprint; members are the seeds of per-seed outputs, or None
    alone."""
    members = {member for name in node.outputs for member in catalog[name].paths()}
    function, parameters = _function(node), _parameters(node, catalog)
    return {
        m: fingerprint(function, parameters, _input_hashes(node, catalog, m))
        for m in sorted(members, key=str)
    }


def _function(node: Node) -> Callable[..., Any]:
    return node.func.func if isinstance(node.func, partial) else node.func


def _parameters(node: Node, catalog: CatalogProtocol[Any, Any]) -> dict[str, Any]:
    return {
        name: catalog.load(name) for name in node.inputs if name.startswith("params:")
    }


def _input_hashes(
    node: Node, catalog: CatalogProtocol[Any, Any], member: Member
) -> dict[str, Any]:
    """Content hashes of what `member`'s output is made from: its own seed's files, and
    everything shared.

    An output shared by all seeds depends on every seed's files, and on which seeds they
    are.
    """
    hashes: dict[str, Any] = {}
    for name in node.inputs:
        if name.startswith("params:") or name == "parameters":
            continue
        paths: Mapping[Member, Path] = catalog[name].paths()
        own = (
            {member: paths[member]} if member is not None and member in paths else paths
        )
        hashes[name] = {str(m): _hash(node, name, path) for m, path in own.items()}
    if member is not None and "seeds" in node.inputs:
        hashes["seeds"] = member
    return hashes


def _hash(node: Node, name: str, path: Path, remedy: str = RUN_IT) -> str:
    if not path.is_file():
        raise OERError(f"{node.name} needs {name}, but {path} is missing; {remedy}")
    return file_sha256(path)


def _fresh(
    node: Node, catalog: CatalogProtocol[Any, Any], member: Member, print_: str
) -> bool:
    return all(is_fresh(catalog[name].paths()[member], print_) for name in node.outputs)


def _record(
    node: Node, catalog: CatalogProtocol[Any, Any], member: Member, print_: str
) -> None:
    inputs = _input_hashes(node, catalog, member)
    for name in node.outputs:
        write_made(catalog[name].paths()[member], print_, node.name, inputs)


@contextmanager
def _narrowed(
    node: Node, catalog: CatalogProtocol[Any, Any], members: list[Member]
) -> Iterator[None]:
    """Let the node's per-seed datasets hold only the members that are to be made."""
    datasets = [
        catalog[name]
        for name in {*node.inputs, *node.outputs}
        if hasattr(catalog[name], "seeds")
    ]
    if members == [None] or not datasets:
        yield
        return
    before = [dataset.seeds for dataset in datasets]
    for dataset in datasets:
        dataset.seeds = list(members)
    try:
        yield
    finally:
        for dataset, seeds in zip(datasets, before, strict=True):
            dataset.seeds = seeds


def _of_seeds(members: list[Member]) -> str:
    seeds = [str(m) for m in members if m is not None]
    return f" (seeds {', '.join(seeds)})" if seeds else ""
