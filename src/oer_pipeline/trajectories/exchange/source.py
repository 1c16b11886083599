"""The file that a task's data are imported from, as the suite's configuration names
it."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from oer_pipeline.common.checks import is_number
from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.common.ranges import read_ranges

SUFFIXES = {".hdf5": "d4rl", ".h5": "d4rl", ".npz": "npz", ".parquet": "parquet"}
FORMATS = ("d4rl", "minari", "npz", "npz_episodes", "ogbench", "parquet", "robomimic")
PICKLES = (".pickle", ".pkl", ".pt", ".pth", ".joblib", ".npy")
"""Endings of files that are read by unpickling, or may be."""
RENAMED = {
    "observations": False,
    "actions": False,
    "rewards": True,
    "terminals": True,
    "timeouts": True,
    "next_observations": True,
}
"""What `columns` names -> whether it may be null: the file has none."""
OGBENCH = ("observations", "actions", "terminals", "rewards")
MAIN_FILE = "main_data.hdf5"
"""Of a Minari data set, in its folder `data`."""
NAMELESS = ("minari", "parquet")
"""Formats whose columns have one name each; only that there are no rewards can be
said."""
GROUPED = ("robomimic", "minari")
"""Formats that may keep observations in a group, of which some are joined."""
TERMINALS_AT_HORIZON = ("timeout", "keep")
REFERENCES = ("random", "zero", "medium", "expert")
MOST_DIMENSIONS = 100_000
"""No observation has more."""


@dataclass(frozen=True)
class Source:
    """A task's imported data: `path`, its `format`, what may be repaired, and reference
    returns where they are known.

    A Minari data set is a folder (with its `data` folder inside), and so are episodes
    in npz files of their own; the other formats are files.
    """

    path: str
    format: str
    clip_actions: bool = False
    terminals_at_horizon: str | None = None
    """`timeout`: a terminal flag on an episode's step at the horizon was meant as a
    time-out; `keep`: it was not."""
    references: Mapping[str, float] | None = None
    """Mean returns by name; normalised returns need `random` and `expert`."""
    columns: Mapping[str, str | None] | None = None
    """D4RL's names -> what the file calls them; None: it has no such column."""
    observation_keys: tuple[str, ...] | list[str] | None = None
    """Of a group of observations: what to join, in this order."""
    observation_dimensions: int | str | list[int] | None = None
    """Those of the file's observations that the environment has, in this order: 3,
    0-26, 0+2, or a list."""
    reversed: bool = False
    """The file's last row came first."""
    root: str = ""
    """The folder that a relative path starts from; not configuration."""

    @classmethod
    def from_config(cls, where: str, config: Mapping[str, Any]) -> Source:
        """Build from a task's `source` in YAML; without a `format` the path's ending
        tells it.

        Args:
            where: the task's source, as errors call it.
            config: its `source` in YAML.

        Raises:
            ConfigurationError: an unknown or missing key, a wrong value.
        """
        known = [field.name for field in fields(cls) if field.name != "root"]
        if not isinstance(config, Mapping):
            raise ConfigurationError(
                f"{where}: found {config!r}; it takes {', '.join(known)}"
            )
        for key in config:
            if key not in known:
                raise ConfigurationError(
                    f"{where}: unknown key {key!r}; {choices(known, str(key))}"
                )
        path = config.get("path")
        if not isinstance(path, str) or not path:
            raise ConfigurationError(
                f"{where}: path is {path!r}; give the path of the data"
            )
        options = dict(config)
        if "format" not in options:
            options["format"] = _format_of(where, path)
        source = cls(**options)
        source._check(where)
        return source

    @property
    def place(self) -> Path:
        """The path, from the root; of a Minari id that is installed, its folder."""
        place = Path(self.root, self.path)
        if self.format != "minari" or place.exists():
            return place
        return _minari_root() / self.path

    @property
    def file(self) -> Path:
        """The file with the data.

        Of a Minari data set `data/main_data.hdf5`, or `data/metadata.json` where it
        keeps them elsewhere; of a folder of episodes the first.
        """
        return self.files[0]

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that the data are in, whether they are there or not; a Minari data
        set's metadata are part of them."""
        if self.format == "npz_episodes":
            return numbered_files(self.place) or (self.place / "0.npz",)
        if self.format != "minari":
            return (self.place,)
        main = self.place / "data" / MAIN_FILE
        metadata = self.place / "data" / "metadata.json"
        there = tuple(path for path in (main, metadata) if path.is_file())
        return there or (main,)

    @property
    def has_rewards(self) -> bool:
        """Whether the data have rewards, as far as the configuration says: OGBench's
        layout has none."""
        if self.columns is not None and "rewards" in self.columns:
            return self.columns["rewards"] is not None
        return self.format != "ogbench"

    @property
    def remedy(self) -> str:
        """What to do where the file is missing."""
        if self.format == "minari":
            return _no_minari(self.path, Path(self.root, self.path))
        if self.format == "npz_episodes":
            archives = "0.npz, 1.npz, ..., one an episode"
            return f"the folder {self.path} has to hold {archives}"
        return "give the file's path, from the project's folder or an absolute one"

    @property
    def dimensions(self) -> list[int] | None:
        """`observation_dimensions` as numbers; None: all of the file's.

        Raises:
            ConfigurationError: something else than numbers of 0 and up, each once.
        """
        configured = self.observation_dimensions
        if configured is None:
            return None
        chosen = read_ranges(configured, MOST_DIMENSIONS) or []
        each_once = len(set(chosen)) == len(chosen)
        if not 0 < len(chosen) <= MOST_DIMENSIONS or not each_once:
            raise ConfigurationError(
                f"observation_dimensions is {configured!r}; give a range 0-26, numbers"
                " 0+2, or a list of numbers, each once"
            )
        return chosen

    def name(self, column: str, default: str) -> str | None:
        """What the file calls one of D4RL's columns; None where it has none."""
        return (self.columns or {}).get(column, default)

    def _check(self, where: str) -> None:
        if self.format not in FORMATS:
            raise ConfigurationError(
                f"{where}: unknown format {self.format!r};"
                f" {choices(FORMATS, str(self.format))}"
            )
        for option in ("clip_actions", "reversed"):
            switch = getattr(self, option)
            if not isinstance(switch, bool):
                raise ConfigurationError(
                    f"{where}: {option} is {switch!r}; it takes true or false"
                )
        value = self.terminals_at_horizon
        if value is not None and value not in TERMINALS_AT_HORIZON:
            raise ConfigurationError(
                f"{where}: terminals_at_horizon is {value!r}; it takes"
                f" {' or '.join(TERMINALS_AT_HORIZON)}"
            )
        if self.reversed and self.format not in ("d4rl", "npz"):
            raise ConfigurationError(
                f"{where}: reversed is true; format {self.format} has whole episodes:"
                " d4rl and npz take it"
            )
        self._check_references(where)
        self._check_columns(where)
        self._check_keys(where)
        try:
            _ = self.dimensions
        except ConfigurationError as error:
            raise ConfigurationError(f"{where}: {error}") from error

    def _check_references(self, where: str) -> None:
        references = self.references
        if references is None:
            return
        if not isinstance(references, Mapping):
            raise ConfigurationError(
                f"{where}: references are {references!r}; give mean returns by name"
            )
        if "random" not in references or "expert" not in references:
            raise ConfigurationError(
                f"{where}: references are {dict(references)}; give random and expert,"
                " or none"
            )
        for name, mean in references.items():
            if name not in REFERENCES:
                raise ConfigurationError(
                    f"{where}: unknown reference {name!r};"
                    f" {choices(REFERENCES, str(name))}"
                )
            if not is_number(mean) or not math.isfinite(mean):
                raise ConfigurationError(
                    f"{where}: reference {name} is {mean!r}; it takes a mean return"
                )
        if references["expert"] <= references["random"]:
            raise ConfigurationError(
                f"{where}: reference expert is {references['expert']!r}; it has to be"
                f" above random, {references['random']!r}: 0 is random's and 100 the"
                " expert's return"
            )

    def _check_columns(self, where: str) -> None:
        if self.columns is None:
            return
        if not isinstance(self.columns, Mapping):
            raise ConfigurationError(
                f"{where}: columns are {self.columns!r}; give the file's names, such as"
                " {observations: obs}"
            )
        for name, in_file in self.columns.items():
            if name not in RENAMED:
                raise ConfigurationError(
                    f"{where}: columns: unknown {name!r}; {choices(RENAMED, str(name))}"
                )
            self._check_column(f"{where}: columns: {name}", name, in_file)
        names = [in_file for in_file in self.columns.values() if in_file is not None]
        for in_file in sorted(names):
            if names.count(in_file) > 1:
                raise ConfigurationError(
                    f"{where}: columns: {in_file!r} is named twice; each is one column"
                )

    def _check_column(self, what: str, name: str, in_file: Any) -> None:
        """Check that the column `name` can be called `in_file` in the file."""
        if in_file is None and not RENAMED[name]:
            raise ConfigurationError(f"{what} is null; there are no data without them")
        is_name = isinstance(in_file, str) and in_file and in_file.isprintable()
        if in_file is not None and not is_name:
            raise ConfigurationError(
                f"{what} is {in_file!r}; give what the file calls it, or null for none"
            )
        no_terminals = name == "terminals" and in_file is None
        if self.format == "ogbench" and (name not in OGBENCH or no_terminals):
            raise ConfigurationError(
                f"{what} is {in_file!r}; format ogbench has {', '.join(OGBENCH)}"
            )
        no_rewards = name == "rewards" and in_file is None
        if self.format in NAMELESS and not no_rewards:
            raise ConfigurationError(
                f"{what} is {in_file!r}; in format {self.format} columns have one name"
                " each: only rewards: null can be said"
            )

    def _check_keys(self, where: str) -> None:
        keys = self.observation_keys
        if keys is None:
            return
        if not _are_distinct_names(keys):
            raise ConfigurationError(
                f"{where}: observation_keys are {keys!r}; give a list of names, each"
                " once, in the order to join them"
            )
        if self.format not in GROUPED:
            raise ConfigurationError(
                f"{where}: observation_keys are given; format {self.format} has one"
                f" column of observations: {' and '.join(GROUPED)} take them"
            )


