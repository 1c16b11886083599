"""Pictures of an episode, and of a behaviour at work: a film that browsers play, or a
PNG sheet of a few moments.

`kedro film SUITE TASK STAGE OUT` draws one episode of a behaviour file's policy.
Drawing takes EGL or a screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oer_pipeline.common.atomic import atomic_path
from oer_pipeline.common.checks import known
from oer_pipeline.common.errors import OERError, one_line
from oer_pipeline.common.types import FloatArray
from oer_pipeline.reports import animation
from oer_pipeline.suites.behaviour import (
    Acting,
    Behaviour,
    UniformPolicy,
    ZeroPolicy,
    behaviour_path,
)
from oer_pipeline.suites.physics import Physics, State, Transition
from oer_pipeline.suites.rollout import Act, episode_generators, rollout
from oer_pipeline.suites.scripted import load_behaviours
from oer_pipeline.suites.suite import Task

Picture = NDArray[np.uint8]

SIZE = (320, 240)
MOMENTS = 8
INTERVAL = 0.1  # seconds between two pictures, as near as the steps allow
UNKNOWN_DT = 0.05  # gymnasium does not say how long a step of any environment is
WITHOUT_FILE: dict[str, Behaviour] = {"random": UniformPolicy(), "zero": ZeroPolicy()}
STAGES = ("medium", "final", *WITHOUT_FILE)


@dataclass(frozen=True)
class Film:
    """Pictures (height, width, 3) of one episode, each with its time and the return
    collected until then."""

    pictures: list[Picture]
    seconds: list[float]
    returns: list[float]


def film(
    task: Task, behaviour: Behaviour, seed: int = 0, interval: float = INTERVAL
) -> Film:
    """One episode on `task`, rolled out as data are: pictures of its start and of about
    every `interval` seconds."""
    physics = task.physics()
    generators = episode_generators("film", seed, task.index, 1)
    act = Acting.of(behaviour, generators, task.horizon, physics.action_size)
    return filmed(physics, generators, act, task.horizon, interval)


def filmed(
    physics: Physics,
    generators: Sequence[np.random.Generator],
    act: Act,
    horizon: int,
    interval: float = INTERVAL,
    size: tuple[int, int] = SIZE,
) -> Film:
    """One episode of `act`, of at most `horizon` steps.

    Args:
        physics: the task.
        generators: a single one, of the episode's start.
        act: the policy.
        horizon: T.
        interval: seconds between two pictures.
        size: width and height of a picture.

    Raises:
        OERError: nothing can draw here.
    """
    dt = float(getattr(physics, "dt", UNKNOWN_DT))
    camera = Filmed(physics, max(1, round(interval / dt)), size)
    episode = rollout([camera], generators, act, horizon)
    so_far = np.concatenate(([0.0], episode.reward[0].cumsum()))
    steps = [n * camera.every for n in range(len(camera.pictures))]
    return Film(
        camera.pictures, [n * dt for n in steps], [float(so_far[n]) for n in steps]
    )


@dataclass
class Filmed(Physics):
    """Another physics, of whose `every`-th states a picture is kept."""

    physics: Physics
    every: int
    size: tuple[int, int] = SIZE
    pictures: list[Picture] = field(default_factory=list)
    steps: int = 0

    def __post_init__(self) -> None:
        self.observation_size, self.action_size = (
            self.physics.observation_size,
            self.physics.action_size,
        )

    def new_state(self) -> State:
        return self.physics.new_state()

    def reset(self, state: State, generator: np.random.Generator) -> None:
        self.physics.reset(state, generator)
        self._take(state)

    def observe(self, state: State) -> FloatArray:
        return self.physics.observe(state)

    def step(self, state: State, action: FloatArray) -> Transition:
        transition = self.physics.step(state, action)
        self.steps += 1
        if self.steps % self.every == 0:
            self._take(state)
        return transition

    def is_sound(self, state: State) -> bool:
        return self.physics.is_sound(state)

    def picture(self, state: State, width: int, height: int) -> Picture:
        return self.physics.picture(state, width, height)

    def _take(self, state: State) -> None:
        try:
            picture = self.picture(state, *self.size)
        except OERError:
            raise
        except Exception as error:  # whatever the driver raises
            raise OERError(
                "nothing can draw here; it takes EGL (libEGL and a driver such as"
                f" Mesa's) or a screen: {one_line(error)}"
            ) from error
        self.pictures.append(picture)


def write_film(film: Film, path: Path, title: str) -> None:
    """A film that runs as fast as the episode did."""
    from PIL import Image

    images = [Image.fromarray(picture) for picture in film.pictures]
    animation.write_images(images, film.seconds, path, title)


def write_sheet(film: Film, path: Path, title: str) -> None:
    """`MOMENTS` pictures from the first to the last as one PNG, with their times and
    returns so far."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 5.6), layout="constrained")
    figure.suptitle(title)
    chosen = np.linspace(0, len(film.pictures) - 1, MOMENTS).round().astype(int)
    for n, axes in zip(chosen, figure.subplots(2, MOMENTS // 2).flat, strict=True):
        axes.imshow(film.pictures[n])
        axes.set_title(
            f"{film.seconds[n]:.1f} s: return {film.returns[n]:.0f}", fontsize=10
        )
        axes.axis("off")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100, metadata={"Software": None})


SHEET = ".png"
ENDINGS = (*animation.ENDINGS, SHEET)


def draw(task: Task, stage: str, out: Path, folder: Path, seed: int = 0) -> None:
    """Draw one episode of a behaviour policy into a file of one of `ENDINGS`.

    Args:
        task: what it acts on.
        stage: of `STAGES`; `random` and `zero` need no behaviour file.
        out: the picture.
        folder: of a project's own behaviour files.
        seed: of the episode.

    Raises:
        ConfigurationError: an ending or a stage that is none.
        DataError: no behaviour file, or one of another task.
    """
    known("the file's ending", out.suffix, ENDINGS)
    known("stage", stage, STAGES)
    made = film(task, _behaviour(task, stage, folder), seed)
    returned = f"return {made.returns[-1]:.0f}"
    title = f"{task.suite} {task.name} ({task.key}), {stage}: {returned}"
    write = write_sheet if out.suffix == SHEET else write_film
    write(made, out, title)


def _behaviour(task: Task, stage: str, folder: Path) -> Behaviour:
    if stage in WITHOUT_FILE:
        return WITHOUT_FILE[stage]
    file = load_behaviours(behaviour_path(task.family, task.key, folder))
    file.check_task(task)
    return file.expert if stage == "final" else file.policies[stage]
