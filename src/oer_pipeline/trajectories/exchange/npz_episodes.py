"""A folder of npz archives, one an episode: `0.npz, 1.npz, ...`, each with D4RL's
columns of that episode."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.exchange.episodes import (
    Episode,
    names_lacking,
    read_episodes,
)
from oer_pipeline.trajectories.exchange.flat import places_in
from oer_pipeline.trajectories.exchange.foreign_data import D4RL_NAMES, ForeignData
from oer_pipeline.trajectories.exchange.npz import open_npz
from oer_pipeline.trajectories.exchange.source import Source, number_of
from oer_pipeline.trajectories.file_checks import check_file


def read_npz_episodes(source: Source, where: str = "") -> ForeignData:
    """Read a folder's archives in the order of their numbers.

    Observations may have one row more than actions: the state after the last step.
    Without `timeouts` the end of an episode that is not terminal is one.

    Args:
        source: the folder, and what its columns are called.
        where: what errors call it; empty: its path.

    Raises:
        DataError: no archive, numbers with a gap or one twice, an archive whose name
            has none, or what `npz.read_npz` and `episodes.read_episodes` refuse.
    """
    where = where or source.path
    files = source.files
    check_file(files[0])
    _check_numbers(source.place, files, where)
    episodes = []
    for file in files:
        place = f"{where}/{file.name}"
        episodes.append(Episode(file.name, place, partial(open_npz, file, place)))
    names = {}
    for column, usual in D4RL_NAMES.items():
        names[column] = source.name(usual, usual)
    with episodes[0].open() as first:
        single = places_in(names, source.columns or {}, first, where)
    places = {column: [name] for column, name in single.items()}
    size = sum(file.stat().st_size for file in files)
    return read_episodes(episodes, places, names_lacking(names, single), size, where)


def _check_numbers(
    folder: Path,
    files: Sequence[Path],
    where: str,
) -> None:
    """The archives count from 0 or 1 without a gap, and every archive of the folder
    counts."""
    nameless = sorted(set(folder.glob("*.npz")) - set(files))
    if nameless:
        raise DataError(
            f"{where}: {nameless[0].name} has no number at the end of its name;"
            " episodes are 0.npz, 1.npz, ..."
        )
    first = 1 if number_of(files[0]) == 1 else 0
    for expected, path in enumerate(files, start=first):
        if number_of(path) != expected:
            raise DataError(
                f"{where}: found {path.name} where episode {expected} should be;"
                f" episodes count on from {first}"
            )
