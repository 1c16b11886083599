"""One file per seed behind one dataset name, and the list of seeds in force.

A runner may narrow `seeds` while a node runs, so that only the seeds that lack a result
are loaded, made and saved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from oer_pipeline.common.errors import ConfigurationError, DataError

AnyDataset = AbstractDataset[Any, Any]
ValueBySeed = dict[int, Any]


class PerSeedDataset(AbstractDataset[ValueBySeed, ValueBySeed]):
    """Seed -> value; seed s lies at `path/seed_{s}/file`, in the format of the inner
    `dataset`."""

    def __init__(
        self,
        dataset: str | dict[str, Any],
        path: str,
        file: str,
        seeds: Sequence[int],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._name = dataset if isinstance(dataset, str) else dataset["type"]
        self._inner = _config_of(dataset)
        self._path = Path(path)
        self._file = file
        self.seeds = [int(seed) for seed in seeds]
        self.metadata = metadata
        self.inner_class = type(self._at(self._path / file))
        """What reads and writes a seed's file."""
        shown = getattr(self.of(self.seeds[0]), "preview", None)
        if shown is not None:
            self.preview = shown  # for Kedro-Viz: the first seed's

    def load(self) -> ValueBySeed:
        values = {}
        for seed in self.seeds:
            values[seed] = self.of(seed).load()
        return values

    def save(self, data: Mapping[int, Any]) -> None:
        known = set(self.seeds)
        if not data or not known.issuperset(data):
            raise DataError(
                f"{self._path}: values for seeds {sorted(data)}; the seeds in force are"
                f" {self.seeds}"
            )
        for seed, value in data.items():
            self.of(seed).save(value)

    def paths(self) -> dict[int | None, Path]:
        """Seed -> file."""
        files: dict[int | None, Path] = {}
        for seed in self.seeds:
            folder = self._path / f"seed_{seed}"
            files[seed] = folder / self._file
        return files

    def of(self, seed: int) -> AnyDataset:
        """One seed's own dataset."""
        paths = self.paths()
        return self._at(paths[seed])

    def _at(self, file: Path) -> AnyDataset:
        config = dict(self._inner)
        config["filepath"] = str(file)
        return AbstractDataset.from_config(file.name, config)

    def _exists(self) -> bool:
        files = self.paths().values()
        return all(file.is_file() for file in files)

    def _describe(self) -> dict[str, Any]:
        return {
            "dataset": self._name,
            "path": str(self._path),
            "file": self._file,
            "seeds": self.seeds,
        }


class SeedsDataset(AbstractDataset[list[int], list[int]]):
    """The seeds in force, as a node's input."""

    def __init__(
        self, seeds: Sequence[int], metadata: dict[str, Any] | None = None
    ) -> None:
        self.seeds = [int(seed) for seed in seeds]
        self.metadata = metadata

    def load(self) -> list[int]:
        return list(self.seeds)

    def save(self, data: list[int]) -> None:
        raise DatasetError("seeds are a parameter; no node may save them")

    def paths(self) -> dict[int | None, Path]:
        """Nothing: seeds lie in no file."""
        return {}

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"seeds": self.seeds}


def _config_of(dataset: str | dict[str, Any]) -> dict[str, Any]:
    """The configuration of an inner dataset, with the class in place of this package's
    short names.

    Raises:
        ConfigurationError: arguments that `PerSeedDataset` gives itself.
    """
    import oer_pipeline.datasets as own

    config = {"type": dataset} if isinstance(dataset, str) else dict(dataset)
    given = config.get("filepath")
    if given is not None:
        raise ConfigurationError(
            f"the inner dataset has a filepath, {given!r}; path and file say where it"
            " lies"
        )
    name = config.get("type")
    if name in own.__all__:
        config["type"] = getattr(own, name)
    return config
