"""One file per seed behind one dataset name, and the list of seeds in force.

A runner may narrow `seeds` while a node runs, so that only the seeds that lack a result
are loaded, made and saved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from kedro.io.core import DatasetError, parse_dataset_definition

from oer_pipeline.common.errors import ConfigurationError, DataError


class PerSeedDataset(AbstractDataset[dict[int, Any], dict[int, Any]]):
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
        self.inner_class, self._arguments = _resolved(dataset)
        self._name = dataset if isinstance(dataset, str) else dataset["type"]
        self._path = Path(path)
        self._file = file
        self.seeds = [int(seed) for seed in seeds]
        self.metadata = metadata

    def load(self) -> dict[int, Any]:
        return {seed: self.of(seed).load() for seed in self.seeds}

    def save(self, data: Mapping[int, Any]) -> None:
        if not data or not set(data) <= set(self.seeds):
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
            files[seed] = self._path / f"seed_{seed}" / self._file
        return files

    def of(self, seed: int) -> AbstractDataset[Any, Any]:
        """One seed's own dataset."""
        file = str(self.paths()[seed])
        inner: Callable[..., AbstractDataset[Any, Any]] = self.inner_class
        return inner(filepath=file, **self._arguments)

    def _exists(self) -> bool:
        return all(self.of(seed).exists() for seed in self.seeds)

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


def _resolved(
    dataset: str | dict[str, Any],
) -> tuple[type[AbstractDataset[Any, Any]], dict[str, Any]]:
    """Class and arguments of an inner dataset, found as Kedro finds them, this
    package's short names first.

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
    if config.get("type") in own.__all__:
        config["type"] = getattr(own, config["type"])
    return parse_dataset_definition(config)
