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
from oer_pipeline.orchestration.artefacts import Member, files_of, writer_of
from oer_pipeline.orchestration.dotted_paths import classes_named
from oer_pipeline.orchestration.fingerprints import Recipe, recipe
from oer_pipeline.orchestration.inputs import RUN_IT, is_parameter
from oer_pipeline.orchestration.internals import Catalog
from oer_pipeline.orchestration.records import file_sha256

Recipes = Mapping[Member, Recipe]
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
        """What the node is told."""
        found = {}
        for name in self.node.inputs:
            if name.startswith("params:"):
                found[name] = self._catalog.load(name)
        return found

    @cached_property
    def code(self) -> tuple[str, ...]:
        """Dotted paths of code that the node is told to load, and of what reads its
        inputs and writes its outputs."""
        files = set()
        for name in (*self._data, *self.node.outputs):
            dataset = self._catalog[name]
            if not hasattr(dataset, "recipe"):  # a checkpoint changes nothing
                files.add(writer_of(dataset))
        told = classes_named(self.parameters)
        return (*told, *sorted(files))

    @property
    def lies_in_files(self) -> bool:
        """Whether the files behind inputs and outputs tell that it need not run.

        A node without outputs is run for what it does, of which no file tells.
        """
        if not self.node.outputs:
            return False
        for name in (*self._data, *self.node.outputs):
            if files_of(self._catalog[name]) is None:
                return False
        return True

    def recipes(self) -> dict[Member, Recipe]:
        """Each member's."""
        found = {}
        for member in self.members():
            found[member] = self.recipe_of(member)
        return found

    def recipe_of(self, member: Member) -> Recipe:
        """What a member's outputs are made of.

        Raises:
            OERError: an input's file is missing.
        """
        seed = ""
        if member is not None and "seeds" in self.node.inputs:
            seed = str(member)
        return recipe(
            self.function,
            self.parameters,
            self._input_hashes(member),
            seed=seed,
            code=self.code,
        )

    def outputs(self, member: Member) -> dict[str, Path]:
        """Name -> the member's file, of the outputs that lie in files."""
        found = {}
        for name in self.node.outputs:
            files = files_of(self._catalog[name])
            if files:
                found[name] = files[member]
        return found

    def inputs(self, member: Member) -> dict[str, dict[Path, Member]]:
        """Name -> the files that the member's outputs are made from, and whose each is:
        its own seed's, and everything shared.

        An output shared by all seeds depends on every seed's files.
        """
        found = {}
        for name in self._data:
            files = files_of(self._catalog[name]) or {}
            if member is not None and member in files:
                files = {member: files[member]}
            found[name] = {path: owner for owner, path in files.items()}
        return found

    def places(self) -> Iterator[Path]:
        """All files that it writes, those of a training under way included."""
        for member in self.members():
            yield from self.outputs(member).values()
        for dataset in self._checkpoints:
            yield dataset.load()[0]

    def forget_checkpoint(self) -> None:
        """What the node made lies in files by now."""
        for dataset in self._checkpoints:
            dataset.remove()

    @property
    def _checkpoints(self) -> list[Any]:
        """Datasets of the inputs that are a training's checkpoint."""
        datasets = [self._catalog[name] for name in self._data]
        return [dataset for dataset in datasets if hasattr(dataset, "recipe")]

    @contextmanager
    def narrowed(
        self,
        members: Sequence[Member],
        recipes: Recipes,
    ) -> Iterator[None]:
        """Let datasets per seed hold only the members that are to be made, and tell a
        training's checkpoint what it belongs to."""
        names = {*self.node.inputs, *self.node.outputs}
        datasets = [self._catalog[name] for name in names]
        prints = {}
        for member in members:
            prints[str(member)] = recipes[member].fingerprint
        for dataset in self._checkpoints:
            dataset.recipe = digest(prints)
        per_seed = []
        for dataset in datasets:
            if hasattr(dataset, "seeds"):
                per_seed.append(dataset)
        before = [dataset.seeds for dataset in per_seed]
        if None not in members:
            for dataset in per_seed:
                dataset.seeds = list(members)
        try:
            yield
        finally:
            for dataset, seeds in zip(per_seed, before, strict=True):
                dataset.seeds = seeds

    def members(self) -> list[Member]:
        """The seeds of outputs per seed, in ascending order, or None alone."""
        members: set[Member] = set()
        for name in self.node.outputs:
            files = files_of(self._catalog[name])
            members.update(files or ())
        if None in members and len(members) > 1:
            outputs = list(self.node.outputs)
            raise OERError(
                f"{self.name} has outputs per seed and outputs that all seeds share,"
                f" {outputs}; give them nodes of their own"
            )
        seeds = [member for member in members if member is not None]
        return [*sorted(seeds)] or [None]

    def _input_hashes(self, member: Member) -> Hashes:
        """Name -> member -> content hash."""
        hashes: Hashes = {}
        for name, files in self.inputs(member).items():
            by_member = {}
            for path, owner in files.items():
                by_member[str(owner)] = self.hash_of(name, path)
            hashes[name] = by_member
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