def _are_distinct_names(keys: Any) -> bool:
    """Whether it is a list of one or more texts, none empty, each once."""
    if not isinstance(keys, list | tuple) or not keys:
        return False
    if not all(isinstance(key, str) and key for key in keys):
        return False
    return len(set(keys)) == len(keys)


def numbered_files(folder: Path) -> tuple[Path, ...]:
    """The npz files of a folder whose names end in a number, in the order of these
    numbers."""
    if not folder.is_dir():
        return ()
    numbered = []
    for path in folder.glob("*.npz"):
        number = number_of(path)
        if number is not None:
            numbered.append((number, path))
    return tuple(path for _, path in sorted(numbered))


def number_of(path: Path) -> int | None:
    """The number that a file's name ends in: 7 of `episode_007.npz`; None where there
    is none."""
    digits = re.search(r"([0-9]{1,18})$", path.stem, re.ASCII)
    return None if digits is None else int(digits[1])


def _format_of(where: str, path: str) -> str:
    """The format that a path's ending tells."""
    suffix = Path(path).suffix.lower()
    if suffix in PICKLES:
        raise ConfigurationError(
            f"{where}: path is {path!r}; {suffix} files are read by unpickling, which"
            " runs what is in them, and nothing is unpickled here: docs/data.md says"
            " how you make an .npz of one"
        )
    if suffix and suffix not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise ConfigurationError(
            f"{where}: path is {path!r}; the ending {suffix} tells no format: give one"
            f" of {known}, the folder or id of a Minari data set, or format:"
            f" {', '.join(FORMATS)}"
        )
    return SUFFIXES.get(suffix, "minari")


def _no_minari(path: str, place: Path) -> str:
    """What to do where a Minari data set is asked for and is not there."""
    if place.is_file():
        return (
            f"{path} is a file without an ending that tells its format: say format:"
            f" {', '.join(FORMATS)}"
        )
    if not place.is_dir():
        return (
            f"there is no folder {path}, and no Minari data set of that id is"
            f" installed: give a folder, or run `minari download {path}`"
        )
    names = sorted(entry.name for entry in place.iterdir())
    holdings = ", ".join(names[:3]) or "nothing"
    if len(names) > 3:
        holdings += f" and {len(names) - 3} more"
    if numbered_files(place):
        holdings += "; for an .npz an episode say format: npz_episodes"
    return (
        f"a Minari data set is a folder with data/metadata.json, and {path} holds"
        f" {holdings}"
    )


def _minari_root() -> Path:
    """Where Minari installs data sets."""
    configured = os.environ.get("MINARI_DATASETS_PATH")
    return Path(configured or Path.home() / ".minari" / "datasets")
