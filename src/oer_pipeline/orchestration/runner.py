"""A sequential runner that makes only what is stale, per artefact and per seed.

An artefact is fresh when its record (`orchestration.records`) names the fingerprint
that its node would give it now and the file is the one that was recorded. A per-seed
node runs for its stale seeds alone, and for none that another cell has made by the same
recipe: a sweep over what acts from the second task on trains the first task once. What
lies in no file is always made.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from pluggy import PluginManager

from oer_pipeline.common.atomic import atomic_path
from oer_pipeline.common.digest import digest
from oer_pipeline.common.errors import OERError
from oer_pipeline.orchestration.artefacts import Member, files_of, writer_of
from oer_pipeline.orchestration.changes import why_made_again
from oer_pipeline.orchestration.classes import check_options
from oer_pipeline.orchestration.fingerprints import Recipe, recipe
from oer_pipeline.orchestration.inputs import RUN_IT, check_inputs, is_parameter
from oer_pipeline.orchestration.internals import Catalog, NodeRunner
from oer_pipeline.orchestration.records import (
    Record,
    file_sha256,
    is_fresh,
    place_of,
    write_record,
)
from oer_pipeline.orchestration.source_code import classes_named, code_hash

Recipes = Mapping[Member, Recipe]


class FreshRunner(NodeRunner):
    """Runs nodes whose outputs are missing or stale; `force` runs all of them.

    `project` is the folder that records name files from, `stages` says which pipeline
    makes an output; the session sets both.
    """

    def __init__(self, is_async: bool = False, force: bool = False) -> None:
        super().__init__(is_async=is_async)
        self._force = force
        self.project = Path.cwd()
        self.stages: Mapping[str, str] = {}
        self.started = False
        self.ran: list[str] = []
        """Names of the nodes that were not up to date, in the order in which they
        ran."""

    def run_nodes(
        self,
        pipeline: Pipeline,
        catalog: Catalog,
        hooks: PluginManager | None,
        run_id: str | None,
    ) -> None:
        self.started = True
        for node in pipeline.nodes:
            # The code that runs is the code at the start, whatever is edited meanwhile.
            code_hash(_function(node), _classes(node, catalog))
        stale_input = check_inputs(pipeline, catalog, self.project, self.stages)
        if stale_input:
            self._logger.warning("%s", stale_input)
        for number, node in enumerate(pipeline.nodes, start=1):
            recipes = _recipes(node, catalog)
            stale = self._stale(node, catalog, recipes)
            if not stale:
                continue
            if not self.ran:
                for every in pipeline.nodes:
                    check_options(_parameters(every, catalog))
            self._logger.info(
                "Node %d of %d: %s%s%s",
                number,
                len(pipeline.nodes),
                node.name,
                _of_seeds(stale),
                self._why(node, catalog, {member: recipes[member] for member in stale}),
            )
            with _narrowed(node, catalog, stale, recipes):
                self.run_node(node, catalog, hooks, run_id)
            self.ran.append(node.name)
            for member in stale:
                self._record(node, catalog, member, recipes[member])
        if kept := len(pipeline.nodes) - len(self.ran):
            self._logger.info(
                "%d of %d nodes were up to date and kept", kept, len(pipeline.nodes)
            )

    def _stale(self, node: Node, catalog: Catalog, recipes: Recipes) -> list[Member]:
        """The members that are to be made, after what another cell has was taken
        over."""
        if self._force or not _lies_in_files(node, catalog):
            return list(recipes)
        stale = []
        for member, made in recipes.items():
            if self._is_fresh(node, catalog, member, made):
                continue
            if not self._is_taken_over(node, catalog, member, made):
                stale.append(member)
        return stale

    def _is_fresh(
        self, node: Node, catalog: Catalog, member: Member, made: Recipe
    ) -> bool:
        paths = _outputs(node, catalog, member).values()
        return all(is_fresh(path, made.fingerprint, self.project) for path in paths)

    def _is_taken_over(
        self, node: Node, catalog: Catalog, member: Member, made: Recipe
    ) -> bool:
        """Take over what another cell has by the same recipe, if one has."""
        if member is None:
            return False
        paths = list(_outputs(node, catalog, member).values())
        for cell in _other_cells(paths[0]):
            others = [_in_cell(path, cell) for path in paths]
            if not all(is_fresh(o, made.fingerprint, self.project) for o in others):
                continue
            for other, path in zip(others, paths, strict=True):
                _copy(other, path)
            self._record(node, catalog, member, made)
            self._logger.info(
                "%s (seed %s): taken over from %s", node.name, member, cell
            )
            return True
        return False

    def _why(self, node: Node, catalog: Catalog, recipes: Recipes) -> str:
        """`: made with torch 2.12.0, here is 2.13.0; it is made again`, of the first
        file that lies there."""
        if self._force:
            return ""
        for member, made in recipes.items():
            for path in _outputs(node, catalog, member).values():
                reason = why_made_again(path, made, self.project)
                if reason:
                    return f": {reason}; it is made again"
        return ""

    def _record(
        self, node: Node, catalog: Catalog, member: Member, made: Recipe
    ) -> None:
        inputs = {}
        for name in _data_inputs(node):
            files = _input_files(catalog[name], member)
            inputs[name] = {
                place_of(path, self.project): _hash(node, name, path) for path in files
            }
        for name, path in _outputs(node, catalog, member).items():
            record = Record(
                file=place_of(path, self.project),
                dataset=name,
                seed=member,
                node=node.name,
                fingerprint=made.fingerprint,
                sha256=file_sha256(path),
                recipe=made.recorded(),
                inputs={name: files for name, files in inputs.items() if files},
            )
            write_record(path, record)


def _recipes(node: Node, catalog: Catalog) -> dict[Member, Recipe]:
    """Each member's recipe; members are the seeds of per-seed outputs, or None
    alone."""
    function, parameters = _function(node), _parameters(node, catalog)
    writers = _writers(node, catalog)
    found = {}
    for member in _members(node, catalog):
        inputs = _input_hashes(node, catalog, member)
        is_own = member is not None and "seeds" in node.inputs
        seed = str(member) if is_own else ""
        found[member] = recipe(function, parameters, inputs, seed, writers)
    return found


def _members(node: Node, catalog: Catalog) -> list[Member]:
    members: set[Member] = set()
    for name in node.outputs:
        members |= set(files_of(catalog[name]) or ())
    if None in members and len(members) > 1:
        raise OERError(
            f"{node.name} has outputs per seed and outputs that all seeds share,"
            f" {list(node.outputs)}; give them nodes of their own"
        )
    return sorted(members, key=str) or [None]


def _writers(node: Node, catalog: Catalog) -> tuple[str, ...]:
    return tuple(sorted({writer_of(catalog[name]) for name in node.outputs}))


def _function(node: Node) -> Callable[..., Any]:
    return node.func.func if isinstance(node.func, partial) else node.func


def _parameters(node: Node, catalog: Catalog) -> dict[str, Any]:
    found = {}
    for name in node.inputs:
        if name.startswith("params:"):
            found[name] = catalog.load(name)
    return found


def _data_inputs(node: Node) -> list[str]:
    return [name for name in node.inputs if not is_parameter(name)]


def _input_hashes(
    node: Node, catalog: Catalog, member: Member
) -> dict[str, dict[str, str]]:
    """Content hashes of what `member`'s output is made from: its own seed's files, and
    everything shared.

    An output shared by all seeds depends on every seed's files, and on which seeds they
    are.
    """
    hashes = {}
    for name in _data_inputs(node):
        files = _input_files(catalog[name], member)
        hashes[name] = {str(m): _hash(node, name, path) for path, m in files.items()}
    return hashes


def _input_files(dataset: Any, member: Member) -> dict[Path, Member]:
    """The files that `member`'s output is made from, and whose each is."""
    files = files_of(dataset) or {}
    if member is not None and member in files:
        return {files[member]: member}
    return {path: owner for owner, path in files.items()}


