"""The four real files: refused with every flaw and its remedy, mended when the suite
says so, and recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.suites.importing import import_source
from oer_pipeline.suites.suite import Task
from oer_pipeline.trajectories.card import data_card
from oer_pipeline.trajectories.exchange.source import Source

FILES = Path(__file__).parents[2] / "data" / "d4rl_layout"
ANT = {"id": "Ant-v5", "kwargs": {"include_cfrc_ext_in_observation": False}}
# name, task parameters, rows with actions out of bounds, the worst action, float64
# observations that change
REAL: list[tuple[str, dict[str, Any], int, float, int]] = [
    ("ant", ANT, 10, 1.26402, 54000),
    ("halfcheetah", {"id": "HalfCheetah-v5"}, 1270, 2.0263, 34000),
    ("hopper", {"id": "Hopper-v5"}, 1389, -5.13232, 21586),
    ("walker2d", {"id": "Walker2d-v5"}, 1961, 3.83784, 29910),
]


def _path(name: str) -> str:
    return str(FILES / f"{name}_expert_v4.hdf5")


@pytest.mark.parametrize(("name", "parameters", "rows", "worst", "changed"), REAL)
def test_refused_with_every_flaw(
    name: str,
    parameters: dict[str, Any],
    rows: int,
    worst: float,
    changed: int,
) -> None:
    task = Task("v4", 1, "gymnasium", parameters, 1000)
    with pytest.raises(DataError) as error:
        import_source(Source(_path(name), "d4rl"), task)
    message = str(error.value)
    assert message.startswith(f"{_path(name)}: column actions, row ")
    assert f"({rows} such rows, the worst {worst:g} in row " in message
    assert "set clip_actions: true" in message
    assert "column terminals, row 999: must be false on step 1000" in message
    assert "(2 such rows); set terminals_at_horizon: timeout" in message
    assert (
        f"float64 becomes float32 and changes observations ({changed} values" in message
    )


@pytest.mark.parametrize(("name", "parameters", "rows", "worst", "changed"), REAL)
def test_mended_and_recorded(
    name: str,
    parameters: dict[str, Any],
    rows: int,
    worst: float,
    changed: int,
) -> None:
    task = Task("v4", 3, "gymnasium", parameters, 1000)
    source = Source(
        _path(name), "d4rl", clip_actions=True, terminals_at_horizon="timeout"
    )
    table = import_source(source, task)
    with h5py.File(_path(name)) as file:
        np.testing.assert_array_equal(
            table.observation, file["observations"][:].astype(np.float32)
        )
        np.testing.assert_array_equal(table.action, np.clip(file["actions"][:], -1, 1))
        np.testing.assert_allclose(
            table.returns, file["rewards"][:].reshape(2, 1000).sum(axis=1), rtol=1e-6
        )
    assert table.lengths.tolist() == [1000, 1000]
    assert not table.terminal.any()
    assert np.flatnonzero(table.timeout).tolist() == [999, 1999]
    mended = table.metadata["mended"]
    assert (
        mended["clipped_actions"],
        mended["terminals_to_timeouts"],
        mended["rows_dropped"],
    ) == (rows, 2, 0)
    assert mended["largest_excess"] == pytest.approx(abs(worst) - 1, abs=1e-4)
    assert mended["narrowed"]["observations"]["changed"] == changed
    assert 0 < mended["narrowed"]["rewards"]["largest_error"] < 1e-6
    assert (
        table.metadata["suite"],
        table.metadata["task"],
        table.metadata["kind"],
    ) == ("v4", 3, "imported")
    assert table.metadata["collector"] is None
    card = json.loads(json.dumps(data_card(table), allow_nan=False))
    assert card["mended"] == mended
    assert not [key for key in card if "normalised" in key]


def test_another_horizon_is_refused() -> None:
    for horizon in (200, 500, 999):
        task = Task("v4", 1, "gymnasium", {"id": "Hopper-v5"}, horizon)
        with pytest.raises(
            DataError,
            match=f"at most {horizon} steps, the suite's horizon; found 1000 steps",
        ) as error:
            import_source(Source(_path("hopper"), "d4rl", True, "timeout"), task)
        assert "(2 such episodes)" in str(error.value)


def test_another_environment_is_refused() -> None:
    task = Task("v4", 1, "gymnasium", {"id": "Hopper-v5"}, 1000)
    with pytest.raises(DataError) as error:
        import_source(Source(_path("ant"), "d4rl", True, "timeout"), task)
    assert (
        "column observations: found 27 dimensions; the task's environment has 11"
        in str(error.value)
    )
    assert "column actions: found 8 dimensions; the task's environment has 3" in str(
        error.value
    )
