"""A cell's deployed policies at work, as one film: a row of panels for every point of
the sequence that is shown, in it a panel per task that was learned by then, all of them
running at once.

So it is matrix R to look at: down a column, one task is kept or forgotten. All panels
of a column start alike, so that only the policy differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oer_pipeline.common.atomic import atomic_path
from oer_pipeline.common.types import FloatArray
from oer_pipeline.learners.policies import Policies
from oer_pipeline.reports.animation import write_images
from oer_pipeline.reports.film import INTERVAL, SHEET, Film, filmed
from oer_pipeline.suites.rollout import episode_generators
from oer_pipeline.suites.suite import Task

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

SIZE = (270, 180)
"""Of the picture in a panel."""
CAPTION = 40
"""Pixels above it, for two lines."""
GAP = 8
WIDTH = SIZE[0] + GAP
HEIGHT = SIZE[1] + CAPTION + GAP
FONT_SIZE = 14
PAPER, INK = "#ffffff", "#1f2430"
DECIMALS = 3


@dataclass(frozen=True)
class Panel:
    """One policy on one task.

    Attributes:
        row, column: its place, from 0.
        task: what it acts on.
        learned: how many tasks the policy has learned.
        film: of an episode.
    """

    row: int
    column: int
    task: Task
    learned: int
    film: Film

    @cached_property
    def heading(self) -> str:
        """`task 2: target_velocity -1.5`, or `task 2: id_0` where the panel does not
        hold the parameters; the number alone where it does not hold that either."""
        start = f"task {self.task.index}"
        for told in (self._parameters, self.task.key):
            heading = f"{start}: {told}"
            if font().getlength(heading) <= SIZE[0]:
                return heading
        return start

    @property
    def _parameters(self) -> str:
        told = []
        for name, value in self.task.parameters.items():
            shown = value
            if isinstance(value, float):
                shown = f"{value:.{DECIMALS}g}"
            told.append(f"{name} {shown}")
        return ", ".join(told)

    def caption(
        self,
        moment: int,
    ) -> str:
        """`after task 3: return 57`, as far as the episode has come."""
        return f"after task {self.learned}: return {self.film.returns[moment]:.0f}"


@cache
def font() -> FreeTypeFont | ImageFont:
    """Of what is written above a panel."""
    from PIL import ImageFont

    return ImageFont.load_default(FONT_SIZE)


def panels_of(
    policies: Sequence[Policies],
    tasks: Sequence[Task],
    seed: int = 0,
    interval: float = INTERVAL,
) -> list[Panel]:
    """An episode of each of the policies, a lone member each, on each of the tasks that
    it has learned.

    Args:
        policies: a row each.
        tasks: a column each.
        seed: of the episodes.
        interval: seconds between two pictures.

    Raises:
        OERError: nothing can draw here.
    """
    panels = []
    for row, policy in enumerate(policies):
        for column, task in enumerate(tasks):
            if task.index <= policy.tasks:
                made = film_of(policy, task, seed, interval)
                panels.append(Panel(row, column, task, policy.tasks, made))
    return panels


def film_of(
    policy: Policies,
    task: Task,
    seed: int,
    interval: float,
) -> Film:
    """An episode of the deployed policy, from a start that no data were collected
    from."""

    def act(
        observation: FloatArray,
        _: int,
    ) -> FloatArray:
        actions_MBA = policy.deployed_action(task.index, observation[None])
        return np.asarray(actions_MBA[0])

    physics = task.physics().held_out()
    generators = episode_generators("film", seed, task.index, 1)
    return filmed(physics, generators, act, task.horizon, interval, SIZE)


def write(
    panels: Sequence[Panel],
    path: Path,
    title: str,
) -> None:
    """The film, or for a .png its middle, with equal bytes from equal panels."""
    films = [panel.film for panel in panels]
    longest = max(films, key=lambda film: len(film.pictures))
    moments = len(longest.pictures)
    if path.suffix == SHEET:
        middle = still(panels, moments // 2)
        with atomic_path(path) as temporary:
            middle.save(temporary, format="PNG", optimize=True)
        return
    images = [still(panels, moment) for moment in range(moments)]
    write_images(images, longest.seconds, path, title)


def still(
    panels: Sequence[Panel],
    moment: int,
) -> Image:
    """All panels at a moment; an episode that ended before stands still."""
    from PIL import Image, ImageDraw

    columns = 1 + max(panel.column for panel in panels)
    rows = 1 + max(panel.row for panel in panels)
    size = (columns * WIDTH - GAP, rows * HEIGHT - GAP)
    image = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(image)
    for panel in panels:
        shown = min(moment, len(panel.film.pictures) - 1)
        left = panel.column * WIDTH
        top = panel.row * HEIGHT
        words = f"{panel.heading}\n{panel.caption(shown)}"
        draw.text((left, top), words, INK, font())
        picture = Image.fromarray(panel.film.pictures[shown])
        image.paste(picture, (left, top + CAPTION))
    return image
