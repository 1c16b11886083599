"""Configuration in one file, as `kedro package` writes it, unpacked for as long as the
process lasts."""

from __future__ import annotations

import atexit
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

from oer_pipeline.common.errors import ConfigurationError

ENDINGS = (".tar.gz", ".tgz", ".tar", ".zip")
MOST_BYTES = 10_000_000
"""Most bytes of all files of configuration."""
UNREADABLE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error)


def unpacked(source: str) -> str:
    """The folder of configuration that a file holds.

    Args:
        source: a folder, which is returned as it is, or a file with one folder in it.

    Raises:
        ConfigurationError: no such archive, one of another content, or too large.
    """
    path = Path(source)
    if not path.is_file():
        return source
    if not path.name.endswith(ENDINGS):
        raise ConfigurationError(
            f"--conf-source={source}: it takes a folder or one of {', '.join(ENDINGS)}"
        )
    place = Path(tempfile.mkdtemp(prefix="configuration_"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    try:
        _unpack(path, place)
    except UNREADABLE as error:
        raise ConfigurationError(f"{source} cannot be unpacked: {error}") from error
    folders = [each for each in place.iterdir() if each.is_dir()]
    if len(folders) != 1:
        raise ConfigurationError(
            f"{source} holds {len(folders)} folders; `kedro package` writes one, conf"
        )
    return str(folders[0])


def _unpack(path: Path, place: Path) -> None:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as zipped:
            _check_size(path, sum(each.file_size for each in zipped.infolist()))
            zipped.extractall(place)
        return
    with tarfile.open(path) as packed:
        size = 0
        for member in packed:
            size += member.size
            _check_size(path, size)
        packed.extractall(place, filter="data")


def _check_size(path: Path, size: int) -> None:
    if size > MOST_BYTES:
        raise ConfigurationError(
            f"{path} holds over {MOST_BYTES} bytes; configuration is smaller"
        )
