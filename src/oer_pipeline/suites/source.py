"""Where a task's data come from when they are not collected: a file that somebody else made."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from oer_pipeline.errors import ConfigurationError, choices

SUFFIXES = {".hdf5": "d4rl", ".h5": "d4rl", ".parquet": "parquet"}
FORMATS = ("d4rl", "minari", "parquet")
MENDING = ("timeout", "keep")
REFERENCES = ("random", "zero", "medium", "expert")


@dataclass(frozen=True)
class Source:
    """A task's imported data: `path`, its `format`, what may be mended, and reference returns where they are known.

    A Minari data set is a folder (with its `data` folder inside); the other formats are files.
    """

    path: str
    format: str
    clip_actions: bool = False
    terminals_at_horizon: str | None = None
    """`timeout`: a terminal flag on an episode's step at the horizon was meant as a time-out; `keep`: it was not."""
    references: Mapping[str, float] | None = None
    """Mean returns by name; normalised returns need `random` and `expert`."""
    root: str = ""
    """The folder that a relative path starts from; not configuration."""

    @classmethod
    def from_config(cls, where: str, config: Mapping[str, Any]) -> Source:
        """Build from a task's `source` in YAML; the format follows the path's ending where it is not given.

        Raises:
            ConfigurationError: an unknown or missing key, a wrong value.
        """
        known = [f.name for f in fields(cls) if f.name != "root"]
        if not isinstance(config, Mapping):
            raise ConfigurationError(f"{where}: found {config!r}; it takes {', '.join(known)}")
        for key in config:
            if key not in known:
                raise ConfigurationError(f"{where}: unknown key {key!r}; {choices(known, str(key))}")
        if not isinstance(config.get("path"), str) or not config["path"]:
            raise ConfigurationError(f"{where}: path is {config.get('path')!r}; give the path of the data")
        given = dict(config)
        given.setdefault("format", SUFFIXES.get(Path(given["path"]).suffix, "minari"))
        source = cls(**given)
        source._check(where)
        return source

    @property
    def file(self) -> Path:
        """The file with the data: of a Minari folder, or of a Minari id that is installed, `data/main_data.hdf5`."""
        if self.format != "minari":
            return Path(self.root, self.path)
        folder = Path(self.root, self.path)
        return (folder if folder.exists() else _minari_root() / self.path) / "data" / "main_data.hdf5"

    def _check(self, where: str) -> None:
        if self.format not in FORMATS:
            raise ConfigurationError(f"{where}: unknown format {self.format!r}; {choices(FORMATS, str(self.format))}")
        if not isinstance(self.clip_actions, bool):
            raise ConfigurationError(f"{where}: clip_actions is {self.clip_actions!r}; it takes true or false")
        if self.terminals_at_horizon is not None and self.terminals_at_horizon not in MENDING:
            value = self.terminals_at_horizon
            raise ConfigurationError(f"{where}: terminals_at_horizon is {value!r}; it takes {' or '.join(MENDING)}")
        if not isinstance(self.references, Mapping | None):
            raise ConfigurationError(f"{where}: references are {self.references!r}; give mean returns by name")
        if self.references is not None and not {"random", "expert"} <= set(self.references):
            raise ConfigurationError(
                f"{where}: references are {dict(self.references)}; give random and expert, or none"
            )
        for name, mean in (self.references or {}).items():
            if name not in REFERENCES:
                raise ConfigurationError(f"{where}: unknown reference {name!r}; {choices(REFERENCES, str(name))}")
            if isinstance(mean, bool) or not isinstance(mean, int | float) or not math.isfinite(mean):
                raise ConfigurationError(f"{where}: reference {name} is {mean!r}; it takes a mean return")


def _minari_root() -> Path:
    """Where Minari installs data sets."""
    return Path(os.environ.get("MINARI_DATASETS_PATH") or Path.home() / ".minari" / "datasets")
