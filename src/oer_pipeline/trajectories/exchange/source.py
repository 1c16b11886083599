"""Where a task's data come from when they are not collected: a file that somebody else
made."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from oer_pipeline.common.errors import ConfigurationError, choices

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
NAMELESS = ("minari", "parquet")
"""Formats whose columns have one name each; only that there are no rewards can be
said."""
MENDING = ("timeout", "keep")
REFERENCES = ("random", "zero", "medium", "expert")
RANGE = r"([0-9]{1,5})(?:-([0-9]{1,5}))?"
"""`3` or `3-7`; no observation has a hundred thousand dimensions."""


@dataclass(frozen=True)
class Source:
    """A task's imported data: `path`, its `format`, what may be mended, and reference
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
    observation_dimensions: str | list[int] | None = None
    """Those of the file's observations that the environment has, in this order: 0-26,
    0+2, or a list."""
    reversed: bool = False
    """The file's last row came first."""
    root: str = ""
    """The folder that a relative path starts from; not configuration."""

    @classmethod
    def from_config(cls, where: str, config: Mapping[str, Any]) -> Source:
        """Build from a task's `source` in YAML; the format follows the path's ending
        where it is not given.

        Raises:
            ConfigurationError: an unknown or missing key, a wrong value.
        """
        known = [f.name for f in fields(cls) if f.name != "root"]
        if not isinstance(config, Mapping):
            raise ConfigurationError(
                f"{where}: found {config!r}; it takes {', '.join(known)}"
            )
        for key in config:
            if key not in known:
                raise ConfigurationError(
                    f"{where}: unknown key {key!r}; {choices(known, str(key))}"
                )
        if not isinstance(config.get("path"), str) or not config["path"]:
            raise ConfigurationError(
                f"{where}: path is {config.get('path')!r}; give the path of the data"
            )
        given = dict(config)
        if "format" not in given:
            given["format"] = _format_of(where, given["path"])
        source = cls(**given)
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
        """Every file that the data are in, whether they are there or not."""
        if self.format == "npz_episodes":
            return numbered_files(self.place) or (self.place / "0.npz",)
        if self.format != "minari":
            return (self.place,)
        main, says = (
            self.place / "data" / n for n in ("main_data.hdf5", "metadata.json")
        )
        return (says,) if says.is_file() and not main.exists() else (main,)

    @property
    def has_rewards(self) -> bool:
        """Whether the data have rewards, as far as the configuration says: OGBench's
        layout has none."""
        said = self.columns or {}
        return (
            said.get("rewards", None if self.format == "ogbench" else "rewards")
            is not None
        )

    @property
    def remedy(self) -> str:
        """What to do where the file is missing."""
        if self.format == "minari":
            return _no_minari(self.path, Path(self.root, self.path))
        if self.format == "npz_episodes":
            return (
                f"the folder {self.path} has to hold 0.npz, 1.npz, ..., one an episode"
            )
        return "give the file's path, from the project's folder or an absolute one"

    @property
    def dimensions(self) -> list[int] | None:
        """`observation_dimensions` as numbers; None: all of the file's.

        Raises:
            ConfigurationError: something else than numbers of 0 and up, each once.
        """
        given = self.observation_dimensions
        if given is None:
            return None
        chosen = _whole_numbers(given.split("+") if isinstance(given, str) else given)
        if not chosen or len(set(chosen)) != len(chosen):
            raise ConfigurationError(
                f"observation_dimensions is {given!r}; give a range 0-26, numbers 0+2,"
                " or a list of numbers, each once"
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
            value = getattr(self, option)
            if not isinstance(value, bool):
                raise ConfigurationError(
                    f"{where}: {option} is {value!r}; it takes true or false"
                )
        if (
            self.terminals_at_horizon is not None
            and self.terminals_at_horizon not in MENDING
        ):
            value = self.terminals_at_horizon
            raise ConfigurationError(
                f"{where}: terminals_at_horizon is {value!r}; it takes"
                f" {' or '.join(MENDING)}"
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
        if not isinstance(self.references, Mapping | None):
            raise ConfigurationError(
                f"{where}: references are {self.references!r}; give mean returns by"
                " name"
            )
        if self.references is not None and not {"random", "expert"} <= set(
            self.references
        ):
            raise ConfigurationError(
                f"{where}: references are {dict(self.references)}; give random and"
                " expert, or none"
            )
        for name, mean in (self.references or {}).items():
            if name not in REFERENCES:
                raise ConfigurationError(
                    f"{where}: unknown reference {name!r};"
                    f" {choices(REFERENCES, str(name))}"
                )
            if (
                isinstance(mean, bool)
                or not isinstance(mean, int | float)
                or not math.isfinite(mean)
            ):
                raise ConfigurationError(
                    f"{where}: reference {name} is {mean!r}; it takes a mean return"
                )

    def _check_columns(self, where: str) -> None:
        if not isinstance(self.columns, Mapping | None):
            raise ConfigurationError(
                f"{where}: columns are {self.columns!r}; give the file's names, such as"
                " {observations: obs}"
            )
        for name, theirs in (self.columns or {}).items():
            if name not in RENAMED:
                raise ConfigurationError(
                    f"{where}: columns: unknown {name!r}; {choices(RENAMED, str(name))}"
                )
            self._check_column(f"{where}: columns: {name}", name, theirs)
        told = [
            theirs for theirs in (self.columns or {}).values() if theirs is not None
        ]
        twice = sorted({theirs for theirs in told if told.count(theirs) > 1})
        if twice:
            raise ConfigurationError(
                f"{where}: columns: {twice[0]!r} is named twice; each is one column"
            )

    def _check_column(self, what: str, name: str, theirs: Any) -> None:
        if theirs is None and not RENAMED[name]:
            raise ConfigurationError(f"{what} is null; there are no data without them")
        if theirs is not None and (not isinstance(theirs, str) or not theirs):
            raise ConfigurationError(
                f"{what} is {theirs!r}; give what the file calls it, or null for none"
            )
        if self.format == "ogbench" and (
            name not in OGBENCH or (name, theirs) == ("terminals", None)
        ):
            raise ConfigurationError(
                f"{what} is {theirs!r}; format ogbench has {', '.join(OGBENCH)}, and"
                " rewards where they are named"
            )
        if self.format in NAMELESS and (name, theirs) != ("rewards", None):
            raise ConfigurationError(
                f"{what} is {theirs!r}; in format {self.format} columns have one name"
                " each: only rewards: null can be said"
            )

    def _check_keys(self, where: str) -> None:
        keys = self.observation_keys
        if keys is None:
            return
        sound = (
            isinstance(keys, list | tuple)
            and keys
            and all(isinstance(k, str) and k for k in keys)
        )
        if not sound or len(set(keys)) != len(keys):
            raise ConfigurationError(
                f"{where}: observation_keys are {keys!r}; give a list of names, each"
                " once, in the order to join them"
            )
        if self.format != "robomimic":
            raise ConfigurationError(
                f"{where}: observation_keys are given; format {self.format} has one"
                " column of observations: robomimic takes them"
            )


def numbered_files(folder: Path) -> tuple[Path, ...]:
    """The npz files of a folder whose names end in a number, in the order of these
    numbers."""
    if not folder.is_dir():
        return ()
    numbers = {path: number_of(path) for path in folder.glob("*.npz")}
    known = [(number, path) for path, number in numbers.items() if number is not None]
    return tuple(path for _, path in sorted(known))


def number_of(path: Path) -> int | None:
    """The number that a file's name ends in: 7 of `episode_007.npz`; None where there
    is none."""
    found = re.search(r"([0-9]{1,18})$", path.stem, re.ASCII)
    return None if found is None else int(found[1])


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
    names = sorted(found.name for found in place.iterdir())
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    episodes = (
        "; for an .npz an episode say format: npz_episodes"
        if numbered_files(place)
        else ""
    )
    return (
        f"a Minari data set is a folder with data/metadata.json, and {path} holds "
        f"{', '.join(names[:3]) or 'nothing'}{more}{episodes}"
    )


def _whole_numbers(parts: Any) -> list[int]:
    """Numbers and ranges `3-5` as numbers; empty where anything else is among them."""
    numbers: list[int] = []
    for part in parts if isinstance(parts, list | tuple) else ():
        found = (
            None
            if isinstance(part, bool | float)
            else re.fullmatch(RANGE, str(part).strip(), re.ASCII)
        )
        if found is None:
            return []
        low, high = int(found[1]), int(found[2] or found[1])
        if high < low:
            return []
        numbers += range(low, high + 1)
    return numbers


def _minari_root() -> Path:
    """Where Minari installs data sets."""
    return Path(
        os.environ.get("MINARI_DATASETS_PATH") or Path.home() / ".minari" / "datasets"
    )
