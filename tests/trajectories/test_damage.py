"""Random damage: a reader returns exactly what was written, or raises the project's
error, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.buffer import ReplayBuffer, read_buffer, write_buffer
from oer_pipeline.trajectories.exchange.d4rl import read_d4rl, write_d4rl
from oer_pipeline.trajectories.exchange.round_trip import TableOrBuffer, restore
from oer_pipeline.trajectories.table import (
    Trajectories,
    read_trajectories,
    validate_trajectories,
    write_trajectories,
)
from tests.trajectories.foreign import d4rl_columns, imported, write_d4rl_file

# (kind of damage, where, as a share of the file, what)
DAMAGE = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "erase"]),
        st.floats(0, 1, exclude_max=True),
        st.binary(min_size=1),
    ),
    min_size=1,
    max_size=3,
)
often = settings(
    max_examples=120, deadline=None, suppress_health_check=list(HealthCheck)
)


def damaged(whole: bytes, damage: list[tuple[str, float, bytes]]) -> bytes:
    for kind, share, what in damage:
        place = int(share * len(whole))
        before, after = whole[:place], whole[place:]
        if kind == "flip":
            whole = (
                before
                + bytes(a ^ b for a, b in zip(after, what, strict=False))
                + after[len(what) :]
            )
        elif kind == "erase":
            whole = before + after[len(what) :]
        else:
            whole = before if kind == "cut" else before + what + after
    return whole


def _holds(
    path: Path,
    damage: list[tuple[str, float, bytes]],
    read: Callable[[Path], TableOrBuffer],
    expected: TableOrBuffer,
) -> None:
    whole = path.read_bytes()
    broken = damaged(whole, damage)
    assume(broken != whole)
    path.write_bytes(broken)
    with suppress(DataError):
        found = read(path)
        assert found.content_hash() == expected.content_hash()
        assert found.metadata == expected.metadata


@often
@given(damage=DAMAGE)
def test_parquet(
    table: Trajectories,
    tmp_path: Path,
    damage: list[tuple[str, float, bytes]],
) -> None:
    path = tmp_path / "a.parquet"
    write_trajectories(path, table)
    _holds(path, damage, read_trajectories, table)


@often
@given(damage=DAMAGE)
def test_buffer(
    buffer: ReplayBuffer,
    tmp_path: Path,
    damage: list[tuple[str, float, bytes]],
) -> None:
    path = tmp_path / "b.parquet"
    write_buffer(path, buffer)
    _holds(path, damage, read_buffer, buffer)


@often
@given(damage=DAMAGE)
def test_d4rl_export(
    table: Trajectories,
    tmp_path: Path,
    damage: list[tuple[str, float, bytes]],
) -> None:
    path = tmp_path / "a.hdf5"
    write_d4rl(path, table)
    _holds(path, damage, lambda p: restore(read_d4rl(p)), table)


@often
@given(damage=DAMAGE)
def test_d4rl_of_somebody_else(
    table: Trajectories,
    tmp_path: Path,
    damage: list[tuple[str, float, bytes]],
) -> None:
    """A file without hashes cannot tell one number from another, but what is read is a
    sound table."""
    path = write_d4rl_file(tmp_path / "a.hdf5", d4rl_columns(table))
    path.write_bytes(damaged(path.read_bytes(), damage))
    with suppress(DataError):
        validate_trajectories(imported(path, "d4rl"), "here")


def test_damage_is_noticed(table: Trajectories, tmp_path: Path) -> None:
    """The tests above would pass if nothing were ever read or nothing ever refused."""
    path, outcomes = tmp_path / "a.hdf5", set()
    write_d4rl(path, table)
    whole = path.read_bytes()
    for place in range(0, len(whole), 97):
        path.write_bytes(damaged(whole, [("flip", place / len(whole), b"\xff")]))
        try:
            outcomes.add(
                restore(read_d4rl(path)).content_hash() == table.content_hash()
            )
        except DataError:
            outcomes.add("refused")
    assert outcomes == {True, "refused"}
