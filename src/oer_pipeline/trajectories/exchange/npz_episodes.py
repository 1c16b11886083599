"""A folder of npz archives, one an episode: `0.npz, 1.npz, ...`, each with D4RL's
columns of that episode."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.exchange.episodes import (
    Episode,
    places_in,
    read_episodes,
)
from oer_pipeline.trajectories.exchange.found import D4RL_NAMES, Found
from oer_pipeline.trajectories.exchange.npz import open_npz
from oer_pipeline.trajectories.exchange.source import Source, number_of
from oer_pipeline.trajectories.guard import check_file


def read_npz_episodes(source: Source, where: str = "") -> Found:
    """Read a folder's archives in the order of their numbers; errors call it `where`.

    Observations may have one row more than actions: what followed the last step.
    Without `timeouts` the end of an episode that is not terminal is one.

    Raises:
        DataError: no archive, numbers with a gap or one twice, an archive whose name
            has none, or what `npz.read_npz` and `episodes.read_episodes` refuse.
    """
    where = where or source.path
    files = source.files
    check_file(files[0])
    _check_numbers(source.place, files, where)
    episodes = [
        Episode(f"{where}/{f.name}", partial(open_npz, f, f"{where}/{f.name}"))
        for f in files
    ]
    told = source.columns or {}
    names = {ours: source.name(usual, usual) for ours, usual in D4RL_NAMES.items()}
    with episodes[0].open() as first:
        places = places_in(names, told, first, where)
    lacking = [name for ours, name in names.items() if name and ours not in places]
    size = sum(file.stat().st_size for file in files)
    return read_episodes(episodes, places, lacking, size, where)


def _check_numbers(folder: Path, files: Sequence[Path], where: str) -> None:
    """The archives count from 0 or 1 without a gap, and every archive of the folder
    counts."""
    nameless = sorted(path.name for path in folder.glob("*.npz") if path not in files)
    if nameless:
        raise DataError(
            f"{where}: {nameless[0]} has no number at the end of its name; episodes are"
            " 0.npz, 1.npz, ..."
        )
    numbers = [number_of(path) for path in files]
    first = 1 if numbers[0] == 1 else 0
    for place, (number, path) in enumerate(
        zip(numbers, files, strict=True), start=first
    ):
        if number != place:
            raise DataError(
                f"{where}: found {path.name} where episode {place} should be; episodes"
                f" count on from {first}"
            )
