"""Panels of a cell's film: who acts where, what is written above, and the files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from oer_pipeline.common.types import FloatArray
from oer_pipeline.reports.cell_film import CAPTION, GAP, SIZE, Panel, panels_of, write
from oer_pipeline.suites.suite import Suite
from oer_pipeline.suites.task_lists import task_lists

Counting = Callable[..., Suite]


@dataclass(frozen=True)
class Answers:
    """Acts by its head's number, a lone member after learning some tasks."""

    tasks: int

    def deployed_action(self, task: int, observation_MBD: FloatArray) -> FloatArray:
        assert observation_MBD.shape == (1, 1, 1)
        return np.full((1, 1, 1), 0.1 * task + 0.01 * self.tasks, np.float32)


@pytest.fixture
def panels(counting: Counting) -> list[Panel]:
    """Two tasks of 20 steps, after each of them; a step's reward is the action."""
    policies: list[Any] = [Answers(1), Answers(2)]
    [task] = counting(horizon=20).tasks
    return panels_of(policies, [task, replace(task, index=2)], interval=0.2)


def test_each_policy_acts_on_what_it_has_learned_with_the_tasks_head(
    panels: list[Panel],
) -> None:
    assert [(p.row, p.column, p.learned) for p in panels] == [
        (0, 0, 1),
        (1, 0, 2),
        (1, 1, 2),
    ]
    ends = [panel.film.returns[-1] for panel in panels]
    np.testing.assert_allclose(ends, [20 * 0.11, 20 * 0.12, 20 * 0.22], rtol=1e-5)
    assert panels[2].caption(-1) == "after task 2: return 4"
    assert panels[2].caption(0) == "after task 2: return 0"
    assert panels[2].heading.startswith("task 2: ")


def of_task(panel: Panel, **changes: Any) -> Panel:
    """The panel with another task."""
    return replace(panel, task=replace(panel.task, **changes))


def test_a_heading_that_its_panel_does_not_hold_is_the_tasks_key(
    panels: list[Panel],
) -> None:
    first = panels[0]
    body = task_lists()["walker_par"][0]
    walker = of_task(first, family="walker_par", parameters=body)
    assert walker.heading == "task 1: id_0"
    short = of_task(first, parameters={"velocity": -1.25})
    assert short.heading == "task 1: velocity -1.25"
    long = of_task(first, parameters={"text": "with blanks " * 9})
    assert long.heading == f"task 1: {long.task.key}"
    long_key = of_task(first, parameters={"text": "w" * 50})
    assert long_key.heading == "task 1"


def test_no_heading_is_written_over_its_neighbours_place(
    panels: list[Panel], tmp_path: Path
) -> None:
    body = task_lists()["walker_par"][0]
    walker = of_task(panels[1], family="walker_par", parameters=body)
    write([walker, panels[2]], tmp_path / "a.png", "a title")
    with Image.open(tmp_path / "a.png") as image:
        pixels = np.asarray(image.convert("L"))
    assert (pixels[:, SIZE[0] : SIZE[0] + GAP] == 255).all()


def test_all_panels_run_at_once(panels: list[Panel], tmp_path: Path) -> None:
    write(panels, tmp_path / "a.webp", "a title")
    with Image.open(tmp_path / "a.webp") as image:
        assert getattr(image, "n_frames", 1) == len(panels[0].film.pictures) == 6
        assert image.size == (2 * SIZE[0] + GAP, 2 * (SIZE[1] + CAPTION) + GAP)


def test_a_picture_shows_the_middle_and_is_the_same_twice(
    panels: list[Panel], tmp_path: Path
) -> None:
    for name in ("a.png", "b.png"):
        write(panels, tmp_path / name, "a title")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        pixels = np.asarray(image.convert("L"))
    middle = panels[0].film.pictures[3]
    assert (pixels[CAPTION : CAPTION + SIZE[1], : SIZE[0]] == middle[0, 0, 0]).all()
    not_learned = pixels[: SIZE[1], SIZE[0] + GAP :]
    assert (not_learned == 255).all()
    assert pixels[:CAPTION].min() < 128, "no caption"
