"""One node on a catalog: whose outputs it makes, from which files, by which recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from kedro.pipeline.node import Node

from oer_pipeline.common.digest import digest
from oer_pipeline.common.errors import OERError
from oer_pipeline.datasets import CheckpointDataset, PerSeedDataset, SeedsDataset
from oer_pipeline.orchestration.artefacts import Owner, files_of, writer_of
from oer_pipeline.orchestration.code_paths import dotted_paths
from oer_pipeline.orchestration.fingerprints import Recipe, recipe
from oer_pipeline.orchestration.inputs import RUN_IT, is_parameter
from oer_pipeline.orchestration.internals import Catalog
from oer_pipeline.orchestration.records import file_sha256

Recipes = Mapping[Owner, Recipe]
Hashes = dict[str, dict[str, str]]


class Step:
    """A node and the datasets that it takes and makes."""

    def __init__(self, node: Node, catalog: Catalog) -> None:
        self.node = node
        self.name = node.name
        self._catalog: Any = catalog
        self._data = []
        for name in node.inputs:
            if not is_parameter(name):
                self._data.append(name)

    @property
    def function(self) -> Callable[..., Any]:
        """What the node calls."""
        function: Callable[..., Any] = self.node.func
        if isinstance(function, partial):
            function = function.func
        return function

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The node's parameters, by the names of its inputs."""
        found = {}
        for name in self.node.inputs:
            if name.startswith("params:"):
                found[name] = self._catalog.load(name)
        return found

    @cached_property
    def code(self) -> tuple[str, ...]:
        """Dotted paths of code that its parameters name, and of what reads its inputs
        and writes its outputs."""
        files = set()
        for name in (*self._data, *self.node.outputs):
            dataset = self._catalog[name]
            if not isinstance(dataset, CheckpointDataset):  # it changes nothing
                files.add(writer_of(dataset))
        named = dotted_paths(self.parameters)
        return (*sorted(named), *sorted(files))

    @property
    def lies_in_files(self) -> bool:
        """Whether the files behind inputs and outputs tell that it need not run.

        A node that makes no file, as one without outputs, is run for what it does.
        """
        inputs = [files_of(self._catalog[name]) for name in self._data]
        outputs = [files_of(self._catalog[name]) for name in self.node.outputs]
        return any(outputs) and None not in (*inputs, *outputs)

    def recipes(self) -> dict[Owner, Recipe]:
        """Each owner's."""
        found = {}
        for owner in self.owners():
            found[owner] = self.recipe_of(owner)
        return found

    def recipe_of(self, owner: Owner) -> Recipe:
        """What an owner's outputs are made of.

        Raises:
            OERError: an input's file is missing.
        """
        seed = ""
        if owner is not None and "seeds" in self.node.inputs:
            seed = str(owner)
        return recipe(
            self.function,
            self.parameters,
            self._input_hashes(owner),
            seed=seed,
            code=self.code,
        )

    def outputs(self, owner: Owner) -> dict[str, Path]:
        """Name -> the owner's file, of the outputs that lie in files."""
        found = {}
        for name in self.node.outputs:
            files = files_of(self._catalog[name])
            if files:
                found[name] = files[owner]
        return found

    def inputs(self, owner: Owner) -> dict[str, dict[Path, Owner]]:
        """Name -> the files that the owner's outputs are made from, and whose each is:
        its own seed's, and everything shared.

        An output shared by all seeds depends on every seed's files.
        """
        found = {}
        for name in self._data:
            files = files_of(self._catalog[name]) or {}
            if owner is not None and owner in files:
                files = {owner: files[owner]}
            found[name] = {path: whose for whose, path in files.items()}
        return found

    def places(self) -> Iterator[Path]:
        """All files that it writes, those of a training under way included."""
        for owner in self.owners():
            yield from self.outputs(owner).values()
        for checkpoint in self._checkpoints:
            yield checkpoint.load()[0]

    def forget_checkpoint(self) -> None:
        """What the node made lies in files by now."""
        for checkpoint in self._checkpoints:
            checkpoint.remove()

    @property
    def _checkpoints(self) -> list[CheckpointDataset]:
        """Datasets of the inputs that are a training's checkpoint."""
        datasets = [self._catalog[name] for name in self._data]
        return [each for each in datasets if isinstance(each, CheckpointDataset)]

    @contextmanager
    def narrowed(
        self,
        owners: Sequence[Owner],
        recipes: Recipes,
    ) -> Iterator[None]:
        """Let datasets per seed hold only the owners whose files are to be made, and
        tell a training's checkpoint what it belongs to."""
        prints = {}
        for owner in owners:
            prints[str(owner)] = recipes[owner].fingerprint
        for checkpoint in self._checkpoints:
            checkpoint.recipe = digest(prints)
        per_seed = []
        for name in {*self.node.inputs, *self.node.outputs}:
            dataset = self._catalog[name]
            if isinstance(dataset, PerSeedDataset | SeedsDataset):
                per_seed.append(dataset)
        before = [dataset.seeds for dataset in per_seed]
        seeds = [owner for owner in owners if owner is not None]
        if seeds:
            for dataset in per_seed:
                dataset.seeds = list(seeds)
        try:
            yield
        finally:
            for dataset, all_seeds in zip(per_seed, before, strict=True):
                dataset.seeds = all_seeds

    def owners(self) -> list[Owner]:
        """The seeds of outputs per seed, in ascending order, or None alone."""
        owners: set[Owner] = set()
        for name in self.node.outputs:
            files = files_of(self._catalog[name])
            owners.update(files or ())
        if None in owners and len(owners) > 1:
            outputs = list(self.node.outputs)
            raise OERError(
                f"{self.name} has outputs per seed and outputs that all seeds share,"
                f" {outputs}; give them nodes of their own"
            )
        seeds = [owner for owner in owners if owner is not None]
        return [*sorted(seeds)] or [None]

    def _input_hashes(self, owner: Owner) -> Hashes:
        """Name -> owner -> content hash."""
        hashes: Hashes = {}
        for name, files in self.inputs(owner).items():
            by_owner = {}
            for path, whose in files.items():
                by_owner[str(whose)] = self.hash_of(name, path)
            hashes[name] = by_owner
        return hashes

    def hash_of(self, name: str, path: Path) -> str:
        """SHA-256 of an input's file.

        Args:
            name: of the input, for the error.
            path: its file.

        Raises:
            OERError: it is missing.
        """
        if not path.is_file():
            raise OERError(f"{self.name} needs {name}, but {path} is missing; {RUN_IT}")
        return file_sha256(path)
