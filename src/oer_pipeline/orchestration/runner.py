"""A sequential runner that makes only what is stale, per artefact and per seed.

An artefact is fresh when its record (`orchestration.records`) names the fingerprint
that its node would give it now and the file is the one that was recorded. A per-seed
node runs for its stale seeds alone, and for none that another cell has made by the same
recipe: a sweep over what acts from the second task on trains the first task once. What
lies in no file is always made.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.pipeline import Pipeline
from pluggy import PluginManager

from oer_pipeline.common.atomic import atomic_path, sweep
from oer_pipeline.common.storage import check_places
from oer_pipeline.orchestration.artefacts import Owner
from oer_pipeline.orchestration.changes import why_made_again
from oer_pipeline.orchestration.classes import check_options
from oer_pipeline.orchestration.fingerprints import Recipe
from oer_pipeline.orchestration.inputs import check_inputs
from oer_pipeline.orchestration.internals import Catalog, NodeRunner
from oer_pipeline.orchestration.records import (
    Record,
    file_sha256,
    is_fresh,
    place_of,
    record_path,
    write_record,
)
from oer_pipeline.orchestration.source_code import code_hash
from oer_pipeline.orchestration.step import Recipes, Step
from oer_pipeline.orchestration.upstream import made_otherwise


class FreshRunner(NodeRunner):
    """Runs nodes whose outputs are missing or stale; `force` runs all of them.

    `project` is the folder that records name files from, `pipelines` are all that there
    are, `stages` says which of them makes an output; the session sets all three.
    """

    def __init__(self, is_async: bool = False, force: bool = False) -> None:
        super().__init__(is_async=is_async)
        self.force = force
        self.project = Path.cwd()
        self.pipelines: Mapping[str, Pipeline] = {}
        self.stages: Mapping[str, str] = {}
        self.started = False
        self.catalog: Any = None
        """That of the run, once it has begun."""
        self.pipeline = Pipeline([])
        """What was asked for."""
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
        self.catalog = catalog
        self.pipeline = pipeline
        steps = [Step(node, catalog) for node in pipeline.nodes]
        for step in steps:
            # The code that runs is the code at the start, whatever is edited meanwhile.
            code_hash(step.function, step.code)
        _sweep(steps)
        stale_input = check_inputs(pipeline, catalog, self.project, self.stages)
        other_parameters = made_otherwise(
            pipeline, catalog, self.pipelines, self.stages
        )
        for line in (stale_input, other_parameters):
            if line:
                self._logger.warning("%s", line)
        for number, step in enumerate(steps, start=1):
            recipes = step.recipes()
            stale = self._stale(step, recipes)
            if not stale:
                continue
            if not self.ran:
                check_places(place for every in steps for place in every.places())
                for every in steps:
                    check_options(every.parameters)
            self._logger.info(
                "Node %d of %d: %s%s%s",
                number,
                len(steps),
                step.name,
                _of_seeds(stale),
                self._why(step, stale, recipes),
            )
            with step.narrowed(stale, recipes):
                self.run_node(step.node, catalog, hooks, run_id)
            self.ran.append(step.name)
            for owner in stale:
                self._record(step, owner, recipes[owner])
            step.forget_checkpoint()
        kept = len(steps) - len(self.ran)
        if kept:
            self._logger.info(
                "%d of %d nodes were up to date and kept", kept, len(steps)
            )

    def _stale(self, step: Step, recipes: Recipes) -> list[Owner]:
        """Whose files are to be made, after what another cell has was taken over."""
        if self.force or not step.lies_in_files:
            return list(recipes)
        stale = []
        for owner, recipe in recipes.items():
            paths = list(step.outputs(owner).values())
            if self._are_fresh(paths, recipe):
                continue
            if owner is None or not self._take_over(step, owner, recipe, paths):
                stale.append(owner)
        return stale

    def _are_fresh(self, paths: list[Path], recipe: Recipe) -> bool:
        made = recipe.fingerprint
        return all(is_fresh(path, made, self.project) for path in paths)

    def _take_over(
        self, step: Step, owner: Owner, recipe: Recipe, paths: list[Path]
    ) -> bool:
        """Copy what another cell has by the same recipe; whether one has."""
        for cell in _other_cells(paths[0]):
            others = [_in_cell(path, cell) for path in paths]
            if not self._are_fresh(others, recipe):
                continue
            for other, path in zip(others, paths, strict=True):
                with atomic_path(path) as temporary:
                    shutil.copyfile(other, temporary)
            self._record(step, owner, recipe)
            self._logger.info(
                "%s (seed %s): taken over from %s", step.name, owner, cell
            )
            return True
        return False

    def _why(self, step: Step, stale: list[Owner], recipes: Recipes) -> str:
        """`: made with torch 2.12.0, here is 2.13.0; it is made again`, of the first
        file that lies there."""
        if self.force:
            return ""
        for owner in stale:
            for path in step.outputs(owner).values():
                reason = why_made_again(path, recipes[owner], self.project)
                if reason:
                    return f": {reason}; it is made again"
        return ""

    def _record(self, step: Step, owner: Owner, recipe: Recipe) -> None:
        inputs: dict[str, dict[str, str]] = {}
        for name, files in step.inputs(owner).items():
            for path in files:
                place = place_of(path, self.project)
                sources = inputs.setdefault(name, {})
                sources[place] = step.hash_of(name, path)
        for name, path in step.outputs(owner).items():
            record = Record(
                file=place_of(path, self.project),
                dataset=name,
                seed=owner,
                node=step.name,
                fingerprint=recipe.fingerprint,
                sha256=file_sha256(path),
                recipe=recipe.recorded(),
                inputs=inputs,
            )
            write_record(path, record)


def _sweep(steps: list[Step]) -> None:
    """Remove what killed runs left in the folders of all outputs."""
    folders = set()
    for step in steps:
        for owner in step.owners():
            for path in step.outputs(owner).values():
                folders |= {path.parent, record_path(path).parent}
    for folder in sorted(folders):
        sweep(folder)


def _other_cells(path: Path) -> list[str]:
    """Cells of the suite and quality that have a file of the same name and seed."""
    quality = path.parents[2]
    seed = path.parent.name
    found = quality.glob(f"*/{seed}/{path.name}")
    return sorted(file.parents[1].name for file in found)


def _in_cell(path: Path, cell: str) -> Path:
    """`.../{cell}/seed_0/file` of another cell."""
    quality = path.parents[2]
    seed = path.parent.name
    return quality / cell / seed / path.name


def _of_seeds(owners: list[Owner]) -> str:
    seeds = [str(owner) for owner in owners if owner is not None]
    if not seeds:
        return ""
    return f" (seeds {', '.join(seeds)})"
