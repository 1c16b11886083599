"""OGBench's layout against what its own loader makes of a file, written out by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from tests.trajectories.foreign import imported, refused

Columns = dict[str, Any]
LENGTHS = (3, 1, 4)
"""Steps of the trajectories; each has one row more."""


@pytest.fixture
def columns() -> Columns:
    draw, rows = np.random.default_rng(0), sum(LENGTHS) + len(LENGTHS)
    ends = np.cumsum([steps + 1 for steps in LENGTHS]) - 1
    return {
        "observations": draw.standard_normal((rows, 5), dtype=np.float32),
        "actions": draw.uniform(-1, 1, (rows, 2)).astype(np.float32),
        "terminals": np.isin(np.arange(rows), ends).astype(np.float32),
        "qpos": np.zeros((rows, 7)),
    }


def write(path: Path, columns: Columns) -> Path:
    np.savez_compressed(path, **columns)
    return path


def test_every_step_and_no_other(columns: Columns, tmp_path: Path) -> None:
    """Rows 0-3 are the first trajectory, 4-5 the second, 6-10 the third."""
    found = imported(write(tmp_path / "a.npz", columns), "ogbench")
    steps, following = [0, 1, 2, 4, 6, 7, 8, 9], [1, 2, 3, 5, 7, 8, 9, 10]
    np.testing.assert_array_equal(found.observation, columns["observations"][steps])
    np.testing.assert_array_equal(found.action, columns["actions"][steps])
    np.testing.assert_array_equal(
        found.next_observation, columns["observations"][following]
    )
    assert found.lengths.tolist() == [3, 1, 4]
    assert np.flatnonzero(found.timeout).tolist() == [2, 3, 7]
    assert not found.terminal.any()
    assert found.reward is None
    assert found.next_known is None
    assert "reward" not in found.arrays()


def test_the_invalid_actions_may_be_anything(columns: Columns, tmp_path: Path) -> None:
    """Nobody took the last row's action, and nobody reads it."""
    columns["actions"][columns["terminals"] == 1] = 7.0
    assert len(imported(write(tmp_path / "a.npz", columns), "ogbench")) == 8


def test_rewards_that_somebody_added(columns: Columns, tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", {**columns, "rewards": np.arange(11.0)})
    assert "it holds rewards, which OGBench's layout has not; name them" in refused(
        path, "ogbench"
    )
    found = imported(path, "ogbench", columns={"rewards": "rewards"})
    assert found.reward.tolist() == [0, 1, 2, 4, 6, 7, 8, 9]
    assert imported(path, "ogbench", columns={"rewards": None}).reward is None
    with pytest.raises(DataError, match="terminals would be read as terminals and as"):
        imported(path, "ogbench", columns={"rewards": "terminals"})


def _without(name: str) -> Callable[[Columns], Columns]:
    return lambda c: {key: value for key, value in c.items() if key != name}


def _put(name: str, row: int, value: float) -> Callable[[Columns], Columns]:
    """The columns with another row; rows count as the file does."""

    def change(columns: Columns) -> Columns:
        changed = columns[name].copy()
        changed[row] = value
        return {**columns, name: changed}

    return change


def _ends(*rows: int) -> Callable[[Columns], Columns]:
    return lambda c: {**c, "terminals": np.isin(np.arange(11), rows)}


BAD: dict[str, tuple[Callable[[Columns], Columns], str]] = {
    "no actions": (
        _without("actions"),
        "column actions is missing; the file holds observations (11, 5)",
    ),
    "an unfinished trajectory": (
        _ends(3, 5),
        (
            "column terminals, row 10: must be 1 in the last row, which ends a"
            " trajectory; found 0"
        ),
    ),
    "a trajectory of one row": (
        _ends(3, 4, 10),
        (
            "column terminals, row 4: must end a trajectory of 2 rows or more; found 1"
            " (1 such rows)"
        ),
    ),
    "one row at the start": (
        _ends(0, 10),
        "column terminals, row 0: must end a trajectory of 2 rows",
    ),
    "a compact data set": (
        lambda c: {**c, "valids": 1 - c["terminals"]},
        (
            "it holds valids, as load_dataset(compact_dataset=True) returns; give the"
            " archive as OGBench"
        ),
    ),
    "a row a step": (
        lambda c: {**c, "next_observations": c["observations"]},
        "it holds next_observations, so that it has one row a step: say format: npz",
    ),
    "pictures": (
        lambda c: {**c, "observations": np.zeros((11, 4, 4, 3), "u1")},
        "column observations: found uint8; it takes float32 or float64",
    ),
    "beyond the horizon": (
        _ends(10),
        "column terminals, row 0: must start an episode of at most 4 steps",
    ),
    "an action out of bounds, behind two trajectories' last rows": (
        _put("actions", 7, 3.0),
        "column actions, row 7: must lie within -1 and 1; found [3. 3.] (1 such rows,"
        " the worst 3 in row 7)",
    ),
    "a last state that is not finite": (
        _put("observations", 5, np.nan),
        "bad.npz: column observations, row 5: must be finite; found [nan nan nan nan"
        " nan]",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_one_clear_error(case: str, columns: Columns, tmp_path: Path) -> None:
    change, says = BAD[case]
    assert says in refused(write(tmp_path / "bad.npz", change(columns)), "ogbench")


def test_as_flat_columns_it_is_refused_with_the_format(
    columns: Columns,
    tmp_path: Path,
) -> None:
    message = refused(write(tmp_path / "a.npz", columns), "npz")
    assert "column rewards is missing" in message
    assert "for OGBench's layout, a row a state, say format: ogbench" in message