def _hash(node: Node, name: str, path: Path) -> str:
    if not path.is_file():
        raise OERError(f"{node.name} needs {name}, but {path} is missing; {RUN_IT}")
    return file_sha256(path)


def _outputs(node: Node, catalog: Catalog, member: Member) -> dict[str, Path]:
    """Name -> the member's file, of the outputs that lie in files."""
    found = {}
    for name in node.outputs:
        files = files_of(catalog[name])
        if files:
            found[name] = files[member]
    return found


def _lies_in_files(node: Node, catalog: Catalog) -> bool:
    """Whether the files behind a node's inputs and outputs tell that it need not
    run."""
    names = (*_data_inputs(node), *node.outputs)
    return all(files_of(catalog[name]) is not None for name in names)


def _other_cells(path: Path) -> list[str]:
    """Cells of the suite and quality that have a file of the same name and seed."""
    pattern = f"*/{path.parent.name}/{path.name}"
    return sorted(found.parents[1].name for found in path.parents[2].glob(pattern))


def _in_cell(path: Path, cell: str) -> Path:
    """`.../{cell}/seed_0/file` of another cell."""
    return path.parents[2] / cell / path.parent.name / path.name


def _copy(source: Path, target: Path) -> None:
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)


@contextmanager
def _narrowed(
    node: Node, catalog: Catalog, members: list[Member], recipes: Recipes
) -> Iterator[None]:
    """Let the node's per-seed datasets hold only the members that are to be made, and
    tell a training's checkpoint what it belongs to."""
    datasets: list[Any] = [catalog[name] for name in {*node.inputs, *node.outputs}]
    prints = {str(member): recipes[member].fingerprint for member in members}
    for dataset in datasets:
        if hasattr(dataset, "recipe"):
            dataset.recipe = digest(prints)
    per_seed = [dataset for dataset in datasets if hasattr(dataset, "seeds")]
    before = [dataset.seeds for dataset in per_seed]
    if members != [None]:
        for dataset in per_seed:
            dataset.seeds = list(members)
    try:
        yield
    finally:
        for dataset, seeds in zip(per_seed, before, strict=True):
            dataset.seeds = seeds


def _classes(node: Node, catalog: Catalog) -> tuple[str, ...]:
    """Code that a node is told to load, and what writes its outputs."""
    return (*classes_named(_parameters(node, catalog)), *_writers(node, catalog))


def _of_seeds(members: list[Member]) -> str:
    seeds = [str(m) for m in members if m is not None]
    return f" (seeds {', '.join(seeds)})" if seeds else ""
