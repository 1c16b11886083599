"""Kedro's reader of the configuration, with files checked before it takes them, and one
line for whatever is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from kedro.config import MissingConfigException, OmegaConfigLoader
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from oer_pipeline.common.errors import ConfigurationError, OERError
from oer_pipeline.orchestration.interpolations import (
    GLOBALS,
    check_interpolations,
)
from oer_pipeline.orchestration.packed_configuration import unpacked
from oer_pipeline.orchestration.yaml_files import check_yaml, parsed, read_text

ENDINGS = (".yml", ".yaml", ".json")
UNREADABLE = (
    OmegaConfBaseException,
    YAMLError,
    ValueError,
    TypeError,
    RecursionError,
)
"""What Kedro's reading raises of files that say what cannot be."""


class _Read(NamedTuple):
    """The texts of files, by file, and what they came to."""

    texts: dict[str, str]
    content: dict[str, Any]


_LAST: dict[str, _Read] = {}
"""Key -> when it was last read: one command may ask for the same files a hundred
times."""


class CheckedConfigLoader(OmegaConfigLoader):
    """As Kedro's; what a file says that cannot be, is a ConfigurationError.

    Attributes:
        project: the folder of the run, where plug-ins lie: that of the configuration's
            folder; for packed configuration the working directory.
    """

    def __init__(self, conf_source: str, *args: Any, **kwargs: Any) -> None:
        source = unpacked(conf_source)
        is_packed = source != conf_source
        self.project = Path.cwd() if is_packed else Path(source).absolute().parent
        super().__init__(source, *args, **kwargs)

    def __getitem__(self, key: str) -> dict[str, Any]:
        if key in self or key not in self.config_patterns:
            return super().__getitem__(key)
        texts = self._texts_of(key)
        if self.runtime_params or _interpolates(texts):
            return self._read(key)
        last = _LAST.get(key)
        if last is None or last.texts != texts:
            last = _Read(texts, self._read(key))
            _LAST[key] = last
        return deepcopy(last.content)

    def _read(self, key: str) -> dict[str, Any]:
        try:
            return super().__getitem__(key)
        except (OERError, MissingConfigException):
            raise
        except UNREADABLE as error:
            where = f"{self.conf_source}, its {key}"
            raise ConfigurationError(f"{where}: {_without_context(error)}") from error

    def _texts_of(self, key: str) -> dict[str, str]:
        """File -> its text, of all that Kedro may read for a key.

        Raises:
            ConfigurationError: a file that a reader cannot take.
        """
        source = Path(self.conf_source)
        environment = self.env or self.default_run_env
        names = dict.fromkeys((self.base_env, environment))  # they may be the same
        folders = [source / name for name in names]
        found = {}
        for folder in folders:
            texts = _checked_texts(folder, key)
            found.update(texts)
            if _interpolates(texts):
                where = f"{folder}, its {key}"
                shared = []
                for each in folders:
                    shared += _documents(_checked_texts(each, GLOBALS))
                check_interpolations(_documents(texts), where, shared)
        return found


def _interpolates(texts: Mapping[str, str]) -> bool:
    """Whether they say something that hangs on more than these files."""
    return any("${" in text for text in texts.values())


def _checked_texts(folder: Path, key: str) -> dict[str, str]:
    """File -> its text, of those in a folder that Kedro may read for a key."""
    texts = {}
    for path in _files(folder, key):
        where = str(path)
        texts[where] = read_text(path)
        check_yaml(texts[where], where)
    return texts


def _documents(texts: Mapping[str, str]) -> list[Any]:
    return [parsed(text, where) for where, text in texts.items()]


def _files(folder: Path, key: str) -> Iterator[Path]:
    """All that Kedro may read for a key, and perhaps some more."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.suffix not in ENDINGS or not path.is_file():
            continue
        if any(part.startswith(key) for part in parts):
            yield path


def _without_context(error: Exception) -> str:
    """The first line of an OmegaConf error: the others show keys and objects."""
    said = str(error)
    if not isinstance(error, OmegaConfBaseException):
        return " ".join(said.split())
    first, _, _ = said.partition("\n")
    return f"{error.full_key}: {first}" if error.full_key else first
